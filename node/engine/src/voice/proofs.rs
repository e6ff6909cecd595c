//! The mouth's word on who spoke: when which checkpoint is due, while frames travel through a forwarder.
//!
//! A mouth owes its word while it speaks, a little longer, and while anybody says to hear it, so that a member who speaks in the name
//! of somebody silent is caught too. On direct paths nothing is noted and nothing is due.

use core::time::Duration;

use halloo_crypto::media::{
    CHECKPOINT_COVERS, CHECKPOINT_LAG_TICKS, CHECKPOINT_LOSSY_MS, CHECKPOINT_MS, CheckpointDraft,
    CheckpointWriter, MediaKey, Round,
};
use rand_chacha::ChaCha20Rng;

use crate::time::Time;

/// Loss from which each frame is in several checkpoints: below it one in a hundred is lost.
pub(super) const LOSSY_FROM: f32 = 0.01;

/// Time between checkpoints of a mouth that is silent and asked for its word over a path that loses frames: they are short then.
const ASKED_EVERY: Duration = Duration::from_millis(350);

/// After the last frame, and the last report that one was heard, checkpoints go on so long: until each frame had all of its own.
const OWED: Duration = Duration::from_secs(2);

/// Keys left lately whose last frames are still to be told: a step and an epoch at one time.
const LEFT_MAX: usize = 2;

/// A key that was left.
struct Left {
    writer: CheckpointWriter,
    tick: u32,
    due: Time,
    rounds: usize,
}

/// The checkpoints of one mouth.
pub(super) struct Proofs {
    rng: ChaCha20Rng,
    stream: u8,
    current: Option<(MediaKey, CheckpointWriter)>,
    left: Vec<Left>,
    due: Time,
    /// Its own frames, and frames that others say to hear, are owed a word until then.
    spoken_until: Time,
    asked_until: Time,
}

impl Proofs {
    /// Salts are drawn from another stream of the generator: nothing else that it gives tells them.
    pub(super) fn new(stream: u8, rng: &ChaCha20Rng) -> Self {
        let mut salts = rng.clone();
        salts.set_stream(!rng.get_stream());
        Proofs {
            rng: salts,
            stream,
            current: None,
            left: Vec::with_capacity(LEFT_MAX),
            due: Time::ZERO,
            spoken_until: Time::ZERO,
            asked_until: Time::ZERO,
        }
    }

    /// Notes the frames of this key from the counter `next` on; of none on direct paths.
    pub(super) fn follow(&mut self, key: Option<&MediaKey>, next: u64, tick: u32) {
        let Some(key) = key else {
            self.current = None;
            self.left.clear();
            return;
        };
        if self.current.as_ref().is_none_or(|(known, _)| known != key) {
            self.current = Some((key.clone(), CheckpointWriter::new(key, next, tick)));
        }
    }

    /// The key is left for good; its last frames are told yet.
    pub(super) fn leave(&mut self, tick: u32) {
        let Some((_, writer)) = self.current.take() else { return };
        if self.left.len() == LEFT_MAX {
            self.left.remove(0);
        }
        self.left.push(Left { writer, tick, due: Time::ZERO, rounds: CHECKPOINT_COVERS });
        assert!(self.left.len() <= LEFT_MAX, "keys left are bounded");
    }

    /// A frame was sealed.
    pub(super) fn note(&mut self, counter: u64, tick: u32, frame: &[u8]) {
        if let Some((_, writer)) = &mut self.current {
            writer.note(counter, tick, frame);
        }
    }

    /// Sound left.
    pub(super) fn spoken(&mut self, now: Time) {
        self.spoken_until = now.after(OWED);
    }

    /// Somebody says to hear this mouth.
    pub(super) fn asked(&mut self, now: Time) {
        self.asked_until = now.after(OWED);
    }

    /// The next checkpoint that is due at media time `tick`.
    pub(super) fn draft(&mut self, now: Time, tick: u32, lossy: bool) -> Option<CheckpointDraft> {
        let every = match (lossy, now <= self.spoken_until) {
            (false, _) => Duration::from_millis(CHECKPOINT_MS),
            (true, true) => Duration::from_millis(CHECKPOINT_LOSSY_MS),
            (true, false) => ASKED_EVERY,
        };
        let until = tick.wrapping_sub(CHECKPOINT_LAG_TICKS);
        // What was left is told once its last frame has surely been on its way long enough.
        let over = |left: &Left| (until.wrapping_sub(left.tick) as i32) >= 0 && left.due <= now;
        if let Some(at) = self.left.iter().position(over) {
            let left = &mut self.left[at];
            assert!(left.rounds > 0, "a key that was left owes a round, or is forgotten");
            let round = Round { tick: left.tick, stream: self.stream, repeated: true, closed: true };
            let draft = left.writer.draft(&round, &mut self.rng);
            left.due = now.after(every);
            left.rounds = if lossy { left.rounds - 1 } else { 0 };
            if left.rounds == 0 {
                self.left.remove(at);
            }
            return draft;
        }
        if now < self.due || now > self.spoken_until.max(self.asked_until) {
            return None;
        }
        let (_, writer) = self.current.as_mut()?;
        assert!(every >= ASKED_EVERY, "what a word costs is bounded");
        self.due = now.after(every);
        let round = Round { tick: until, stream: self.stream, repeated: lossy, closed: false };
        writer.draft(&round, &mut self.rng)
    }
}
