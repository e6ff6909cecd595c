//! Who really spoke: each second a sender signs short salted tags of the frames that it sent.
//!
//! SFrame alone lets any member forge any other. The tags have two bytes, so a forger who knew the salt would find a
//! frame of the same tag quickly; therefore the salt is revealed only after the frames, and a frame that arrives after
//! its checkpoint is never called verified.
//!
//! ```text
//!  0         1           9          17     25    26        26+2n       90+2n
//!  | version | key print | first BE | salt | n   | n tags  | signature |
//! ```
//!
//! tag = first two bytes of H(salt || counter BE || first 16 bytes of SHA-256 of the frame). The signature is the
//! device's, in the domain of media checkpoints, over everything before it.

use std::collections::BTreeMap;

use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;
use sha2::{Digest as _, Sha256};

use super::{MediaError, MediaKey};
use crate::id::{DeviceId, Signature};
use crate::identity::{self, DeviceSecret, Domain};
use crate::kdf;

/// Time between checkpoints.
pub const CHECKPOINT_MS: u64 = 1_000;
/// Frames of one checkpoint: a second of 10 ms frames; a sender with more signs earlier.
pub const CHECKPOINT_FRAMES_MAX: usize = 100;
/// Digests that wait for their checkpoint: four seconds of 10 ms frames.
const WAITING_MAX: usize = 4 * CHECKPOINT_FRAMES_MAX;
/// Keys of a sender whose covered range is remembered: two steps on two branches.
const KEYS_MAX: usize = 4;

const VERSION: u8 = 1;
const HEADER_BYTES: usize = 26;
const SALT_BYTES: usize = 8;
const TAG_BYTES: usize = 2;
const DIGEST_BYTES: usize = 16;

type Print = [u8; 8];
type FrameDigest = [u8; DIGEST_BYTES];

fn digest(frame: &[u8]) -> FrameDigest {
    let full: [u8; 32] = Sha256::digest(frame).into();
    *full.first_chunk().expect("32 bytes hold 16")
}

fn tag(salt: &[u8], counter: u64, digest: &FrameDigest) -> [u8; TAG_BYTES] {
    let full = kdf::hash("media checkpoint tag", &[salt, &counter.to_be_bytes(), digest]);
    *full.first_chunk().expect("32 bytes hold 2")
}

/// The sender's side: notes each frame, drafts a checkpoint each second.
#[derive(Debug)]
pub struct CheckpointWriter {
    print: Print,
    first: u64,
    digests: Vec<FrameDigest>,
}

impl CheckpointWriter {
    /// For the frames of one key.
    #[must_use]
    pub fn new(key: &MediaKey) -> Self {
        Self { print: key.print(), first: 0, digests: Vec::with_capacity(CHECKPOINT_FRAMES_MAX) }
    }

    /// Notes a sealed frame. Every frame of the key is noted, in the order of counters.
    pub fn note(&mut self, counter: u64, frame: &[u8]) {
        if self.digests.is_empty() {
            self.first = counter;
        }
        assert_eq!(
            counter,
            self.first + self.digests.len() as u64,
            "every frame of a key is noted, in order"
        );
        assert!(!self.is_full(), "a full writer is drafted first");
        self.digests.push(digest(frame));
    }

    /// True when a draft is due before the next [`Self::note`].
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.digests.len() == CHECKPOINT_FRAMES_MAX
    }

    /// Drafts the checkpoint of the frames noted since the last one; `None` when there were none.
    pub fn draft(&mut self, rng: &mut ChaCha20Rng) -> Option<CheckpointDraft> {
        if self.digests.is_empty() {
            return None;
        }
        let mut salt = [0_u8; SALT_BYTES];
        rng.fill_bytes(&mut salt);
        let count = u8::try_from(self.digests.len()).expect("at most a hundred frames");
        let mut bytes = Vec::with_capacity(HEADER_BYTES + TAG_BYTES * self.digests.len() + 64);
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.print);
        bytes.extend_from_slice(&self.first.to_be_bytes());
        bytes.extend_from_slice(&salt);
        bytes.push(count);
        for (counter, digest) in (self.first..).zip(&self.digests) {
            bytes.extend_from_slice(&tag(&salt, counter, digest));
        }
        self.digests.clear();
        Some(CheckpointDraft(bytes))
    }
}

/// A checkpoint without its signature: drafted by the voice thread, signed by whoever holds the device key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointDraft(Vec<u8>);

impl CheckpointDraft {
    /// Signs it; the bytes to send.
    #[must_use]
    pub fn sign(mut self, device: &DeviceSecret) -> Vec<u8> {
        let signature = device.sign(Domain::MediaCheckpoint, &self.0);
        self.0.extend_from_slice(&signature.0);
        self.0
    }
}

