//! Where members were last: kept on the disk so that a restart finds them again, written only when something changed.
//!
//! A peer says where it listens at every meeting, mostly the same. Only who has proven membership is kept: a stranger on
//! the same Wi-Fi leaves no trace.

use crate::storage::address_key;
use halloo_engine::lane::PeerKey;
use libp2p::Multiaddr;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Members whose addresses are kept: as many as the network dials at a start. When full the oldest note goes.
pub const KEPT_MAX: usize = crate::net::GIVEN_MAX;

/// A note for the disk: its key, and its value or nothing to delete it.
pub type Note = (Vec<u8>, Option<Vec<u8>>);

/// What is known of addresses.
#[derive(Debug, Default)]
pub struct Addresses {
    /// What connected peers claim.
    claimed: BTreeMap<PeerKey, BTreeSet<Multiaddr>>,
    /// What lies on the disk.
    kept: BTreeMap<PeerKey, BTreeSet<Multiaddr>>,
    /// The order in which notes were written, oldest first.
    order: VecDeque<PeerKey>,
}

impl Addresses {
    /// From the node's notes on the disk; other notes and what does not decode are left alone.
    pub fn load(local: &BTreeMap<Vec<u8>, Vec<u8>>) -> Self {
        let mut all = Addresses::default();
        for (key, value) in local {
            let Some(peer) = key.strip_prefix(b"a").and_then(|peer| <[u8; 32]>::try_from(peer).ok()) else {
                continue;
            };
            let texts: Vec<String> = serde_json::from_slice(value).unwrap_or_default();
            all.kept.insert(PeerKey(peer), texts.iter().filter_map(|text| text.parse().ok()).collect());
            all.order.push_back(PeerKey(peer));
        }
        all
    }

    /// Everyone kept, with where they were.
    pub fn kept(&self) -> impl Iterator<Item = (PeerKey, Vec<Multiaddr>)> + '_ {
        self.kept.iter().map(|(peer, at)| (*peer, at.iter().cloned().collect()))
    }

    /// A connected peer says where it listens; `member` when it has proven membership of one of our groups.
    pub fn claim(&mut self, peer: PeerKey, addresses: &[Multiaddr], member: bool) -> Vec<Note> {
        self.claimed.insert(peer, addresses.iter().cloned().collect());
        if member { self.keep(peer) } else { Vec::new() }
    }

    /// The peer is gone; what it claimed stays on the disk only.
    pub fn gone(&mut self, peer: &PeerKey) {
        self.claimed.remove(peer);
    }

    /// The peer has proven membership: what it claimed is worth keeping. Nothing to write when that is known already.
    pub fn keep(&mut self, peer: PeerKey) -> Vec<Note> {
        let Some(claim) = self.claimed.get(&peer).filter(|claim| !claim.is_empty()) else {
            return Vec::new();
        };
        if self.kept.get(&peer) == Some(claim) {
            return Vec::new();
        }
        let texts: Vec<String> = claim.iter().map(ToString::to_string).collect();
        let value = serde_json::to_vec(&texts).expect("a list of texts is always JSON");
        let mut notes = vec![(address_key(&peer.0), Some(value))];
        self.kept.insert(peer, claim.clone());
        self.order.retain(|known| *known != peer);
        self.order.push_back(peer);
        while self.order.len() > KEPT_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.kept.remove(&oldest);
                notes.push((address_key(&oldest.0), None));
            }
        }
        notes
    }
}

#[cfg(test)]
mod tests;
