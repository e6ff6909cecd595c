//! The room of the door: who is at the other end of a new connection, and what a stranger is told.
//!
//! ```text
//!  up --> hello --> proof --> signature good? --> our log says member ------> proven: admitted, reconciled with
//!                                            \--> our log removed it -------> farewell: the Remove and its past
//!                                             \-> our log does not know it -> unknown: it may introduce itself
//! ```
//!
//! A newcomer whom our log does not know yet answers `unknown` with the operations that made it a member, but only to a peer that
//! has proven to be a member itself: nobody learns operations by guessing. Until proven, nothing but these frames is looked at.

use std::collections::BTreeSet;

use halloo_crdt::live::PeerView;
use halloo_crdt::log::{Inserted, Log, OpKind, Row, SignedOp};
use halloo_crypto::id::{DeviceId, OpId};

use crate::lane::PeerKey;
use crate::output::{Event, Output};
use crate::peers::{HANDSHAKE_PATIENCE, HELLOS_MAX, INTRODUCTIONS_MAX};
use crate::snapshot::Table;
use crate::state::{Fact, State};
use crate::timers::Timer;
use crate::wire::direct::{DirectFrame, MAX_NAMES, ProofFrame};
use crate::wire::proof::ProofContext;
use crate::wire::{MAX_DIRECT_BYTES, MAX_ITEMS};

/// Acknowledgements in a farewell: more than half of any group that removes by hand.
const MAX_FAREWELL_ROWS: usize = 256;

/// A connection came up. One that was up already has been replaced without a word: all begins anew.
pub(crate) fn on_up(state: &mut State, peer: PeerKey) {
    on_down(state, &peer);
    let nonce = state.nonce();
    if state.peers.up(peer, nonce, state.now.mono) {
        state.send_now(peer, &DirectFrame::Hello { nonce });
        state.timers.within(Timer::PeerTimeout, state.now.mono, HANDSHAKE_PATIENCE);
    } else {
        state.count("no room for another peer");
    }
}

/// The connection is gone.
pub(crate) fn on_down(state: &mut State, peer: &PeerKey) {
    if let Some(device) = state.peers.down(peer).and_then(|gone| gone.member()) {
        state.tell(Fact::Gone(*peer, device));
    }
}

/// Repeats hellos that were not answered by a proof.
pub(crate) fn on_timeout(state: &mut State) {
    let now = state.now.mono;
    let mut again = Vec::new();
    let mut waiting = false;
    for (key, peer) in state.peers.iter_mut() {
        if peer.claimed.is_some() || peer.hellos >= HELLOS_MAX {
            continue;
        }
        waiting = true;
        if now.since(peer.hello_at) >= HANDSHAKE_PATIENCE {
            peer.hellos += 1;
            peer.hello_at = now;
            again.push((*key, peer.nonce));
        }
    }
    for (peer, nonce) in again {
        state.send_now(peer, &DirectFrame::Hello { nonce });
    }
    if waiting {
        state.timers.within(Timer::PeerTimeout, now, HANDSHAKE_PATIENCE);
    }
}

/// The peer wants a proof. Its nonce may be new: it restarted behind the same connection.
pub(crate) fn on_hello(state: &mut State, from: PeerKey, nonce: [u8; 32]) {
    if !state.is_member() {
        return;
    }
    let now = state.now.mono;
    let Some(peer) = state.peers.get_mut(&from) else { return };
    let before = peer.their_nonce.replace(nonce);
    let ours = peer.nonce;
    if before.is_some_and(|before| before != nonce) {
        // Its engine began anew behind the same connection: it must prove itself again, and knows nothing that it knew.
        peer.hello_at = now;
        let member = peer.forget();
        if let Some(device) = member {
            state.tell(Fact::Gone(from, device));
        }
        state.timers.within(Timer::PeerTimeout, now, HANDSHAKE_PATIENCE);
    }
    if before != Some(nonce) {
        // Its engine may have begun after our hello had gone by; it cannot prove itself before it hears it. Our nonce stays
        // the same on one connection, or two that begin anew would never come to an end.
        state.send_now(from, &DirectFrame::Hello { nonce: ours });
    }
    let context = ProofContext { group: state.group, prover: state.identity.peer, verifier: from, nonce };
    let proof = context.prove(&state.identity.device);
    state.send_now(from, &DirectFrame::Proof(proof));
}

/// The peer says who it is.
pub(crate) fn on_proof(state: &mut State, from: PeerKey, proof: &ProofFrame) {
    let Some(peer) = state.peers.get_mut(&from) else { return };
    let context =
        ProofContext { group: state.group, prover: from, verifier: state.identity.peer, nonce: peer.nonce };
    match context.verify(proof) {
        Ok(claimed) if claimed.device() != state.identity.device.id() => peer.claimed = Some(claimed),
        Ok(_) => return state.drop_frame(&from, "proof by our own device"),
        Err(_) => return state.drop_frame(&from, "bad membership proof"),
    }
    place(state, from);
}

