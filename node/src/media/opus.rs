//! libopus 1.6 behind the voice path's codec traits: encoder, decoder, deep redundancy. The one place with `unsafe`.
//!
//! The `opus` crate sits on the same library and exposes neither deep redundancy (DRED) nor decoder complexity, which
//! switches on neural concealment (5), LACE (6) and NoLACE (7); so this wraps `opusic-sys` itself. Every pointer that is
//! handed to C is a live state of ours or a slice with its length. States are plain memory without threads inside, hence
//! `Send`; `&mut self` keeps each to one caller at a time.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::ptr::{self, NonNull};

use halloo_engine::voice::codec::{
    CodecError, CodecFactory, Coding, Decoder, Encoder, FrameLength, MAX_CODED_BYTES, SAMPLE_RATE_HZ,
    TICK_SAMPLES,
};
use opusic_sys as sys;

const RATE: i32 = SAMPLE_RATE_HZ as i32;

/// Longest reach of deep redundancy that is looked for: one second.
const MAX_DEEP_SAMPLES: i32 = RATE;

/// How much work the codec spends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpusFactory {
    /// 0..=10. At 20 ms and 24 kbit/s 5 costs 116 us a frame, 10 costs 143 us.
    pub encoder_complexity: u8,
    /// 0..=10. 4 and less: classic concealment; 5: neural concealment; 6 and 7 also enhance decoded speech.
    pub decoder_complexity: u8,
}

impl Default for OpusFactory {
    fn default() -> Self {
        OpusFactory { encoder_complexity: 10, decoder_complexity: 7 }
    }
}

impl CodecFactory for OpusFactory {
    fn encoder(&self, length: FrameLength) -> Result<Box<dyn Encoder>, CodecError> {
        Ok(Box::new(OpusEncoder::new(length, self.encoder_complexity)?))
    }

    fn decoder(&self) -> Result<Box<dyn Decoder>, CodecError> {
        Ok(Box::new(OpusDecoder::new(self.decoder_complexity)?))
    }
}

/// Version of the library, as it tells it.
pub fn version() -> &'static str {
    // SAFETY: the library returns a static C string.
    let text = unsafe { std::ffi::CStr::from_ptr(sys::opus_get_version_string()) };
    text.to_str().unwrap_or("unknown")
}

/// One speech encoder: 48 kHz mono, constant rate, no discontinuous transmission (the gate does that).
pub struct OpusEncoder {
    state: NonNull<sys::OpusEncoder>,
    length: FrameLength,
    coding: Option<Coding>,
}

// SAFETY: the state is a heap block without thread-local or shared parts; see the head of the file.
unsafe impl Send for OpusEncoder {}

impl OpusEncoder {
    /// An encoder for frames of this length.
    ///
    /// # Errors
    /// [`CodecError::Internal`].
    pub fn new(length: FrameLength, complexity: u8) -> Result<Self, CodecError> {
        let mut error = sys::OPUS_OK;
        // "Audio" with the voice signal set below codes speech as "VoIP" does, but without its own high-pass, which takes 15 dB
        // below 100 Hz: what a microphone's rumble needs is done where the microphone is known, not to files and music.
        // SAFETY: `error` outlives the call; the result is checked below.
        let state = unsafe { sys::opus_encoder_create(RATE, 1, sys::OPUS_APPLICATION_AUDIO, &mut error) };
        let state = NonNull::new(state).ok_or(CodecError::Internal(error))?;
        let mut encoder = OpusEncoder { state, length, coding: None };
        encoder.set(sys::OPUS_SET_COMPLEXITY_REQUEST, i32::from(complexity.min(10)))?;
        encoder.set(sys::OPUS_SET_SIGNAL_REQUEST, sys::OPUS_SIGNAL_VOICE)?;
        encoder.set(sys::OPUS_SET_VBR_REQUEST, 0)?;
        encoder.set(sys::OPUS_SET_DTX_REQUEST, 0)?;
        Ok(encoder)
    }

    fn set(&mut self, request: c_int, value: i32) -> Result<(), CodecError> {
        // SAFETY: the state is live, and every request passed here takes one opus_int32.
        check(unsafe { sys::opus_encoder_ctl(self.state.as_ptr(), request, value) }).map(|_| ())
    }

