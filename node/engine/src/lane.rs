//! Who is at the other end of a wire, and which way a frame travels.

use core::fmt;

use serde::{Deserialize, Serialize};

/// The Ed25519 public key of a libp2p transport: who is at the other end of a wire.
///
/// It is not a device key; a membership proof ties the two together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PeerKey(pub [u8; 32]);

impl fmt::Debug for PeerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "peer:{:02x}{:02x}{:02x}{:02x}", self.0[0], self.0[1], self.0[2], self.0[3])
    }
}

/// The way a frame travels.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Lane {
    /// Flooded to everyone subscribed to this topic.
    Gossip([u8; 32]),
    /// A bounded stream to one peer. The first eight bytes of every frame are the route tag of the engine.
    Direct,
    /// `/halloo/pair/1`: with a stranger who is pairing.
    Pair,
}
