//! The voice thread: owns the path, the sound's ends and the road, and steps them 50 times a second.
//!
//! An OS thread, not a task: nothing else may delay a step. Steps lie on a grid of 20 ms of the monotonic clock, so that
//! files are paced without drift; a machine that slept skips steps instead of running after them. Commands and events
//! travel over bounded queues, and the thread never waits for either.

use std::sync::mpsc::{SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use halloo_crypto::id::DeviceId;
use halloo_engine::voice::{CodecError, CodecFactory, Transmit, VoiceConfig, VoicePath, VoicePlan};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use super::clock::mono_ns;
use super::device::{DeviceError, Sink, Source};
use super::endpoint::Road;
use super::plain;
use super::record::{Recorder, Recording};
use super::step::{Ends, STEP_NS, Step};

pub use super::step::{MediaEvent, MediaStats};

/// Commands that may wait: a driver that is told of many changes at once.
const COMMAND_QUEUE: usize = 64;

/// Events that may wait; what finds no room is dropped, the next figures tell the state again.
const EVENT_QUEUE: usize = 256;

/// Steps between two figures: a second.
const STATS_EVERY: u64 = 50;

/// Steps that the thread runs after to catch up; beyond, they are skipped.
const MAX_BEHIND: u64 = 5;

/// A budget that sets no limit beside the plan's.
pub const ANY_BUDGET_BPS: u32 = u32::MAX;

/// What the driver tells the thread.
pub enum MediaCommand {
    /// Follow this plan from now on.
    Plan(Box<VoicePlan>),
    /// Mute or open the microphone, beside what the plan says.
    MuteMicrophone(bool),
    /// Silence or open the loudspeaker, beside what the plan says.
    MuteSpeaker(bool),
    /// When sound leaves: open microphone, by voice, or while a key is held.
    Transmit(Transmit),
    /// How loud one speaker is in the mix, 0..=4.
    Gain(DeviceId, f32),
    /// Speak with this from now on.
    Source(Box<dyn Source>),
    /// Be heard through this from now on.
    Sink(Box<dyn Sink>),
    /// A signed checkpoint, to be sent.
    Checkpoint(Vec<u8>),
    /// Begin a recording, or end it.
    Record(Option<Recording>),
    /// End.
    Stop,
}

/// All that a voice thread starts with.
pub struct MediaConfig {
    /// Device, frame length, transmit mode.
    pub voice: VoiceConfig,
    /// Codecs, ordinarily [`super::opus::OpusFactory`].
    pub codecs: Box<dyn CodecFactory>,
    /// Seed of the path's own generator (first media time and frame number).
    pub seed: [u8; 32],
    /// The microphone.
    pub source: Box<dyn Source>,
    /// The loudspeaker.
    pub sink: Box<dyn Sink>,
    /// The endpoint's queues.
    pub road: Road,
    /// Most bits per second of frames before sealing, beside what the plan allows: ordinarily [`ANY_BUDGET_BPS`]; 0 sends no
    /// redundancy at all.
    pub budget_bps: u32,
    /// Write down what is said and heard.
    pub record: Option<Recording>,
}

/// Why a voice thread could not start or take a command.
#[derive(Debug, thiserror::Error)]
pub enum ThreadError {
    /// The codec could not be set up.
    #[error("the speech codec could not be set up: {0}")]
    Codec(#[from] CodecError),
    /// The recording's folder or files could not be made.
    #[error(transparent)]
    Record(#[from] DeviceError),
    /// The system gave no thread.
    #[error("no voice thread: {0}")]
    World(String),
    /// The thread has ended.
    #[error("the voice thread has ended")]
    Ended,
    /// The thread does not take commands fast enough.
    #[error("the voice thread is busy")]
    Busy,
}

/// Takes commands from anywhere; clones share the thread.
#[derive(Clone)]
pub struct MediaHandle {
    commands: SyncSender<MediaCommand>,
}

/// A running voice thread. Dropping it ends the thread.
pub struct MediaThread {
    handle: MediaHandle,
    thread: Option<JoinHandle<()>>,
}

impl MediaHandle {
    /// Hands over a command without waiting.
    ///
    /// # Errors
    /// [`ThreadError::Ended`], [`ThreadError::Busy`].
    pub fn tell(&self, command: MediaCommand) -> Result<(), ThreadError> {
        self.commands.try_send(command).map_err(|error| match error {
            TrySendError::Full(_) => ThreadError::Busy,
            TrySendError::Disconnected(_) => ThreadError::Ended,
        })
    }
}

impl MediaThread {
    /// The end that takes commands.
    pub fn handle(&self) -> MediaHandle {
        self.handle.clone()
    }

    /// Ends the thread, writes what is left of files and recordings, and waits for it (at most a step and the disk).
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        // Waiting is right here: a full queue empties with the next step, a closed one means that it ended.
        let _ = self.handle.commands.send(MediaCommand::Stop);
        if thread.join().is_err() {
            tracing::error!("the voice thread failed");
        }
    }
}

impl Drop for MediaThread {
    fn drop(&mut self) {
        self.end();
    }
}

/// Starts a voice thread; the receiver gives its events.
///
/// # Errors
/// [`ThreadError`] if the codec, the recording or the thread cannot be set up.
pub fn start(
    config: MediaConfig,
) -> Result<(MediaThread, tokio::sync::mpsc::Receiver<MediaEvent>), ThreadError> {
    let MediaConfig { voice, codecs, seed, source, sink, road, budget_bps, record } = config;
    let (codecs, plain): (Box<dyn CodecFactory>, _) = match &record {
        None => (codecs, None),
        Some(_) => {
            let (kept, pieces) = plain::keep(codecs);
            (Box::new(kept), Some(pieces))
        }
    };
    let mut path = VoicePath::new(voice, codecs, &mut ChaCha20Rng::from_seed(seed))?;
    path.limit_budget(budget_bps);
    let recorder = record.map(Recorder::start).transpose()?;
    let step = Step::new(path, &voice, Ends { source, sink: Some(sink), road, recorder, plain });
    let (commands, command_end) = sync_channel(COMMAND_QUEUE);
    let (events, event_end) = tokio::sync::mpsc::channel(EVENT_QUEUE);
    let mut body = Loop { step, commands: command_end, events, told: Vec::new(), timing: Timing::default() };
    let thread = std::thread::Builder::new()
        .name("voice".to_owned())
        .spawn(move || body.run())
        .map_err(|error| ThreadError::World(error.to_string()))?;
    Ok((MediaThread { handle: MediaHandle { commands }, thread: Some(thread) }, event_end))
}

#[derive(Default)]
struct Timing {
    skipped: u64,
    steps: u64,
    total_ns: u64,
    max_ns: u64,
}

struct Loop {
    step: Step,
    commands: std::sync::mpsc::Receiver<MediaCommand>,
    events: tokio::sync::mpsc::Sender<MediaEvent>,
    told: Vec<MediaEvent>,
    timing: Timing,
}

impl Loop {
    fn run(&mut self) {
        let mut due = mono_ns();
        loop {
            if !self.obey() {
                return;
            }
            let began = mono_ns();
            self.step.run(began, &mut self.told);
            let now = mono_ns();
            self.timing.note(now - began);
            if self.timing.steps == STATS_EVERY {
                let stats = self.timing.take(self.step.stats());
                self.told.push(MediaEvent::Stats(Box::new(stats)));
            }
            for event in self.told.drain(..) {
                // Dropped if the driver is behind; see EVENT_QUEUE.
                let _ = self.events.try_send(event);
            }
            due += STEP_NS;
            let behind = now.saturating_sub(due) / STEP_NS;
            if behind > MAX_BEHIND {
                self.timing.skipped += behind;
                due += behind * STEP_NS;
            }
            if let Some(ahead) = due.checked_sub(now).filter(|ahead| *ahead > 0) {
                std::thread::sleep(Duration::from_nanos(ahead));
            }
        }
    }

    /// Takes what waits, at most a queue's worth; false to end.
    fn obey(&mut self) -> bool {
        for _ in 0..COMMAND_QUEUE {
            let command = match self.commands.try_recv() {
                Ok(command) => command,
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            };
            match command {
                MediaCommand::Plan(plan) => self.step.apply(mono_ns(), &plan, &mut self.told),
                MediaCommand::MuteMicrophone(muted) => self.step.path.set_microphone_muted(muted),
                MediaCommand::MuteSpeaker(muted) => self.step.path.set_speaker_muted(muted),
                MediaCommand::Transmit(transmit) => self.step.transmit(transmit),
                MediaCommand::Gain(speaker, gain) => self.step.path.set_gain(&speaker, gain),
                MediaCommand::Source(source) => self.step.listen_to(source),
                MediaCommand::Sink(sink) => self.step.ends.sink = Some(sink),
                MediaCommand::Checkpoint(signed) => self.step.path.send_checkpoint(&signed),
                MediaCommand::Record(recording) => self.record(recording),
                MediaCommand::Stop => return false,
            }
        }
        true
    }

    fn record(&mut self, recording: Option<Recording>) {
        self.step.ends.recorder = None;
        match recording.map(Recorder::start) {
            Some(Ok(recorder)) => self.step.ends.recorder = Some(recorder),
            Some(Err(error)) => self.told.push(MediaEvent::SinkFailed(error.to_string())),
            None => {}
        }
    }
}

impl Timing {
    fn note(&mut self, ns: u64) {
        self.steps += 1;
        self.total_ns += ns;
        self.max_ns = self.max_ns.max(ns);
    }

    fn take(&mut self, stats: MediaStats) -> MediaStats {
        let Timing { skipped, steps, total_ns, max_ns } = *self;
        *self = Timing { skipped, ..Timing::default() };
        MediaStats {
            skipped,
            step_us_max: max_ns / 1_000,
            step_us_mean: total_ns / steps.max(1) / 1_000,
            ..stats
        }
    }
}

#[cfg(test)]
mod tests;
