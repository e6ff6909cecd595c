//! Two clocks of nearly one rate: the sound card's and the voice thread's, bridged by a ring and a bending resampler.
//!
//! The card's callback fills or drains a lock-free ring at its own pace. The voice thread's side watches how full the
//! ring is and bends the resampler's ratio by at most half a per cent so that it stays at its target: no click, no drift,
//! and a delay that stays what it was. Only a real failure (a card that stops, a machine that slept) is an xrun.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use rtrb::{Consumer, Producer, RingBuffer};
use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{
    Adjustable as _, Async, FixedAsync, Resampler as _, SincInterpolationParameters, SincInterpolationType,
    WindowFunction,
};

use super::device::{FRAME, Frame, Read, SAMPLE_RATE};

/// Sound that a ring holds at most, in milliseconds: what a stalled thread may cost before samples are lost.
const RING_MS: u32 = 500;

/// Fill beyond one frame that the controller aims at, in milliseconds, at least: the jitter of a callback of 10 ms.
const MARGIN_MS: u32 = 15;

/// Most bending of the ratio: half a per cent, an eighth of a semitone's tenth, inaudible in speech.
const MAX_BEND: f64 = 0.005;

/// Bend for each second of wrong fill, and its slow part.
const GAIN: f64 = 0.25;
const SLOW_GAIN: f64 = 0.000_5;

/// How fast the measured fill follows, a step: callbacks come in lumps.
const FOLLOW: f64 = 0.05;

/// What both ends count and the card tells.
#[derive(Debug, Default)]
pub struct Shared {
    /// Samples lost or invented by the card's side.
    card_xruns: AtomicU64,
    /// Largest callback so far, in samples.
    callback: AtomicUsize,
}

/// Keeps a ring at its target by bending a ratio.
#[derive(Debug, Default)]
struct Controller {
    fill: Option<f64>,
    slow: f64,
}

impl Controller {
    /// The bend for a fill and its target, both in seconds: positive drains faster.
    fn bend(&mut self, fill: f64, target: f64) -> f64 {
        let smooth = self.fill.map_or(fill, |known| known + FOLLOW * (fill - known));
        self.fill = Some(smooth);
        let error = smooth - target;
        self.slow = (self.slow + SLOW_GAIN * error).clamp(-MAX_BEND, MAX_BEND);
        (GAIN * error + self.slow).clamp(-MAX_BEND, MAX_BEND)
    }

    fn forget(&mut self) {
        self.fill = None;
    }
}

/// The card's end of a microphone: call from its callback, never waits.
pub struct CardIn {
    ring: Producer<f32>,
    shared: Arc<Shared>,
}

/// The voice thread's end of a microphone.
pub struct VoiceIn {
    ring: Consumer<f32>,
    shared: Arc<Shared>,
    bridge: Bridge,
    primed: bool,
    xruns: u64,
}

/// The card's end of a loudspeaker: call from its callback, never waits.
pub struct CardOut {
    ring: Consumer<f32>,
    shared: Arc<Shared>,
    started: bool,
}

/// The voice thread's end of a loudspeaker.
pub struct VoiceOut {
    ring: Producer<f32>,
    shared: Arc<Shared>,
    bridge: Bridge,
    primed: bool,
    xruns: u64,
}

struct Bridge {
    rate: u32,
    resampler: Async<f32>,
    input: Vec<f32>,
    output: Vec<f32>,
    controller: Controller,
    capacity: usize,
}

/// Both ends of a microphone whose card runs at about `rate`; `None` if that is no rate for speech.
pub fn microphone(rate: u32) -> Option<(CardIn, VoiceIn)> {
    let bridge = Bridge::new(rate, f64::from(SAMPLE_RATE) / f64::from(rate), FixedAsync::Output)?;
    let (producer, consumer) = RingBuffer::new(bridge.capacity);
    let shared = Arc::new(Shared::default());
    let card = CardIn { ring: producer, shared: Arc::clone(&shared) };
    Some((card, VoiceIn { ring: consumer, shared, bridge, primed: false, xruns: 0 }))
}

/// Both ends of a loudspeaker whose card runs at about `rate`; `None` if that is no rate for speech.
pub fn loudspeaker(rate: u32) -> Option<(CardOut, VoiceOut)> {
    let bridge = Bridge::new(rate, f64::from(rate) / f64::from(SAMPLE_RATE), FixedAsync::Input)?;
    let (producer, consumer) = RingBuffer::new(bridge.capacity);
    let shared = Arc::new(Shared::default());
    let card = CardOut { ring: consumer, shared: Arc::clone(&shared), started: false };
    Some((card, VoiceOut { ring: producer, shared, bridge, primed: false, xruns: 0 }))
}

impl CardIn {
    /// Takes one callback's samples, one channel.
    pub fn give(&mut self, samples: impl ExactSizeIterator<Item = f32>) {
        self.shared.callback.fetch_max(samples.len(), Relaxed);
        let mut lost = 0;
        for sample in samples {
            lost += u64::from(self.ring.push(sample).is_err());
        }
        if lost > 0 {
            self.shared.card_xruns.fetch_add(1, Relaxed);
        }
    }
}

impl CardOut {
    /// Gives one callback's next sample, one channel; silence where there is none.
    pub fn take(&mut self, wanted: usize, mut each: impl FnMut(f32)) {
        self.shared.callback.fetch_max(wanted, Relaxed);
        let mut missing = false;
        for _ in 0..wanted {
            let sample = self.ring.pop();
            self.started |= sample.is_ok();
            missing |= sample.is_err();
            each(sample.unwrap_or(0.0));
        }
        if missing && self.started {
            self.started = false;
            self.shared.card_xruns.fetch_add(1, Relaxed);
        }
    }
}

