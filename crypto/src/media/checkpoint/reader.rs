//! The receiver's side of checkpoints, for one sender: keeps digests until they are told, and judges.

use std::collections::BTreeMap;

use super::{
    CHECKPOINT_FRAMES_MAX, CHECKPOINT_LAG_TICKS, Checkpoint, FrameDigest, Print, before, digest, short, tag,
};
use crate::id::DeviceId;
use crate::media::MediaError;

/// Digests that wait for their checkpoint: four seconds of 10 ms frames with all reports.
const WAITING_MAX: usize = 2 * CHECKPOINT_FRAMES_MAX;
/// A frame that no checkpoint named for so long stays unproven: the last that could name it was due after two seconds.
const WAITING_MS: u64 = 4_000;
/// Keys of a sender of which is remembered how far they are told: two steps on two branches.
const KEYS_MAX: usize = 4;
/// Checkpoints whose fastest way says how early a frame can be here.
const WAYS: usize = 4;
/// How much earlier than that a frame may be, in ticks: it leaves [`CHECKPOINT_LAG_TICKS`] sooner, and networks vary by 300 ms.
const EARLY_TICKS: i32 = CHECKPOINT_LAG_TICKS as i32 + 30;

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

/// What checkpoints said about frames that we hold.
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

/// What a frame of sound says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The stream that it belongs to.
    pub stream: u8,
    /// Media time of its first sample, 10 ms.
    pub tick: u32,
}

/// What may be done with a frame that opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may be heard, and waits for its checkpoint.
    Waits,
    /// It came after its checkpoint: its salt is known, so nothing can prove it any more. Not to be heard.
    Late,
    /// Its stream or media time is none that its sender can be at by its own signed word. Not to be heard.
    Unvouched,
    /// Its sender had signed that it had left this key. Not to be heard.
    Forged,
}

pub(super) struct Waiting {
    digest: FrameDigest,
    claim: Option<Claim>,
    since_ms: u64,
}

/// What the newest checkpoint said of the sender's media time.
struct Vouched {
    stream: u8,
    tick: u32,
    /// Arrival less media time of the last checkpoints, in ticks, newest last.
    ways: Vec<i32>,
}

pub(super) struct Told {
    print: Print,
    end: u64,
    closed: bool,
}

/// Judges the frames of one sender.
#[derive(Default)]
pub struct CheckpointReader {
    pub(super) waiting: BTreeMap<(Print, u64), Waiting>,
    /// How far each key is told, newest last.
    pub(super) told: Vec<Told>,
    vouched: Option<Vouched>,
}

impl CheckpointReader {
    /// Nothing heard yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at a frame that opened, before it is heard. `key` is the print of its key and its counter; a claim comes with sound.
    pub fn admit(
        &mut self,
        now_ms: u64,
        key: ([u8; 8], u64),
        claim: Option<Claim>,
        frame: &[u8],
    ) -> Admission {
        let (print, counter) = (short(key.0), key.1);
        if let Some(told) = self.told.iter().find(|told| told.print == print) {
            match (counter < told.end, told.closed) {
                (true, _) => return Admission::Late,
                (false, true) => return Admission::Forged,
                (false, false) => {}
            }
        }
        if let (Some(claim), Some(vouched)) = (claim, &self.vouched) {
            let way = ticks(now_ms).wrapping_sub(claim.tick) as i32;
            let least = vouched.ways.iter().copied().min().unwrap_or(way);
            if claim.stream != vouched.stream || way < least.saturating_sub(EARLY_TICKS) {
                return Admission::Unvouched;
            }
        }
        if self.waiting.len() == WAITING_MAX {
            self.waiting.pop_first();
        }
        self.waiting.entry((print, counter)).or_insert(Waiting {
            digest: digest(frame),
            claim,
            since_ms: now_ms,
        });
        assert!(self.waiting.len() <= WAITING_MAX, "what waits is bounded");
        Admission::Waits
    }

