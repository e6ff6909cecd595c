//! What the voice path asks of a speech codec; the shell implements it over libopus, tests over plain PCM.

use thiserror::Error;

/// Samples per second of everything in the voice path, one channel, full scale is +-1.0.
pub const SAMPLE_RATE_HZ: u32 = 48_000;

/// Samples in one tick of media time: 10 ms, the unit that every frame length is a multiple of.
pub const TICK_SAMPLES: usize = 480;

/// Most samples of one frame: 60 ms.
pub const MAX_FRAME_SAMPLES: usize = 6 * TICK_SAMPLES;

/// Most bytes of one coded frame: 60 ms at 53 kbit/s, 20 ms at 160 kbit/s.
pub const MAX_CODED_BYTES: usize = 400;

/// How long one frame of sound is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum FrameLength {
    /// 10 ms: a quiet network and the shortest delay.
    Ms10,
    /// 20 ms: the ordinary choice.
    #[default]
    Ms20,
    /// 40 ms: large groups.
    Ms40,
    /// 60 ms: batteries and thin links.
    Ms60,
}

impl FrameLength {
    /// Length in ticks of 10 ms: 1, 2, 4 or 6.
    pub const fn ticks(self) -> u8 {
        match self {
            FrameLength::Ms10 => 1,
            FrameLength::Ms20 => 2,
            FrameLength::Ms40 => 4,
            FrameLength::Ms60 => 6,
        }
    }

    /// Length in samples at 48 kHz.
    pub const fn samples(self) -> usize {
        self.ticks() as usize * TICK_SAMPLES
    }

    /// Length in microseconds.
    pub const fn micros(self) -> u64 {
        self.ticks() as u64 * 10_000
    }

    /// The longest length of at most this one that fits so many ticks; 10 ms where none does.
    pub fn within(self, ticks: u32) -> Self {
        assert!(ticks > 0, "a gap has a length");
        [FrameLength::Ms60, FrameLength::Ms40, FrameLength::Ms20]
            .into_iter()
            .find(|l| *l <= self && u32::from(l.ticks()) <= ticks)
            .unwrap_or(FrameLength::Ms10)
    }

    /// The length of so many ticks, if there is one.
    pub const fn from_ticks(ticks: u8) -> Option<Self> {
        match ticks {
            1 => Some(FrameLength::Ms10),
            2 => Some(FrameLength::Ms20),
            4 => Some(FrameLength::Ms40),
            6 => Some(FrameLength::Ms60),
            _ => None,
        }
    }
}

/// How one frame shall be coded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Coding {
    /// Bytes of the coded frame. The encoder stays at or below; a constant-rate encoder fills them.
    pub bytes: usize,
    /// Loss that the frame should be hardened against, percent. Zero switches redundancy inside the codec off.
    pub loss_percent: u8,
    /// Carry a coarse copy of the frame before (Opus LBRR).
    pub in_band: bool,
    /// Carry deep redundancy (Opus DRED) of up to so many ticks; 0 is none.
    pub deep_ticks: u8,
}

/// Turns sound into coded frames. One encoder serves one stream, in order.
pub trait Encoder: Send {
    /// Codes one frame of 480, 960, 1,920 or 2,880 samples into `out`; returns the bytes used, at most `coding.bytes`.
    ///
    /// # Errors
    /// [`CodecError`] when the codec refuses; the frame is then lost, the next may succeed.
    fn encode(&mut self, pcm: &[f32], coding: &Coding, out: &mut [u8]) -> Result<usize, CodecError>;
}

/// Turns coded frames of one speaker back into sound, in order of media time. `out` always has the length of the
/// frame wanted and is filled whole on success; its content after an error means nothing.
pub trait Decoder: Send {
    /// Decodes `coded` itself.
    ///
    /// # Errors
    /// [`CodecError`] when the bytes are no frame of that length.
    fn decode(&mut self, coded: &[u8], out: &mut [f32]) -> Result<(), CodecError>;

    /// Whether `coded` carries a coarse copy of the frame before it.
    fn has_in_band(&self, coded: &[u8]) -> bool;

    /// Decodes the frame before `coded` from the coarse copy in it.
    ///
    /// # Errors
    /// [`CodecError`] when there is none or it is damaged.
    fn decode_in_band(&mut self, coded: &[u8], out: &mut [f32]) -> Result<(), CodecError>;

    /// How many ticks before its first sample the deep redundancy in `coded` reaches; 0 if there is none.
    fn deep_reach(&mut self, coded: &[u8]) -> u8;

    /// Reconstructs the `out.len()` samples that begin `back_ticks` before the first sample of `coded`.
    ///
    /// # Errors
    /// [`CodecError`] when the redundancy does not reach that far.
    fn decode_deep(&mut self, coded: &[u8], back_ticks: u8, out: &mut [f32]) -> Result<(), CodecError>;

    /// Invents sound for a frame that is missing.
    ///
    /// # Errors
    /// [`CodecError`] on an internal fault; silence is played then.
    fn conceal(&mut self, out: &mut [f32]) -> Result<(), CodecError>;

    /// Forgets the past: the next frame is the first of a new stream.
    fn reset(&mut self);
}

/// Makes codecs for a voice path: one encoder for the mouth, one decoder for each speaker.
pub trait CodecFactory: Send {
    /// A new encoder for frames of this length.
    ///
    /// # Errors
    /// [`CodecError::Internal`] when the codec cannot be set up.
    fn encoder(&self, length: FrameLength) -> Result<Box<dyn Encoder>, CodecError>;

    /// A new decoder for frames of any length.
    ///
    /// # Errors
    /// [`CodecError::Internal`] when the codec cannot be set up.
    fn decoder(&self) -> Result<Box<dyn Decoder>, CodecError>;
}

/// Why a codec refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum CodecError {
    /// The peer's bytes are no frame, or a frame of another length than announced.
    #[error("the coded bytes are no frame of the announced length")]
    Malformed,
    /// The caller's buffer does not fit a frame.
    #[error("the sample buffer is no whole frame")]
    Length,
    /// What was asked for is not in the bytes.
    #[error("the coded bytes hold no such redundancy")]
    Absent,
    /// The codec itself failed; its own code is attached.
    #[error("the codec failed with code {0}")]
    Internal(i32),
}

#[cfg(test)]
mod tests;
