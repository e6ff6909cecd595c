//! Sound files: WAV of any rate, width and channel count in; 48 kHz mono 16 bit out, readable at every moment.

use std::collections::VecDeque;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

use super::device::{DeviceError, FRAME, Frame, Read, SAMPLE_RATE, Sink, Source};
use super::resample::{MAX_RATE, MIN_RATE, ToVoiceRate};

/// Most channels of a file; more are measurements, not sound for people.
const MAX_CHANNELS: u16 = 32;

/// Samples a channel that are read at a time.
const PORTION: usize = 2_048;

/// Frames that may wait for the disk: five seconds.
const WRITER_QUEUE: usize = 250;

/// Frames between two updates of the header: a killed process loses at most a fifth of a second.
const HEADER_EVERY: u32 = 10;

/// A WAV file as a microphone.
pub struct WaveSource {
    reader: WavReader<BufReader<File>>,
    convert: ToVoiceRate,
    ready: VecDeque<f32>,
    ended: bool,
}

impl WaveSource {
    /// Opens a file.
    ///
    /// # Errors
    /// [`DeviceError::Caller`] if there is none, [`DeviceError::Format`] if it is not WAV sound.
    pub fn open(path: &Path) -> Result<Self, DeviceError> {
        let what = path.display().to_string();
        if !path.is_file() {
            return Err(DeviceError::Caller {
                what: format!("{what} is not a file"),
                next: "name a WAV file, device, null or -",
            });
        }
        let reader = WavReader::open(path)
            .map_err(|error| DeviceError::Format { what: what.clone(), why: error.to_string() })?;
        let WavSpec { channels, sample_rate, .. } = reader.spec();
        if channels == 0 || channels > MAX_CHANNELS {
            return Err(DeviceError::Format {
                what,
                why: format!("{channels} channels, at most {MAX_CHANNELS} are read"),
            });
        }
        let Some(convert) = ToVoiceRate::new(sample_rate) else {
            let why = format!("{sample_rate} samples per second, {MIN_RATE} to {MAX_RATE} are read");
            return Err(DeviceError::Format { what, why });
        };
        Ok(Self { reader, convert, ready: VecDeque::with_capacity(8 * FRAME), ended: false })
    }

    /// Length of the file in milliseconds.
    pub fn duration_ms(&self) -> u64 {
        u64::from(self.reader.duration()) * 1_000 / u64::from(self.reader.spec().sample_rate)
    }

    fn refill(&mut self) {
        let WavSpec { channels, bits_per_sample, sample_format, .. } = self.reader.spec();
        let channels = usize::from(channels);
        let count = PORTION * channels;
        let samples: Vec<f32> = match sample_format {
            // A damaged rest reads as the end of the file.
            SampleFormat::Float => self.reader.samples::<f32>().take(count).map_while(Result::ok).collect(),
            SampleFormat::Int => {
                let scale = 1.0 / (1_i64 << (bits_per_sample - 1)) as f32;
                let samples = self.reader.samples::<i32>().take(count).map_while(Result::ok);
                samples.map(|sample| sample as f32 * scale).collect()
            }
        };
        let mono: Vec<f32> = samples
            .chunks_exact(channels)
            .map(|frame| (frame.iter().sum::<f32>() / channels as f32).clamp(-1.0, 1.0))
            .map(|sample| if sample.is_finite() { sample } else { 0.0 })
            .collect();
        self.convert.push(&mono, &mut self.ready);
        if samples.len() < count {
            self.ended = true;
            self.convert.finish(&mut self.ready);
        }
    }
}

impl Source for WaveSource {
    fn read(&mut self, frame: &mut Frame) -> Read {
        while !self.ended && self.ready.len() < FRAME {
            self.refill();
        }
        frame.fill(0.0);
        let count = self.ready.len().min(FRAME);
        if count == 0 {
            return Read::End;
        }
        for (sample, value) in frame.iter_mut().zip(self.ready.drain(..count)) {
            *sample = value;
        }
        Read::Sound
    }
}

