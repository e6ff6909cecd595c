//! What one neighbour handed over, the others hear of: a member that stands between two who do not reach each other carries both ways.
//!
//! ```text
//!   handed over: operations --at once, themselves--> whoever is not comparing with us
//!                operations, contents --a moment later: heads--> whoever is not comparing with us; lacks any? it compares with us
//! ```
//!
//! What is written now travels by gossip. What was written apart comes by comparing, and only between the two who compare: without
//! this a neighbour behind them would wait for its own turn, half a minute or more.

use core::time::Duration;

use halloo_crdt::log::SignedOp;
use halloo_crypto::id::OpId;
use halloo_crypto::kdf;
use rand_core::Rng as _;

use super::{Reconcile, Talk, schedule};
use crate::lane::PeerKey;
use crate::membership;
use crate::state::{Fact, State};
use crate::wire::direct::{DirectFrame, HeadsFrame, MAX_NAMES, Realm};
use crate::wire::parcel::ParcelKind;

/// Most operations passed on at once: more are a long absence, and with 400 bytes each to every neighbour they would cost more than that each
/// compares for itself.
const MAX_PASSED_ON: usize = 64;
/// How long what is handed over is gathered before the neighbours are told: in a group where all are connected with all each compares for
/// itself meanwhile, and nobody lacks anything. It differs from member to member, so that of many who
/// learned the same not all tell all.
const NEWS_MS: core::ops::Range<u64> = 200..800;
/// Between two comparisons with one neighbour because of its heads: one that makes heads up costs a session a second. And before who was busy
/// is told.
const NEWS_SPACING: Duration = Duration::from_secs(1);

impl Talk {
    /// Whether nothing is being compared, or about to be.
    fn is_idle(&self) -> bool {
        let answering = matches!(self.answering, Some((Realm::Operations | Realm::Acknowledgements, ..)));
        self.asking.is_none() && self.begin_at.is_none() && !answering
    }
}

/// Operations on the direct lane: what their author tells, or what somebody else hands over.
pub(crate) fn on_operations(room: &mut Reconcile, state: &mut State, from: PeerKey, items: &[Vec<u8>]) {
    let new = membership::on_frames(state, &from, items);
    let talk = room.peers.get(&from);
    // The lane keeps order: what a comparison of operations hands over comes while the next realm is asked for, or before.
    let compared = talk
        .is_some_and(|talk| talk.asking.is_some() || matches!(talk.answering, Some((Realm::Operations, ..))));
    let author = state.peers.member(&from);
    let of_others = new.iter().filter_map(|id| state.log.get(id)).any(|op| Some(op.author()) != author);
    if compared && of_others {
        state.tell(Fact::Handed(from, new));
    } else if of_others {
        on_brought(room, state);
    }
}

/// Tells at once what one neighbour handed over: the side of a split that just ended hears of the other's removals from whoever compares
/// first, and not each when it has compared for itself. Until it knows, it seals to epochs with somebody who is out, and
/// who knows seals to none of them: the two do not hear each other.
///
/// It goes one neighbour far, or each would tell each; beyond, [`tell`] leads on. Only members of now are told, after the log put out
/// whom it puts out.
pub(crate) fn pass_on(room: &mut Reconcile, state: &mut State, from: PeerKey, new: &[OpId]) {
    if new.len() <= MAX_PASSED_ON {
        let ops: Vec<Vec<u8>> =
            new.iter().filter_map(|id| state.log.get(id)).map(SignedOp::to_bytes).collect();
        let idle = room.peers.iter().filter(|(peer, talk)| **peer != from && talk.is_idle());
        for peer in idle.map(|(peer, _)| *peer).collect::<Vec<_>>() {
            if state.peers.member(&peer).is_some() {
                state.send_items(peer, ParcelKind::Operations, ops.clone());
            }
        }
    }
    on_brought(room, state);
}

/// Something was handed over to us that other neighbours may lack: a moment later they are told.
pub(crate) fn on_brought(room: &mut Reconcile, state: &mut State) {
    let span = NEWS_MS.start + u64::from(state.rng.next_u32()) % (NEWS_MS.end - NEWS_MS.start);
    room.news_at.get_or_insert(state.now.mono.after(Duration::from_millis(span)));
    schedule(room, state);
}

/// Tells the neighbours with whom nothing is being compared what is newest here, and the others a second later.
pub(super) fn tell(room: &mut Reconcile, state: &mut State) {
    let mut operations = state.heads();
    operations.truncate(MAX_NAMES);
    let heads = HeadsFrame { operations, contents: state.messages.frontier() };
    let name = digest(&heads);
    let mut busy = false;
    for (peer, talk) in room.peers.iter_mut().filter(|(_, talk)| talk.heads != Some(name)) {
        if state.peers.member(peer).is_none() {
            continue;
        }
        if talk.is_idle() {
            talk.heads = Some(name);
            state.send(*peer, &DirectFrame::Heads(heads.clone()));
        } else {
            busy = true;
        }
    }
    // What is being compared may have begun before the news came: who is busy now is told when it is not.
    if busy {
        room.news_at = Some(state.now.mono.after(NEWS_SPACING));
        schedule(room, state);
    }
}

fn digest(heads: &HeadsFrame) -> [u8; 32] {
    let operations = heads.operations.iter().map(|id| id.as_bytes().as_slice());
    let contents = heads.contents.iter().map(|id| id.as_bytes().as_slice());
    let parts: Vec<&[u8]> = operations.chain([&b"contents"[..]]).chain(contents).collect();
    kdf::hash("heads", &parts)
}

/// A neighbour tells what is newest at it: if any of it is not here, or waits for what came before it, we compare with it.
pub(crate) fn on_heads(room: &mut Reconcile, state: &mut State, from: PeerKey, heads: &HeadsFrame) {
    let Some(talk) = room.peers.get_mut(&from) else { return };
    talk.heads = Some(digest(heads));
    let handed = state.past.handed();
    let lacking = heads.operations.iter().any(|id| !state.log.contains(id))
        || heads.contents.iter().any(|id| !state.messages.contains(id) && !handed.holds(id));
    if lacking && talk.is_idle() {
        let last = room.turns.get(&from).map(|turn| turn.after(NEWS_SPACING));
        talk.begin_at = Some(last.map_or(state.now.mono, |last| last.max(state.now.mono)));
        schedule(room, state);
    }
}
