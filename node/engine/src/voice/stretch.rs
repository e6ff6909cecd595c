//! Makes a piece of sound shorter or longer by one pitch period, without changing its pitch.
//!
//! Waveform similarity overlap-add (Verhelst and Roelands, "An overlap-add technique based on waveform similarity
//! (WSOLA) for high quality time-scale modification of speech", ICASSP 1993), at one place per piece, as WebRTC's NetEq
//! does in its Accelerate and PreemptiveExpand. Deviation: the search runs on every fourth sample with a box filter, and
//! a piece too faint to matter may be cut anywhere.

/// Shortest period looked for: 2.5 ms, a voice of 400 Hz.
pub const MIN_PERIOD: usize = 120;

/// Longest period looked for: 10 ms, 100 Hz; deeper voices match at the next best similarity or wait for a pause.
pub const MAX_PERIOD: usize = 480;

/// How alike two periods must be before one may stand for both unnoticed.
pub const ALIKE: f32 = 0.72;

/// Takes the best there is, however unlike: for the attack of a talk, which must not be late and need not be smooth.
pub const AT_ANY_PRICE: f32 = -1.0;

/// Mean power below which nobody hears a cut: -52 dB of full scale.
const FAINT_POWER: f32 = 6.3e-6;

const STEP: usize = 4;
const MAX_COARSE: usize = 6 * 480 / STEP;

/// Shortens the first `len` samples of `pcm` by one period where two are as alike as asked, -1..=1. Returns the new
/// length.
pub fn shorten(pcm: &mut [f32], len: usize, alike: f32) -> usize {
    assert!(len <= pcm.len(), "the piece lies in the buffer");
    let Some(period) = period_of(&pcm[..len], alike) else { return len };
    assert!(2 * period <= len, "two periods lie in the piece");
    for i in 0..period {
        let rise = (i as f32 + 0.5) / period as f32;
        pcm[i] = pcm[i] * (1.0 - rise) + pcm[period + i] * rise;
    }
    pcm.copy_within(2 * period..len, period);
    len - period
}

/// Lengthens the first `len` samples of `pcm` by one period where that is inaudible and `pcm` has the room. Returns the
/// new length.
pub fn lengthen(pcm: &mut [f32], len: usize) -> usize {
    assert!(len <= pcm.len(), "the piece lies in the buffer");
    let Some(period) = period_of(&pcm[..len], ALIKE) else { return len };
    assert!(2 * period <= len, "two periods lie in the piece");
    if pcm.len() < len + period {
        return len;
    }
    // first period, then a blend from the second back into the first, then everything from the second on
    pcm.copy_within(period..len, 2 * period);
    for i in 0..period {
        let rise = (i as f32 + 0.5) / period as f32;
        let second = pcm[2 * period + i];
        pcm[period + i] = second * (1.0 - rise) + pcm[i] * rise;
    }
    len + period
}

/// The lag at which the beginning of `pcm` repeats itself best, if well enough.
fn period_of(pcm: &[f32], enough: f32) -> Option<usize> {
    let longest = MAX_PERIOD.min(pcm.len() / 2);
    if longest < MIN_PERIOD || pcm.len() / STEP > MAX_COARSE {
        return None;
    }
    let power = pcm.iter().map(|s| s * s).sum::<f32>() / pcm.len() as f32;
    if power < FAINT_POWER {
        return Some(longest);
    }
    let mut coarse = [0.0_f32; MAX_COARSE];
    let n = pcm.len() / STEP;
    for (c, chunk) in coarse.iter_mut().zip(pcm.chunks_exact(STEP)) {
        *c = chunk.iter().sum();
    }
    let best = best_lag(&coarse[..n], MIN_PERIOD / STEP..=longest / STEP)?;
    let centre = best * STEP;
    let low = (centre - STEP + 1).max(MIN_PERIOD);
    let high = (centre + STEP - 1).min(longest);
    (low..=high)
        .map(|lag| (lag, likeness(&pcm[..lag], &pcm[lag..2 * lag])))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .filter(|(_, alike)| *alike >= enough)
        .map(|(lag, _)| lag)
}

fn best_lag(coarse: &[f32], lags: std::ops::RangeInclusive<usize>) -> Option<usize> {
    lags.map(|lag| (lag, likeness(&coarse[..lag], &coarse[lag..2 * lag])))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(lag, _)| lag)
}

/// Normalised correlation of two pieces, -1..=1.
fn likeness(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len(), "pieces of one length are compared");
    let (mut ab, mut aa, mut bb) = (0.0_f32, 1e-9_f32, 1e-9_f32);
    for (x, y) in a.iter().zip(b) {
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    ab / (aa * bb).sqrt()
}

#[cfg(test)]
mod tests;
