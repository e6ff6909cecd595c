//! What can go wrong when the host asks the mesh for something, grouped by fault.

use thiserror::Error;

/// Why a call of the host was refused. Nothing was queued or changed when one of these returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MeshError {
    /// Caller: the payload is larger than its lane's named limit.
    #[error("the frame has {len} bytes and the lane carries at most {max}")]
    TooLarge {
        /// Length asked for, bytes.
        len: usize,
        /// The lane's limit, bytes.
        max: usize,
    },
    /// Caller: a named limit on topics or admissions is reached.
    #[error("no more than {max} of these are allowed")]
    TooMany {
        /// The limit.
        max: usize,
    },
    /// Caller: the 32 bytes are no Ed25519 key.
    #[error("the peer key is not a valid Ed25519 key")]
    BadPeer,
    /// Caller: the transport key of this node is not Ed25519.
    #[error("the transport key must be an Ed25519 key")]
    BadKey,
    /// World: there is no connection to this peer.
    #[error("the peer is not connected")]
    NotConnected,
    /// World: the queue towards this peer is full; try again after it drained.
    #[error("the queue towards the peer is full")]
    QueueFull,
    /// Peer: the asker of a pairing request went away before the reply.
    #[error("the asker is gone")]
    AskerGone,
}
