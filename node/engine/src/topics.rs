//! The room of the beacons: judges them by the log, follows their topics, makes a new one when the last was tainted.

use halloo_crdt::log::{Log, OpKind, SignedOp};
use halloo_crypto::id::OpId;
use halloo_crypto::secret::Secret;
use rand_core::Rng as _;

use crate::beacons::{Beacon, Standing};
use crate::epochs::Node;
use crate::lane::PeerKey;
use crate::output::Output;
use crate::snapshot::Table;
use crate::state::{Fact, State};
use crate::timers::Timer;
use crate::wire::WireError;
use crate::wire::parcel::ParcelKind;

/// Associated data of a beacon record under an epoch.
pub(crate) const AAD: &[u8] = b"beacon";
/// How often the topics are looked at for a new week.
const WEEK_CHECK: core::time::Duration = core::time::Duration::from_secs(3_600);

/// Judges all beacons again and follows what is to be followed.
pub(crate) fn refresh(state: &mut State) {
    let now = state.now.mono;
    let log = &state.log;
    state.beacons.judge(now, |beacon| standing(log, beacon));
    let change = if state.is_member() {
        state.beacons.follow(now, state.now.wall_ms)
    } else {
        state.beacons.unfollow()
    };
    let neighbours: Vec<PeerKey> = state.peers.proven().map(|(peer, _)| peer).collect();
    for topic in change.dropped {
        state.out.durable(Output::Unsubscribe(topic));
    }
    for topic in change.added {
        state.out.now(Output::Subscribe(topic));
        neighbours.iter().for_each(|peer| state.out.now(Output::Admit { peer: *peer, topic }));
    }
    if state.is_member() {
        let next = state.beacons.next_change(now).unwrap_or(now.after(WEEK_CHECK));
        state.timers.set(Timer::Topics, next.min(now.after(WEEK_CHECK)));
        if state.beacons.best().is_none() {
            // Whoever made the commit makes the beacon; if it does not come, one of us does.
            let spread = u64::from(state.rng.next_u32()) % 1_000;
            let patience = state.config.round_trip * 4 + core::time::Duration::from_millis(spread);
            state.timers.set_no_later(Timer::Topics, now.after(patience));
        }
    }
}

/// Sound if nobody was removed since: whoever was a member when it was made, or came later, was given the secret.
fn standing(log: &Log, beacon: &Beacon) -> Standing {
    let known = beacon.heads().iter().filter_map(|head| log.get(head)).map(SignedOp::seq);
    let heights: Vec<u64> = known.collect();
    if heights.len() < beacon.heads().len() {
        return Standing::Unplaced;
    }
    if somebody_left(log, beacon.heads()) {
        return Standing::Tainted;
    }
    Standing::Sound(heights.into_iter().max().unwrap_or(0))
}

/// Whether somebody who was in at these heads is out now.
pub(crate) fn somebody_left(log: &Log, heads: &[OpId]) -> bool {
    let mut ends = log.ops().into_iter().filter(|op| {
        matches!(op.kind(), OpKind::Remove { .. } | OpKind::DeviceRevoke { .. })
            && log.void(&op.id()).is_none()
    });
    ends.any(|end| !log.closure_contains(heads, &end.id()))
}

/// Makes a beacon if none is usable, once it can be sealed to the remaining.
pub(crate) fn ensure(state: &mut State) {
    if !state.is_member() || state.tainted || state.beacons.best().is_some() {
        return;
    }
    assert!(!state.tainted, "INV-2: a beacon is sealed to the remaining");
    let beacon = Beacon::new(Secret::new(state.nonce()), state.heads());
    keep(state, beacon.clone());
    refresh(state);
    assert!(state.beacons.best().is_some(), "a fresh beacon is usable");
    if state.document.via().is_some() {
        state.tell(Fact::Made(beacon.id()));
    }
    share(state, &beacon);
}

fn keep(state: &mut State, beacon: Beacon) -> bool {
    let (id, bytes) = (beacon.id(), beacon.to_bytes());
    let (new, dropped) = state.beacons.insert(beacon);
    if new {
        state.out.put(Table::Beacon, &id, bytes);
    }
    if let Some(dropped) = dropped {
        state.out.del(Table::Beacon, &dropped);
    }
    new
}

fn share(state: &mut State, beacon: &Beacon) {
    if let Some(seal) = state.seal(AAD, &beacon.to_bytes()) {
        state.broadcast(ParcelKind::Beacons, vec![seal]);
    }
}

/// The usable beacons, sealed to the current epoch; none if it is tainted.
pub(crate) fn sealed(state: &mut State) -> Vec<Vec<u8>> {
    let records: Vec<Vec<u8>> = state.beacons.sound().map(Beacon::to_bytes).collect();
    if state.tainted {
        return Vec::new();
    }
    records.iter().filter_map(|record| state.seal(AAD, record)).collect()
}

/// Beacons sealed to an epoch. An epoch that holds a removed leaf proves nothing.
pub(crate) fn on_beacons(state: &mut State, from: &PeerKey, seals: &[Vec<u8>]) {
    for seal in seals {
        match state.epochs.open(AAD, seal) {
            Ok((epoch, record)) => {
                let authorised = state.log.view().devices();
                let sound = |node: &Node| node.leaves.keys().all(|leaf| authorised.contains_key(leaf));
                if state.epochs.get(&epoch).is_some_and(sound) {
                    on_record(state, from, &record);
                } else {
                    state.count("beacon under a tainted epoch");
                }
            }
            Err(error) => {
                state.count("beacon of an epoch that is not known");
                if error == WireError::UnknownKey {
                    state.beacons.keep_early(seal.clone());
                }
            }
        }
    }
}

/// Another epoch is known: beacons that overtook its commit are looked at again.
pub(crate) fn on_epoch(state: &mut State) {
    let from = state.identity.peer;
    let early = state.beacons.take_early();
    on_beacons(state, &from, &early);
}

/// A beacon record from a member.
pub(crate) fn on_record(state: &mut State, from: &PeerKey, record: &[u8]) {
    match Beacon::parse(record) {
        Ok(beacon) => {
            if keep(state, beacon) {
                state.tell(Fact::Beacon);
            }
        }
        Err(_) => state.drop_frame(from, "malformed beacon"),
    }
}

/// A member proved itself: it is told the beacons.
pub(crate) fn on_proven(state: &mut State, peer: PeerKey) {
    let records: Vec<Vec<u8>> = state.beacons.sound().map(Beacon::to_bytes).collect();
    state.send_boxed(peer, ParcelKind::BoxedBeacons, records);
}

#[cfg(test)]
mod tests;
