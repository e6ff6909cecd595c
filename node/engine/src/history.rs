//! The room of what newcomers are given of the past: which lines whom, by the word of who let them in and by the group's own.
//!
//! ```text
//!  admin    SetHistory ------------------> log: what newcomers get from now on
//!  inviter  Add, then a content that names the last lines that it has, as many as the log allows at the Add
//!  anybody  reconciles with the newcomer: those lines, and edits, reactions and withdrawals of them, in boxes as ever
//!  newcomer takes in what the word names, keeps it apart, shows it as forwarded; whatever else is older it leaves
//! ```
//!
//! All of it is a function of the log and the contents, so all members agree who is owed what. What is said later about the past of
//! newcomers changes nothing for who is in.

use std::collections::BTreeMap;

use halloo_crdt::content::{Body, Content, VerifiedContent};
use halloo_crdt::log::{Action, History, Role, SignedOp};
use halloo_crypto::id::{AccountId, DeviceId, MessageId};

use crate::membership;
use crate::output::Refusal;
use crate::state::State;

/// How a line came to be named.
#[derive(Clone, Copy, Debug)]
struct Leave {
    policy: History,
    added_ms: u64,
    by: AccountId,
}

/// The older lines that one device may be handed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines(BTreeMap<MessageId, Leave>);

/// What a content is to this device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Claim {
    /// Written for it, as nearly everything is.
    Ordinary,
    /// Older, and handed on by the word of who let it in.
    Handed,
    /// Older, and nobody named it.
    Foreign,
}

/// Says what newcomers get from now on.
///
/// # Errors
/// [`Refusal`].
pub(crate) fn set(state: &mut State, history: History) -> Result<(), Refusal> {
    if !history.is_well_formed() {
        return Err(Refusal::TooLarge {
            what: "the lines that newcomers are given",
            max: usize::from(halloo_crdt::log::MAX_HISTORY_LINES),
        });
    }
    membership::check(state, Action::SetHistory)?;
    membership::author(state, |log, by| log.author_set_history(by, history)).map(drop)
}

/// The older lines that this device may be handed: those that whoever added its person named, within what the log allowed at the
/// Add.
pub(crate) fn lines_for(state: &State, device: &DeviceId) -> Lines {
    let mut lines = BTreeMap::new();
    let person = state.log.account_of(device);
    for add in state.past.adds().filter_map(|add| state.log.get(add)) {
        let named = person.is_some() && add.subject() == person;
        if !named || state.log.void(&add.id()).is_some() {
            continue;
        }
        let Some((by, policy, word)) = word_for(state, add) else { continue };
        debug_assert!(word.len() <= usize::from(policy.lines), "no more than the log allowed");
        assert!(policy.is_well_formed(), "the log takes no other word");
        let leave = Leave { policy, added_ms: add.at_ms(), by };
        lines.extend(word.iter().map(|line| (*line, leave)));
    }
    Lines(lines)
}

/// The word that counts for an Add: of those by the device that signed it, after it and within what the log allowed there, the one
/// with the lowest id.
fn word_for<'a>(state: &'a State, add: &SignedOp) -> Option<(AccountId, History, &'a [MessageId])> {
    let policy = state.log.history_at(add.parents());
    let id = add.id();
    let contents = state.past.words(&id).filter_map(|word| state.messages.get(word));
    let words = contents.filter_map(|content| {
        let content = content.content();
        let Body::History { lines, .. } = &content.body else { return None };
        let sound = content.author == add.author()
            && lines.len() <= usize::from(policy.lines)
            && state.log.closure_contains(&content.heads, &id);
        sound.then_some(lines.as_slice())
    });
    let by = state.log.actor(&id)?;
    words.map(|lines| (by, policy, lines)).next()
}

impl Lines {
    /// Whether none may be handed to it: nearly everybody.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Who named a line.
    pub(crate) fn by(&self, line: &MessageId) -> Option<AccountId> {
        self.0.get(line).map(|leave| leave.by)
    }

    /// Whether this content, a line, is named and young enough.
    pub(crate) fn name(&self, id: &MessageId, content: &Content) -> bool {
        let line = matches!(content.body, Body::Chat { .. } | Body::Unknown { .. });
        line && self.0.get(id).is_some_and(|leave| leave.policy.reaches(content.hlc.wall_ms, leave.added_ms))
    }

    /// Whether a content older than the newcomer is for it: a line that was named, or a note on one. Of a line that was withdrawn only
    /// that it was.
    pub(crate) fn owe(&self, state: &State, id: &MessageId, content: &Content) -> bool {
        if self.0.is_empty() {
            return false;
        }
        match &content.body {
            Body::Chat { .. } | Body::Unknown { .. } => self.name(id, content) && !withdrawn(state, id),
            Body::Edit { target, .. } | Body::Reaction { target, .. } => {
                self.reach(state, target) && !withdrawn(state, target)
            }
            Body::Redact { target } => self.reach(state, target),
            Body::Receipt { .. } | Body::Document(_) | Body::History { .. } => false,
        }
    }

    /// Whether a note's line is named, and young enough if it is here.
    fn reach(&self, state: &State, line: &MessageId) -> bool {
        let here = state.messages.get(line).or_else(|| state.past.handed().get(line));
        self.0.contains_key(line) && here.is_none_or(|content| self.name(line, content.content()))
    }
}

/// Whether its author, or somebody who may, took a line back.
fn withdrawn(state: &State, line: &MessageId) -> bool {
    let here = state.messages.get(line).or_else(|| state.past.handed().get(line));
    let author = here.and_then(|content| state.log.account_of(&content.content().author));
    let takes_back = |note: &VerifiedContent| {
        let note = note.content();
        let by = state.log.account_of(&note.author);
        matches!(note.body, Body::Redact { .. })
            && state.log.author_entitled_at(&note.author, &note.heads)
            && (by == author
                || by.and_then(|by| state.log.role_at(&by, &note.heads)) >= Some(Role::Moderator))
    };
    state.messages.notes_on(line).chain(state.past.handed().notes_on(line)).any(takes_back)
}

/// What a content that somebody handed over is to this device.
pub(crate) fn claim(state: &State, id: &MessageId, content: &Content) -> Claim {
    let me = state.me();
    // A device that came later reads what its siblings could.
    let ordinary = matches!(content.body, Body::Document(_))
        || content.author == me
        || state.log.role_at(&state.account(), &content.heads).is_some();
    if ordinary {
        return Claim::Ordinary;
    }
    if lines_for(state, &me).owe(state, id, content) {
        return Claim::Handed;
    }
    // Whoever was in before, or is in by an act that is void just now, keeps what it is given: more may be known later.
    let ever_in = state.log.author_at(&me, &content.heads).is_some();
    if ever_in { Claim::Ordinary } else { Claim::Foreign }
}

#[cfg(test)]
mod tests;
