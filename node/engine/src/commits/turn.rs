//! Whose turn it is to commit, and when: rank by chance only saves bytes, so it may err.

use core::time::Duration;
use std::collections::BTreeSet;

use halloo_crypto::id::DeviceId;
use halloo_crypto::kdf;

use super::{Commits, commit_now, plan};
use crate::state::State;
use crate::timers::Timer;

/// How long the group must have been quiet before a newcomer renews its leaf, and the spread over newcomers.
const QUIET_MS: u64 = 3_000;

/// Plans the own commit, after those of better rank had their chance. Rank only saves bytes, so it may err.
pub(crate) fn schedule(room: &mut Commits, state: &mut State) {
    let Some(due) = plan(room, state).filter(|_| state.is_member()) else { return };
    let me = state.me();
    let tip = state.epochs.tip().id();
    let place = |device: &DeviceId| kdf::hash("commit rank", &[tip.as_bytes(), device.as_bytes()]);
    let present: BTreeSet<DeviceId> = state
        .live
        .all(halloo_crdt::live::Kind::Presence)
        .map(|(device, _)| *device)
        .filter(|device| state.log.view().devices().contains_key(device))
        .chain([me])
        .collect();
    let mine = place(&me);
    assert!(present.contains(&me), "this device is here");
    let rank = present.iter().filter(|device| place(device) < mine).count();
    let trip = state.config.round_trip;
    let share = f64::from(u32::try_from(rank).unwrap_or(u32::MAX))
        / f64::from(u32::try_from(present.len()).unwrap_or(1));
    let mut wait = trip + trip.mul_f64(3.0 * share);
    if room.nacks.is_all(&due) {
        // Whoever is beside those who cannot follow hands them their welcome without burdening the mesh, so it goes first.
        let near = due.remove.iter().any(|device| state.peers.of_device(device).is_some());
        let first = if near { 1.0 } else { 2.5 };
        wait = trip.mul_f64(first + 1.5 * share);
    }
    // Who has just asked to be added again holds back: a rival of what it cannot apply would part the group once more.
    wait = wait.max(room.nacks.hold_back(state.now.mono));
    state.timers.within(Timer::CommitDue, state.now.mono, wait);
}

/// The timer of [`schedule`], and of a newcomer's first commit.
pub(crate) fn on_due(room: &mut Commits, state: &mut State) {
    let quiet_for = state.now.mono.as_millis().saturating_sub(room.last_change_ms);
    if plan(room, state).is_some() {
        commit_now(room, state, false);
    } else if room.owes_update && quiet_for >= QUIET_MS {
        commit_now(room, state, true);
    }
    if room.owes_update {
        schedule_update(room, state);
    }
}

/// A newcomer commits once when the group is quiet, so that the tree stays warm: the more members, the longer it waits, since
/// others may have joined with it.
pub(crate) fn schedule_update(room: &mut Commits, state: &mut State) {
    let members = state.log.view().devices().len() as u64;
    let spread = u64::from(rand_core::Rng::next_u32(&mut state.rng)) % (QUIET_MS + 20 * members);
    let wait = Duration::from_millis(QUIET_MS + spread);
    room.last_change_ms = room.last_change_ms.max(1);
    state.timers.within(Timer::CommitDue, state.now.mono, wait);
}
