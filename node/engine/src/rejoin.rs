//! The room of those who cannot follow: told so, or unable to apply a commit, they ask to be added again by a fresh key package.

use halloo_crypto::group::{GroupSession, KeyPackageSecret, check_key_package};

use crate::bundles::open_welcome;
use crate::commits::{self, Commits};
use crate::epochs::{Node, leaves_of};
use crate::lane::PeerKey;
use crate::nacks::{self, Step};
use crate::output::Event;
use crate::snapshot::Table;
use crate::state::{Fact, State};
use crate::time::Time;
use crate::timers::Timer;
use crate::topics;
use crate::wire::bundle::WelcomeBack;
use crate::wire::direct::DirectFrame;
use crate::wire::nack::{MAX_NACKED_COMMITS, Nack};
use crate::wire::parcel::ParcelKind;

/// How often a device asks to be added again: each time costs the group a commit.
const REJOIN_EVERY_MS: u64 = 10_000;

/// Commits named in a Nack that only wait. A device that lost its key packages in a power cut may have been given another leaf by
/// one that lies behind what it cannot apply.
const NAMED_WAITING: usize = 3;

/// A neighbour on a branch that outranks ours says that we cannot follow: we ask to be added again, one neighbour at a time.
pub(crate) fn on_stranded(room: &mut Commits, state: &mut State, from: PeerKey) {
    let now_ms = state.now.mono.as_millis();
    if !state.is_member() || room.welcomes.asked_ms.is_some_and(|asked| now_ms < asked + REJOIN_EVERY_MS) {
        return;
    }
    let device = &state.identity.device;
    let Ok(secret) = KeyPackageSecret::generate(state.group, device, &mut state.rng) else { return };
    room.welcomes.asked_ms = Some(now_ms);
    let package = secret.key_package().to_vec();
    room.welcomes.keep_package(secret, true);
    state.send(from, &DirectFrame::Rejoin(package));
}

/// A member that cannot follow is given a fresh leaf by its own package; its welcome goes by the direct lane.
pub(crate) fn on_rejoin(room: &mut Commits, state: &mut State, from: &PeerKey, package: Vec<u8>) {
    let Some(device) = state.peers.member(from) else { return };
    let sound = check_key_package(&state.group, &package).is_ok_and(|info| info.device == device);
    if !sound {
        return state.drop_frame(from, "key package of another device");
    }
    if room.fresh.ask(device, package, commits::leaf_of(state, &device), state.now.mono) {
        state.tell(Fact::MustCommit);
    }
}

/// A commit came that this device cannot apply, perhaps for the second time.
pub(crate) fn on_unreadable(room: &mut Commits, state: &mut State) {
    room.nacks.press(state.now.mono);
    nacks::accuse_own(&mut room.nacks, state);
    on_nack_due(room, state);
}

/// Signs a Nack, repeats it, or signs another.
pub(crate) fn on_nack_due(room: &mut Commits, state: &mut State) {
    state.timers.stop(Timer::Nack);
    let now = state.now.mono;
    // Who was told that it cannot follow has asked one neighbour already.
    let asked = room.welcomes.asked_ms.map(|asked| Time::from_millis(asked + REJOIN_EVERY_MS));
    match room.nacks.step(now) {
        _ if !state.is_member() => {}
        Step::Rest => {}
        Step::Wait(at) => state.timers.set(Timer::Nack, at),
        Step::Sign if asked.is_some_and(|until| now < until) => {
            state.timers.set(Timer::Nack, asked.unwrap_or(now));
        }
        Step::Copy(nack) => {
            state.broadcast(ParcelKind::Nacks, vec![nack]);
            on_nack_due(room, state);
        }
        Step::Sign => {
            sign_nack(room, state);
            on_nack_due(room, state);
        }
    }
}

fn sign_nack(room: &mut Commits, state: &mut State) {
    let device = &state.identity.device;
    let Ok(secret) = KeyPackageSecret::generate(state.group, device, &mut state.rng) else {
        return room.nacks.healed();
    };
    let mut leaves = room.welcomes.asked_leaves(&state.group);
    leaves.extend(state.epochs.tip().leaves.get(&state.me()).copied());
    let package = secret.key_package().to_vec();
    let mut named = commits::newest_waiting(room, NAMED_WAITING);
    named.extend(room.nacks.unreadable().take(MAX_NACKED_COMMITS - NAMED_WAITING));
    let nack = Nack::sign(&state.group, device, named, leaves, package).to_bytes();
    room.welcomes.keep_package(secret, true);
    room.nacks.signed(nack.clone(), state.now.mono);
    state.leave_too(ParcelKind::Nacks, None, &nack);
    state.broadcast(ParcelKind::Nacks, vec![nack]);
    if let Some(due) = state.timers.due(Timer::CommitDue) {
        let held = state.now.mono.after(room.nacks.hold_back(state.now.mono));
        state.timers.set(Timer::CommitDue, due.max(held));
    }
}

