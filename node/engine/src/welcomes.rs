//! Welcomes for members who cannot follow: kept until their device is met, and handed over when it is right to.
//!
//! ```text
//!  it asked (told that it cannot follow) ------------------------------> at once
//!  it did not ask --> its branch is known here and the rule chose another --> handed, marked as decided
//!                \-> nobody knows yet --> waits; the two tell each other the commits that they lack, and one will know
//! ```
//!
//! A newcomer never saw the past of the epoch that it joined, so it cannot compare that epoch with another by itself. Whoever was
//! there before the fork can.

use std::collections::{BTreeMap, VecDeque};

use halloo_crypto::group::{GroupSession, KeyPackageSecret, check_key_package};
use halloo_crypto::id::{DeviceId, EpochId, GroupId};

use crate::bundles::deliver_welcome;
use crate::lane::PeerKey;
use crate::state::State;
use crate::wire::bundle::WelcomeBack;

/// Welcomes kept for members that are away; each re-add by anybody replaces one.
const MAX_WELCOMES: usize = 64;
/// Key packages whose secrets are kept until settled: the one joined with and a few to be added again by.
const MAX_KEY_PACKAGES: usize = 4;

/// Welcomes that wait for operations: two who add a device again at one moment each send one.
const MAX_EARLY: usize = 4;

/// The secret half of a key package, in memory only.
struct Kept {
    secret: KeyPackageSecret,
    /// Whether this device asked to be added by it.
    asked: bool,
}

/// Welcomes that wait for others, and what this device can be welcomed by.
#[derive(Default)]
pub(crate) struct Welcomes {
    /// By device: the epoch that the welcome leads to, and the welcome.
    waiting: BTreeMap<DeviceId, (EpochId, Vec<u8>)>,
    packages: VecDeque<Kept>,
    /// Welcomes for this device that came before the operations that they follow, and from whom.
    early: VecDeque<(PeerKey, GroupSession, WelcomeBack)>,
    /// When this device last asked to be added again.
    pub(crate) asked_ms: Option<u64>,
}

impl Welcomes {
    /// Keeps a welcome to `epoch` for a device; when too many wait, those who are there first stay.
    pub(crate) fn keep_for(&mut self, device: DeviceId, epoch: EpochId, welcome: Vec<u8>) {
        if self.waiting.len() < MAX_WELCOMES || self.waiting.contains_key(&device) {
            self.waiting.insert(device, (epoch, welcome));
        }
        assert!(self.waiting.len() <= MAX_WELCOMES, "INV-6: one for each device, within the limit");
    }

    /// Keeps the secret half of an own key package, the newest few only; `asked` if it is to be added again by it.
    pub(crate) fn keep_package(&mut self, secret: KeyPackageSecret, asked: bool) {
        self.packages.push_back(Kept { secret, asked });
        if self.packages.len() > MAX_KEY_PACKAGES {
            self.packages.pop_front();
        }
    }

    /// Keeps a welcome until the log has grown, the newest few only.
    pub(crate) fn wait(&mut self, from: &PeerKey, session: GroupSession, back: WelcomeBack) {
        self.early.push_back((*from, session, back));
        if self.early.len() > MAX_EARLY {
            self.early.pop_front();
        }
    }

    /// Takes the welcomes that waited.
    pub(crate) fn early(&mut self) -> VecDeque<(PeerKey, GroupSession, WelcomeBack)> {
        core::mem::take(&mut self.early)
    }

    /// Whether this device has asked to be added again.
    pub(crate) fn has_asked(&self) -> bool {
        self.packages.iter().any(|kept| kept.asked)
    }

    /// The leaves that this device asked to be given.
    pub(crate) fn asked_leaves(&self, group: &GroupId) -> Vec<[u8; 32]> {
        let asked = self.packages.iter().filter(|kept| kept.asked);
        asked
            .filter_map(|kept| check_key_package(group, kept.secret.key_package()).ok())
            .map(|info| info.leaf_key)
            .collect()
    }

    /// Forgets the own key packages: what they could be needed for is settled.
    pub(crate) fn forget_packages(&mut self) {
        self.packages.clear();
    }

    /// Joins by whichever own key package a welcome is for; says whether this device asked for it.
    pub(crate) fn join(&self, welcome: &[u8]) -> Option<(GroupSession, bool)> {
        self.packages
            .iter()
            .find_map(|kept| Some((GroupSession::join(welcome, &kept.secret).ok()?, kept.asked)))
    }
}

/// Hands a neighbour the welcome that waits for it, if that is right now; drops one that is needed no more.
pub(crate) fn hand(room: &mut Welcomes, state: &mut State, peer: PeerKey, asked: bool) {
    let Some(device) = state.peers.member(&peer) else { return };
    let Some((epoch, _)) = room.waiting.get(&device) else { return };
    let theirs = state.peers.get(&peer).map(|known| known.epochs.as_slice()).unwrap_or_default();
    let (follows, decided) =
        (state.epochs.leads_here(theirs, &device), state.epochs.outranks(theirs, &device));
    let current = state.epochs.descends(&state.epochs.tip().id(), epoch);
    debug_assert!(!(follows && decided), "who can follow has not lost");
    if !current || (follows && !asked) {
        room.waiting.remove(&device);
    } else if (asked || decided)
        && let Some((_, welcome)) = room.waiting.remove(&device)
    {
        deliver_welcome(state, peer, welcome, decided);
    }
}

#[cfg(test)]
mod tests;