    fn follow(&mut self, coding: &Coding) -> Result<(), CodecError> {
        if self.coding.as_ref() == Some(coding) {
            return Ok(());
        }
        let bits = coding.bytes as u64 * 8 * 1_000_000 / self.length.micros();
        self.set(sys::OPUS_SET_BITRATE_REQUEST, i32::try_from(bits).unwrap_or(i32::MAX))?;
        self.set(sys::OPUS_SET_PACKET_LOSS_PERC_REQUEST, i32::from(coding.loss_percent.min(100)))?;
        self.set(sys::OPUS_SET_INBAND_FEC_REQUEST, i32::from(coding.in_band))?;
        self.set(sys::OPUS_SET_DRED_DURATION_REQUEST, i32::from(coding.deep_ticks))?;
        self.coding = Some(*coding);
        Ok(())
    }
}

impl Encoder for OpusEncoder {
    fn encode(&mut self, pcm: &[f32], coding: &Coding, out: &mut [u8]) -> Result<usize, CodecError> {
        if pcm.len() != self.length.samples() || out.is_empty() {
            return Err(CodecError::Length);
        }
        self.follow(coding)?;
        let room = out.len().min(coding.bytes);
        // SAFETY: `pcm` holds one frame of one channel and `out` at least `room` bytes; both outlive the call.
        let len = check(unsafe {
            sys::opus_encode_float(
                self.state.as_ptr(),
                pcm.as_ptr(),
                pcm.len() as c_int,
                out.as_mut_ptr(),
                room as i32,
            )
        })?;
        assert!(len <= room, "libopus keeps to the room that it is given");
        Ok(len)
    }
}

impl Drop for OpusEncoder {
    fn drop(&mut self) {
        // SAFETY: created by opus_encoder_create, destroyed once.
        unsafe { sys::opus_encoder_destroy(self.state.as_ptr()) }
    }
}

/// One speech decoder with its deep redundancy.
pub struct OpusDecoder {
    state: NonNull<sys::OpusDecoder>,
    deep: Deep,
}

// SAFETY: as for the encoder.
unsafe impl Send for OpusDecoder {}

/// Parser and buffer for deep redundancy, and which frame the buffer holds.
struct Deep {
    parser: NonNull<sys::OpusDREDDecoder>,
    buffer: NonNull<sys::OpusDRED>,
    parsed: Vec<u8>,
    reach_samples: i32,
}

impl OpusDecoder {
    /// A decoder of this complexity.
    ///
    /// # Errors
    /// [`CodecError::Internal`].
    pub fn new(complexity: u8) -> Result<Self, CodecError> {
        let deep = Deep::new()?;
        let mut error = sys::OPUS_OK;
        // SAFETY: `error` outlives the call; the result is checked below.
        let state = unsafe { sys::opus_decoder_create(RATE, 1, &mut error) };
        let state = NonNull::new(state).ok_or(CodecError::Internal(error))?;
        let decoder = OpusDecoder { state, deep };
        let complexity = c_int::from(complexity.min(10));
        // SAFETY: the state is live and the request takes one opus_int32.
        check(unsafe {
            sys::opus_decoder_ctl(state.as_ptr(), sys::OPUS_SET_COMPLEXITY_REQUEST, complexity)
        })?;
        Ok(decoder)
    }

    /// Decodes `coded` (or, with `None`, invents) exactly `out.len()` samples.
    fn run(&mut self, coded: Option<&[u8]>, out: &mut [f32], in_band: bool) -> Result<(), CodecError> {
        let (data, len) = coded.map_or((ptr::null(), 0), |c| (c.as_ptr(), c.len() as i32));
        let samples = out.len() as c_int;
        // SAFETY: `data` is null with length 0, or a slice of that length; `out` holds `samples` samples of one channel.
        let got = check(unsafe {
            sys::opus_decode_float(
                self.state.as_ptr(),
                data,
                len,
                out.as_mut_ptr(),
                samples,
                c_int::from(in_band),
            )
        })?;
        if got == out.len() { Ok(()) } else { Err(CodecError::Malformed) }
    }
}

/// Samples in a frame; `None` when the bytes are none.
fn samples_of(coded: &[u8]) -> Option<usize> {
    if coded.is_empty() {
        return None;
    }
    // SAFETY: a slice with its length, only read.
    check(unsafe { sys::opus_packet_get_nb_samples(coded.as_ptr(), coded.len() as i32, RATE) }).ok()
}

impl Decoder for OpusDecoder {
    fn decode(&mut self, coded: &[u8], out: &mut [f32]) -> Result<(), CodecError> {
        if samples_of(coded) != Some(out.len()) {
            return Err(CodecError::Malformed);
        }
        self.run(Some(coded), out, false)
    }

    fn has_in_band(&self, coded: &[u8]) -> bool {
        if coded.is_empty() {
            return false;
        }
        // SAFETY: a slice with its length, only read.
        unsafe { sys::opus_packet_has_lbrr(coded.as_ptr(), coded.len() as i32) == 1 }
    }

