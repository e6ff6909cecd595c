//! What a link does to frames: delay, jitter, loss, rate and queue, decided by a seed. Pure: time is an argument.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use std::time::Duration;

/// How a link loses frames.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// None.
    None,
    /// Each frame on its own, with this probability.
    Random(f64),
    /// Gilbert-Elliott: a good state that loses nothing and a bad state that loses with probability `lose`.
    Bursts {
        /// Probability, per frame, of entering the bad state.
        enter: f64,
        /// Probability, per frame, of leaving it; bursts last 1/`leave` frames on average.
        leave: f64,
        /// Probability of losing a frame in the bad state.
        lose: f64,
    },
}

/// One direction of a link; a `TapLink` gives both directions the same model and different seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinkModel {
    /// Decides every draw.
    pub seed: u64,
    /// Added to every frame.
    pub delay: Duration,
    /// Up to this much more, uniformly.
    pub jitter: Duration,
    /// Whether a frame may overtake another by drawing less jitter.
    pub reorder: bool,
    /// How frames are lost.
    pub loss: Loss,
    /// Bits a second, Ethernet headers included; `None` for no limit.
    pub rate_bps: Option<u64>,
    /// Bytes that wait for the rate; a frame that does not fit is dropped.
    pub queue_bytes: usize,
}

impl LinkModel {
    /// A link that does nothing to frames.
    pub const fn perfect(seed: u64) -> Self {
        Self {
            seed,
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            reorder: false,
            loss: Loss::None,
            rate_bps: None,
            queue_bytes: 256 * 1024,
        }
    }
}

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Delivered at this time.
    Due(Duration),
    /// Lost by the loss model.
    Lost,
    /// Dropped because the queue was full.
    Dropped,
}

/// The state of one direction.
#[derive(Clone, Debug)]
pub struct Direction {
    model: LinkModel,
    rng: ChaCha20Rng,
    bad: bool,
    busy_until: Duration,
    last_due: Duration,
}

impl Direction {
    /// A direction that has carried nothing yet.
    pub fn new(model: LinkModel) -> Self {
        let rng = ChaCha20Rng::seed_from_u64(model.seed);
        Self { model, rng, bad: false, busy_until: Duration::ZERO, last_due: Duration::ZERO }
    }

    /// Decides about a frame of `bytes` handed over at `now`; `now` must not decrease.
    pub fn offer(&mut self, now: Duration, bytes: usize) -> Fate {
        let lost = self.draw_loss();
        let jitter = self.model.jitter.mul_f64(self.uniform());
        let Some(sent) = self.serialise(now, bytes) else {
            return Fate::Dropped;
        };
        if lost {
            return Fate::Lost;
        }
        let mut due = sent + self.model.delay + jitter;
        if !self.model.reorder {
            due = due.max(self.last_due);
            self.last_due = due;
        }
        Fate::Due(due)
    }

    /// When the last bit leaves; `None` when the queue is full.
    fn serialise(&mut self, now: Duration, bytes: usize) -> Option<Duration> {
        let Some(rate) = self.model.rate_bps else {
            return Some(now);
        };
        let seconds = |bytes: usize| Duration::from_secs_f64(bytes as f64 * 8.0 / rate as f64);
        let start = self.busy_until.max(now);
        if start - now > seconds(self.model.queue_bytes.saturating_sub(bytes)) {
            return None;
        }
        self.busy_until = start + seconds(bytes);
        Some(self.busy_until)
    }

    fn draw_loss(&mut self) -> bool {
        match self.model.loss {
            Loss::None => false,
            Loss::Random(lose) => self.uniform() < lose,
            Loss::Bursts { enter, leave, lose } => {
                let turn = if self.bad { leave } else { enter };
                if self.uniform() < turn {
                    self.bad = !self.bad;
                }
                let draw = self.uniform();
                self.bad && draw < lose
            }
        }
    }

    /// Uniform in [0, 1), 53 bits.
    fn uniform(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests;
