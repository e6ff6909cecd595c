//! `halloo echo`: hear yourself through everything that a call is made of, delayed so that you can judge.
//!
//! Your sound is coded, sealed, sent over a real WebRTC connection of this machine to itself, opened, decoded and played.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use halloo_crypto::id::DeviceId;
use halloo_crypto::media::{Kid, MediaKey};
use halloo_crypto::secret::Secret;
use halloo_engine::voice::{FrameLength, Peer, Transmit, VoiceConfig, VoicePlan};
use serde::Serialize;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, timeout};

use crate::args::EchoArgs;
use crate::media::device::{DeviceError, DeviceName, Frame, NullSink, NullSource, Sink, Source};
use crate::media::endpoint::{EndpointEvent, MediaEndpoint, Started};
use crate::media::interfaces::Binding;
use crate::media::opus::OpusFactory;
use crate::media::thread::{MediaCommand, MediaConfig, MediaEvent, MediaStats, MediaThread};
use crate::media::{thread, webrtc};
use crate::terminal::{exit, line, tell};

/// Longest delay that is kept in memory: a minute of sound is 12 MB.
const MAX_DELAY: Duration = Duration::from_secs(60);

/// How long the machine may take to connect with itself; it takes about 30 ms.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// What quieter is a microphone that is off, decibels below full scale (negative).
const QUIET_DBFS: f32 = -70.0;

/// What `echo` found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct EchoReport {
    /// Milliseconds until the two ends were connected.
    pub setup_ms: u64,
    /// Loudest sound of the microphone, decibels below full scale.
    pub loudest_dbfs: Option<f32>,
    /// Sealed frames of voice that left.
    pub frames_sent: u64,
    /// Of those, opened at the other end.
    pub frames_received: u64,
    /// Lost on the way.
    pub frames_lost: u64,
    /// Pieces that the ear had to invent.
    pub frames_concealed: u64,
    /// Round trip of the network path, milliseconds.
    pub round_trip_ms: Option<f64>,
    /// What the ear waits for late frames, milliseconds.
    pub buffer_ms: f32,
    /// Overruns and underruns of microphone and loudspeaker.
    pub xruns: u64,
}

/// Two ends of one machine, connected.
pub struct Loop {
    mouth: End,
    ear: End,
    setup_ms: u64,
}

struct End {
    control: std::sync::Arc<dyn MediaEndpoint>,
    signals: Receiver<EndpointEvent>,
    thread: MediaThread,
    news: Receiver<MediaEvent>,
    stats: MediaStats,
    loudest: Option<f32>,
}

impl Loop {
    /// Connects the machine with itself over the loopback address; `source` is heard at `sink`.
    ///
    /// # Errors
    /// No loopback address, no codec, no connection.
    pub async fn start(source: Box<dyn Source>, sink: Box<dyn Sink>) -> Result<Self> {
        let (mouth_id, ear_id) = (DeviceId::from_bytes([1; 32]), DeviceId::from_bytes([2; 32]));
        let key = MediaKey::from_parts(Kid(1), Secret::new(random()?));
        let mouth = End::start(mouth_id, source, Box::new(NullSink))?;
        let ear = End::start(ear_id, Box::new(NullSource), sink)?;
        mouth.control.set_peers(BTreeSet::from([ear_id]))?;
        ear.control.set_peers(BTreeSet::from([mouth_id]))?;
        let mut both = Self { mouth, ear, setup_ms: 0 };
        both.setup_ms = timeout(CONNECT_PATIENCE, both.connect(mouth_id, ear_id)).await.map_err(|_| {
            anyhow!("this machine cannot connect with itself; a firewall may forbid UDP on 127.0.0.1")
        })??;
        let speak = VoicePlan { seal: Some(key.clone()), peers: vec![peer(ear_id, None)], ..plan() };
        let hear = VoicePlan { peers: vec![peer(mouth_id, Some(key))], ..plan() };
        both.ear.tell(MediaCommand::Plan(Box::new(hear)))?;
        both.mouth.tell(MediaCommand::Plan(Box::new(speak)))?;
        Ok(both)
    }