    fn decode_in_band(&mut self, coded: &[u8], out: &mut [f32]) -> Result<(), CodecError> {
        if samples_of(coded) != Some(out.len()) {
            return Err(CodecError::Malformed);
        }
        if !self.has_in_band(coded) {
            return Err(CodecError::Absent);
        }
        self.run(Some(coded), out, true)
    }

    fn deep_reach(&mut self, coded: &[u8]) -> u8 {
        if samples_of(coded).is_none() {
            return 0;
        }
        u8::try_from(self.deep.parse(coded) / TICK_SAMPLES as i32).unwrap_or(u8::MAX)
    }

    fn decode_deep(&mut self, coded: &[u8], back_ticks: u8, out: &mut [f32]) -> Result<(), CodecError> {
        let back = i32::from(back_ticks) * TICK_SAMPLES as i32;
        if samples_of(coded).is_none() || self.deep.parse(coded) < back || back == 0 {
            return Err(CodecError::Absent);
        }
        let (state, buffer) = (self.state.as_ptr(), self.deep.buffer.as_ptr());
        // SAFETY: both states are live, the buffer was parsed and processed; `out` holds that many samples.
        let got = check(unsafe {
            sys::opus_decoder_dred_decode_float(state, buffer, back, out.as_mut_ptr(), out.len() as i32)
        })?;
        if got == out.len() { Ok(()) } else { Err(CodecError::Malformed) }
    }

    fn conceal(&mut self, out: &mut [f32]) -> Result<(), CodecError> {
        self.run(None, out, false)
    }

    fn reset(&mut self) {
        // SAFETY: the state is live and the request takes no argument. It cannot fail.
        unsafe { sys::opus_decoder_ctl(self.state.as_ptr(), sys::OPUS_RESET_STATE) };
    }
}

impl Drop for OpusDecoder {
    fn drop(&mut self) {
        // SAFETY: created by opus_decoder_create, destroyed once.
        unsafe { sys::opus_decoder_destroy(self.state.as_ptr()) }
    }
}

impl Deep {
    fn new() -> Result<Self, CodecError> {
        let mut error = sys::OPUS_OK;
        // SAFETY: `error` outlives the call; the result is checked below.
        let parser = unsafe { sys::opus_dred_decoder_create(&mut error) };
        let parser = NonNull::new(parser).ok_or(CodecError::Internal(error))?;
        // SAFETY: as above.
        let buffer = unsafe { sys::opus_dred_alloc(&mut error) };
        let Some(buffer) = NonNull::new(buffer) else {
            // SAFETY: created above, destroyed once.
            unsafe { sys::opus_dred_decoder_destroy(parser.as_ptr()) };
            return Err(CodecError::Internal(error));
        };
        Ok(Deep { parser, buffer, parsed: Vec::with_capacity(MAX_CODED_BYTES), reach_samples: 0 })
    }

    /// Parses the redundancy of one frame, unless it is the frame parsed last; returns its reach in samples.
    fn parse(&mut self, coded: &[u8]) -> i32 {
        if self.parsed == coded {
            return self.reach_samples;
        }
        self.parsed.clear();
        let mut end = 0;
        // SAFETY: both states are live, `coded` is a slice with its length, `end` outlives the call.
        let reach = unsafe {
            sys::opus_dred_parse(
                self.parser.as_ptr(),
                self.buffer.as_ptr(),
                coded.as_ptr(),
                coded.len() as i32,
                MAX_DEEP_SAMPLES,
                RATE,
                &mut end,
                0,
            )
        };
        if coded.len() <= MAX_CODED_BYTES {
            self.parsed.extend_from_slice(coded);
        }
        self.reach_samples = reach.max(0);
        self.reach_samples
    }
}

impl Drop for Deep {
    fn drop(&mut self) {
        // SAFETY: both created in `new`, destroyed once.
        unsafe {
            sys::opus_dred_free(self.buffer.as_ptr());
            sys::opus_dred_decoder_destroy(self.parser.as_ptr());
        }
    }
}

/// Counts and codes of libopus: negative is an error.
fn check(code: c_int) -> Result<usize, CodecError> {
    match code {
        0.. => Ok(code as usize),
        sys::OPUS_INVALID_PACKET | sys::OPUS_BUFFER_TOO_SMALL | sys::OPUS_BAD_ARG => {
            Err(CodecError::Malformed)
        }
        other => Err(CodecError::Internal(other)),
    }
}

#[cfg(test)]
mod tests;
