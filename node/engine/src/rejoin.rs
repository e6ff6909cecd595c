//! The room of those who cannot follow: told so, they ask to be added again by a fresh key package.

use halloo_crypto::group::{KeyPackageSecret, check_key_package};

use crate::bundles::open_welcome;
use crate::commits::{self, Commits, MAX_JOINING};
use crate::epochs::Node;
use crate::lane::PeerKey;
use crate::output::Event;
use crate::snapshot::Table;
use crate::state::{Fact, State};
use crate::wire::direct::DirectFrame;

/// How often a device asks to be added again: each time costs the group a commit.
const REJOIN_EVERY_MS: u64 = 10_000;

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
    if room.refresh.len() < MAX_JOINING || room.refresh.contains_key(&device) {
        room.refresh.insert(device, package);
        state.tell(Fact::MustCommit);
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
    let heads = session.heads();
    let known = state.epochs.get(&session.epoch_id()).is_some();
    let (Ok(weight), false) = (state.log.weight(&heads), known) else {
        return state.count("welcome ahead of the log");
    };
    let current = state.epochs.tip().weight;
    if weight < current || !commits::realises(state, &session, &session, &heads) {
        return state.drop_frame(from, "welcome that does not follow the log");
    }
    let Ok(node) = Node::new(session, None, weight, state.now.wall_ms) else { return };
    let id = node.id();
    commits::lay_trail(state, &back.trail);
    if state.epochs.loses_to_tip(&node) {
        return state.count("welcome to a rival that has lost");
    }
    state.epochs.transplant(node);
    commits::store_node(state, &id);
    state.out.put(Table::Head, &[], id.as_bytes().to_vec());
    room.owes_update = true;
    commits::refresh_taint(state);
    let devices = u32::try_from(state.epochs.tip().session.member_count()).unwrap_or(u32::MAX);
    state.durable_event(Event::EpochChanged { epoch: id, devices });
    state.tell(Fact::Epoch);
}
