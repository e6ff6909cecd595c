//! The sender's side of checkpoints: notes each sealed frame, drafts what the device then signs.

use std::collections::VecDeque;

use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;

use super::{
    CHECKPOINT_COVERS, CHECKPOINT_FRAMES_MAX, CLOSED, FrameDigest, HEADER_BYTES, Print, SALT_BYTES, VERSION,
    before, digest, short, tag,
};
use crate::identity::{DeviceSecret, Domain};
use crate::media::MediaKey;

/// What one draft is to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// Frames sealed before this media time are told.
    pub tick: u32,
    /// The stream whose media time it is.
    pub stream: u8,
    /// Whether the frames of the rounds before are told once more, as many as frames are covered by.
    pub repeated: bool,
    /// Whether the key is left for good.
    pub closed: bool,
}

/// The frames of one key that are still to be told.
#[derive(Debug)]
pub struct CheckpointWriter {
    print: Print,
    since: u32,
    next: u64,
    noted: VecDeque<(u32, FrameDigest)>,
    /// Where the last drafts ended, newest last.
    ends: VecDeque<u64>,
}

impl CheckpointWriter {
    /// For the frames of one key from the counter `next` on. Since the media time `since` this key alone is sealed under.
    #[must_use]
    pub fn new(key: &MediaKey, next: u64, since: u32) -> Self {
        Self {
            print: short(key.print()),
            since,
            next,
            noted: VecDeque::with_capacity(CHECKPOINT_FRAMES_MAX),
            ends: VecDeque::with_capacity(CHECKPOINT_COVERS + 1),
        }
    }

    /// Notes a frame that was sealed at a media time. Every frame of the key is noted, in the order of counters. When more wait than
    /// one checkpoint holds, the oldest stays unverified.
    pub fn note(&mut self, counter: u64, tick: u32, frame: &[u8]) {
        assert_eq!(counter, self.next, "every frame of a key is noted, in order");
        if self.noted.len() == CHECKPOINT_FRAMES_MAX {
            self.noted.pop_front();
        }
        self.noted.push_back((tick, digest(frame)));
        self.next += 1;
    }

    /// Drafts a checkpoint. `None` once a key has sealed more frames than a checkpoint can number: 2.7 years of one key.
    pub fn draft(&mut self, round: &Round, rng: &mut ChaCha20Rng) -> Option<CheckpointDraft> {
        let kept = self.next - self.noted.len() as u64;
        let told = self.noted.iter().take_while(|(tick, _)| round.closed || before(*tick, round.tick));
        let end = kept + told.count() as u64;
        let rounds = if round.repeated { CHECKPOINT_COVERS } else { 1 };
        let last = self.ends.len().checked_sub(rounds).and_then(|at| self.ends.get(at));
        let first = last.copied().unwrap_or(kept).clamp(kept, end);
        let mut bytes = Vec::with_capacity(HEADER_BYTES + CHECKPOINT_FRAMES_MAX + 64);
        bytes.push(VERSION << 4 | if round.closed { CLOSED } else { 0 });
        bytes.push(round.stream);
        bytes.extend_from_slice(&self.print);
        bytes.extend_from_slice(&u32::try_from(first).ok()?.to_be_bytes());
        bytes.extend_from_slice(&round.tick.to_be_bytes());
        bytes.extend_from_slice(&self.held(round).to_be_bytes());
        let mut salt = [0_u8; SALT_BYTES];
        rng.fill_bytes(&mut salt);
        bytes.extend_from_slice(&salt);
        bytes.push(u8::try_from(end - first).expect("no more are kept than the count holds"));
        let from = usize::try_from(first - kept).expect("no more are kept than the count holds");
        for (counter, (_, digest)) in (first..end).zip(self.noted.iter().skip(from)) {
            bytes.push(tag(&salt, counter, digest));
        }
        self.ends.push_back(end);
        if self.ends.len() > CHECKPOINT_COVERS {
            self.ends.pop_front();
            let over = self.ends.front().map_or(0, |oldest| oldest.saturating_sub(kept));
            self.noted.drain(..usize::try_from(over).map_or(self.noted.len(), |n| n.min(self.noted.len())));
        }
        Some(CheckpointDraft(bytes))
    }

    fn held(&self, round: &Round) -> u16 {
        let ticks = round.tick.wrapping_sub(self.since) as i32;
        if round.closed { 0 } else { u16::try_from(ticks.max(0) / 10).unwrap_or(u16::MAX) }
    }
}

/// A checkpoint without its signature: drafted by the voice thread, signed by whoever holds the device key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointDraft(pub(super) Vec<u8>);

impl CheckpointDraft {
    /// Signs it; the bytes to send.
    #[must_use]
    pub fn sign(mut self, device: &DeviceSecret) -> Vec<u8> {
        let signature = device.sign(Domain::MediaCheckpoint, &self.0);
        self.0.extend_from_slice(&signature.0);
        self.0
    }
}