    async fn connect(&mut self, mouth_id: DeviceId, ear_id: DeviceId) -> Result<u64> {
        let (mut ups, mut setup) = (0, 0);
        while ups < 2 {
            let (event, from, to) = tokio::select! {
                event = self.mouth.signals.recv() => (event, mouth_id, &self.ear.control),
                event = self.ear.signals.recv() => (event, ear_id, &self.mouth.control),
            };
            match event.context("the media endpoint ended")? {
                EndpointEvent::Signal { bytes, .. } => to.signal(from, bytes)?,
                EndpointEvent::Up { setup_ms, .. } => {
                    ups += 1;
                    setup = setup.max(setup_ms);
                }
                EndpointEvent::Down { .. } => ups = 0,
                EndpointEvent::Full { .. } => {}
            }
        }
        Ok(setup)
    }

    /// Lets it run for `length`, or until the source is at its end and `tail` has passed; figures go to `each` once a
    /// second.
    ///
    /// # Errors
    /// The voice thread ended by itself.
    pub async fn run(
        &mut self,
        length: Duration,
        tail: Duration,
        mut each: impl FnMut(&EchoReport),
    ) -> Result<EchoReport> {
        let mut end = Instant::now() + length;
        loop {
            tokio::select! {
                news = self.mouth.news.recv() => {
                    match news.context("the voice thread ended")? {
                        MediaEvent::SourceEnded => end = end.min(Instant::now() + tail),
                        MediaEvent::Stats(stats) => {
                            self.mouth.take(*stats);
                            each(&self.report());
                        }
                        MediaEvent::Plan(error) => return Err(error.into()),
                        MediaEvent::SinkFailed(_)
                        | MediaEvent::Talking { .. }
                        | MediaEvent::Forged { .. }
                        | MediaEvent::Checkpoint(_) => {}
                    }
                }
                news = self.ear.news.recv() => match news.context("the voice thread ended")? {
                    MediaEvent::Stats(stats) => self.ear.take(*stats),
                    MediaEvent::SinkFailed(why) => return Err(anyhow!(why)),
                    _ => {}
                },
                // Signals of a connection that stands: new candidates, nothing that this loop needs.
                Some(_) = self.mouth.signals.recv() => {}
                Some(_) = self.ear.signals.recv() => {}
                () = tokio::time::sleep_until(end) => return Ok(self.report()),
            }
        }
    }

    /// What is known now.
    pub fn report(&self) -> EchoReport {
        let heard = self.ear.stats.speakers.values().next().copied().unwrap_or_default();
        let links = self.mouth.control.stats();
        EchoReport {
            setup_ms: self.setup_ms,
            loudest_dbfs: self.mouth.loudest,
            frames_sent: self.mouth.stats.voice.mouth.frames_sent,
            frames_received: heard.received,
            frames_lost: heard.lost,
            frames_concealed: heard.concealed,
            round_trip_ms: links.values().next().and_then(|link| link.rtt_ms),
            buffer_ms: heard.delay_ms,
            xruns: self.mouth.stats.source_xruns + self.ear.stats.sink_xruns,
        }
    }

    /// Ends both ends and writes what is left of files.
    pub async fn stop(self) {
        for end in [self.mouth, self.ear] {
            end.control.close().await;
            let thread = end.thread;
            let _ended = tokio::task::spawn_blocking(move || thread.stop()).await;
        }
    }
}

impl End {
    fn start(me: DeviceId, source: Box<dyn Source>, sink: Box<dyn Sink>) -> Result<Self> {
        let here = Binding { explicit: vec![std::net::Ipv4Addr::LOCALHOST.into()], loopback: true };
        let Started { control, events: signals, road } =
            webrtc::start(me, webrtc::Options { binding: here, ..webrtc::Options::default() });
        let voice = VoiceConfig { me, frame: FrameLength::Ms20, transmit: Transmit::OpenMicrophone };
        let codecs = Box::new(OpusFactory::default());
        let seed = random()?;
        let (budget_bps, record) = (thread::ANY_BUDGET_BPS, None);
        let config = MediaConfig { voice, codecs, seed, source, sink, road, budget_bps, record };
        let (thread, news) = thread::start(config)?;
        Ok(Self { control, signals, thread, news, stats: MediaStats::default(), loudest: None })
    }

    fn tell(&self, command: MediaCommand) -> Result<()> {
        Ok(self.thread.handle().tell(command)?)
    }

    fn take(&mut self, stats: MediaStats) {
        let loudest = [self.loudest, stats.mouth_dbfs].into_iter().flatten().reduce(f32::max);
        self.loudest = loudest;
        self.stats = stats;
    }
}

