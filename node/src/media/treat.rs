//! What is done to a real microphone's sound before it is coded: echo out, noise down, level even.
//!
//! `sonora`, a port of WebRTC's processing: AEC3 with the played mix as its reference, moderate noise suppression,
//! adaptive gain with a limiter. Files and pipes are never treated: what is in them is meant.

use sonora::config::{
    AdaptiveDigital, EchoCanceller, GainController2, HighPassFilter, MaxProcessingRate, NoiseSuppression,
    Pipeline,
};
use sonora::{AudioProcessing, Config, StreamConfig};

use super::device::{FRAME, Frame, SAMPLE_RATE};

/// Samples that the library takes at a time: 10 ms.
const HALF: usize = FRAME / 2;

/// Most gain for a quiet voice, decibels: a mouth an arm's length away. More would only lift the room.
const MAX_GAIN_DB: f32 = 24.0;

/// Gain to begin with, decibels; the library's own 15 shouts until it has learnt the voice.
const FIRST_GAIN_DB: f32 = 6.0;

/// Longest way from loudspeaker to microphone that the library can be told, milliseconds.
const MAX_DELAY_MS: f32 = 500.0;

/// Treats one microphone beside one loudspeaker.
pub struct Treatment {
    processing: AudioProcessing,
    failures: u64,
}

impl Default for Treatment {
    fn default() -> Self {
        Self::new()
    }
}

impl Treatment {
    /// A treatment that has learnt nothing yet; half a megabyte.
    pub fn new() -> Self {
        let stream = StreamConfig::new(SAMPLE_RATE, 1);
        let gain = AdaptiveDigital {
            max_gain_db: MAX_GAIN_DB,
            initial_gain_db: FIRST_GAIN_DB,
            ..Default::default()
        };
        let config = Config {
            pipeline: Pipeline {
                maximum_internal_processing_rate: MaxProcessingRate::Rate48kHz,
                multi_channel_render: false,
                multi_channel_capture: false,
                ..Pipeline::default()
            },
            high_pass_filter: Some(HighPassFilter::default()),
            echo_canceller: Some(EchoCanceller::default()),
            noise_suppression: Some(NoiseSuppression::default()),
            gain_controller2: Some(GainController2 { adaptive_digital: Some(gain), ..Default::default() }),
            ..Config::default()
        };
        let builder = AudioProcessing::builder().config(config).capture_config(stream).render_config(stream);
        Self { processing: builder.build(), failures: 0 }
    }

    /// Learns what is about to be played. Call before the microphone could hear it.
    pub fn played(&mut self, mix: &Frame) {
        for half in mix.as_chunks::<HALF>().0 {
            let mut unused = [0.0; HALF];
            self.failures +=
                u64::from(self.processing.process_render_f32(&[half], &mut [&mut unused]).is_err());
        }
    }

    /// Treats what was captured; `way_ms` is how long sound takes from [`Treatment::played`] to here.
    pub fn captured(&mut self, mouth: &mut Frame, way_ms: f32) {
        // Clamped to the library's own range; whole milliseconds are what it takes.
        let way_ms = way_ms.clamp(0.0, MAX_DELAY_MS) as i32;
        self.failures += u64::from(self.processing.set_stream_delay_ms(way_ms).is_err());
        for half in mouth.as_chunks_mut::<HALF>().0 {
            let before = *half;
            if self.processing.process_capture_f32(&[&before], &mut [half]).is_err() {
                self.failures += 1;
                *half = before;
            }
        }
    }

    /// Halves of frames that the library refused; they went through untreated.
    pub fn failures(&self) -> u64 {
        self.failures
    }
}

#[cfg(test)]
mod tests;
