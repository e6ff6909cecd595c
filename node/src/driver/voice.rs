//! The voice as the driver sees it: starts and stops the media thread and its endpoint, hands plans and signals over.

use super::crowd::Crowd;
use crate::door::{DoorError, TalkAsk};
use crate::media::device::{DeviceError, DeviceName, Sink, Source};
use crate::media::endpoint::{EndpointEvent, EndpointStats, IceServer, MediaEndpoint};
use crate::media::interfaces::Binding;
use crate::media::thread::{MediaCommand, MediaConfig, MediaEvent, MediaHandle, MediaStats, MediaThread};
use crate::media::{opus, record, thread, webrtc};
use crate::tap::{self, Tap};
use crate::vault::random;
use halloo_crypto::id::{DeviceId, GroupId};
use halloo_engine::voice::{Authenticity, FrameLength, ProofStats, Transmit, VoiceConfig, VoicePlan};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::mpsc;

/// What measurements want to keep.
#[derive(Clone, Default)]
pub struct Recording {
    /// The folder for recordings and stamps.
    pub folder: Option<PathBuf>,
    /// How files shall call this member.
    pub label: Option<String>,
    /// Where every payload is noted before transport encryption.
    pub tap: Option<Tap>,
}

/// What travels in a signal between two devices of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalKind {
    /// For the media endpoint.
    Media,
    /// The link of a conversation of two.
    Invite,
    /// What a sibling is called and which groups it is in.
    Sibling,
    /// A way into a group, for a sibling.
    Way,
}

impl SignalKind {
    /// Puts the kind in front.
    pub fn join(self, bytes: &[u8]) -> Vec<u8> {
        [&[self as u8], bytes].concat()
    }

    /// Takes the kind off.
    pub fn split(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (kind, rest) = bytes.split_first()?;
        let known = [Self::Media, Self::Invite, Self::Sibling, Self::Way];
        let kind = known.into_iter().find(|known| *known as u8 == *kind)?;
        Some((kind, rest))
    }
}

/// Something that the voice told.
pub enum VoiceNews {
    /// Of the thread.
    Thread(MediaEvent),
    /// Of the endpoint.
    Endpoint(EndpointEvent),
}

/// A running call.
struct Running {
    group: GroupId,
    thread: MediaThread,
    handle: MediaHandle,
    events: mpsc::Receiver<MediaEvent>,
    endpoint: Arc<dyn MediaEndpoint>,
    endpoint_events: mpsc::Receiver<EndpointEvent>,
    ask: TalkAsk,
    stats: MediaStats,
    /// Frames opened of each speaker, also of those that left the plan.
    opened: BTreeMap<DeviceId, (u64, u64)>,
    crowd: Crowd,
}

/// How the voice travels.
#[derive(Clone, Copy, Debug)]
pub struct Ways {
    /// Over loopback addresses too.
    pub loopback: bool,
    /// With redundancy against loss, as much as the listeners need.
    pub redundancy: bool,
}

/// The voice of a node: one call at a time.
pub struct Voice {
    pub(super) me: DeviceId,
    recording: Recording,
    ways: Ways,
    plans: BTreeMap<GroupId, VoicePlan>,
    muted: (bool, bool),
    /// Who helps connections that begin from now on.
    servers: Vec<IceServer>,
    running: Option<Running>,
}

impl Voice {
    /// Silent.
    pub fn new(me: DeviceId, recording: Recording, ways: Ways) -> Self {
        Voice {
            me,
            recording,
            ways,
            plans: BTreeMap::new(),
            muted: (false, false),
            servers: Vec::new(),
            running: None,
        }
    }

