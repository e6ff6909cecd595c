//! Microphones and loudspeakers of the machine, through the system's sound library.

use cpal::traits::{DeviceTrait as _, HostTrait as _, StreamTrait as _};
use cpal::{BufferSize, FromSample, SampleFormat, SizedSample, StreamConfig, SupportedStreamConfig};
use serde::Serialize;

use super::device::{DeviceError, Frame, Read, SAMPLE_RATE, Sink, Source};
use super::drift::{CardIn, CardOut, VoiceIn, VoiceOut, loudspeaker, microphone};

/// Length of the callbacks asked for, in milliseconds.
const CALLBACK_MS: u32 = 10;

/// Most devices listed: some systems offer a dozen plugins for each card.
const MAX_LISTED: usize = 64;

/// One sound device as the system names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeviceInfo {
    /// The name to type after `device:`.
    pub name: String,
    /// Whether it can listen.
    pub input: bool,
    /// Whether it can speak.
    pub output: bool,
    /// Whether the system uses it when none is named.
    pub default: bool,
}

/// Keeps the system's library from writing to stderr on this thread: what goes wrong comes back as an error.
#[cfg(target_os = "linux")]
fn hush() {
    if let Err(error) = alsa::Output::local_error_handler() {
        tracing::debug!(%error, "the sound library keeps talking to stderr");
    }
}

#[cfg(not(target_os = "linux"))]
fn hush() {}

/// The devices of the machine, at most 64, those for both directions first.
pub fn list() -> Vec<DeviceInfo> {
    hush();
    let host = cpal::default_host();
    let name = |device: Option<cpal::Device>| {
        device.and_then(|device| device.description().ok().map(|d| d.name().to_owned()))
    };
    let defaults = [name(host.default_input_device()), name(host.default_output_device())];
    let mut found: Vec<DeviceInfo> = Vec::new();
    for device in host.devices().into_iter().flatten().take(MAX_LISTED) {
        let Ok(description) = device.description() else { continue };
        let name = description.name().to_owned();
        let (input, output) = (description.supports_input(), description.supports_output());
        let default = defaults.iter().flatten().any(|known| *known == name);
        found.push(DeviceInfo { name, input, output, default });
    }
    found.sort_by_key(|device| !(device.input && device.output));
    found
}

/// A microphone that runs.
pub struct Microphone {
    voice: VoiceIn,
    // Dropping the stream stops it.
    _stream: cpal::Stream,
}

/// A loudspeaker that runs.
pub struct Loudspeaker {
    voice: VoiceOut,
    _stream: cpal::Stream,
}

impl Microphone {
    /// Opens the default microphone, or the first whose name contains `name`.
    ///
    /// # Errors
    /// [`DeviceError::Caller`] if there is none, [`DeviceError::World`] if the system refuses it.
    pub fn open(name: Option<&str>) -> Result<Self, DeviceError> {
        hush();
        let host = cpal::default_host();
        let device = match name {
            None => host.default_input_device(),
            Some(name) => host
                .input_devices()
                .ok()
                .and_then(|mut devices| devices.find(|device| is_called(device, name))),
        };
        let device = device.ok_or_else(|| nothing("microphone", name))?;
        let offered = device.supported_input_configs().into_iter().flatten().map(|range| (range, ()));
        let config =
            choose(offered.map(|(range, ())| range)).map_or_else(|| device.default_input_config(), Ok);
        let config = config.map_err(|error| unable("microphone", name, &error))?;
        let (card, voice) = microphone(config.sample_rate()).ok_or_else(|| odd_rate(&config))?;
        let stream = build_in(&device, &config, card)?;
        stream.play().map_err(|error| refused("starting the microphone", &error))?;
        Ok(Self { voice, _stream: stream })
    }
}

impl Loudspeaker {
    /// Opens the default loudspeaker, or the first whose name contains `name`.
    ///
    /// # Errors
    /// [`DeviceError::Caller`] if there is none, [`DeviceError::World`] if the system refuses it.
    pub fn open(name: Option<&str>) -> Result<Self, DeviceError> {
        hush();
        let host = cpal::default_host();
        let device = match name {
            None => host.default_output_device(),
            Some(name) => host
                .output_devices()
                .ok()
                .and_then(|mut devices| devices.find(|device| is_called(device, name))),
        };
        let device = device.ok_or_else(|| nothing("loudspeaker", name))?;
        let offered = device.supported_output_configs().into_iter().flatten();
        let config = choose(offered).map_or_else(|| device.default_output_config(), Ok);
        let config = config.map_err(|error| unable("loudspeaker", name, &error))?;
        let (card, voice) = loudspeaker(config.sample_rate()).ok_or_else(|| odd_rate(&config))?;
        let stream = build_out(&device, &config, card)?;
        stream.play().map_err(|error| refused("starting the loudspeaker", &error))?;
        Ok(Self { voice, _stream: stream })
    }
}

impl Source for Microphone {
    fn read(&mut self, frame: &mut Frame) -> Read {
        self.voice.read(frame)
    }

    fn xruns(&self) -> u64 {
        self.voice.xruns()
    }

    fn is_open_air(&self) -> bool {
        true
    }

    fn latency_ms(&self) -> f32 {
        self.voice.latency_ms()
    }
}

impl Sink for Loudspeaker {
    fn write(&mut self, frame: &Frame) -> Result<(), DeviceError> {
        self.voice.write(frame);
        Ok(())
    }

    fn xruns(&self) -> u64 {
        self.voice.xruns()
    }

