//! Adds the speakers up and keeps the sum below full scale.

/// Loudest sample that leaves: 0.3 dB below full scale, so that a converter's filter does not clip.
const CEILING: f32 = 0.966;

/// Share of the missing gain that comes back with each sample: 63 % within 200 ms.
const RELEASE: f32 = 1.0 / 9_600.0;

/// A peak limiter: turns down at once, comes back slowly.
#[derive(Clone, Debug)]
pub struct Limiter {
    gain: f32,
}

impl Limiter {
    /// At full gain.
    pub fn new() -> Self {
        Limiter { gain: 1.0 }
    }

    /// Limits in place; no sample leaves above the ceiling.
    pub fn limit(&mut self, pcm: &mut [f32]) {
        for s in pcm {
            self.gain += (1.0 - self.gain) * RELEASE;
            let peak = s.abs();
            if peak * self.gain > CEILING {
                self.gain = CEILING / peak;
            }
            *s *= self.gain;
        }
        assert!((0.0..=1.0).contains(&self.gain), "a limiter turns down, never up");
    }

    /// The gain now, 0..=1.
    pub fn gain(&self) -> f32 {
        self.gain
    }
}

impl Default for Limiter {
    fn default() -> Self {
        Limiter::new()
    }
}

/// Adds `part` times `gain` to `sum`.
pub fn add(sum: &mut [f32], part: &[f32], gain: f32) {
    assert_eq!(sum.len(), part.len(), "one step of each");
    for (s, p) in sum.iter_mut().zip(part) {
        *s += p * gain;
    }
}

#[cfg(test)]
mod tests;