    /// Starts the voice of a group with this sound, or changes the sound of the running one.
    ///
    /// # Errors
    /// A device or file that cannot be used; another group's call.
    pub async fn start(&mut self, group: GroupId, ask: &TalkAsk) -> Result<(), DoorError> {
        if let Some(running) = &mut self.running {
            if running.group != group {
                let next = "leave it with `halloo hush` first";
                return Err(DoorError::new("in-call", "you are in another group's call", next));
            }
            running.tell(MediaCommand::Source(source(&ask.source)?))?;
            if running.ask.sink != ask.sink {
                running.tell(MediaCommand::Sink(sink(&ask.sink)?))?;
            }
            running.ask = ask.clone();
            return running.tell(MediaCommand::Transmit(transmit(ask)));
        }
        let endpoint = webrtc::start(self.me, self.endpoint_options());
        endpoint.control.set_servers(self.servers.clone());
        let config = MediaConfig {
            voice: VoiceConfig { me: self.me, frame: FrameLength::Ms20, transmit: transmit(ask) },
            codecs: Box::new(opus::OpusFactory::default()),
            seed: random().map_err(|error| DoorError::new("world", error.to_string(), "restart"))?,
            source: source(&ask.source)?,
            sink: sink(&ask.sink)?,
            road: endpoint.road,
            budget_bps: if self.ways.redundancy { thread::ANY_BUDGET_BPS } else { 0 },
            record: self.recording.folder.as_ref().map(|folder| record::Recording {
                dir: folder.clone(),
                me: self.recording.label.clone().unwrap_or_else(|| "me".into()),
                names: BTreeMap::new(),
            }),
        };
        let (thread, events) = thread::start(config).map_err(|error| {
            DoorError::new("sound", error.to_string(), "`halloo doctor` looks for the fault")
        })?;
        let mut running = Running {
            group,
            handle: thread.handle(),
            thread,
            events,
            endpoint: endpoint.control,
            endpoint_events: endpoint.events,
            ask: ask.clone(),
            stats: MediaStats::default(),
            opened: BTreeMap::new(),
            crowd: Crowd::default(),
        };
        running.tell(MediaCommand::MuteMicrophone(self.muted.0))?;
        running.tell(MediaCommand::MuteSpeaker(self.muted.1))?;
        if let Some(plan) = self.plans.get(&group) {
            running.follow(plan);
        }
        self.running = Some(running);
        Ok(())
    }

    fn endpoint_options(&self) -> webrtc::Options {
        let me = *self.me.as_bytes();
        let note = |tap: Tap| {
            Arc::new(move |_: &DeviceId, bytes: &[u8]| tap.note(tap::LANE_MEDIA, me, bytes)) as webrtc::Tap
        };
        webrtc::Options {
            binding: Binding { explicit: Vec::new(), loopback: self.ways.loopback },
            audio_level: false,
            feed_dropped: self.recording.tap.is_some(),
            tap: self.recording.tap.clone().map(note),
        }
    }

    /// From now on these servers help to find a path; connections that stand are left as they are.
    pub fn set_servers(&mut self, servers: Vec<IceServer>) {
        if let Some(running) = &self.running {
            running.endpoint.set_servers(servers.clone());
        }
        self.servers = servers;
    }

    /// The group whose call runs.
    pub fn group(&self) -> Option<GroupId> {
        self.running.as_ref().map(|running| running.group)
    }

    /// Ends the voice.
    pub async fn stop(&mut self) {
        let Some(running) = self.running.take() else { return };
        running.endpoint.close().await;
        let thread = running.thread;
        // Waits for a step and the disk; a thread that failed has said so in the log.
        let _ended = tokio::task::spawn_blocking(move || thread.stop()).await;
    }

    /// The engine's plan for a group; carried out at once if that group's call runs.
    pub fn plan(&mut self, group: GroupId, plan: VoicePlan) {
        if let Some(running) = self.running.as_mut().filter(|running| running.group == group) {
            running.follow(&plan);
        }
        self.plans.insert(group, plan);
    }

    /// Signalling bytes of another device's endpoint.
    pub fn signal(&self, group: GroupId, from: DeviceId, bytes: Vec<u8>) {
        if let Some(running) = self.running.as_ref().filter(|running| running.group == group) {
            // A closed endpoint is on its way out together with the call.
            let _closing = running.endpoint.signal(from, bytes);
        }
    }

    /// The machine's addresses changed: every connection looks for a new path.
    pub fn network_changed(&self) {
        if let Some(running) = &self.running {
            // A closed endpoint is on its way out together with the call.
            let _closing = running.endpoint.network_changed();
        }
    }

    /// A device of a group proved itself anew: if its call runs, the connection to it need not wait for its turn.
    pub fn reachable(&self, group: GroupId, device: DeviceId) {
        if let Some(running) = self.running.as_ref().filter(|running| running.group == group) {
            // A closed endpoint is on its way out together with the call.
            let _closing = running.endpoint.reachable(device);
        }
    }

