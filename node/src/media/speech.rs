//! How likely a frame holds speech, for the gate: the `earshot` detector on a 16 kHz copy of the captured sound.

use super::device::{FRAME, Frame};

/// Samples that the detector wants at a time: 16 ms at 16 kHz.
const WINDOW: usize = 256;

/// Samples of a captured frame at 16 kHz.
const SHORT: usize = FRAME / 3;

/// Half the taps of the low-pass before every third sample is taken; 8 kHz must not fold down.
const HALF_TAPS: usize = 24;

/// Captured sound in, probability of speech out, frame by frame.
pub struct Speech {
    detector: Box<earshot::Detector>,
    taps: [f32; 2 * HALF_TAPS + 1],
    past: [f32; 2 * HALF_TAPS],
    waiting: Vec<f32>,
    last: f32,
}

impl Default for Speech {
    fn default() -> Self {
        Self::new()
    }
}

impl Speech {
    /// A detector that has heard nothing yet.
    pub fn new() -> Self {
        let detector = Box::<earshot::Detector>::default();
        let waiting = Vec::with_capacity(WINDOW + SHORT);
        Self { detector, taps: low_pass(), past: [0.0; 2 * HALF_TAPS], waiting, last: 0.0 }
    }

    /// The probability, 0..=1, that the sound up to the end of this frame holds speech. About 10 us.
    pub fn probability(&mut self, frame: &Frame) -> f32 {
        let mut window = [0.0; 2 * HALF_TAPS + FRAME];
        window[..2 * HALF_TAPS].copy_from_slice(&self.past);
        window[2 * HALF_TAPS..].copy_from_slice(frame);
        for start in (0..FRAME).step_by(3) {
            let sum: f32 = self.taps.iter().zip(&window[start..]).map(|(tap, sample)| tap * sample).sum();
            self.waiting.push(sum.clamp(-1.0, 1.0));
        }
        self.past.copy_from_slice(&frame[FRAME - 2 * HALF_TAPS..]);
        while self.waiting.len() >= WINDOW {
            self.last = self.detector.predict_f32(&self.waiting[..WINDOW]).clamp(0.0, 1.0);
            self.waiting.drain(..WINDOW);
        }
        self.last
    }
}

/// A windowed sinc at 7 kHz of 48 kHz, Hamming, unity gain at zero.
fn low_pass() -> [f32; 2 * HALF_TAPS + 1] {
    let mut taps = [0.0_f32; 2 * HALF_TAPS + 1];
    let cutoff = 7_000.0 / 48_000.0;
    for (at, tap) in taps.iter_mut().enumerate() {
        let x = at as f32 - HALF_TAPS as f32;
        let phase = core::f32::consts::TAU * cutoff * x;
        let sinc = if x == 0.0 { 2.0 * cutoff } else { phase.sin() / (core::f32::consts::PI * x) };
        let window = 0.54 + 0.46 * (core::f32::consts::PI * x / HALF_TAPS as f32).cos();
        *tap = sinc * window;
    }
    let sum: f32 = taps.iter().sum();
    taps.map(|tap| tap / sum)
}

#[cfg(test)]
mod tests;
