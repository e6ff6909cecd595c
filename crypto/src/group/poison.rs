//! An insider for tests: commits that verify, whose path secrets are garbage for chosen members and right for the others.
//!
//! The feature `poison` is off by default; whoever can change the code can do this anyway, and a test must be able to.

use std::cell::RefCell;
use std::collections::BTreeSet;

use mls_rs::group::LeafIndex;
use mls_rs_core::crypto::HpkePublicKey;

use super::session::GroupSession;
use crate::id::DeviceId;

thread_local! {
    static VICTIMS: RefCell<BTreeSet<DeviceId>> = const { RefCell::new(BTreeSet::new()) };
    static SPOILED: RefCell<BTreeSet<Vec<u8>>> = const { RefCell::new(BTreeSet::new()) };
}

/// Every commit that this thread makes from now on is unreadable for these devices, and for whoever shares a node of the tree
/// with one of them in which the committer has no part; none for nobody.
pub fn arm(victims: impl IntoIterator<Item = DeviceId>) {
    VICTIMS.set(victims.into_iter().collect());
}

/// Spoils until it is dropped.
pub(super) struct Spoiling;

impl Drop for Spoiling {
    fn drop(&mut self) {
        SPOILED.take();
    }
}

/// A commit is being made from this epoch.
pub(super) fn begin(session: &GroupSession) -> Spoiling {
    let victims = VICTIMS.with_borrow(Clone::clone);
    SPOILED.set(victims.iter().flat_map(|device| keys_above(session, device)).collect());
    Spoiling
}

/// The public keys whose other halves a device holds: its leaf's, and those of the nodes above it.
fn keys_above(session: &GroupSession, device: &DeviceId) -> Vec<Vec<u8>> {
    let tree = session.tree();
    let index = session.index_of(device).and_then(|index| LeafIndex::try_from(index).ok());
    let Some(index) = index else { return Vec::new() };
    let leaf = tree.get_leaf(index).ok().flatten().map(|leaf| leaf.public_key.to_vec());
    let above = tree.filtered_direct_path(index).unwrap_or_default();
    let above = above.into_iter().flatten().map(|parent| parent.public_key.to_vec());
    leaf.into_iter().chain(above).collect()
}

/// What is sealed to this key.
pub(super) fn spoiled(key: &HpkePublicKey, plaintext: &[u8]) -> Vec<u8> {
    let spoil = SPOILED.with_borrow(|keys| keys.contains(key.as_ref()));
    let mask = if spoil { 0x5a } else { 0 };
    plaintext.iter().map(|byte| byte ^ mask).collect()
}

#[cfg(test)]
mod tests;