impl Shared {
    /// Samples of a ring that the voice thread aims at, beside the frame that is moved.
    fn margin(&self, rate: u32) -> usize {
        let least = (rate * MARGIN_MS / 1_000) as usize;
        least.max(self.callback.load(Relaxed) * 3 / 2)
    }
}

impl Bridge {
    fn new(rate: u32, ratio: f64, fixed: FixedAsync) -> Option<Self> {
        if !(super::resample::MIN_RATE..=super::resample::MAX_RATE).contains(&rate) {
            return None;
        }
        let sinc = SincInterpolationParameters::new(128, WindowFunction::BlackmanHarris2)
            .interpolation(SincInterpolationType::Linear);
        let resampler = Async::<f32>::new_sinc(ratio, 1.0 + 2.0 * MAX_BEND, &sinc, FRAME, 1, fixed).ok()?;
        let input = Vec::with_capacity(resampler.input_frames_max());
        let output = vec![0.0; resampler.output_frames_max()];
        let capacity = (rate * RING_MS / 1_000) as usize;
        Some(Self { rate, resampler, input, output, controller: Controller::default(), capacity })
    }

    /// Converts what is in `input`; the number of samples now in `output`.
    fn run(&mut self) -> usize {
        let (have, room) = (self.input.len(), self.output.len());
        let input = SequentialSlice::new(&self.input, 1, have).expect("one channel of exactly this length");
        let mut output =
            SequentialSlice::new_mut(&mut self.output, 1, room).expect("one channel, whole buffer");
        let done = self.resampler.process_into_buffer(&input, &mut output, None);
        done.expect("both buffers have the lengths that the resampler names").1
    }

    fn bend(&mut self, fill: usize, target: usize, towards: f64) {
        let rate = f64::from(self.rate);
        let bend = self.controller.bend(fill as f64 / rate, target as f64 / rate);
        // Within the range named at construction, so it is always taken.
        let _ = self.resampler.set_resample_ratio_relative(1.0 + towards * bend, true);
    }
}

impl VoiceIn {
    /// The next frame; silence while the card has not given enough.
    pub fn read(&mut self, frame: &mut Frame) -> Read {
        frame.fill(0.0);
        let rate = self.bridge.rate;
        let margin = self.shared.margin(rate);
        let one = FRAME * rate as usize / SAMPLE_RATE as usize;
        let fill = self.ring.slots();
        if !self.primed {
            self.primed = fill >= one + margin;
            if !self.primed {
                return Read::Silence;
            }
        }
        if fill > one + 6 * margin {
            // The machine slept or the thread stalled: what is old is of no use to a listener.
            self.skip(fill - one - margin);
            self.xruns += 1;
        }
        self.bridge.bend(self.ring.slots(), one + margin, -1.0);
        let need = self.bridge.resampler.input_frames_next();
        if self.ring.slots() < need {
            self.primed = false;
            self.bridge.controller.forget();
            self.xruns += 1;
            return Read::Silence;
        }
        self.bridge.input.clear();
        self.bridge.input.extend((0..need).map_while(|_| self.ring.pop().ok()));
        let made = self.bridge.run();
        let count = made.min(FRAME);
        frame[..count].copy_from_slice(&self.bridge.output[..count]);
        Read::Sound
    }

    fn skip(&mut self, count: usize) {
        for _ in 0..count {
            if self.ring.pop().is_err() {
                return;
            }
        }
        self.bridge.controller.forget();
    }

    /// Milliseconds that sound waits in the ring.
    pub fn latency_ms(&self) -> f32 {
        self.ring.slots() as f32 * 1_000.0 / self.bridge.rate as f32
    }

    /// Failures of either side so far.
    pub fn xruns(&self) -> u64 {
        self.xruns + self.shared.card_xruns.load(Relaxed)
    }
}

impl VoiceOut {
    /// Hands over one frame.
    pub fn write(&mut self, frame: &Frame) {
        let rate = self.bridge.rate;
        let margin = self.shared.margin(rate);
        if !self.primed {
            self.lead(margin);
            self.primed = true;
        }
        let fill = self.bridge.capacity - self.ring.slots();
        if fill == 0 {
            // The card ran dry: begin again with the margin, so that it does not run dry each frame.
            self.lead(margin);
            self.bridge.controller.forget();
        }
        // Beyond the target the ratio falls, so that fewer samples go in than the card takes out.
        self.bridge.bend(fill.max(1), margin, -1.0);
        self.bridge.input.clear();
        self.bridge.input.extend_from_slice(frame);
        let made = self.bridge.run();
        if self.ring.slots() < made {
            self.xruns += 1;
            return;
        }
        for sample in &self.bridge.output[..made] {
            // Room was checked just above, and this is the only producer.
            let _ = self.ring.push(*sample);
        }
    }

    fn lead(&mut self, silence: usize) {
        for _ in 0..silence {
            // A full ring needs no lead.
            let _ = self.ring.push(0.0);
        }
    }

    /// Milliseconds that sound waits in the ring.
    pub fn latency_ms(&self) -> f32 {
        (self.bridge.capacity - self.ring.slots()) as f32 * 1_000.0 / self.bridge.rate as f32
    }

    /// Failures of either side so far.
    pub fn xruns(&self) -> u64 {
        self.xruns + self.shared.card_xruns.load(Relaxed)
    }
}

#[cfg(test)]
mod tests;
