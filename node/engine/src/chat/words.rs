//! The words by which older lines are handed on: made by who lets somebody in, and what a newcomer takes in by them.

use std::collections::BTreeSet;

use halloo_crdt::content::{Body, SignedContent};
use halloo_crdt::log::{History, OpKind};
use halloo_crdt::messages::{InsertError, MAX_PAGE};
use halloo_crypto::id::{MessageId, OpId};

use super::{Chat, write};
use crate::lane::PeerKey;
use crate::output::{Event, Warning};
use crate::snapshot::Table;
use crate::state::State;
use crate::timeline;

/// Whoever has just let somebody in names the lines that the newcomer gets, in the same write as the Add.
pub(super) fn on_added(room: &mut Chat, state: &mut State, new: &[OpId]) {
    for id in new {
        let Some(add) = state.log.get(id) else { continue };
        // An own act of another time, which comes back to who was put back from an old copy, had its word then.
        let just_now = add.author() == state.me() && add.at_ms() == state.now.wall_ms;
        if !just_now || !matches!(add.kind(), OpKind::Add { .. }) || state.log.void(id).is_some() {
            continue;
        }
        let (policy, added_ms) = (state.log.history_at(add.parents()), add.at_ms());
        let lines = last_lines(room, state, policy, added_ms);
        debug_assert!(lines.len() <= usize::from(policy.lines), "no more than the group allows");
        if !lines.is_empty() && write(room, state, Body::History { add: *id, lines }).is_err() {
            state.count("older lines that could not be named");
        }
    }
}

/// The last lines that count and stand, ascending by id.
fn last_lines(room: &Chat, state: &State, policy: History, added_ms: u64) -> Vec<MessageId> {
    let most = usize::from(policy.lines);
    let mut lines = BTreeSet::new();
    let mut before = None;
    while lines.len() < most {
        let (page, older) = timeline::page(&room.vouchers, state, before, MAX_PAGE);
        let young = page.iter().rev().filter(|line| policy.reaches(line.sent_ms, added_ms));
        let count = young.clone().count();
        let standing = young.filter(|line| !line.void && !line.deleted).map(|line| line.id);
        lines.extend(standing.take(most - lines.len()));
        // A page without a young one: what is before it is older still, but for clocks that are wrong.
        if older.is_none() || count == 0 {
            break;
        }
        before = older;
    }
    lines.into_iter().collect()
}

/// An older content that was named for this device: kept apart, and shown.
pub(super) fn on_handed(room: &Chat, state: &mut State, from: &PeerKey, signed: SignedContent) {
    if state.past.handed().holds(&signed.id()) {
        return;
    }
    let Ok(content) = signed.verify() else { return state.drop_frame(from, "content with a bad signature") };
    let (id, bytes, body) = (content.id(), content.to_bytes(), content.content().body.clone());
    match state.past.take_in(content, &state.messages) {
        Ok(_) => {}
        Err(InsertError::Full) => {
            return state.durable_event(Event::Warning(Warning::Overflow { what: "older messages" }));
        }
        Err(_) => return state.drop_frame(from, "too much of one author"),
    }
    state.out.put(Table::Handed, id.as_bytes(), bytes);
    let (line, told): (_, fn(_) -> Event) = match body {
        Body::Edit { target, .. } | Body::Redact { target } | Body::Reaction { target, .. } => {
            (target, Event::Edited)
        }
        _ => (id, Event::Message),
    };
    if let Some(entry) = timeline::entry(&room.vouchers, state, &line).filter(|entry| !entry.void) {
        state.durable_event(told(entry));
    }
}
