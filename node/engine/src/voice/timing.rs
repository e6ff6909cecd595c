//! Learns how late the frames of one stream come: the shortest way, the jitter above it, and so the delay to play at.
//!
//! All spans are in samples at 48 kHz. The transit of a frame is its arrival on our clock less its media time; the two
//! clocks have no common origin, so only differences mean anything. The base is the least transit of the last seconds;
//! what a frame is later than that is its jitter, kept in a histogram with exponential forgetting (as WebRTC's NetEq,
//! `delay_manager`, there over inter-arrival times). The delay to provide for is a quantile of it, or the lateness of
//! frames that missed their turn just now, whichever is more.

use crate::time::Time;

/// Width of one bin of the histogram: 2 ms.
const BIN_SAMPLES: i64 = 96;

/// Bins of the histogram: jitter up to 512 ms is told apart.
const BINS: usize = 256;

/// Most delay that is ever provided for: beyond, people talk over each other.
pub const MAX_DELAY_SAMPLES: i64 = BIN_SAMPLES * BINS as i64;

/// Share of frames that shall be in time. What is beyond costs a concealed frame, or none with redundancy.
const IN_TIME: f32 = 0.975;

/// Memory of the histogram, in frames: ten seconds at 20 ms.
const MEMORY_FRAMES: f32 = 500.0;

/// Seconds that one bucket of the running minimum spans.
const BUCKET_MICROS: u64 = 1_000_000;

/// Buckets of the running minimum: a path that became longer is believed after eight seconds.
const BUCKETS: usize = 8;

/// After so long without a frame the clocks may have drifted apart by 3 ms: begin anew.
const FORGET_MICROS: u64 = 30_000_000;

/// How fast the raise after late frames decays: 1 ms in 100 ms.
const RAISE_DECAY_SAMPLES_PER_S: i64 = 480;

/// Late frames in a row before the raise: one is left to redundancy. Frames that come together count as one.
const LATE_IN_A_ROW: u32 = 3;

/// Frames closer than this came together: held up and let go by one obstacle, one sample of jitter.
const TOGETHER_MICROS: u128 = 2_000;

/// Samples of 48 kHz in a time.
pub fn samples_at(now: Time) -> i64 {
    i64::try_from(u128::from(now.as_micros()) * 48 / 1_000).unwrap_or(i64::MAX / 4)
}

/// What is known about the way of one stream.
#[derive(Clone, Debug)]
pub struct Timing {
    bins: [f32; BINS],
    frames: f32,
    minima: [i64; BUCKETS],
    bucket: u64,
    last_arrival: Option<Time>,
    raise: i64,
    raised_at: Time,
    late_run: u32,
    jitter: i64,
}

impl Timing {
    /// Knows nothing.
    pub fn new() -> Self {
        Timing {
            bins: [0.0; BINS],
            frames: 0.0,
            minima: [i64::MAX; BUCKETS],
            bucket: 0,
            last_arrival: None,
            raise: 0,
            raised_at: Time::ZERO,
            late_run: 0,
            jitter: 0,
        }
    }

    /// Takes a frame that arrived now. `late` tells that its turn to be played was over.
    pub fn arrive(&mut self, now: Time, media_samples: i64, late: bool) {
        let transit = samples_at(now) - media_samples;
        let idle =
            self.last_arrival.is_none_or(|last| now.since(last).as_micros() > u128::from(FORGET_MICROS));
        if idle {
            *self = Timing::new();
            self.bucket = now.as_micros() / BUCKET_MICROS;
        }
        let together = self.last_arrival.is_some_and(|last| now.since(last).as_micros() < TOGETHER_MICROS);
        self.last_arrival = Some(now);
        self.lower_base(now, transit);
        if together {
            return;
        }
        let above = transit - self.base();
        self.remember(above);
        self.late_run = if late { self.late_run + 1 } else { 0 };
        let raise = self.raise_at(now);
        if self.late_run >= LATE_IN_A_ROW && above > raise {
            self.raise = above.min(MAX_DELAY_SAMPLES);
            self.raised_at = now;
        }
        self.jitter = self.quantile();
    }

    /// Least transit of the last seconds.
    pub fn base(&self) -> i64 {
        let least = self.minima.iter().copied().min().unwrap_or(i64::MAX);
        if least == i64::MAX { 0 } else { least }
    }

    /// How much later than the least transit a frame should be played.
    pub fn delay(&self, now: Time) -> i64 {
        self.jitter.max(self.raise_at(now))
    }

    fn raise_at(&self, now: Time) -> i64 {
        let since = i64::try_from(now.since(self.raised_at).as_micros())
            .unwrap_or(i64::MAX / RAISE_DECAY_SAMPLES_PER_S);
        (self.raise - since.saturating_mul(RAISE_DECAY_SAMPLES_PER_S) / 1_000_000).max(0)
    }

    fn lower_base(&mut self, now: Time, transit: i64) {
        let bucket = now.as_micros() / BUCKET_MICROS;
        let before = self.base_or(transit);
        if bucket > self.bucket {
            let keep = before;
            let gone = bucket - self.bucket;
            for b in self.bucket + 1..=self.bucket + gone.min(BUCKETS as u64) {
                self.minima[(b % BUCKETS as u64) as usize] = i64::MAX;
            }
            if gone >= BUCKETS as u64 {
                // A pause longer than the memory: the old way is the best guess that there is.
                self.minima[(bucket % BUCKETS as u64) as usize] = keep;
            }
            self.bucket = bucket;
        }
        assert!(bucket <= self.bucket, "a bucket is opened before it is used");
        let slot = &mut self.minima[(bucket % BUCKETS as u64) as usize];
        *slot = transit.min(*slot);
        let longer = self.base() - before;
        if longer > 0 {
            self.follow_base(longer);
        }
    }

    /// The base has become longer by this: what was jitter above the old one is less above the new.
    fn follow_base(&mut self, longer: i64) {
        let by = usize::try_from(longer / BIN_SAMPLES).unwrap_or(BINS).min(BINS - 1);
        let low: f32 = self.bins[..by].iter().sum();
        self.bins.copy_within(by.., 0);
        self.bins[BINS - by..].fill(0.0);
        self.bins[0] += low;
        self.raise = (self.raise - longer).max(0);
    }

    fn base_or(&self, other: i64) -> i64 {
        let least = self.minima.iter().copied().min().unwrap_or(i64::MAX);
        if least == i64::MAX { other } else { least }
    }

    fn remember(&mut self, above: i64) {
        assert!(above >= 0, "the base is the least transit, this one included");
        let bin = usize::try_from(above / BIN_SAMPLES).unwrap_or(BINS).min(BINS - 1);
        self.frames = (self.frames + 1.0).min(MEMORY_FRAMES);
        let weight = 1.0 / self.frames;
        for b in &mut self.bins {
            *b *= 1.0 - weight;
        }
        self.bins[bin] += weight;
    }

    fn quantile(&self) -> i64 {
        let mut sum = 0.0;
        for (i, b) in self.bins.iter().enumerate() {
            assert!(*b >= 0.0, "shares are never negative");
            sum += b;
            if sum >= IN_TIME {
                return i as i64 * BIN_SAMPLES;
            }
        }
        (BINS as i64 - 1) * BIN_SAMPLES
    }
}

impl Default for Timing {
    fn default() -> Self {
        Timing::new()
    }
}

#[cfg(test)]
mod tests;
