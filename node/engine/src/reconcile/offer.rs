//! What a neighbour may be told of, realm by realm, and how it is handed over.

use std::collections::{BTreeMap, BTreeSet};

use halloo_crdt::content::{Body, Content, VerifiedContent};
use halloo_crdt::log::{Fact as Acknowledged, Row, SignedOp};
use halloo_crypto::id::{DeviceId, MessageId, OpId};

use crate::history::{self, Lines};
use crate::lane::PeerKey;
use crate::state::State;
use crate::wire::direct::Realm;
use crate::wire::parcel::ParcelKind;

/// (time, name) of all that this neighbour may be told of.
pub(super) fn items(state: &State, realm: Realm, device: &DeviceId) -> Vec<(u64, MessageId)> {
    match realm {
        Realm::Operations => {
            let ops = state.log.ops().into_iter();
            ops.map(|op| (op.at_ms(), MessageId::from_bytes(*op.id().as_bytes()))).collect()
        }
        Realm::Acknowledgements => {
            let rows = state.log.board().rows().filter(|row| may_keep(state, device, row));
            rows.map(|row| (0, MessageId::from_bytes(row.name()))).collect()
        }
        Realm::Contents => {
            let mut entitled = Entitlement::of(state, *device);
            let mut items = state.messages.sync_documents().to_vec();
            for (heads, written) in state.messages.sync_places() {
                if entitled.at(state, heads) {
                    items.extend_from_slice(written);
                } else if !entitled.lines.is_empty() {
                    items.extend(written.iter().filter(|(_, id)| {
                        state.messages.get(id).is_some_and(|c| entitled.lines.owe(state, id, c.content()))
                    }));
                }
            }
            let waiting = state.messages.sync_waiting().filter(|content| entitled.to(state, content));
            items.extend(waiting.map(|content| (content.content().hlc.wall_ms, content.id())));
            // What was handed on to this device it hands on as long as it is still for this one itself.
            let own = history::lines_for(state, &state.me());
            let handed = state.past.handed();
            let apart = handed.sync_items().filter(|(_, id)| !state.messages.holds(id));
            items.extend(apart.filter(|(_, id)| {
                handed.get(id).is_some_and(|content| {
                    own.owe(state, id, content.content()) && entitled.to(state, content)
                })
            }));
            items
        }
    }
}

/// Whether a neighbour keeps this row: one about an epoch that it did not name would be offered to it again and again.
fn may_keep(state: &State, device: &DeviceId, row: &Row) -> bool {
    let Acknowledged::Commit(commit) = row.fact() else { return true };
    let known = state.peers.of_device(device).and_then(|peer| state.peers.get(&peer));
    let node = state.epochs.of_commit(&commit);
    node.zip(known).is_some_and(|(node, known)| known.epochs.contains(&node.tag()))
}

/// Whom a content may be told to: every member of today gets the document, everything else only whose account was a member at its
/// place in history (INV-4), or whom whoever let it in was allowed to hand it to. A device that came later reads what its siblings
/// could.
struct Entitlement {
    device: DeviceId,
    lines: Lines,
    judged: BTreeMap<Vec<OpId>, bool>,
}

impl Entitlement {
    fn of(state: &State, device: DeviceId) -> Self {
        Entitlement { device, lines: history::lines_for(state, &device), judged: BTreeMap::new() }
    }

    fn to(&mut self, state: &State, content: &VerifiedContent) -> bool {
        self.was_in(state, content.content()) || self.lines.owe(state, &content.id(), content.content())
    }

    fn was_in(&mut self, state: &State, content: &Content) -> bool {
        matches!(content.body, Body::Document(_)) || self.at(state, &content.heads)
    }

    /// Whether its account was a member at these heads.
    fn at(&mut self, state: &State, heads: &[OpId]) -> bool {
        if let Some(known) = self.judged.get(heads) {
            return *known;
        }
        let account = state.log.view().account_of(&self.device);
        let entitled = account.is_some_and(|account| state.log.role_at(&account, heads).is_some());
        self.judged.insert(heads.to_vec(), entitled);
        entitled
    }
}

/// Hands items of a realm to a neighbour that asked for them or lacks them.
pub(super) fn hand_over(state: &mut State, to: PeerKey, realm: Realm, ids: &[MessageId]) {
    match realm {
        Realm::Operations => {
            let wanted: BTreeSet<OpId> = ids.iter().map(|id| OpId::from_bytes(*id.as_bytes())).collect();
            let ops = state
                .log
                .ops()
                .into_iter()
                .filter(|op| wanted.contains(&op.id()))
                .map(SignedOp::to_bytes)
                .collect();
            state.send_items(to, ParcelKind::Operations, ops);
        }
        Realm::Acknowledgements => {
            let wanted: BTreeSet<[u8; 32]> = ids.iter().map(|id| *id.as_bytes()).collect();
            let rows = state
                .log
                .board()
                .rows()
                .filter(|row| wanted.contains(&row.name()))
                .map(Row::to_bytes)
                .collect();
            state.send_items(to, ParcelKind::Acknowledgements, rows);
        }
        Realm::Contents => {
            let order = state.messages.in_causal_order(ids.iter().copied());
            debug_assert!(order.len() <= ids.len(), "nothing is handed over unasked");
            let here = order.iter().filter_map(|id| state.messages.get(id));
            // A newcomer takes in older lines by the word that names them, so words go first.
            let (words, others): (Vec<_>, Vec<_>) =
                here.partition(|content| matches!(content.content().body, Body::History { .. }));
            let apart = ids.iter().filter(|id| !state.messages.holds(id));
            let apart = apart.filter_map(|id| state.past.handed().get(id));
            let frames = words.into_iter().chain(others).chain(apart).map(VerifiedContent::to_bytes);
            let frames = frames.collect();
            state.send_boxed(to, ParcelKind::BoxedContents, frames);
        }
    }
}

#[cfg(test)]
mod tests;
