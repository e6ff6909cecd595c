//! What is noted: whatever this device makes that somebody who is away must be left.

use core::time::Duration;
use std::collections::BTreeSet;

use halloo_crdt::log::OpKind;
use halloo_crypto::id::{DeviceId, MessageId, OpId};
use halloo_crypto::kdf;
use halloo_crypto::mailbox::Day;

use super::{ABSENT_PATIENCE, Kind, MAX_THINGS, Others, PRESENT_PATIENCE, Post, Thing, drop_thing, row};
use crate::beacons::BeaconId;
use crate::snapshot::Table;
use crate::state::State;
use crate::timers::Timer;
use crate::wire::item::ITEM_ROOM;
use crate::wire::parcel::ParcelKind;

/// Of the contents written before there was a mailbox, so many of the newest are left for who lacks them.
const MAX_EARLIER: usize = MAX_THINGS / 2;
/// Operations that go with a welcome, the newest: more are a long absence of much change, after which two must meet.
const MAX_OPERATIONS: usize = 128;
/// Members that are asked by mail to let this device in again: each that answers costs the group a commit.
const ASKED: usize = 3;

/// Notes a thing of this device for whoever lacks it, if the group has a coordinator.
fn note(room: &mut Post, state: &mut State, kind: Kind, name: [u8; 32], patience: Duration) {
    let now = state.now.mono;
    let (due, late, day) = (now.after(patience), now.after(PRESENT_PATIENCE), Day::of_ms(state.now.wall_ms));
    keep(room, state, Thing { kind, name, carried: Vec::new(), day, due, late, owed: None });
}

fn keep(room: &mut Post, state: &mut State, thing: Thing) {
    if room.things.values().any(|known| known.name == thing.name) {
        return;
    }
    if room.things.len() >= MAX_THINGS {
        let idle = room.things.iter().find(|(_, thing)| thing.kind.is_lazy()).map(|(at, _)| *at);
        if let Some(at) = idle.or_else(|| room.things.keys().next().copied()) {
            state.count("too much waits for members who are away");
            drop_thing(room, state, at);
        }
    }
    room.made += 1;
    state.out.put(Table::Post, &thing.name, thing.to_bytes(room.made));
    state.timers.set_no_later(Timer::Post, thing.due);
    room.things.insert(room.made, thing);
    assert!(room.things.len() <= MAX_THINGS, "one in, one out");
}

/// This device told the others something that is nowhere to be asked for.
pub(crate) fn on_told(
    room: &mut Post,
    state: &mut State,
    kind: ParcelKind,
    to: Option<DeviceId>,
    bytes: &[u8],
) {
    if state.document.via().is_none() || bytes.len() > ITEM_ROOM / 2 {
        return;
    }
    let name = kdf::hash("post", &[bytes]);
    if room.things.values().any(|thing| thing.name == name) {
        // Said again: nor does anybody need the log once more.
        return;
    }
    let (kind, owed) = match kind {
        ParcelKind::Acknowledgements => (Kind::Row, None),
        ParcelKind::Nacks => (Kind::Nack, Some(some_members(state, &name))),
        ParcelKind::Welcomes => (Kind::Welcome, Some(to.into_iter().collect())),
        _ => return,
    };
    if let (Kind::Welcome, Some(device)) = (kind, to) {
        note_log(room, state, device);
    }
    if kind == Kind::Nack {
        // Only the newest can be answered: the key package of an older one is forgotten soon.
        let older: Vec<u64> =
            room.things.iter().filter(|(_, thing)| thing.kind == Kind::Nack).map(|(at, _)| *at).collect();
        older.into_iter().for_each(|at| drop_thing(room, state, at));
    }
    let now = state.now.mono;
    let (due, late, day) =
        (now.after(ABSENT_PATIENCE), now.after(PRESENT_PATIENCE), Day::of_ms(state.now.wall_ms));
    keep(room, state, Thing { kind, name, carried: bytes.to_vec(), day, due, late, owed });
}

/// Who is let in again by mail may lack operations too, whoever signed them: a welcome that follows what is not known waits.
fn note_log(room: &mut Post, state: &mut State, device: DeviceId) {
    if !Others::of(room, state).away.contains(&device) {
        return;
    }
    let ops: Vec<[u8; 32]> = state.log.ops().into_iter().map(|op| *op.id().as_bytes()).collect();
    let now = state.now.mono;
    let (due, late, day) =
        (now.after(ABSENT_PATIENCE), now.after(PRESENT_PATIENCE), Day::of_ms(state.now.wall_ms));
    for name in ops.into_iter().rev().take(MAX_OPERATIONS).rev() {
        if let Some(thing) = room.things.values_mut().find(|thing| thing.name == name) {
            thing.owed.iter_mut().for_each(|owed| {
                owed.insert(device);
            });
            continue;
        }
        let owed = Some(BTreeSet::from([device]));
        keep(room, state, Thing { kind: Kind::Operation, name, carried: Vec::new(), day, due, late, owed });
    }
}

