//! Who really spoke behind a forwarder: a sender signs, again and again, short salted tags of the frames that it sent.
//!
//! SFrame alone lets any member forge any other. A tag has one byte, so a forger who knew the salt would find a frame of the same tag
//! at once; therefore the salt is revealed only [`CHECKPOINT_LAG_TICKS`] after the frames, and a frame that arrives after its
//! checkpoint is refused. A forgery of ten frames passes once in 2^80, of one frame once in 256.
//!
//! ```text
//!  0             1        2       6          10        14       16     20  21    21+n
//!  | v=2|closed  | stream | print | first BE | tick BE | held BE | salt | n | n tags | signature 64 |
//! ```
//!
//! | field | what its signer says |
//! |---|---|
//! | closed | bit 0 of the first byte, version in the high half: nothing was sealed under this key after these frames, nothing will be |
//! | stream, tick | the frames sealed before the media time `tick` of `stream`, in 10 ms, are these and earlier ones, no others |
//! | print, first, n | which key, and the counters of the frames: `first .. first + n` |
//! | held | tenths of a second up to `tick` in which this key alone was sealed under |
//! | tags | one byte of H(salt, counter BE, first 16 bytes of SHA-256 of the frame) for each frame |
//!
//! So two statements accuse: a frame that was heard is not the one that was signed, or a frame says a media time at which its sender
//! says to have sealed no such frame. Both are proofs: whatever a forwarder holds back, delays or repeats, no honest frame is called
//! forged. The signature is the device's, in the domain of media checkpoints, over everything before it.

mod reader;
mod writer;

pub use reader::{Admission, Authenticity, CheckpointReader, Claim, Verdict};
pub use writer::{CheckpointDraft, CheckpointWriter, Round};

use sha2::{Digest as _, Sha256};

use super::MediaError;
use crate::id::{DeviceId, Signature};
use crate::identity::{self, Domain};
use crate::kdf;

/// Time between checkpoints while nothing is lost.
pub const CHECKPOINT_MS: u64 = 1_000;
/// Time between checkpoints while frames are lost; each frame is then in [`CHECKPOINT_COVERS`] of them, within two seconds.
pub const CHECKPOINT_LOSSY_MS: u64 = 600;
/// Checkpoints that name each frame while frames are lost: of five lost in a hundred all three are lost once in 8,000 times.
pub const CHECKPOINT_COVERS: usize = 3;
/// How long a frame is on its way, in ticks of 10 ms, before its salt may be known: more than networks change the order by.
pub const CHECKPOINT_LAG_TICKS: u32 = 10;
/// Frames of one checkpoint: what its count holds; three rounds of 10 ms frames with all reports are 190.
pub const CHECKPOINT_FRAMES_MAX: usize = 255;

const VERSION: u8 = 2;
const CLOSED: u8 = 1;
const HEADER_BYTES: usize = 21;
const SALT_BYTES: usize = 4;
const DIGEST_BYTES: usize = 16;

type Print = [u8; 4];
type FrameDigest = [u8; DIGEST_BYTES];

fn short(print: [u8; 8]) -> Print {
    let [a, b, c, d, ..] = print;
    [a, b, c, d]
}

fn digest(frame: &[u8]) -> FrameDigest {
    let full: [u8; 32] = Sha256::digest(frame).into();
    *full.first_chunk().expect("32 bytes hold 16")
}

fn tag(salt: &[u8], counter: u64, digest: &FrameDigest) -> u8 {
    kdf::hash("media checkpoint tag", &[salt, &counter.to_be_bytes(), digest])[0]
}

/// Whether one media time is before another; both wrap.
const fn before(one: u32, other: u32) -> bool {
    (one.wrapping_sub(other) as i32) < 0
}

struct Checkpoint<'a> {
    closed: bool,
    stream: u8,
    print: Print,
    first: u64,
    tick: u32,
    held_ticks: u32,
    salt: &'a [u8],
    tags: &'a [u8],
    signed: &'a [u8],
    signature: Signature,
}

impl<'a> Checkpoint<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, MediaError> {
        let header: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or(MediaError::Malformed)?;
        let signed_len = HEADER_BYTES + usize::from(header[20]);
        if header[0] >> 4 != VERSION
            || header[0] & 0x0f > CLOSED
            || bytes.len() != signed_len + Signature::LEN
        {
            return Err(MediaError::Malformed);
        }
        let four = |at: usize| [header[at], header[at + 1], header[at + 2], header[at + 3]];
        let (signed, signature) = bytes.split_at(signed_len);
        Ok(Self {
            closed: header[0] & CLOSED != 0,
            stream: header[1],
            print: four(2),
            first: u64::from(u32::from_be_bytes(four(6))),
            tick: u32::from_be_bytes(four(10)),
            held_ticks: u32::from(u16::from_be_bytes([header[14], header[15]])) * 10,
            salt: &signed[16..HEADER_BYTES - 1],
            tags: &signed[HEADER_BYTES..],
            signed,
            signature: Signature(signature.try_into().map_err(|_| MediaError::Malformed)?),
        })
    }

    fn verify(&self, device: &DeviceId) -> Result<(), MediaError> {
        identity::verify(device, Domain::MediaCheckpoint, self.signed, &self.signature)
            .map_err(|_| MediaError::BadSignature)
    }

    /// One past the last counter sealed before the tick.
    fn end(&self) -> u64 {
        self.first + self.tags.len() as u64
    }
}

#[cfg(test)]
mod tests;
