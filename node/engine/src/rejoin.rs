//! The room of those who cannot follow: told so, they ask to be added again by a fresh key package.

use halloo_crypto::group::{KeyPackageSecret, check_key_package};

use crate::commits::{Commits, MAX_JOINING};
use crate::lane::PeerKey;
use crate::state::{Fact, State};
use crate::wire::direct::DirectFrame;

/// How often a device asks to be added again: each time costs the group a commit.
const REJOIN_EVERY_MS: u64 = 10_000;
/// Key packages whose secrets are kept until settled: the one joined with and a few to be added again by.
const MAX_KEY_PACKAGES: usize = 4;

/// A neighbour on a branch that outranks ours says that we cannot follow: we ask to be added again, one neighbour at a time.
pub(crate) fn on_stranded(room: &mut Commits, state: &mut State, from: PeerKey) {
    let now_ms = state.now.mono.as_millis();
    if !state.is_member() || room.asked_ms.is_some_and(|asked| now_ms < asked + REJOIN_EVERY_MS) {
        return;
    }
    let device = &state.identity.device;
    let Ok(secret) = KeyPackageSecret::generate(state.group, device, &mut state.rng) else { return };
    room.asked_ms = Some(now_ms);
    let package = secret.key_package().to_vec();
    keep(room, secret);
    state.send(from, &DirectFrame::Rejoin(package));
}

/// Keeps the secret half of a key package in memory, the newest ones only.
pub(crate) fn keep(room: &mut Commits, secret: KeyPackageSecret) {
    room.key_packages.push_back(secret);
    if room.key_packages.len() > MAX_KEY_PACKAGES {
        room.key_packages.pop_front();
    }
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