    /// Mutes or opens the microphone at once; the engine tells the others.
    pub fn mute_microphone(&mut self, on: bool) {
        self.muted.0 = on;
        self.tell(MediaCommand::MuteMicrophone(on));
    }

    /// Switches the loudspeaker off or on.
    pub fn mute_speaker(&mut self, on: bool) {
        self.muted.1 = on;
        self.tell(MediaCommand::MuteSpeaker(on));
    }

    fn tell(&self, command: MediaCommand) {
        if let Some(running) = &self.running {
            // A thread that has ended tells it by its closed events.
            let _ended = running.handle.tell(command);
        }
    }

    /// The push-to-talk key.
    ///
    /// # Errors
    /// No call, or one with an open microphone.
    pub fn push(&self, on: bool) -> Result<(), DoorError> {
        let running = self.running.as_ref().filter(|running| running.ask.push_to_talk).ok_or_else(|| {
            DoorError::new(
                "no-call",
                "no push-to-talk call runs",
                "enter one with `halloo talk --push-to-talk`",
            )
        })?;
        running.tell(MediaCommand::Transmit(Transmit::PushToTalk { pressed: on }))
    }

    /// How loud one device is heard.
    ///
    /// # Errors
    /// No call.
    pub fn gain(&self, device: DeviceId, gain: f32) -> Result<(), DoorError> {
        let none = || DoorError::new("no-call", "no call runs", "enter one with `halloo talk`");
        self.running.as_ref().ok_or_else(none)?.tell(MediaCommand::Gain(device, gain))
    }

    /// The next thing the voice tells; waits for ever without a call.
    pub async fn next(&mut self) -> VoiceNews {
        let Some(running) = &mut self.running else { return std::future::pending().await };
        tokio::select! {
            Some(event) = running.events.recv() => VoiceNews::Thread(event),
            Some(event) = running.endpoint_events.recv() => VoiceNews::Endpoint(event),
            else => std::future::pending().await,
        }
    }

    /// How the voice stands.
    pub fn status(&self) -> Value {
        let Some(running) = &self.running else { return json!({ "running": false }) };
        let links = running.endpoint.stats();
        let speakers = &running.stats.speakers;
        let sum =
            |of: &dyn Fn(&halloo_engine::voice::SpeakerStats) -> u64| speakers.values().map(of).sum::<u64>();
        json!({
            "running": true,
            "group": running.group.to_string(),
            "peers_up": links.values().filter(|link| link.up).count(),
            "offered": links.values().map(|link| link.packets_received).sum::<u64>(),
            "opened": running.opened.values().map(|(before, now)| before + now).sum::<u64>(),
            "frames_sent": running.stats.voice.mouth.frames_sent,
            "frames_expected": sum(&|s| s.received + s.lost),
            "frames_lost": sum(&|s| s.lost),
            "frames_recovered": sum(&|s| s.from_list + s.from_in_band + s.from_deep),
            "frames_concealed": sum(&|s| s.concealed),
            "unheard": running.crowd.unheard().iter().map(ToString::to_string).collect::<Vec<_>>(),
            "links": links_view(&links),
            "speakers": speakers.iter().map(|(d, s)| (d.to_string(), json!(s))).collect::<serde_json::Map<_, _>>(),
            "proofs": proofs_view(&running.stats),
            "mouth": running.stats.voice.mouth,
            "rejected": running.stats.voice.rejected,
            "step_us_mean": running.stats.step_us_mean,
            "step_us_max": running.stats.step_us_max,
            "steps_skipped": running.stats.skipped,
        })
    }