/// A WAV file that grows: 48 kHz mono 16 bit, its header right to within a fifth of a second.
pub struct WaveFile {
    writer: WavWriter<std::io::BufWriter<File>>,
    what: String,
    since_header: u32,
}

impl WaveFile {
    /// Creates or replaces a file.
    ///
    /// # Errors
    /// [`DeviceError::World`] if the system refuses.
    pub fn create(path: &Path) -> Result<Self, DeviceError> {
        let what = path.display().to_string();
        let spec = WavSpec {
            channels: 1,
            sample_rate: SAMPLE_RATE,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        let writer = WavWriter::create(path, spec).map_err(|error| world(&what, &error))?;
        let mut file = Self { writer, what, since_header: 0 };
        file.update_header()?;
        Ok(file)
    }

    /// Appends samples, full scale +-1.0.
    ///
    /// # Errors
    /// [`DeviceError::World`] if the disk refuses.
    pub fn append(&mut self, samples: &[f32]) -> Result<(), DeviceError> {
        for sample in samples {
            self.writer.write_sample(to_i16(*sample)).map_err(|error| world(&self.what, &error))?;
        }
        self.since_header += 1;
        if self.since_header >= HEADER_EVERY {
            self.update_header()?;
        }
        Ok(())
    }

    /// Samples written so far.
    pub fn samples(&self) -> u32 {
        self.writer.len()
    }

    /// Writes all that waits and makes the header right.
    ///
    /// # Errors
    /// [`DeviceError::World`] if the disk refuses.
    pub fn update_header(&mut self) -> Result<(), DeviceError> {
        self.since_header = 0;
        self.writer.flush().map_err(|error| world(&self.what, &error))
    }
}

/// One sample as 16 bit, rounded, never wrapped.
pub fn to_i16(sample: f32) -> i16 {
    // The clamp keeps the cast within range; not-a-number becomes zero by the cast's own rule.
    (sample.clamp(-1.0, 1.0) * 32_767.0).round() as i16
}

fn world(what: &str, error: &hound::Error) -> DeviceError {
    DeviceError::World { what: format!("writing {what}"), why: error.to_string() }
}

/// A WAV file as a loudspeaker. A thread of its own waits for the disk, so that the voice thread never does.
pub struct WaveSink {
    queue: Option<SyncSender<Box<Frame>>>,
    writer: Option<JoinHandle<Result<(), DeviceError>>>,
    xruns: u64,
}

impl WaveSink {
    /// Creates or replaces a file.
    ///
    /// # Errors
    /// [`DeviceError::World`] if the system refuses.
    pub fn create(path: &Path) -> Result<Self, DeviceError> {
        let mut file = WaveFile::create(path)?;
        let (queue, frames) = sync_channel::<Box<Frame>>(WRITER_QUEUE);
        let writer = std::thread::Builder::new()
            .name("wave-writer".to_owned())
            .spawn(move || {
                while let Ok(frame) = frames.recv() {
                    file.append(&frame[..])?;
                }
                file.update_header()
            })
            .map_err(|error| DeviceError::World {
                what: "starting a thread".to_owned(),
                why: error.to_string(),
            })?;
        Ok(Self { queue: Some(queue), writer: Some(writer), xruns: 0 })
    }
}

impl Sink for WaveSink {
    fn write(&mut self, frame: &Frame) -> Result<(), DeviceError> {
        let Some(queue) = &self.queue else { return Ok(()) };
        match queue.try_send(Box::new(*frame)) {
            Ok(()) => Ok(()),
            Err(std::sync::mpsc::TrySendError::Full(_)) => {
                self.xruns += 1;
                Ok(())
            }
            Err(std::sync::mpsc::TrySendError::Disconnected(_)) => {
                self.queue = None;
                match self.writer.take().map(JoinHandle::join) {
                    Some(Ok(Err(error))) => Err(error),
                    _ => Ok(()),
                }
            }
        }
    }

    fn xruns(&self) -> u64 {
        self.xruns
    }
}

impl Drop for WaveSink {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(Ok(Err(error))) = self.writer.take().map(JoinHandle::join) {
            tracing::error!(%error, "the last sound did not reach the file");
        }
    }
}

#[cfg(test)]
mod tests;