/// Looks a claimed device up in the log.
fn place(state: &mut State, from: PeerKey) {
    let Some(device) = state.peers.get(&from).and_then(|peer| peer.claimed).map(|claimed| claimed.device())
    else {
        return;
    };
    if state.log.view().account_of(&device).is_some() {
        welcome(state, from, device);
    } else if state.log.account_of(&device).is_some() {
        let frame = farewell(&state.log, &device);
        state.send(from, &frame);
    } else {
        let heads: Vec<OpId> = state.log.heads().iter().copied().take(MAX_NAMES).collect();
        state.send_now(from, &DirectFrame::Unknown { heads });
    }
}

fn welcome(state: &mut State, from: PeerKey, device: DeviceId) {
    let Some(peer) = state.peers.get_mut(&from) else { return };
    if core::mem::replace(&mut peer.proven, true) {
        return;
    }
    peer.view = PeerView::of(&device);
    let topics: Vec<[u8; 32]> = state.beacons.topics().copied().collect();
    for topic in topics {
        state.out.now(Output::Admit { peer: from, topic });
    }
    let account = state.log.view().account_of(&device).expect("looked up by the caller");
    assert_ne!(device, state.me(), "nobody is its own neighbour");
    state.event(Event::PeerProven { peer: from, device, account });
    state.tell(Fact::Proven(from));
}

/// What ended a device that the log does not count in: its removals, or else those of whoever let it in, which made that void too.
fn ends_of(log: &Log, device: &DeviceId) -> Vec<OpId> {
    let (mut open, mut seen) = (vec![*device], BTreeSet::from([*device]));
    let mut ends = Vec::new();
    while let Some(device) = open.pop() {
        let own = log.removed_after(&device, &[]);
        if own.is_empty() {
            let granted = |op: &&SignedOp| op.grants().iter().any(|grant| grant.certificate.device == device);
            let sponsors = log.ops().into_iter().filter(granted).map(SignedOp::author);
            open.extend(sponsors.filter(|sponsor| seen.insert(*sponsor)));
        }
        ends.extend(own);
    }
    ends
}

/// Tells a device that is out so: the operations that end it and their past, which is no more than it may know.
fn farewell(log: &Log, device: &DeviceId) -> DirectFrame {
    debug_assert!(log.view().account_of(device).is_none(), "members are not seen off");
    let ends = ends_of(log, device);
    let past = past_of(log, &ends);
    let operations = log.ops().into_iter().filter(|op| past.contains(&op.id())).map(SignedOp::to_bytes);
    // The newest matter most: a device that was away has the old ones.
    let mut operations: Vec<Vec<u8>> = operations.collect();
    let mut size = 0;
    let fitting = operations.iter().rev().take_while(|op| {
        size += op.len() + 4;
        size < MAX_DIRECT_BYTES / 2
    });
    let keep = fitting.count().min(MAX_ITEMS);
    operations.drain(..operations.len() - keep);
    let facts = ends.iter().map(|end| halloo_crdt::log::Fact::Remove(*end));
    let rows = facts
        .flat_map(|fact| log.board().words(&fact).filter_map(|(_, word)| word.row()).collect::<Vec<_>>());
    let acknowledgements = rows.map(Row::to_bytes).take(MAX_FAREWELL_ROWS).collect();
    DirectFrame::Farewell { operations, acknowledgements }
}

fn past_of(log: &Log, heads: &[OpId]) -> BTreeSet<OpId> {
    let mut past = BTreeSet::new();
    let mut open: Vec<OpId> = heads.to_vec();
    while let Some(id) = open.pop() {
        if past.insert(id) {
            open.extend(log.get(&id).into_iter().flat_map(|op| op.parents().iter().copied()));
        }
    }
    past
}

/// The peer believes our signature and has not heard of us: we hand it what made us a member, if it is one itself.
pub(crate) fn on_unknown(state: &mut State, from: PeerKey, heads: &[OpId]) {
    if state.peers.member(&from).is_none() {
        return state.drop_frame(&from, "unknown from a stranger");
    }
    let known = past_of(&state.log, heads);
    introduce(state, from, |id| known.contains(id));
}

/// Hands over the operations that a peer does not know, as many as fit.
fn introduce(state: &mut State, to: PeerKey, known: impl Fn(&OpId) -> bool) {
    let lacking = state.log.ops().into_iter().filter(|op| !known(&op.id())).map(SignedOp::to_bytes);
    let mut size = 0;
    let operations: Vec<Vec<u8>> = lacking
        .take_while(|op| {
            size += op.len() + 4;
            size < MAX_DIRECT_BYTES / 2
        })
        .take(MAX_ITEMS)
        .collect();
    state.send(to, &DirectFrame::Introduce(operations));
}