    /// How the voice with a device of a group stands: `up`, `connecting`, or `full` where there is no place for it.
    pub fn standing(&self, group: GroupId, device: &DeviceId) -> Option<&'static str> {
        let running = self.running.as_ref().filter(|running| running.group == group)?;
        if running.crowd.unheard().contains(device) {
            return Some("full");
        }
        if running.stats.proofs.get(device).is_some_and(|(who, _)| *who == Authenticity::Forged) {
            return Some("forged");
        }
        let link = running.endpoint.stats().get(device).map(|link| link.up)?;
        Some(if link { "up" } else { "connecting" })
    }

    /// Devices of the running call that have just turned out to be without a place.
    pub fn newly_unheard(&mut self) -> BTreeSet<DeviceId> {
        self.running.as_mut().map(|running| running.crowd.news()).unwrap_or_default()
    }

    pub(super) fn note(&mut self, stats: MediaStats) {
        let Some(running) = &mut self.running else { return };
        for (device, speaker) in &stats.speakers {
            let (before, now) = running.opened.entry(*device).or_default();
            if speaker.received < *now {
                *before += *now; // The speaker left the plan and came back: its own count began anew.
            }
            *now = speaker.received;
        }
        running.stats = stats;
    }

    /// A checkpoint that the device has signed leaves.
    pub(super) fn send_checkpoint(&self, signed: Vec<u8>) {
        self.tell(MediaCommand::Checkpoint(signed));
    }

    pub(super) fn on_up(&mut self, device: &DeviceId) {
        if let Some(running) = &mut self.running {
            running.crowd.up(device);
        }
    }

    pub(super) fn on_full(&mut self, device: DeviceId) {
        if let Some(running) = &mut self.running {
            let peers = running.crowd.refuse(device);
            running.connect(peers);
        }
    }

    /// At the end of a file that shall be repeated.
    pub(super) fn repeat(&self) {
        let Some(running) = self.running.as_ref().filter(|running| running.ask.repeat) else { return };
        if let Ok(again) = source(&running.ask.source) {
            self.tell(MediaCommand::Source(again));
        }
    }
}

impl Running {
    fn tell(&self, command: MediaCommand) -> Result<(), DoorError> {
        self.handle.tell(command).map_err(|error| {
            DoorError::new("sound", error.to_string(), "leave the call with `halloo hush` and enter it again")
        })
    }

    fn follow(&mut self, plan: &VoicePlan) {
        // A full queue means that the thread hangs; its figures stop and `status` shows it.
        let _busy = self.handle.tell(MediaCommand::Plan(Box::new(plan.clone())));
        let peers = self.crowd.want(plan.connect.iter().map(|connect| connect.device).collect());
        self.connect(peers);
    }

    fn connect(&self, peers: BTreeSet<DeviceId>) {
        if let Err(error) = self.endpoint.set_peers(peers) {
            tracing::warn!(%error, "the media endpoint does not take its peers");
        }
    }
}

/// What checkpoints say of each speaker; on direct paths, where none are, it stays `unverified`.
fn proofs_view(stats: &MediaStats) -> Value {
    let word = |who: Authenticity| match who {
        Authenticity::Unverified => "unverified",
        Authenticity::Verified => "verified",
        Authenticity::Forged => "forged",
    };
    let row = |who: Authenticity, proofs: ProofStats| {
        json!({
            "who": word(who), "verified": proofs.verified, "forged": proofs.forged, "unproven": proofs.unproven,
        })
    };
    let rows = stats.proofs.iter().map(|(device, (who, proofs))| (device.to_string(), row(*who, *proofs)));
    json!(rows.collect::<serde_json::Map<_, _>>())
}

fn links_view(links: &EndpointStats) -> Value {
    json!(
        links
            .iter()
            .map(|(device, link)| (device.to_string(), json!(link)))
            .collect::<serde_json::Map<_, _>>()
    )
}

fn transmit(ask: &TalkAsk) -> Transmit {
    if ask.push_to_talk { Transmit::PushToTalk { pressed: false } } else { Transmit::VoiceActivated }
}

fn source(name: &str) -> Result<Box<dyn Source>, DoorError> {
    device_name(name).source().map_err(|error| no_sound(&error))
}

fn sink(name: &str) -> Result<Box<dyn Sink>, DoorError> {
    device_name(name).sink().map_err(|error| no_sound(&error))
}

fn device_name(name: &str) -> DeviceName {
    name.parse().unwrap_or(DeviceName::Null)
}

fn no_sound(error: &DeviceError) -> DoorError {
    match error {
        DeviceError::Caller { what, next } => DoorError::new("sound", what.clone(), *next),
        DeviceError::Format { .. } => DoorError::new("sound", error.to_string(), "give a WAV file"),
        DeviceError::World { .. } => {
            DoorError::new("sound", error.to_string(), "`halloo doctor` looks for the fault")
        }
    }
}
