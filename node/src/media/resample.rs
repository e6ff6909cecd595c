//! Sound of any rate to 48 kHz, one channel, in a stream of any portions, aligned to the first sample.

use std::collections::VecDeque;

use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{Fft, FixedSync, Indexing, Resampler as _, WindowFunction};

use super::device::SAMPLE_RATE;

/// Lowest rate taken: below it there is no speech left.
pub const MIN_RATE: u32 = 4_000;

/// Highest rate taken: what studio files use.
pub const MAX_RATE: u32 = 384_000;

/// Milliseconds converted at a time, at least: small against a file, long enough for a steep filter.
const PORTION_MS: usize = 20;

/// A converter of one stream.
pub struct ToVoiceRate {
    inner: Option<Converter>,
}

struct Converter {
    fft: Fft<f32>,
    input: Vec<f32>,
    output: Vec<f32>,
    /// Output samples that are still the filter's start-up.
    skip: usize,
    /// Samples that came in and that went out, to cut the tail to length.
    taken: u64,
    given: u64,
    rate: u32,
}

impl ToVoiceRate {
    /// A converter from `rate` samples per second; `None` outside [`MIN_RATE`]..=[`MAX_RATE`].
    pub fn new(rate: u32) -> Option<Self> {
        if !(MIN_RATE..=MAX_RATE).contains(&rate) {
            return None;
        }
        if rate == SAMPLE_RATE {
            return Some(Self { inner: None });
        }
        let (from, to) = (rate as usize, SAMPLE_RATE as usize);
        // A filter of an even length lies on the grid of samples; an odd one shifts the sound by half a sample.
        let even = 2 * from / gcd(from, to);
        let portion = (from * PORTION_MS / 1_000).div_ceil(even) * even;
        let window = WindowFunction::BlackmanHarris2;
        let fft = Fft::<f32>::new_custom(from, to, portion, 1, 1, window, FixedSync::Input).ok()?;
        let skip = fft.output_delay();
        let output = vec![0.0; fft.output_frames_max()];
        Some(Self {
            inner: Some(Converter { fft, input: Vec::new(), output, skip, taken: 0, given: 0, rate }),
        })
    }

    /// Takes samples of the stream's rate, gives those of 48 kHz that are ready.
    pub fn push(&mut self, samples: &[f32], out: &mut VecDeque<f32>) {
        match &mut self.inner {
            None => out.extend(samples),
            Some(converter) => {
                converter.taken += samples.len() as u64;
                converter.input.extend_from_slice(samples);
                converter.run(out);
            }
        }
    }

    /// Gives what is left at the end of the stream; in all, as many samples come out as the duration asks for.
    pub fn finish(&mut self, out: &mut VecDeque<f32>) {
        let Some(converter) = &mut self.inner else { return };
        let wanted = converter.taken * u64::from(SAMPLE_RATE) / u64::from(converter.rate);
        let silence = vec![0.0; converter.fft.input_frames_max()];
        while converter.given < wanted {
            converter.input.extend_from_slice(&silence);
            converter.run(out);
        }
        let surplus = usize::try_from(converter.given - wanted).unwrap_or(0);
        out.truncate(out.len().saturating_sub(surplus));
        converter.given = wanted;
    }
}

impl Converter {
    fn run(&mut self, out: &mut VecDeque<f32>) {
        let mut used = 0;
        loop {
            let need = self.fft.input_frames_next();
            let Some(portion) = self.input.get(used..used + need) else { break };
            let made = {
                let input =
                    SequentialSlice::new(portion, 1, need).expect("one channel of exactly this length");
                let room = self.output.len();
                let mut output =
                    SequentialSlice::new_mut(&mut self.output, 1, room).expect("one channel, whole buffer");
                let none: Option<&Indexing> = None;
                let done = self.fft.process_into_buffer(&input, &mut output, none);
                done.expect("both buffers have the lengths that the resampler names").1
            };
            used += need;
            let skipped = self.skip.min(made);
            self.skip -= skipped;
            out.extend(&self.output[skipped..made]);
            self.given += (made - skipped) as u64;
        }
        self.input.drain(..used);
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests;
