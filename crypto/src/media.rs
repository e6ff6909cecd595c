//! Voice keys: a call chain that forgets, SFrame frames (RFC 9605) of constant size, and proof of who spoke.
//!
//! ```text
//!   call chain step  --+                                  one second of frames
//!   (60 s, then erased)|                                          |
//!   exporter of epoch -+-- HKDF --> MediaKey --> MediaSealer --> frame --> MediaRing --> MediaOpener --> opus
//!   incarnation, device+                              \                                     |
//!                                                      CheckpointWriter --signed--> CheckpointReader --> verified | forged
//! ```
//!
//! Without the call chain a retained parent epoch would open recorded calls; without the exporter a removed device
//! that still holds the chain would. Both are needed, and neither alone opens a frame.

mod chain;
mod header;
mod frame;
mod ring;
mod checkpoint;

pub use chain::{CALL_STEP_MS, CallStep, Kid, MediaKey};
pub use checkpoint::{
    Admission, Authenticity, CHECKPOINT_COVERS, CHECKPOINT_FRAMES_MAX, CHECKPOINT_LAG_TICKS,
    CHECKPOINT_LOSSY_MS, CHECKPOINT_MS, CheckpointDraft, CheckpointReader, CheckpointWriter, Claim, Round,
    Verdict,
};
pub use frame::{
    FRAME_CLASSES_BYTES, FRAME_OVERHEAD_MAX_BYTES, MediaOpener, MediaSealer, PAYLOAD_MAX_BYTES, peek_kid,
};
pub use ring::{KEYS_PER_DEVICE_MAX, KEYS_TRIED_MAX, MediaRing, OLD_KEY_MS, RingOpened};

/// Why a frame, a step or a checkpoint was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MediaError {
    /// Peer: the bytes are no frame, step or checkpoint.
    #[error("the media bytes are malformed")]
    Malformed,
    /// Peer, or a key that has not arrived yet: nobody (or not this sender) announced the key id.
    #[error("no key is known for this key id")]
    UnknownKey,
    /// Peer: no key of that id opens the frame.
    #[error("the media frame does not open")]
    DoesNotOpen,
    /// Peer or network: the frame was received before, or is older than the replay window.
    #[error("the media frame was seen before or is too old")]
    Replayed,
    /// Peer: the checkpoint's signature is not of that device.
    #[error("the checkpoint's signature does not verify")]
    BadSignature,
    /// Caller: the payload is longer than [`PAYLOAD_MAX_BYTES`].
    #[error("the payload is too long for one media frame")]
    TooLong,
}

#[cfg(test)]
mod tests;
