//! What is said about a line that is there: another text, that it is taken back, a reaction.

use halloo_crdt::content::{Body, MAX_REACTION_BYTES};
use halloo_crdt::log::Role;
use halloo_crypto::id::MessageId;

use super::{Chat, check_text, write};
use crate::output::{ChatEntry, Refusal};
use crate::state::State;
use crate::timeline;

/// Gives an own line another text.
///
/// # Errors
/// [`Refusal`].
pub(crate) fn edit(
    room: &mut Chat,
    state: &mut State,
    message: MessageId,
    text: String,
) -> Result<(), Refusal> {
    check_text(&text)?;
    let line = known(room, state, &message)?;
    if !line.own {
        return Err(Refusal::NotYours);
    }
    let line = standing(line)?;
    if line.text.is_empty() {
        return Err(Refusal::Invalid("that line is of a kind that has no text here; write a new one"));
    }
    if line.text == text {
        return Ok(());
    }
    write(room, state, Body::Edit { target: message, text }).map(drop)
}

/// Takes an own line back; with the role of moderator anybody's.
///
/// # Errors
/// [`Refusal`].
pub(crate) fn withdraw(room: &mut Chat, state: &mut State, message: MessageId) -> Result<(), Refusal> {
    let line = known(room, state, &message)?;
    let role = state.log.view().role(&state.account());
    if !line.own && role.is_none_or(|role| role < Role::Moderator) {
        return Err(Refusal::NotAllowed);
    }
    if line.deleted {
        return Ok(());
    }
    write(room, state, Body::Redact { target: message }).map(drop)
}

/// Puts a reaction on a line, or takes it off.
///
/// # Errors
/// [`Refusal`].
pub(crate) fn react(
    room: &mut Chat,
    state: &mut State,
    message: MessageId,
    (emoji, on): (String, bool),
) -> Result<(), Refusal> {
    check_emoji(&emoji)?;
    let line = standing(known(room, state, &message)?)?;
    let me = state.account();
    let is_on = line.reactions.iter().any(|(known, by)| *known == emoji && by.contains(&me));
    if is_on == on {
        return Ok(());
    }
    write(room, state, Body::Reaction { target: message, emoji, on }).map(drop)
}

/// Checks a reaction.
///
/// # Errors
/// [`Refusal`].
pub(super) fn check_emoji(emoji: &str) -> Result<(), Refusal> {
    if emoji.is_empty() || emoji.len() > MAX_REACTION_BYTES {
        return Err(Refusal::TooLarge {
            what: "the reaction in bytes (at least 1)",
            max: MAX_REACTION_BYTES,
        });
    }
    Ok(())
}

/// Checks that a message is known and shown.
///
/// # Errors
/// [`Refusal`].
pub(crate) fn known(room: &Chat, state: &State, id: &MessageId) -> Result<ChatEntry, Refusal> {
    timeline::entry(&room.vouchers, state, id).ok_or(Refusal::Unknown("message"))
}

fn standing(line: ChatEntry) -> Result<ChatEntry, Refusal> {
    if line.deleted { Err(Refusal::Invalid("that line was taken back; write a new one")) } else { Ok(line) }
}
