//! How alike what was said and what was heard are: the correlation of log-energy envelopes, after alignment.
//!
//! The envelope has one value per 10 ms: ten times the decadic logarithm of the mean square, floored at -60 dB below full
//! scale. Only the voiced parts of the original count (within 35 dB of its loudest value, and 50 ms around), so that two
//! silences do not praise each other. The delay that fits best is searched up to [`DELAY_MAX`].

/// Samples per second of all recordings of the demonstration.
const RATE: usize = 48_000;
/// Samples of one envelope value: 10 ms.
const HOP: usize = RATE / 100;
/// The floor of the envelope, decibels below full scale.
const FLOOR_DB: f64 = -60.0;
/// How far below the loudest value speech is still speech, decibels.
const VOICED_DB: f64 = 35.0;
/// Envelope values around a voiced one that count with it: attacks and ends.
const AROUND: usize = 5;
/// Longest delay searched, envelope values: a second.
pub const DELAY_MAX: usize = 100;

/// Log energy per 10 ms, decibels.
pub fn envelope(samples: &[f32]) -> Vec<f64> {
    samples
        .chunks_exact(HOP)
        .map(|chunk| {
            let mean = chunk.iter().map(|s| f64::from(*s) * f64::from(*s)).sum::<f64>() / HOP as f64;
            (10.0 * mean.max(1e-12).log10()).max(FLOOR_DB)
        })
        .collect()
}

/// Which values of an envelope belong to speech.
pub fn voiced(envelope: &[f64]) -> Vec<bool> {
    let loudest = envelope.iter().copied().fold(FLOOR_DB, f64::max);
    let loud: Vec<bool> = envelope.iter().map(|v| *v > FLOOR_DB && *v >= loudest - VOICED_DB).collect();
    (0..loud.len())
        .map(|n| loud[n.saturating_sub(AROUND)..(n + AROUND + 1).min(loud.len())].iter().any(|l| *l))
        .collect()
}

/// The best correlation of what was heard with what was said, and the delay in milliseconds that gives it; zero when
/// nothing was said or nothing heard.
pub fn likeness(said: &[f32], heard: &[f32]) -> (f64, u64) {
    let (said, heard) = (envelope(said), envelope(heard));
    let counts = voiced(&said);
    let mut best = (0.0, 0);
    for delay in 0..=DELAY_MAX {
        let pairs: Vec<(f64, f64)> = (0..said.len())
            .filter(|n| counts[*n])
            .map(|n| (said[n], heard.get(n + delay).copied().unwrap_or(FLOOR_DB)))
            .collect();
        let found = correlation(&pairs);
        if found > best.0 {
            best = (found, delay as u64 * 10);
        }
    }
    best
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