fn peer(device: DeviceId, key: Option<MediaKey>) -> Peer {
    Peer { device, keys: key.into_iter().collect() }
}

fn plan() -> VoicePlan {
    VoicePlan { microphone_muted: false, ..VoicePlan::silent() }
}

fn random() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("the system gives no randomness: {error}"))?;
    Ok(bytes)
}

/// Plays everything a while later.
pub struct Later {
    sink: Box<dyn Sink>,
    waiting: VecDeque<Box<Frame>>,
}

impl Later {
    /// Plays at `sink` what came `delay` ago, at most a minute.
    pub fn new(sink: Box<dyn Sink>, delay: Duration) -> Self {
        let frames = delay.min(MAX_DELAY).as_millis() / 20;
        let silence = || Box::new([0.0; crate::media::device::FRAME]);
        Self { sink, waiting: (0..frames).map(|_| silence()).collect() }
    }
}

impl Sink for Later {
    fn write(&mut self, frame: &Frame) -> Result<(), DeviceError> {
        let Some(mut due) = self.waiting.pop_front() else { return self.sink.write(frame) };
        let written = self.sink.write(&due);
        *due = *frame;
        self.waiting.push_back(due);
        written
    }

    fn xruns(&self) -> u64 {
        self.sink.xruns()
    }

    fn latency_ms(&self) -> f32 {
        self.sink.latency_ms() + self.waiting.len() as f32 * 20.0
    }
}

/// A length of time as people type it: `10s`, `500ms`, `2m`, or a plain number of seconds.
///
/// # Errors
/// Text that is no length of time.
pub fn span(text: &str) -> Result<Duration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: f64 =
        digits.trim().parse().with_context(|| format!("{text} is no length of time, try 10s or 500ms"))?;
    let unit = match &text[digits.len()..] {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        other => return Err(anyhow!("{other} is no unit of time, use ms, s or m")),
    };
    Duration::try_from_secs_f64(number * unit).with_context(|| format!("{text} is no length of time"))
}

/// The command.
///
/// # Errors
/// Sound that cannot be opened, a machine that cannot connect with itself; each names the next step.
pub async fn run(args: &EchoArgs, json: bool) -> Result<u8> {
    let name = |text: &Option<String>| text.as_deref().unwrap_or("device").parse::<DeviceName>();
    let (Ok(source), Ok(sink)) = (name(&args.sound.source), name(&args.sound.sink));
    let (length, delay) = (span(&args.length)?, span(&args.delay)?);
    let sink = Later::new(sink.sink()?, delay);
    let mut echo = Loop::start(source.source()?, Box::new(sink)).await?;
    tell(&format!(
        "connected in {} ms; speak, you will hear yourself {} ms later",
        echo.setup_ms,
        delay.as_millis()
    ));
    let show = |report: &EchoReport| {
        if !json {
            tell(&progress(report))
        }
    };
    let report = echo.run(length, delay + Duration::from_millis(500), show).await?;
    echo.stop().await;
    if json {
        line(&serde_json::to_string(&report)?)?;
    } else {
        line(&summary(&report))?;
    }
    let heard = report.frames_received > 0 && report.loudest_dbfs.is_some_and(|level| level > QUIET_DBFS);
    if !heard {
        tell(
            "nothing was heard from the microphone: is it muted, or another one meant? `halloo doctor` lists them",
        );
    }
    Ok(if heard { exit::OK } else { exit::FAULT })
}

fn progress(report: &EchoReport) -> String {
    let level = report.loudest_dbfs.unwrap_or(-90.0);
    // One mark for each 3 dB above -60.
    let marks = ((level + 60.0) / 3.0).clamp(0.0, 20.0) as usize;
    let bar = "#".repeat(marks);
    format!(
        "level {bar:<20} {level:>6.1} dB   lost {}   buffer {:.0} ms",
        report.frames_lost, report.buffer_ms
    )
}

fn summary(report: &EchoReport) -> String {
    let round_trip = report.round_trip_ms.map_or("unknown".to_owned(), |ms| format!("{ms:.1} ms"));
    format!(
        "sent {} frames, received {}, lost {}, concealed {}; round trip {round_trip}, buffer {:.0} ms, xruns {}",
        report.frames_sent,
        report.frames_received,
        report.frames_lost,
        report.frames_concealed,
        report.buffer_ms,
        report.xruns
    )
}

#[cfg(test)]
mod tests;
