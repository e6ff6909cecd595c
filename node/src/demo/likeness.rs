//! How alike what was said and what was heard are: the correlation of log-energy envelopes, after alignment.
//!
//! Both sides are first freed of what lies below speech, by a second-order Butterworth high-pass at 80 Hz: the rumble of a room
//! fills the pauses of a recording, a codec takes part of it away, and neither says anything about words. The envelope has
//! one value per 10 ms: ten times the decadic logarithm of the mean square, floored at -60 dB below full scale. Only the voiced parts of the original count (within 35 dB of its loudest value, and 50 ms around), so that two
//! silences do not praise each other. The delay that fits best is searched up to [`DELAY_MAX_MS`] in steps of a
//! millisecond. A jitter buffer that adapts moves speech in time without changing it, so each half second may lie up to
//! [`SWAY_MS`] beside that delay; one correlation is then taken over all of it.

/// Samples of one millisecond of the recordings of the demonstration, which have 48 kHz.
const MS: usize = 48;
/// Samples of one envelope value: 10 ms.
const HOP: usize = 10 * MS;
/// The floor of the envelope, decibels below full scale.
const FLOOR_DB: f64 = -60.0;
/// How far below the loudest value speech is still speech, decibels.
const VOICED_DB: f64 = 35.0;
/// Envelope values around a voiced one that count with it: attacks and ends.
const AROUND: usize = 5;
/// Longest delay searched.
const DELAY_MAX_MS: usize = 1_000;
/// How far a piece may lie from the delay of the whole.
const SWAY_MS: usize = 30;
/// Envelope values of a piece: half a second.
const PIECE: usize = 50;
/// Where the speech band begins, Hz.
const BAND_HZ: f64 = 80.0;

/// The second-order Butterworth high-pass of the audio EQ cookbook (R. Bristow-Johnson), at [`BAND_HZ`].
struct HighPass {
    b: [f64; 3],
    a: [f64; 2],
    x: [f64; 2],
    y: [f64; 2],
}

impl HighPass {
    fn new() -> Self {
        let w = 2.0 * std::f64::consts::PI * BAND_HZ / (1_000.0 * MS as f64);
        let alpha = w.sin() / (2.0 * std::f64::consts::FRAC_1_SQRT_2);
        let (scale, edge) = (1.0 + alpha, (1.0 + w.cos()) / 2.0);
        let b = [edge / scale, -2.0 * edge / scale, edge / scale];
        HighPass { b, a: [-2.0 * w.cos() / scale, (1.0 - alpha) / scale], x: [0.0; 2], y: [0.0; 2] }
    }

    fn step(&mut self, sample: f64) -> f64 {
        let past =
            self.b[1] * self.x[0] + self.b[2] * self.x[1] - self.a[0] * self.y[0] - self.a[1] * self.y[1];
        let out = self.b[0] * sample + past;
        self.x = [sample, self.x[0]];
        self.y = [out, self.y[0]];
        out
    }
}

/// The energy of any stretch of the speech band of a recording in constant time.
struct Energy(Vec<f64>);

impl Energy {
    fn of(samples: &[f32]) -> Self {
        let mut sums = Vec::with_capacity(samples.len() + 1);
        let (mut sum, mut band) = (0.0, HighPass::new());
        sums.push(sum);
        for sample in samples {
            let speech = band.step(f64::from(*sample));
            sum += speech * speech;
            sums.push(sum);
        }
        Energy(sums)
    }

    /// Log energy of the 10 ms from this sample on, decibels; what lies beyond the end is silence.
    fn level(&self, from: usize) -> f64 {
        let last = self.0.len() - 1;
        let sum = self.0[(from + HOP).min(last)] - self.0[from.min(last)];
        (10.0 * (sum / HOP as f64).max(1e-12).log10()).max(FLOOR_DB)
    }

    fn hops(&self) -> usize {
        (self.0.len() - 1) / HOP
    }
}

/// Which values of an envelope belong to speech.
fn voiced(envelope: &[f64]) -> Vec<usize> {
    let loudest = envelope.iter().copied().fold(FLOOR_DB, f64::max);
    let loud: Vec<bool> = envelope.iter().map(|v| *v > FLOOR_DB && *v >= loudest - VOICED_DB).collect();
    let near = |n: usize| loud[n.saturating_sub(AROUND)..(n + AROUND + 1).min(loud.len())].iter().any(|l| *l);
    (0..loud.len()).filter(|n| near(*n)).collect()
}

/// The best correlation of what was heard with what was said, and the delay in milliseconds that gives it; zero when
/// nothing was said or nothing heard.
pub fn likeness(said: &[f32], heard: &[f32]) -> (f64, u64) {
    let (said, heard) = (Energy::of(said), Energy::of(heard));
    let envelope: Vec<f64> = (0..said.hops()).map(|n| said.level(n * HOP)).collect();
    let counts = voiced(&envelope);
    let pairs_at = |values: &[usize], delay_ms: usize| -> Vec<(f64, f64)> {
        values.iter().map(|n| (envelope[*n], heard.level(n * HOP + delay_ms * MS))).collect()
    };
    let mut best = (0.0, 0);
    for delay in 0..=DELAY_MAX_MS {
        let found = correlation(&pairs_at(&counts, delay));
        if found > best.0 {
            best = (found, delay);
        }
    }
    let (low, high) = (best.1.saturating_sub(SWAY_MS), best.1 + SWAY_MS);
    let apart = |pairs: &[(f64, f64)]| pairs.iter().map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
    let mut swayed = Vec::with_capacity(counts.len());
    for piece in counts.chunks(PIECE) {
        let nearest =
            (low..=high).map(|delay| pairs_at(piece, delay)).min_by(|a, b| apart(a).total_cmp(&apart(b)));
        swayed.extend(nearest.unwrap_or_default());
    }
    (correlation(&swayed).max(0.0), best.1 as u64)
}

/// Pearson's coefficient; zero where one side does not vary.
fn correlation(pairs: &[(f64, f64)]) -> f64 {
    let count = pairs.len() as f64;
    if pairs.len() < 2 {
        return 0.0;
    }
    let mean_a = pairs.iter().map(|p| p.0).sum::<f64>() / count;
    let mean_b = pairs.iter().map(|p| p.1).sum::<f64>() / count;
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in pairs {
        ab += (a - mean_a) * (b - mean_b);
        aa += (a - mean_a) * (a - mean_a);
        bb += (b - mean_b) * (b - mean_b);
    }
    if aa <= f64::EPSILON || bb <= f64::EPSILON { 0.0 } else { ab / (aa * bb).sqrt() }
}

#[cfg(test)]
mod tests;