/// What is known about who spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Authenticity {
    /// No checkpoint covered the last frames: lost, late, or not sent. Never a reason to accuse.
    #[default]
    Unverified,
    /// The device signed the frames that we heard.
    Verified,
    /// The device signed other frames than those that we heard: a member forged them.
    Forged,
}

/// What one checkpoint said about the frames that we hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Verdict {
    /// Frames that were as signed.
    pub verified: u32,
    /// Frames that were not.
    pub forged: u32,
}

impl Verdict {
    /// One word for it: a single forged frame is a forgery.
    #[must_use]
    pub const fn authenticity(&self) -> Authenticity {
        match (self.verified, self.forged) {
            (_, 1..) => Authenticity::Forged,
            (1.., 0) => Authenticity::Verified,
            (0, 0) => Authenticity::Unverified,
        }
    }
}

/// The receiver's side for one sender: keeps digests until their checkpoint comes.
#[derive(Debug, Default)]
pub struct CheckpointReader {
    waiting: BTreeMap<(Print, u64), FrameDigest>,
    /// One past the last counter that a checkpoint has covered, per key, newest last.
    covered: Vec<(Print, u64)>,
}

impl CheckpointReader {
    /// Nothing heard yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a frame that opened. After its checkpoint it is ignored: its salt is public, its tag proves nothing.
    pub fn note(&mut self, print: [u8; 8], counter: u64, frame: &[u8]) {
        let covered = self.covered.iter().find(|(key, _)| *key == print);
        if covered.is_some_and(|(_, end)| counter < *end) {
            return;
        }
        if self.waiting.len() == WAITING_MAX {
            self.waiting.pop_first();
        }
        self.waiting.entry((print, counter)).or_insert(digest(frame));
    }

    /// Judges the frames that the checkpoint covers; each is judged once.
    ///
    /// # Errors
    /// [`MediaError::Malformed`] or [`MediaError::BadSignature`]; nothing is judged then.
    pub fn check(&mut self, device: &DeviceId, bytes: &[u8]) -> Result<Verdict, MediaError> {
        let checkpoint = Checkpoint::parse(bytes)?;
        checkpoint.verify(device)?;
        let mut verdict = Verdict::default();
        for (counter, signed) in (checkpoint.first..).zip(checkpoint.tags.chunks_exact(TAG_BYTES)) {
            let Some(heard) = self.waiting.remove(&(checkpoint.print, counter)) else {
                continue;
            };
            if tag(checkpoint.salt, counter, &heard) == signed {
                verdict.verified += 1;
            } else {
                verdict.forged += 1;
            }
        }
        self.cover(checkpoint.print, checkpoint.end());
        Ok(verdict)
    }

    fn cover(&mut self, print: Print, end: u64) {
        if let Some((_, known)) = self.covered.iter_mut().find(|(key, _)| *key == print) {
            *known = end.max(*known);
            return;
        }
        if self.covered.len() == KEYS_MAX {
            self.covered.remove(0);
        }
        self.covered.push((print, end));
    }
}

struct Checkpoint<'a> {
    print: Print,
    first: u64,
    salt: &'a [u8],
    tags: &'a [u8],
    signed: &'a [u8],
    signature: Signature,
}

impl<'a> Checkpoint<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, MediaError> {
        let header = bytes.get(..HEADER_BYTES).ok_or(MediaError::Malformed)?;
        let count = usize::from(header[25]);
        let signed_len = HEADER_BYTES + TAG_BYTES * count;
        let first = header[9..17].try_into().map(u64::from_be_bytes);
        let first = first.map_err(|_| MediaError::Malformed)?;
        if header[0] != VERSION
            || count == 0
            || count > CHECKPOINT_FRAMES_MAX
            || bytes.len() != signed_len + Signature::LEN
            || first.checked_add(count as u64).is_none()
        {
            return Err(MediaError::Malformed);
        }
        let (signed, signature) = bytes.split_at(signed_len);
        Ok(Self {
            print: header[1..9].try_into().map_err(|_| MediaError::Malformed)?,
            first,
            salt: &header[17..25],
            tags: &signed[HEADER_BYTES..],
            signed,
            signature: Signature(signature.try_into().map_err(|_| MediaError::Malformed)?),
        })
    }

    fn verify(&self, device: &DeviceId) -> Result<(), MediaError> {
        identity::verify(device, Domain::MediaCheckpoint, self.signed, &self.signature)
            .map_err(|_| MediaError::BadSignature)
    }

    fn end(&self) -> u64 {
        self.first + (self.tags.len() / TAG_BYTES) as u64
    }
}

#[cfg(test)]
mod tests;
