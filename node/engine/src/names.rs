//! The room of the names: the group's name, its coordinator and the profiles, in the shared document.

use halloo_crdt::content::{Body, Content, VerifiedContent};
use halloo_crdt::document::{Applied, DocumentError, Edit, MAX_VIA_BYTES, Profile, is_origin, sets_via};
use halloo_crdt::log::{Log, OpKind, Role};
use halloo_crdt::messages::Standing;
use halloo_crypto::id::{MessageId, OpId};

use crate::chat::{self, Chat};
use crate::output::{Event, MAX_NAME_BYTES, Refusal};
use crate::state::State;

/// Checks a name of a person or a group.
///
/// # Errors
/// [`Refusal`].
pub(crate) fn check(name: &str) -> Result<(), Refusal> {
    if name.trim().is_empty() {
        return Err(Refusal::Invalid("a name needs at least one letter"));
    }
    if name.len() > MAX_NAME_BYTES {
        return Err(Refusal::TooLarge { what: "the name in bytes", max: MAX_NAME_BYTES });
    }
    Ok(())
}

/// Names the group.
///
/// # Errors
/// [`Refusal`].
pub(crate) fn rename(room: &mut Chat, state: &mut State, name: String) -> Result<(), Refusal> {
    check(&name)?;
    edit_document(room, state, &[Edit::Name(name)])
}

/// Says by which coordinator the group meets.
///
/// # Errors
/// [`Refusal`].
pub(crate) fn set_via(room: &mut Chat, state: &mut State, via: Option<String>) -> Result<(), Refusal> {
    if state.log.view().role(&state.account()) < Some(Role::Admin) {
        return Err(Refusal::NotAllowed);
    }
    if via.as_ref().is_some_and(|via| via.len() > MAX_VIA_BYTES) {
        return Err(Refusal::TooLarge { what: "the coordinator's address in bytes", max: MAX_VIA_BYTES });
    }
    if via.as_ref().is_some_and(|via| !is_origin(via)) {
        return Err(Refusal::Invalid(
            "a coordinator is named like https://halloo.example, in lower case and without a path",
        ));
    }
    edit_document(room, state, &[Edit::Via(via)])
}

/// Sets the own display name.
///
/// # Errors
/// [`Refusal`].
pub(crate) fn set_profile(room: &mut Chat, state: &mut State, name: String) -> Result<(), Refusal> {
    check(&name)?;
    let colour = state.document.profile(&state.account()).colour;
    edit_document(room, state, &[Edit::Profile(Profile { display_name: name, colour })])
}

/// A document change is in: merges it and tells the user which names changed. One that does not count, since its author was caught
/// lying before it, is left to stand in the timeline alone, as in [`rebuild_document`].
pub(crate) fn on_change(state: &mut State, id: &MessageId) {
    if state.messages.standing(id) == Some(Standing::Equivocated) {
        return state.count("document change of a proven liar");
    }
    let Some(content) = state.messages.get(id).cloned() else { return };
    tell_changes(state, |state| apply_document(state, &content));
}

/// The log changed: changes that began or ceased to count make another document.
pub(crate) fn on_operations(state: &mut State, new: &[OpId]) {
    let settlements = state.log.settlements();
    let settled = core::mem::replace(&mut state.document_settled, settlements) != settlements;
    let strikes = |kind: &OpKind| {
        matches!(kind, OpKind::Remove { .. } | OpKind::SetRole { .. } | OpKind::DeviceRevoke { .. })
    };
    if settled || new.iter().any(|id| state.log.get(id).is_some_and(|op| strikes(op.kind()))) {
        tell_changes(state, rebuild_document);
    }
}

/// Tells what a change of the document did to names.
fn tell_changes(state: &mut State, change: impl FnOnce(&mut State)) {
    let before = (state.document.name(), state.document.profiles());
    let via_before = state.document.via();
    change(state);
    let via = state.document.via();
    if via != via_before {
        state.durable_event(Event::ViaChanged { via });
    }
    let name = state.document.name();
    if name != before.0 {
        state.durable_event(Event::Renamed { name: name.unwrap_or_default() });
    }
    let profiles = state.document.profiles();
    for (account, profile) in profiles {
        let old = before.1.iter().find(|(id, _)| *id == account).map(|(_, old)| &old.display_name);
        if old != Some(&profile.display_name) {
            state.durable_event(Event::ProfileChanged { account, name: profile.display_name });
        }
    }
}

/// What a newcomer or a founder says first: its own name, and the group's if it founds it. Of a person whose other devices are in,
/// these have said it, maybe otherwise than this one knows.
pub(crate) fn introduce(
    room: &mut Chat,
    state: &mut State,
    group_name: Option<String>,
) -> Result<(), Refusal> {
    let own = state.log.view().member(&state.account());
    if group_name.is_none() && own.is_some_and(|person| person.devices.len() > 1) {
        return Ok(());
    }
    let profile = Profile { display_name: state.identity.name.clone(), colour: None };
    let edits = group_name.map(Edit::Name).into_iter().chain([Edit::Profile(profile)]);
    let edits: Vec<Edit> = edits.collect();
    edit_document(room, state, &edits)
}

/// Feeds the document again from all contents that count.
pub(crate) fn rebuild_document(state: &mut State) {
    debug_assert_eq!(state.log.group(), state.group, "one group");
    let contents = state.messages.documents().filter(|content| counts(&state.log, content.content()));
    let contents = contents.filter_map(|c| Some((c, state.log.account_of(&c.content().author)?)));
    state.document.rebuild(contents);
}

/// Whether its author was a member at its place in history, as far as is known today, and an admin if it says by which coordinator
/// the group meets: whoever decides that sees who meets whom.
fn counts(log: &Log, content: &Content) -> bool {
    log.author_entitled_at(&content.author, &content.heads) && (!sets_via(content) || by_admin(log, content))
}

fn by_admin(log: &Log, content: &Content) -> bool {
    let account = log.account_of(&content.author);
    account.and_then(|account| log.role_at(&account, &content.heads)) >= Some(Role::Admin)
}

/// Merges one document content; says what went wrong only in counts, since nothing of it is lost.
fn apply_document(state: &mut State, content: &VerifiedContent) {
    if !counts(&state.log, content.content()) {
        return state.count("document change that does not count now");
    }
    let Some(account) = state.log.account_of(&content.content().author) else { return };
    match state.document.apply(content, &account) {
        Applied::NeedsRebuild => rebuild_document(state),
        Applied::Refused(_) => state.count("document change that will never count"),
        Applied::Merged | Applied::Duplicate | Applied::Orphaned | Applied::Equivocated => {}
    }
}

/// Makes one document change and writes it.
///
/// # Errors
/// [`Refusal`].
pub(crate) fn edit_document(room: &mut Chat, state: &mut State, edits: &[Edit]) -> Result<(), Refusal> {
    let account = state.account();
    let bytes = match state.document.edit(&account, edits) {
        Ok(bytes) => bytes,
        Err(DocumentError::Nothing) => return Ok(()),
        Err(DocumentError::InFlight | DocumentError::TooMany) => return Err(Refusal::Busy),
        Err(DocumentError::Value(_)) => {
            return Err(Refusal::Invalid("that is empty, too long or out of range; say it otherwise"));
        }
    };
    assert!(!bytes.is_empty(), "an edit that changes nothing was sorted out");
    if let Err(refusal) = chat::write(room, state, Body::Document(bytes)) {
        state.document.abandon();
        return Err(refusal);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
