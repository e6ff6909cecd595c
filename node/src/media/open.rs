//! From the name that people type to a source or a sink.

use super::device::{DeviceError, DeviceName, NullSink, NullSource, Sink, Source};
use super::pipe::{PipeSink, PipeSource};
use super::wave::{WaveSink, WaveSource};

impl DeviceName {
    /// Opens what shall speak for this device.
    ///
    /// # Errors
    /// [`DeviceError`], which names the fault and the next step.
    pub fn source(&self) -> Result<Box<dyn Source>, DeviceError> {
        Ok(match self {
            Self::Null => Box::new(NullSource),
            Self::Pipe => Box::new(PipeSource::start(std::io::stdin())?),
            Self::File(path) => Box::new(WaveSource::open(path)?),
            Self::Device(device) => microphone(device.as_deref())?,
        })
    }

    /// Opens what this device shall be heard through.
    ///
    /// # Errors
    /// [`DeviceError`], which names the fault and the next step.
    pub fn sink(&self) -> Result<Box<dyn Sink>, DeviceError> {
        Ok(match self {
            Self::Null => Box::new(NullSink),
            Self::Pipe => Box::new(PipeSink::start(std::io::stdout())?),
            Self::File(path) => Box::new(WaveSink::create(path)?),
            Self::Device(device) => loudspeaker(device.as_deref())?,
        })
    }
}

#[cfg(feature = "device")]
fn microphone(name: Option<&str>) -> Result<Box<dyn Source>, DeviceError> {
    Ok(Box::new(super::hardware::Microphone::open(name)?))
}

#[cfg(feature = "device")]
fn loudspeaker(name: Option<&str>) -> Result<Box<dyn Sink>, DeviceError> {
    Ok(Box::new(super::hardware::Loudspeaker::open(name)?))
}

#[cfg(not(feature = "device"))]
fn microphone(_name: Option<&str>) -> Result<Box<dyn Source>, DeviceError> {
    Err(without_devices())
}

#[cfg(not(feature = "device"))]
fn loudspeaker(_name: Option<&str>) -> Result<Box<dyn Sink>, DeviceError> {
    Err(without_devices())
}

#[cfg(not(feature = "device"))]
fn without_devices() -> DeviceError {
    let what = "this build knows no sound devices".to_owned();
    DeviceError::Caller {
        what,
        next: "build with the feature `device`, or name a WAV file, null or - with --in and --out",
    }
}

#[cfg(test)]
mod tests;
