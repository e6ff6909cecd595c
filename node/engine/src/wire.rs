//! Frames between members, one type per trust level.
//!
//! ```text
//!   bytes --parse--> Frame --open--> Opened --verify--> Verified
//!            ^         ^        ^       ^         ^
//!         shape,    nothing   keys of   somebody  signature of a member, by our log:
//!         sizes     is known  a beacon, with the  crdt's VerifiedContent, a signed operation in the log,
//!                             an epoch  keys      a proven peer
//!                             or a box  wrote it
//! ```
//!
//! On the gossip lane the outer seal under the beacon is checked before a frame is forwarded; on the direct lane nothing but
//! the proof of membership is looked at until the peer has given it. All integers are big-endian. `docs/spec/wire.md` has every
//! frame on one page.

pub mod bytes;
pub mod parcel;
pub mod gossip;
pub mod direct;
pub mod proof;
pub mod nack;
pub mod bundle;
pub mod item;
pub mod sibling;

/// Version byte of every frame of ours.
pub const VERSION: u8 = 1;
/// Longest gossip frame: the mesh refuses more than 60 KiB.
pub const MAX_GOSSIP_BYTES: usize = 60 * 1024;
/// Longest direct frame: the mesh refuses more than 256 KiB.
pub const MAX_DIRECT_BYTES: usize = 256 * 1024;
/// How full a batch of small items is made before the next frame is begun: below the gossip limit with its seals.
pub const BATCH_BYTES: usize = 48 * 1024;
/// Most items in one parcel; a batch of the smallest useful items (acknowledgements of 150 bytes) holds about 300.
pub const MAX_ITEMS: usize = 1024;
/// Longest signalling blob: a WebRTC offer with its candidates has 2 to 6 KiB.
pub const MAX_SIGNAL_BYTES: usize = 32 * 1024;

/// Why a frame is not one. Always the peer's fault; the frame is dropped and counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WireError {
    /// The bytes end inside a field.
    #[error("the frame ends early")]
    Short,
    /// A field or the frame is longer than its limit.
    #[error("the frame or a field of it is too long")]
    TooLong,
    /// Bytes are left over, or a field has another spelling.
    #[error("the frame is not in canonical form")]
    NotCanonical,
    /// Another version.
    #[error("the frame has version {0}: update to read it")]
    Version(u8),
    /// A kind of frame that this build does not know.
    #[error("the frame has the unknown kind {0}")]
    Kind(u8),
    /// The seal does not open under any key that we hold.
    #[error("the frame is sealed with a key that is not known here")]
    UnknownKey,
    /// The seal names a key of ours and does not open with it.
    #[error("the seal of the frame is broken")]
    BrokenSeal,
    /// A signature does not verify.
    #[error("a signature in the frame does not verify")]
    BadSignature,
}
