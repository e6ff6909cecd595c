//! Raw sound through a pipe: signed 16 bit little-endian, 48 kHz, one channel.
//!
//! Reading and writing a pipe may wait for the program at its other end, so each has a thread of its own and a bounded
//! queue to the voice thread.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};

use super::device::{DeviceError, FRAME, Frame, Read, Sink, Source};
use super::wave::to_i16;

/// Portions of [`PORTION`] bytes that may wait each way: two seconds, then the writer at the other end waits.
const QUEUE: usize = 100;

/// Bytes of one portion: a frame.
const PORTION: usize = 2 * FRAME;

/// A pipe as a microphone.
pub struct PipeSource {
    portions: Receiver<Vec<u8>>,
    ready: VecDeque<f32>,
    half: Option<u8>,
    started: bool,
    ended: bool,
    xruns: u64,
}

impl PipeSource {
    /// Reads `input` until its end.
    ///
    /// # Errors
    /// [`DeviceError::World`] if no thread can be started.
    pub fn start(input: impl io::Read + Send + 'static) -> Result<Self, DeviceError> {
        let (queue, portions) = sync_channel(QUEUE);
        spawn("pipe-reader", move || pull(input, &queue))?;
        let ready = VecDeque::with_capacity(4 * FRAME);
        Ok(Self { portions, ready, half: None, started: false, ended: false, xruns: 0 })
    }

    fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match self.half.take() {
                None => self.half = Some(*byte),
                Some(low) => self.ready.push_back(f32::from(i16::from_le_bytes([low, *byte])) / 32_768.0),
            }
        }
    }
}

fn pull(mut input: impl io::Read, queue: &SyncSender<Vec<u8>>) {
    loop {
        let mut portion = vec![0; PORTION];
        match input.read(&mut portion) {
            Ok(0) => return,
            Ok(count) => {
                portion.truncate(count);
                if queue.send(portion).is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                tracing::warn!(%error, "the sound pipe broke");
                return;
            }
        }
    }
}

impl Source for PipeSource {
    fn read(&mut self, frame: &mut Frame) -> Read {
        while !self.ended && self.ready.len() < FRAME {
            match self.portions.try_recv() {
                Ok(portion) => self.take(&portion),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => self.ended = true,
            }
        }
        frame.fill(0.0);
        if self.ready.is_empty() {
            if self.ended {
                return Read::End;
            }
            // A pipe that has not begun yet is not late.
            self.xruns += u64::from(self.started);
            return Read::Silence;
        }
        self.started = true;
        let count = self.ready.len().min(FRAME);
        self.xruns += u64::from(count < FRAME && !self.ended);
        for (sample, value) in frame.iter_mut().zip(self.ready.drain(..count)) {
            *sample = value;
        }
        Read::Sound
    }

    fn xruns(&self) -> u64 {
        self.xruns
    }
}

/// A pipe as a loudspeaker.
pub struct PipeSink {
    queue: SyncSender<Vec<u8>>,
    xruns: u64,
}

impl PipeSink {
    /// Writes to `output` until it refuses.
    ///
    /// # Errors
    /// [`DeviceError::World`] if no thread can be started.
    pub fn start(output: impl io::Write + Send + 'static) -> Result<Self, DeviceError> {
        let (queue, portions) = sync_channel::<Vec<u8>>(QUEUE);
        spawn("pipe-writer", move || push(output, &portions))?;
        Ok(Self { queue, xruns: 0 })
    }
}

fn push(mut output: impl io::Write, portions: &Receiver<Vec<u8>>) {
    while let Ok(portion) = portions.recv() {
        if let Err(error) = output.write_all(&portion).and_then(|()| output.flush()) {
            tracing::info!(%error, "nobody takes the sound from the pipe any more");
            return;
        }
    }
}

impl Sink for PipeSink {
    fn write(&mut self, frame: &Frame) -> Result<(), DeviceError> {
        let bytes = frame.iter().flat_map(|sample| to_i16(*sample).to_le_bytes()).collect();
        match self.queue.try_send(bytes) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => {
                self.xruns += 1;
                Ok(())
            }
            Err(TrySendError::Disconnected(_)) => Err(DeviceError::World {
                what: "writing sound to the pipe".to_owned(),
                why: "its reader is gone".to_owned(),
            }),
        }
    }

    fn xruns(&self) -> u64 {
        self.xruns
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), DeviceError> {
    // Not joined: a read of stdin cannot be interrupted, and the thread owns nothing that outlives the process badly.
    let started = std::thread::Builder::new().name(name.to_owned()).spawn(body);
    let failed = |error: io::Error| DeviceError::World {
        what: "starting a thread".to_owned(),
        why: error.to_string(),
    };
    started.map(drop).map_err(failed)
}

#[cfg(test)]
mod tests;
