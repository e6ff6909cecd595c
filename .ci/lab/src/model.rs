//! What a link does to frames: delay, jitter, loss, rate and queue, decided by a seed. Pure: time is an argument.
//!
//! Packets of voice are drawn for by their number alone: the k-th of the n-th stream of a direction is lost, or late by so
//! much, in every run with that seed, whatever else travels meanwhile. So two runs that send the same number of packets can
//! be compared over the very same losses. All other frames share one row of draws, in the order in which they come.

use crate::media::MediaPacket;
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
    /// Every frame but packets of voice: a link on which nothing else gets through.
    AllButVoice,
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

/// Streams of voice that one direction draws for apart; what comes beyond is treated as any frame. A member of a full mesh
/// of eight sends seven.
pub const STREAMS_MAX: usize = 32;

/// Apart from the seeds of other frames and of the way back.
const STREAM_SEEDS: u64 = 0x766f_6963_6500;

/// The state of one direction.
#[derive(Clone, Debug)]
pub struct Direction {
    model: LinkModel,
    draws: Draws,
    streams: Vec<Stream>,
    busy_until: Duration,
    last_due: Duration,
}

/// A row of draws: the same for the same seed.
#[derive(Clone, Debug)]
struct Draws {
    rng: ChaCha20Rng,
    bad: bool,
}

/// A stream of voice: its own row of draws, one a number.
#[derive(Clone, Debug)]
struct Stream {
    id: u32,
    next: u16,
    draws: Draws,
}

impl Direction {
    /// A direction that has carried nothing yet.
    pub fn new(model: LinkModel) -> Self {
        Self {
            model,
            draws: Draws::new(model.seed),
            streams: Vec::new(),
            busy_until: Duration::ZERO,
            last_due: Duration::ZERO,
        }
    }

    /// Decides about a frame of `bytes` handed over at `now`; `now` must not decrease.
    pub fn offer(&mut self, now: Duration, bytes: usize) -> Fate {
        let (lost, jitter) = self.draws.next(&self.model);
        self.carry(now, bytes, (lost || self.model.loss == Loss::AllButVoice, jitter))
    }

    /// The same for a frame that is a packet of voice: its number draws. A number that was drawn for before, as of a packet
    /// that was sent twice or overtaken before it came here, is treated as any frame.
    pub fn offer_media(&mut self, now: Duration, bytes: usize, packet: MediaPacket) -> Fate {
        let model = self.model;
        let drawn = self.stream(packet).and_then(|stream| stream.draw(packet.sequence, &model));
        let drawn = drawn.unwrap_or_else(|| self.draws.next(&model));
        self.carry(now, bytes, drawn)
    }

    /// The stream of this packet, begun with it if it is new; `None` when there are too many.
    fn stream(&mut self, packet: MediaPacket) -> Option<&mut Stream> {
        let known = self.streams.iter().position(|stream| stream.id == packet.stream);
        let at = known.unwrap_or(self.streams.len());
        if at == STREAMS_MAX {
            return None;
        }
        if known.is_none() {
            let seed = self.model.seed ^ (STREAM_SEEDS + at as u64);
            self.streams.push(Stream { id: packet.stream, next: packet.sequence, draws: Draws::new(seed) });
        }
        self.streams.get_mut(at)
    }

    /// What becomes of a frame for which this was drawn.
    fn carry(&mut self, now: Duration, bytes: usize, (lost, jitter): (bool, Duration)) -> Fate {
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
}

impl Stream {
    /// What is drawn for this number; numbers that never came are drawn for on the way.
    fn draw(&mut self, sequence: u16, model: &LinkModel) -> Option<(bool, Duration)> {
        let missing = sequence.wrapping_sub(self.next);
        if missing > u16::MAX / 2 {
            return None;
        }
        for _ in 0..missing {
            self.draws.next(model);
        }
        self.next = sequence.wrapping_add(1);
        Some(self.draws.next(model))
    }
}

impl Draws {
    fn new(seed: u64) -> Self {
        Self { rng: ChaCha20Rng::seed_from_u64(seed), bad: false }
    }

    /// Whether the next frame is lost, and its jitter.
    fn next(&mut self, model: &LinkModel) -> (bool, Duration) {
        let lost = self.lost(model.loss);
        (lost, model.jitter.mul_f64(self.uniform()))
    }

    fn lost(&mut self, loss: Loss) -> bool {
        match loss {
            Loss::None | Loss::AllButVoice => false,
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