/// A device with a good signature hands us operations that shall make it a member. They are kept only if they do.
pub(crate) fn on_introduce(state: &mut State, from: PeerKey, operations: &[Vec<u8>]) {
    let Some(peer) = state.peers.get_mut(&from) else { return };
    let (claimed, before) = (peer.claimed.map(|claimed| claimed.device()), peer.introductions);
    peer.introductions = before.saturating_add(1);
    let Some(device) = claimed.filter(|_| before < INTRODUCTIONS_MAX) else {
        return state.drop_frame(&from, "introduction without a proof, or one too many");
    };
    let mut trial = state.log.clone();
    let new = insert_all(&mut trial, operations);
    if trial.view().account_of(&device).is_none() && !ends_of(&trial, &device).is_empty() {
        // Somebody who is removed let it in meanwhile: it hears what made that void, and nothing that it brought is kept.
        let frame = farewell(&trial, &device);
        return state.send(from, &frame);
    }
    if trial.view().account_of(&device).is_none() {
        return state.drop_frame(&from, "introduction that makes nobody a member");
    }
    adopt(state, from, trial, new);
    place(state, from);
}

/// Somebody hands us what ended our membership in its eyes. If our own log then says so too, it did; if not, both removed each
/// other, say, and we hand over what it lacks: whoever knows the same facts comes to the same roster.
pub(crate) fn on_farewell(state: &mut State, from: PeerKey, operations: &[Vec<u8>], rows: &[Vec<u8>]) {
    let Some(peer) = state.peers.get_mut(&from) else { return };
    let (claimed, before) = (peer.claimed.map(|claimed| claimed.device()), peer.introductions);
    peer.introductions = before.saturating_add(1);
    let Some(device) = claimed.filter(|_| before < INTRODUCTIONS_MAX) else {
        return state.drop_frame(&from, "farewell without a proof, or one too many");
    };
    let mut trial = state.log.clone();
    let new = insert_all(&mut trial, operations);
    let mut settled = Vec::new();
    for row in rows.iter().filter_map(|bytes| Row::from_bytes(bytes).ok()) {
        if trial.acknowledge(row.clone()) == Ok(true) {
            settled.push(row);
        }
    }
    let out = trial.view().account_of(&state.me()).is_none();
    if !out && trial.view().account_of(&device).is_none() && state.log.view().account_of(&device).is_none() {
        // It is out as well, by what both know now: it hears the same from us.
        let theirs = past_of(&trial, &trial.removed_after(&device, &[]));
        return introduce(state, from, |id| !theirs.contains(id));
    }
    adopt(state, from, trial, new);
    for row in settled {
        let bytes = row.to_bytes();
        state.out.put(Table::Acknowledgement, &Row::name_of(&bytes), bytes);
        state.tell(Fact::Acknowledged);
    }
    if !out {
        introduce(state, from, |_| false);
    }
}

fn insert_all(log: &mut Log, operations: &[Vec<u8>]) -> Vec<OpId> {
    let parsed = operations.iter().filter_map(|bytes| SignedOp::from_bytes(bytes).ok());
    let mut new = Vec::new();
    for op in parsed {
        if let Ok(Inserted::New(ids)) = log.insert(op) {
            new.extend(ids);
        }
    }
    new
}

fn adopt(state: &mut State, from: PeerKey, trial: Log, new: Vec<OpId>) {
    assert_eq!(trial.group(), state.group, "a log stays with its group");
    assert!(trial.len() >= state.log.len(), "a log only grows");
    state.log = trial;
    store_operations(state, &new);
    if !new.is_empty() {
        state.tell(Fact::Operations(new.clone()));
        state.tell(Fact::Handed(from, new));
    }
}

/// Writes operations that are in the log to the store.
pub(crate) fn store_operations(state: &mut State, ids: &[OpId]) {
    for id in ids {
        let bytes = state.log.get(id).expect("a new operation is in the log").to_bytes();
        state.out.put(Table::Operation, id.as_bytes(), bytes);
    }
}

/// After the log changed: neighbours that are no longer members are put out, those that became members come in.
pub(crate) fn on_operations(state: &mut State, new: &[OpId]) {
    let ends = new
        .iter()
        .filter_map(|id| state.log.get(id))
        .any(|op| matches!(op.kind(), OpKind::Remove { .. } | OpKind::DeviceRevoke { .. }));
    let claimed: Vec<(PeerKey, DeviceId, bool)> = state
        .peers
        .iter()
        .filter_map(|(key, peer)| Some((*key, peer.claimed?.device(), peer.proven)))
        .collect();
    debug_assert!(claimed.len() <= crate::peers::MAX_PEERS, "bounded where it grows");
    for (peer, device, proven) in claimed {
        let member = state.log.view().account_of(&device).is_some();
        if proven && !member {
            expel(state, peer, device);
        } else if !proven && (member || ends) {
            place(state, peer);
        }
    }
}

fn expel(state: &mut State, peer: PeerKey, device: DeviceId) {
    let topics: Vec<[u8; 32]> = state.beacons.topics().copied().collect();
    for topic in topics {
        state.out.now(Output::Expel { peer, topic });
    }
    if let Some(gone) = state.peers.get_mut(&peer) {
        gone.proven = false;
    }
    let frame = farewell(&state.log, &device);
    state.send(peer, &frame);
    state.tell(Fact::Gone(peer, device));
}

#[cfg(test)]
mod tests;
