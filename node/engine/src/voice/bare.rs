//! A codec that hardly is one: eight-bit samples at 8 kHz. Deterministic and cheap, for tests and simulations.
//!
//! ```text
//!   0       1               1 + ticks * 80        ... coding.bytes
//!   | ticks | one byte a sample (mu-law of G.711) | nothing
//! ```
//! A frame too large for the coding's bytes is halved in rate until it fits, with the divisor in the high half of byte 0.
//! It has neither in-band nor deep redundancy; concealment repeats the last frame, each time at half the level.

use super::codec::{
    CodecError, CodecFactory, Coding, Decoder, Encoder, FrameLength, MAX_FRAME_SAMPLES, TICK_SAMPLES,
};

/// Makes [`BareEncoder`] and [`BareDecoder`].
#[derive(Clone, Copy, Debug, Default)]
pub struct BareFactory;

/// Codes by decimation and mu-law.
#[derive(Clone, Copy, Debug, Default)]
pub struct BareEncoder;

/// Decodes what [`BareEncoder`] made.
#[derive(Clone, Debug)]
pub struct BareDecoder {
    last: Vec<f32>,
    level: f32,
}

const MU: f32 = 255.0;

fn companded(sample: f32) -> u8 {
    let x = sample.clamp(-1.0, 1.0);
    let y = (1.0 + MU * x.abs()).ln() / (1.0 + MU).ln();
    (127.5 + y.copysign(x) * 127.0) as u8
}

fn expanded(byte: u8) -> f32 {
    let y = (f32::from(byte) - 127.0) / 127.0;
    (((1.0 + MU).powf(y.abs()) - 1.0) / MU).copysign(y)
}

/// Samples at 48 kHz that one byte stands for, by the exponent in byte 0.
fn stride(exponent: u8) -> usize {
    6 << exponent
}

impl Encoder for BareEncoder {
    fn encode(&mut self, pcm: &[f32], coding: &Coding, out: &mut [u8]) -> Result<usize, CodecError> {
        let ticks = u8::try_from(pcm.len() / TICK_SAMPLES).map_err(|_| CodecError::Length)?;
        if FrameLength::from_ticks(ticks).is_none_or(|l| l.samples() != pcm.len()) {
            return Err(CodecError::Length);
        }
        let room = coding.bytes.min(out.len());
        let exponent = (0..4).find(|e| pcm.len() / stride(*e) < room).ok_or(CodecError::Length)?;
        out[0] = exponent << 4 | ticks;
        for (o, chunk) in out[1..].iter_mut().zip(pcm.chunks_exact(stride(exponent))) {
            *o = companded(chunk.iter().sum::<f32>() / chunk.len() as f32);
        }
        assert!(pcm.len() / stride(exponent) < room, "the exponent was chosen for that");
        Ok(1 + pcm.len() / stride(exponent))
    }
}

impl Decoder for BareDecoder {
    fn decode(&mut self, coded: &[u8], out: &mut [f32]) -> Result<(), CodecError> {
        let (&head, body) = coded.split_first().ok_or(CodecError::Malformed)?;
        let exponent = head >> 4;
        let length = FrameLength::from_ticks(head & 15).ok_or(CodecError::Malformed)?;
        if exponent > 3 || length.samples() != out.len() || body.len() != out.len() / stride(exponent) {
            return Err(CodecError::Malformed);
        }
        for (chunk, b) in out.chunks_exact_mut(stride(exponent)).zip(body) {
            chunk.fill(expanded(*b));
        }
        self.last.clear();
        self.last.extend_from_slice(out);
        self.level = 1.0;
        Ok(())
    }

    fn has_in_band(&self, _coded: &[u8]) -> bool {
        false
    }

    fn decode_in_band(&mut self, _coded: &[u8], _out: &mut [f32]) -> Result<(), CodecError> {
        Err(CodecError::Absent)
    }

    fn deep_reach(&mut self, _coded: &[u8]) -> u8 {
        0
    }

    fn decode_deep(&mut self, _coded: &[u8], _back_ticks: u8, _out: &mut [f32]) -> Result<(), CodecError> {
        Err(CodecError::Absent)
    }

    fn conceal(&mut self, out: &mut [f32]) -> Result<(), CodecError> {
        self.level *= 0.5;
        out.fill(0.0);
        for (o, l) in out.iter_mut().zip(&self.last) {
            *o = l * self.level;
        }
        Ok(())
    }

    fn reset(&mut self) {
        self.last.clear();
        self.level = 0.0;
    }
}

impl CodecFactory for BareFactory {
    fn encoder(&self, _length: FrameLength) -> Result<Box<dyn Encoder>, CodecError> {
        Ok(Box::new(BareEncoder))
    }

    fn decoder(&self) -> Result<Box<dyn Decoder>, CodecError> {
        Ok(Box::new(BareDecoder { last: Vec::with_capacity(MAX_FRAME_SAMPLES), level: 0.0 }))
    }
}

#[cfg(test)]
mod tests;
