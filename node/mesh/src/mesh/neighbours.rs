//! Who is connected, by both spellings of its key: making one out of the other is arithmetic on the curve, too much for every frame.

use crate::peer::PeerKey;
use libp2p::PeerId;
use std::collections::BTreeMap;

/// The peers that are connected.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    keys: BTreeMap<PeerId, PeerKey>,
    ids: BTreeMap<PeerKey, PeerId>,
}

impl Neighbours {
    pub(super) fn insert(&mut self, id: PeerId, key: PeerKey) {
        self.keys.insert(id, key);
        self.ids.insert(key, id);
        debug_assert_eq!(self.keys.len(), self.ids.len(), "one key, one id");
    }

    /// The key of a peer that is connected no more; `None` for one that was not.
    pub(super) fn remove(&mut self, id: &PeerId) -> Option<PeerKey> {
        let key = self.keys.remove(id)?;
        self.ids.remove(&key);
        Some(key)
    }

    pub(super) fn contains(&self, id: &PeerId) -> bool {
        self.keys.contains_key(id)
    }

    /// The key of any peer, connected or not; `None` unless it is Ed25519.
    pub(super) fn key_of(&self, id: &PeerId) -> Option<PeerKey> {
        self.keys.get(id).copied().or_else(|| PeerKey::from_peer_id(id))
    }

    /// The id of any peer, connected or not; `None` where the bytes are no point of the curve.
    pub(super) fn id_of(&self, key: &PeerKey) -> Option<PeerId> {
        self.ids.get(key).copied().or_else(|| key.to_peer_id())
    }

    /// In the order of their ids.
    pub(super) fn keys(&self) -> impl Iterator<Item = PeerKey> + '_ {
        self.keys.values().copied()
    }
}

#[cfg(test)]
mod tests;