/// Others cannot apply what led to our epoch, they say: they are added again if it did, after a ranked delay, by whoever is first.
pub(crate) fn on_nacks(room: &mut Commits, state: &mut State, from: &PeerKey, nacks: &[Vec<u8>]) {
    let mut new = false;
    for nack in nacks {
        let Ok(nack) = Nack::parse(nack) else {
            state.drop_frame(from, "malformed nack");
            continue;
        };
        let (id, device) = (nack.id(), nack.device);
        if device == state.me() || state.log.view().account_of(&device).is_none() {
            continue;
        }
        if room.nacks.knows(&device, &id) {
            if let Some(welcome) = room.nacks.answer_again(&device) {
                state.leave_too(ParcelKind::Welcomes, Some(device), &welcome);
                state.gossip(ParcelKind::Welcomes, vec![welcome]);
            }
            continue;
        }
        match nack.verify(&state.group) {
            Ok(nack) => new |= room.nacks.hold(nack, id, state.now.mono),
            Err(_) => state.drop_frame(from, "nack that does not verify"),
        }
    }
    if new {
        nacks::review(&mut room.nacks, state);
        commits::schedule(room, state);
    }
}

/// Welcomes that go by gossip: one of them may be the answer to our Nack.
pub(crate) fn on_welcomes(room: &mut Commits, state: &mut State, from: &PeerKey, welcomes: &[Vec<u8>]) {
    if !room.welcomes.has_asked() || !state.is_member() {
        return;
    }
    for welcome in welcomes {
        match WelcomeBack::parse(welcome) {
            Ok(back) => match room.welcomes.join(&back.welcome) {
                Some((session, true)) => enter(room, state, from, session, &back),
                _ => state.count("welcome for others"),
            },
            Err(_) => state.drop_frame(from, "malformed welcome"),
        }
    }
}

/// A welcome to the branch that won, for us whose branch was lost. One that we did not ask for counts only if its sender knows our
/// branch and the rule chose another (INV-1).
pub(crate) fn on_welcome(room: &mut Commits, state: &mut State, from: &PeerKey, seal: &[u8]) {
    let Some(back) = open_welcome(state, seal) else {
        return state.drop_frame(from, "welcome that does not open");
    };
    let Some((session, asked)) = room.welcomes.join(&back.welcome) else {
        return state.drop_frame(from, "welcome that does not open");
    };
    if !asked && !back.decided {
        return state.count("welcome to a branch that has not won");
    }
    enter(room, state, from, session, &back);
}

/// The log grew: welcomes that came before the operations that they follow.
pub(crate) fn on_operations(room: &mut Commits, state: &mut State) {
    for (from, session, back) in room.welcomes.early() {
        enter(room, state, &from, session, &back);
    }
}

fn enter(room: &mut Commits, state: &mut State, from: &PeerKey, session: GroupSession, back: &WelcomeBack) {
    let heads = session.heads();
    let known = state.epochs.get(&session.epoch_id()).is_some();
    if known {
        return state.count("welcome to an epoch that is here");
    }
    let Ok(weight) = state.log.weight(&heads) else {
        // The operations are on their way too, and whoever sent it has thrown it away.
        room.welcomes.wait(from, session, back.clone());
        return state.tell(Fact::Gap);
    };
    let current = state.epochs.tip().weight;
    let leaves = leaves_of(&session);
    if weight < current || !commits::realises(state, &session, &leaves, &leaves, &heads) {
        return state.drop_frame(from, "welcome that does not follow the log");
    }
    let Ok(node) = Node::new(session, None, weight, state.now.wall_ms) else { return };
    let id = node.id();
    commits::lay_trail(state, &back.trail);
    if state.epochs.came_second(&node) {
        return state.count("welcome that came second");
    }
    state.epochs.transplant(node);
    commits::schedule_word(state);
    topics::on_beacons(state, from, &back.beacons);
    commits::store_node(state, &id);
    state.out.put(Table::Head, &[], id.as_bytes().to_vec());
    room.owes_update = true;
    room.nacks.healed();
    state.timers.stop(Timer::Nack);
    commits::refresh_taint(state);
    let devices = u32::try_from(state.epochs.tip().session.member_count()).unwrap_or(u32::MAX);
    state.durable_event(Event::EpochChanged { epoch: id, devices });
    state.tell(Fact::Epoch);
    commits::catch_up(room, state);
}

#[cfg(test)]
mod tests;
