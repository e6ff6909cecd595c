//! Where sound comes from and goes to: one trait each way, 48 kHz mono in frames of 20 ms.
//!
//! A [`Source`] yields one frame when asked, a [`Sink`] takes one. Neither ever waits: real devices sit behind lock-free
//! rings, files and pipes are stepped by the voice thread, which keeps the pace. What could not be served in time is
//! counted as an xrun.

use std::path::PathBuf;
use std::str::FromStr;

use serde::Serialize;

/// Samples per second of everything inside halloo.
pub const SAMPLE_RATE: u32 = 48_000;

/// Samples of one frame: 20 ms.
pub const FRAME: usize = 960;

/// One frame of mono sound, full scale is +-1.0.
pub type Frame = [f32; FRAME];

/// Where sound comes from. `read` is called once a step and must not wait.
pub trait Source: Send {
    /// Fills one frame. What is missing is filled with silence.
    fn read(&mut self, frame: &mut Frame) -> Read;

    /// Overruns and underruns so far.
    fn xruns(&self) -> u64 {
        0
    }

    /// Whether a loudspeaker may be heard in it and a room around it: the sound of files is left as it is.
    fn is_open_air(&self) -> bool {
        false
    }

    /// Milliseconds between a sound at the mouth and the return of `read` that holds it, beyond the frame itself.
    fn latency_ms(&self) -> f32 {
        0.0
    }
}

/// What a [`Source::read`] gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// A frame of sound, possibly partly padded.
    Sound,
    /// Nothing yet: the frame is silence.
    Silence,
    /// The file or pipe is at its end: silence from here on.
    End,
}

/// Where sound goes to. `write` is called once a step and must not wait.
pub trait Sink: Send {
    /// Takes one frame.
    ///
    /// # Errors
    /// [`DeviceError::World`] when a file or pipe refuses; a device never does, it counts xruns.
    fn write(&mut self, frame: &Frame) -> Result<(), DeviceError>;

    /// Overruns and underruns so far.
    fn xruns(&self) -> u64 {
        0
    }

    /// Milliseconds between the return of `write` and the sound at the ear.
    fn latency_ms(&self) -> f32 {
        0.0
    }
}

/// The name of a source or a sink as people type it: `device`, `device:NAME`, `null`, `-`, or a path of a WAV file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceName {
    /// The system's default device, or the one whose name contains the text.
    Device(Option<String>),
    /// Silence in, nothing out, at the right pace.
    Null,
    /// Raw signed 16-bit little-endian 48 kHz mono on stdin or stdout.
    Pipe,
    /// A WAV file: any rate and channel count in, 48 kHz mono 16 bit out.
    File(PathBuf),
}

impl FromStr for DeviceName {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "device" => Self::Device(None),
            "null" => Self::Null,
            "-" => Self::Pipe,
            other => match other.strip_prefix("device:") {
                Some(name) => Self::Device(Some(name.to_owned())),
                None => Self::File(PathBuf::from(other)),
            },
        })
    }
}

/// What can be wrong with a device or a sound file.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The caller asked for something that is not there: no such file, no such device, built without the feature.
    #[error("{what}: {next}")]
    Caller {
        /// What is wrong.
        what: String,
        /// What to do about it.
        next: &'static str,
    },
    /// The file is not sound, or is damaged.
    #[error("{what} is not a sound file that halloo reads: {why}")]
    Format {
        /// The file.
        what: String,
        /// What the reader says.
        why: String,
    },
    /// The system refused.
    #[error("{what}: {why}")]
    World {
        /// What was tried.
        what: String,
        /// What the system says.
        why: String,
    },
}

/// Silence for ever, at the voice thread's pace.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullSource;

impl Source for NullSource {
    fn read(&mut self, frame: &mut Frame) -> Read {
        frame.fill(0.0);
        Read::Silence
    }
}

/// Swallows everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullSink;

impl Sink for NullSink {
    fn write(&mut self, _frame: &Frame) -> Result<(), DeviceError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
