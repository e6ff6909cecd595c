//! The transport key of a peer, and how it becomes libp2p's own `PeerId`.

use libp2p::PeerId;
use libp2p::identity::{PublicKey, ed25519};
use std::fmt;

/// The Ed25519 public key of a node's transport (Noise, TLS). It is *not* the device key: which device speaks from
/// behind it is settled by a signed membership proof inside the direct lane.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerKey(pub [u8; 32]);

/// Multihash code of an identity hash: the `PeerId` carries the key itself.
const IDENTITY_HASH: u64 = 0;

impl PeerKey {
    /// The key inside a `PeerId`, if it is an Ed25519 key (they are inlined, never hashed).
    pub fn from_peer_id(id: &PeerId) -> Option<Self> {
        let hash = id.as_ref();
        if hash.code() != IDENTITY_HASH {
            return None;
        }
        let key = PublicKey::try_decode_protobuf(hash.digest()).ok()?;
        Some(Self(key.try_into_ed25519().ok()?.to_bytes()))
    }

    /// The key of a libp2p public key, if it is Ed25519.
    pub fn from_public(key: &PublicKey) -> Option<Self> {
        Some(Self(key.clone().try_into_ed25519().ok()?.to_bytes()))
    }

    /// The `PeerId` of this key, or `None` where the 32 bytes are no point of the curve.
    pub fn to_peer_id(&self) -> Option<PeerId> {
        let key = ed25519::PublicKey::try_from_bytes(&self.0).ok()?;
        Some(PublicKey::from(key).to_peer_id())
    }
}

impl fmt::Debug for PeerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "PeerKey({a:02x}{b:02x}{c:02x}{d:02x})")
    }
}

#[cfg(test)]
mod tests;