    /// Judges what a checkpoint speaks of; each frame is judged once. `known` are the prints of the keys that this sender has now.
    ///
    /// # Errors
    /// [`MediaError::Malformed`], [`MediaError::BadSignature`], or [`MediaError::UnknownKey`] for a key that it has no more; nothing is
    /// judged then.
    pub fn check(
        &mut self,
        now_ms: u64,
        device: &DeviceId,
        known: &[[u8; 8]],
        bytes: &[u8],
    ) -> Result<Verdict, MediaError> {
        let checkpoint = Checkpoint::parse(bytes)?;
        if !known.iter().any(|print| short(*print) == checkpoint.print) {
            return Err(MediaError::UnknownKey);
        }
        checkpoint.verify(device)?;
        let mut verdict = Verdict::default();
        for (counter, signed) in (checkpoint.first..).zip(checkpoint.tags) {
            let Some(heard) = self.waiting.remove(&(checkpoint.print, counter)) else {
                continue;
            };
            if tag(checkpoint.salt, counter, &heard.digest) == *signed {
                verdict.verified += 1;
            } else {
                verdict.forged += 1;
            }
        }
        let waited = self.waiting.len();
        self.waiting.retain(|(print, counter), heard| !checkpoint.contradicts(print, *counter, heard.claim));
        verdict.forged += u32::try_from(waited - self.waiting.len()).unwrap_or(u32::MAX);
        self.tell(&checkpoint);
        if !checkpoint.closed {
            self.vouch(now_ms, &checkpoint);
        }
        Ok(verdict)
    }

    /// Whether sound waits for a word of its sender.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.waiting.values().any(|heard| heard.claim.is_some())
    }

    /// Gives up frames that no checkpoint named in time; how many of sound.
    pub fn expire(&mut self, now_ms: u64) -> u32 {
        let mut unproven = 0;
        self.waiting.retain(|_, heard| {
            let stays = now_ms.saturating_sub(heard.since_ms) < WAITING_MS;
            unproven += u32::from(!stays && heard.claim.is_some());
            stays
        });
        unproven
    }

    fn tell(&mut self, checkpoint: &Checkpoint<'_>) {
        if let Some(told) = self.told.iter_mut().find(|told| told.print == checkpoint.print) {
            told.end = checkpoint.end().max(told.end);
            told.closed |= checkpoint.closed;
            return;
        }
        if self.told.len() == KEYS_MAX {
            self.told.remove(0);
        }
        let (print, end, closed) = (checkpoint.print, checkpoint.end(), checkpoint.closed);
        self.told.push(Told { print, end, closed });
    }

    /// Takes the sender's media time from its newest checkpoint; one that was held back tells nothing new.
    fn vouch(&mut self, now_ms: u64, checkpoint: &Checkpoint<'_>) {
        let way = ticks(now_ms).wrapping_sub(checkpoint.tick) as i32;
        match &mut self.vouched {
            Some(vouched) if vouched.stream == checkpoint.stream => {
                if before(vouched.tick, checkpoint.tick) {
                    vouched.tick = checkpoint.tick;
                    if vouched.ways.len() == WAYS {
                        vouched.ways.remove(0);
                    }
                    vouched.ways.push(way);
                }
            }
            vouched => {
                *vouched =
                    Some(Vouched { stream: checkpoint.stream, tick: checkpoint.tick, ways: vec![way] });
            }
        }
    }
}

impl Checkpoint<'_> {
    /// Whether a frame that is not among the told cannot be of the signer, by what it says of itself.
    fn contradicts(&self, print: &Print, counter: u64, claim: Option<Claim>) -> bool {
        let own = *print == self.print;
        if own && self.closed && counter >= self.end() {
            return true;
        }
        let Some(claim) = claim.filter(|_| !self.closed) else { return false };
        let earlier = before(claim.tick, self.tick);
        if claim.stream != self.stream {
            return true;
        }
        if own {
            return counter >= self.end() && earlier;
        }
        earlier && !before(claim.tick, self.tick.wrapping_sub(self.held_ticks))
    }
}

/// The receiver's clock in ticks, wrapping as media time does.
const fn ticks(now_ms: u64) -> u32 {
    (now_ms / 10) as u32
}

impl std::fmt::Debug for CheckpointReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CheckpointReader({} wait)", self.waiting.len())
    }
}
