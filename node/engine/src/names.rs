//! The room of the names: the group's name and the profiles, in the shared document.

use halloo_crdt::content::VerifiedContent;
use halloo_crdt::document::{Edit, Profile};

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
    chat::edit_document(room, state, &[Edit::Name(name)])
}

/// Sets the own display name.
///
/// # Errors
/// [`Refusal`].
pub(crate) fn set_profile(room: &mut Chat, state: &mut State, name: String) -> Result<(), Refusal> {
    check(&name)?;
    let colour = state.document.profile(&state.account()).colour;
    chat::edit_document(room, state, &[Edit::Profile(Profile { display_name: name, colour })])
}

/// A document change is in: merges it and tells the user which names changed.
pub(crate) fn on_change(state: &mut State, content: &VerifiedContent) {
    let before = (state.document.name(), state.document.profiles());
    chat::apply_document(state, content);
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

/// What a newcomer or a founder says first: its own name, and the group's if it founds it.
pub(crate) fn introduce(room: &mut Chat, state: &mut State, group_name: Option<String>) -> Result<(), Refusal> {
    let profile = Profile { display_name: state.identity.name.clone(), colour: None };
    let edits = group_name.map(Edit::Name).into_iter().chain([Edit::Profile(profile)]);
    let edits: Vec<Edit> = edits.collect();
    chat::edit_document(room, state, &edits)
}