    fn latency_ms(&self) -> f32 {
        self.voice.latency_ms()
    }
}

/// The offer that needs least conversion: 48 kHz, one or two channels, floats or 16 bit.
fn choose(offers: impl Iterator<Item = cpal::SupportedStreamConfigRange>) -> Option<SupportedStreamConfig> {
    let rank = |format: SampleFormat| match format {
        SampleFormat::F32 => Some(0),
        SampleFormat::I16 => Some(1),
        SampleFormat::I32 => Some(2),
        _ => None,
    };
    offers
        .filter(|offer| (1..=2).contains(&offer.channels()))
        .filter_map(|offer| {
            Some(((rank(offer.sample_format())?, offer.channels()), offer.try_with_sample_rate(SAMPLE_RATE)?))
        })
        .min_by_key(|(order, _)| *order)
        .map(|(_, config)| config)
}

fn is_called(device: &cpal::Device, name: &str) -> bool {
    device.description().is_ok_and(|description| description.name().contains(name))
}

/// The same configuration with short callbacks where the device names a range that holds them.
fn short(config: &SupportedStreamConfig) -> StreamConfig {
    let wanted = config.sample_rate() * CALLBACK_MS / 1_000;
    let mut chosen = config.config();
    if let cpal::SupportedBufferSize::Range { min, max } = config.buffer_size()
        && (*min..=*max).contains(&wanted)
    {
        chosen.buffer_size = BufferSize::Fixed(wanted);
    }
    chosen
}

fn build_in(
    device: &cpal::Device,
    config: &SupportedStreamConfig,
    card: CardIn,
) -> Result<cpal::Stream, DeviceError> {
    match config.sample_format() {
        SampleFormat::F32 => build_in_as::<f32>(device, short(config), card),
        SampleFormat::I16 => build_in_as::<i16>(device, short(config), card),
        SampleFormat::I32 => build_in_as::<i32>(device, short(config), card),
        SampleFormat::U8 => build_in_as::<u8>(device, short(config), card),
        SampleFormat::U16 => build_in_as::<u16>(device, short(config), card),
        other => Err(odd_format(other)),
    }
}

fn build_in_as<T>(
    device: &cpal::Device,
    config: StreamConfig,
    mut card: CardIn,
) -> Result<cpal::Stream, DeviceError>
where
    T: SizedSample,
    f32: FromSample<T>,
{
    let channels = usize::from(config.channels.max(1));
    let take = move |data: &[T], _: &cpal::InputCallbackInfo| {
        let mono = data
            .chunks_exact(channels)
            .map(|frame| frame.iter().map(|sample| sample.to_sample::<f32>()).sum::<f32>() / channels as f32);
        card.give(mono);
    };
    let failed = |error: cpal::Error| tracing::warn!(%error, "the microphone");
    device
        .build_input_stream(config, take, failed, None)
        .map_err(|error| refused("opening the microphone", &error))
}

fn build_out(
    device: &cpal::Device,
    config: &SupportedStreamConfig,
    card: CardOut,
) -> Result<cpal::Stream, DeviceError> {
    match config.sample_format() {
        SampleFormat::F32 => build_out_as::<f32>(device, short(config), card),
        SampleFormat::I16 => build_out_as::<i16>(device, short(config), card),
        SampleFormat::I32 => build_out_as::<i32>(device, short(config), card),
        SampleFormat::U8 => build_out_as::<u8>(device, short(config), card),
        SampleFormat::U16 => build_out_as::<u16>(device, short(config), card),
        other => Err(odd_format(other)),
    }
}

fn build_out_as<T>(
    device: &cpal::Device,
    config: StreamConfig,
    mut card: CardOut,
) -> Result<cpal::Stream, DeviceError>
where
    T: SizedSample + FromSample<f32>,
{
    let channels = usize::from(config.channels.max(1));
    let give = move |data: &mut [T], _: &cpal::OutputCallbackInfo| {
        let mut frames = data.chunks_mut(channels);
        card.take(frames.len(), |sample| {
            if let Some(frame) = frames.next() {
                frame.fill(T::from_sample(sample));
            }
        });
    };
    let failed = |error: cpal::Error| tracing::warn!(%error, "the loudspeaker");
    device
        .build_output_stream(config, give, failed, None)
        .map_err(|error| refused("opening the loudspeaker", &error))
}

fn nothing(what: &str, name: Option<&str>) -> DeviceError {
    let what = match name {
        None => format!("this machine has no {what}"),
        Some(name) => format!("no {what} is called {name}"),
    };
    DeviceError::Caller {
        what,
        next: "`halloo doctor` lists the devices; a WAV file, null or - will do as well",
    }
}

/// Some systems name a default device that is not there.
fn unable(what: &str, name: Option<&str>, error: &cpal::Error) -> DeviceError {
    match error.kind() {
        cpal::ErrorKind::DeviceNotAvailable => nothing(what, name),
        _ => refused(&format!("asking the {what} what it can do"), error),
    }
}

fn refused(what: &str, error: &cpal::Error) -> DeviceError {
    DeviceError::World { what: what.to_owned(), why: error.to_string() }
}

fn odd_rate(config: &SupportedStreamConfig) -> DeviceError {
    let why = format!("it runs at {} samples per second", config.sample_rate());
    DeviceError::World { what: "using the device".to_owned(), why }
}

fn odd_format(format: SampleFormat) -> DeviceError {
    DeviceError::World { what: "using the device".to_owned(), why: format!("its samples are {format}") }
}

#[cfg(test)]
mod tests;