/// A few members, others for each thing.
fn some_members(state: &State, name: &[u8; 32]) -> BTreeSet<DeviceId> {
    let others = state.log.view().devices().keys().filter(|device| **device != state.me());
    let mut ranked: Vec<_> =
        others.map(|device| (kdf::hash("post to", &[name, device.as_bytes()]), *device)).collect();
    ranked.sort_unstable();
    debug_assert!(ranked.iter().all(|(_, device)| *device != state.me()), "nobody asks itself");
    ranked.into_iter().take(ASKED).map(|(_, device)| device).collect()
}

/// Contents are new in the set: the own ones are noted.
pub(crate) fn on_contents(room: &mut Post, state: &mut State, ids: &[MessageId]) {
    if state.document.via().is_none() {
        return;
    }
    let me = state.me();
    for id in ids {
        let Some(content) = state.messages.get(id).filter(|content| content.content().author == me) else {
            continue;
        };
        let kind = if content.content().body.is_worth_a_receipt() { Kind::Content } else { Kind::Receipt };
        note(room, state, kind, *id.as_bytes(), ABSENT_PATIENCE);
    }
}

/// Operations are new in the log: the own ones are noted. Who leaves has no moment to spare.
pub(crate) fn on_operations(room: &mut Post, state: &mut State, ids: &[OpId]) {
    if state.document.via().is_none() {
        return;
    }
    let me = state.me();
    for id in ids {
        let Some(op) = state.log.get(id).filter(|op| op.author() == me) else { continue };
        let leaves = matches!(op.kind(), OpKind::Remove { account } if *account == state.account());
        let patience = if leaves { Duration::ZERO } else { ABSENT_PATIENCE };
        note(room, state, Kind::Operation, *id.as_bytes(), patience);
    }
}

/// Another epoch is current: if this device made it, whoever is away needs the commit.
pub(crate) fn on_epoch(room: &mut Post, state: &mut State) {
    let tip = state.epochs.tip();
    if tip.own && state.document.via().is_some() {
        let name = row::of_tag(&tip.tag());
        note(room, state, Kind::Commit, name, ABSENT_PATIENCE);
    }
    if !room.things.is_empty() {
        // A beacon may have waited for an epoch without those who are out.
        state.timers.within(Timer::Post, state.now.mono, ABSENT_PATIENCE);
    }
}

/// This device made a beacon.
pub(crate) fn on_beacon(room: &mut Post, state: &mut State, beacon: &BeaconId) {
    if state.document.via().is_some() {
        note(room, state, Kind::Beacon, row::of_tag(beacon), ABSENT_PATIENCE);
    }
}

/// The document changed: perhaps there is a coordinator now, or a mailbox that was waited for.
pub(crate) fn on_document(room: &mut Post, state: &mut State) {
    if state.document.via().is_none() {
        room.begun = false;
        return;
    }
    if !core::mem::replace(&mut room.begun, true) {
        note_earlier(room, state);
    }
    if !room.things.is_empty() {
        state.timers.within(Timer::Post, state.now.mono, ABSENT_PATIENCE);
    }
}

/// What this device made before it knew of a coordinator: a newcomer's name, its first commit, lines that somebody never got.
fn note_earlier(room: &mut Post, state: &mut State) {
    let me = state.me();
    let devices = state.log.view().devices().len();
    let is_own = |id: &MessageId| {
        let content = state.messages.get(id).map(|content| content.content());
        content.is_some_and(|content| content.author == me && content.body.is_worth_a_receipt())
    };
    let mut own: Vec<(u64, MessageId)> = state.messages.sync_items().filter(|(_, id)| is_own(id)).collect();
    own.sort_unstable();
    let newest = own.split_off(own.len().saturating_sub(MAX_EARLIER)).into_iter().map(|(_, id)| id);
    let lacking = |id: &MessageId| state.messages.who_has(id).delivered.len() < devices;
    let own: Vec<MessageId> = state.messages.in_causal_order(newest.filter(lacking).collect::<Vec<_>>());
    let commits: Vec<[u8; 32]> = state
        .epochs
        .pairs()
        .filter(|(_, child)| child.own)
        .map(|(_, child)| row::of_tag(&child.tag()))
        .collect();
    for id in &own {
        note(room, state, Kind::Content, *id.as_bytes(), ABSENT_PATIENCE);
    }
    for name in commits {
        note(room, state, Kind::Commit, name, ABSENT_PATIENCE);
    }
}
