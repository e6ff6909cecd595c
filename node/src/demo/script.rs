//! The play: join by short code, speak alone, speak together, walk, write, mute one, remove one.

use super::capture::Capture;
use super::material::{Material, Part};
use super::members::Member;
use super::stage::Stage;
use super::wire::Canaries;
use crate::door::{JoinAsk, NewAsk, Request, TalkAsk, TrackAsk};
use crate::media::clock::mono_ns;
use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long connections between all members may take after the last has joined.
const MEET: Duration = Duration::from_secs(15);
/// How long everything that was sent may take to arrive before it is counted.
const SETTLE: Duration = Duration::from_millis(1_500);
/// After a clip, until the last of it is at the ears.
const TAIL: Duration = Duration::from_millis(700);
/// How long positions are shared.
const SHARE_S: u64 = 600;
/// How often a state is looked at while waiting for it.
const LOOK: Duration = Duration::from_millis(50);
/// How long the muted member speaks into its microphone.
const MUTED_TURN: Duration = Duration::from_millis(1_500);
/// How long the rest speaks after the removal.
const AFTER_REMOVAL: Duration = Duration::from_secs(3);

/// One solo turn: who spoke, from when to when on the monotonic clock.
#[derive(Clone, Debug)]
pub struct Turn {
    /// The speaker's number.
    pub speaker: usize,
    /// Nanoseconds.
    pub from_ns: u64,
    /// Nanoseconds.
    pub to_ns: u64,
}

/// What the play found out that is not in the recordings.
#[derive(Default)]
pub struct Findings {
    /// Name, account and device of each member.
    pub who: Vec<(String, String, String)>,
    /// From `join` to being a member, milliseconds, per joiner.
    pub join_ms: Vec<u64>,
    /// When each joiner asked to join, nanoseconds.
    pub join_began_ns: Vec<u64>,
    /// The solo turns.
    pub turns: Vec<Turn>,
    /// From when to when the positions count, Unix milliseconds: from the first step to the removal.
    pub walked_ms: (u64, u64),
    /// Every event of every member, with the wall clock of its arrival.
    pub events: Vec<Vec<(u64, Value)>>,
    /// The messages that were written, with the number of their writer.
    pub messages: Vec<(usize, String)>,
    /// The voice counters of each member after the solo turns.
    pub voice: Vec<Value>,
    /// Frames that the muted member sent.
    pub muted_sent: u64,
    /// The removed member before and after: status and number of messages.
    pub removed: Option<Removed>,
    /// What must not be found on the wire.
    pub canaries: Canaries,
    /// What must be found there.
    pub control: String,
    /// Why there is no capture, if there is none.
    pub no_capture: Option<String>,
}

/// The removed member's counters.
pub struct Removed {
    /// Its number.
    pub number: usize,
    /// Status when it was removed.
    pub before: Value,
    /// Status at the end.
    pub after: Value,
    /// Messages that it could read when it was removed, and at the end.
    pub messages: (usize, usize),
    /// Messages that the others wrote after the removal.
    pub written_after: usize,
}

/// The running play.
pub struct Play {
    members: Vec<Member>,
    parts: Vec<Part>,
    dir: PathBuf,
    capture: Option<Capture>,
    findings: Findings,
}

impl Play {
    /// Starts every member.
    ///
    /// # Errors
    /// One does not start.
    pub async fn begin(dir: &Path, stage: &Stage, material: Material) -> Result<Self> {
        let mut findings = Findings {
            control: format!("control-{:016x}", u64::from_be_bytes(crate::vault::random()?)),
            ..Findings::default()
        };
        let capture = match stage {
            Stage::Namespace => Capture::start(&dir.join("wire.pcap"))
                .map_err(|error| findings.no_capture = Some(format!("{error:#}")))
                .ok(),
            Stage::Host(why) => {
                findings.no_capture = Some(why.clone());
                None
            }
        };
        for (latitude, longitude) in &material.coordinates {
            findings.canaries.coordinate("coordinate", *latitude);
            findings.canaries.coordinate("coordinate", *longitude);
        }
        let mut members: Vec<Member> = Vec::new();
        let mut peer = None;
        for (n, part) in material.parts.iter().enumerate() {
            findings.canaries.text("name", &part.name);
            let mut member = Member::start(dir, n + 1, &part.name, stage, peer.as_deref()).await?;
            if n == 0 && matches!(stage, Stage::Host(_)) {
                peer = address(&mut member).await?;
            }
            members.push(member);
        }
        Ok(Play { members, parts: material.parts, dir: dir.to_path_buf(), capture, findings })
    }

    /// Plays all scenes and returns what was found out.
    ///
    /// # Errors
    /// A member refuses or fails.
    pub async fn act(&mut self, tell: &dyn Fn(&str)) -> Result<Findings> {
        tell("joining by short code");
        self.join_all().await?;
        self.plant().await?;
        tell("walking along the track");
        self.walk().await?;
        for speaker in 0..self.members.len() {
            tell(&format!("{} speaks alone", self.parts[speaker].name));
            self.solo(speaker).await?;
        }
        self.note_voice().await?;
        tell("two speak at once");
        self.talk(0, true, false).await?;
        self.talk(1, true, false).await?;
        tokio::time::sleep(self.parts[0].length.max(self.parts[1].length) + TAIL).await;
        tell(&format!("{} is muted", self.parts[1].name));
        self.muted().await?;
        tell(&format!(
            "{} is removed, and still offered everything",
            self.parts[self.members.len() - 1].name
        ));
        self.removal().await?;
        for member in &mut self.members {
            self.findings.who.push((member.name.clone(), member.account.clone(), member.device.clone()));
            self.findings.events.push(member.events());
        }
        Ok(std::mem::take(&mut self.findings))
    }

    /// Ends every member and the capture; returns the captured bytes.
    pub async fn end(mut self) -> Option<Vec<u8>> {
        for member in &mut self.members {
            // A member that cannot be stopped is killed when its handle is dropped.
            let _stopped = member.stop().await;
        }
        self.capture.and_then(|capture| capture.finish().ok())
    }

    async fn join_all(&mut self) -> Result<()> {
        let profile = Some(self.parts[0].name.clone());
        let made = self.members[0]
            .ask(Request::New(NewAsk { name: "Demo ride".into(), profile, via: None }))
            .await?;
        self.findings.canaries.text("group name", "Demo ride");
        let mut code = made["invite"]["code"].as_str().context("the group has no code")?.to_owned();
        // The inviter reads aloud while the others join, so that the moment of first speech can be measured.
        self.talk(0, true, true).await?;
        for n in 1..self.members.len() {
            let began = mono_ns();
            let ask = JoinAsk { invite: code.clone(), profile: Some(self.parts[n].name.clone()), via: None };
            self.members[n].ask(Request::Join(ask)).await?;
            self.findings.join_ms.push((mono_ns() - began) / 1_000_000);
            self.findings.join_began_ns.push(began);
            self.talk(n, false, false).await?;
            code = self.next_code(&code).await?;
        }
        for member in &mut self.members {
            member.introduce().await?;
        }
        self.meet().await?;
        self.talk(0, false, false).await?;
        tokio::time::sleep(TAIL).await;
        Ok(())
    }

    /// A short code lets one person in; the inviter then has a fresh one by itself.
    async fn next_code(&mut self, used: &str) -> Result<String> {
        let began = Instant::now();
        while began.elapsed() < MEET {
            let answer = self.members[0].ask(Request::Invites).await?;
            let codes = answer["invites"].as_array().cloned().unwrap_or_default();
            let fresh = codes.iter().filter_map(|i| i["code"].as_str()).find(|code| *code != used);
            if let Some(code) = fresh {
                return Ok(code.to_owned());
            }
            tokio::time::sleep(LOOK).await;
        }
        bail!("the inviter made no fresh code after {used} was used")
    }

    /// Waits until every member has a voice connection with every other.
    async fn meet(&mut self) -> Result<()> {
        let others = self.members.len() as u64 - 1;
        let began = Instant::now();
        for n in 0..self.members.len() {
            loop {
                let status = self.members[n].ask(Request::Status).await?;
                if status["voice"]["peers_up"].as_u64() == Some(others) {
                    break;
                }
                if began.elapsed() > MEET {
                    bail!("member {} has no voice connection with all others: {}", n + 1, status["voice"]);
                }
                tokio::time::sleep(LOOK).await;
            }
        }
        Ok(())
    }

    /// Plants the control canary in clear: in a datagram for the capture, in a payload for the taps.
    async fn plant(&mut self) -> Result<()> {
        let control = self.findings.control.clone();
        if self.capture.is_some() {
            let socket = UdpSocket::bind((super::stage::ADDRESS, 0))?;
            socket.send_to(control.as_bytes(), (super::stage::ADDRESS, 9))?;
        }
        self.members[0].ask(Request::Plant { text: control }).await?;
        Ok(())
    }

    async fn walk(&mut self) -> Result<()> {
        self.findings.walked_ms.0 = crate::driver::now().wall_ms;
        for n in 0..self.members.len() {
            self.members[n].ask(Request::Share { seconds: SHARE_S }).await?;
            let file = self.parts[n].track.to_string_lossy().into_owned();
            self.members[n]
                .ask(Request::Track(TrackAsk { file, speed: 1.0, skip: self.parts[n].skip }))
                .await?;
        }
        Ok(())
    }

    /// Switches what a member's microphone hears: its clip, or nothing.
    async fn talk(&mut self, n: usize, clip: bool, repeat: bool) -> Result<()> {
        let source = if clip { self.parts[n].clip.to_string_lossy().into_owned() } else { "null".into() };
        let ask = TalkAsk { source, sink: "null".into(), repeat, push_to_talk: false, muted: false };
        self.members[n].ask(Request::Talk(ask)).await?;
        Ok(())
    }

    async fn solo(&mut self, n: usize) -> Result<()> {
        let from_ns = mono_ns();
        self.talk(n, true, false).await?;
        self.write(n, "on the way").await?;
        tokio::time::sleep(self.parts[n].length + TAIL).await;
        self.findings.turns.push(Turn { speaker: n, from_ns, to_ns: mono_ns() });
        Ok(())
    }

    async fn write(&mut self, n: usize, text: &str) -> Result<()> {
        let chance = u64::from_be_bytes(crate::vault::random()?);
        let text = format!("{text} {chance:016x}");
        self.findings.canaries.text("message", &text);
        self.members[n].ask(Request::Say { text: text.clone(), reply_to: None }).await?;
        self.findings.messages.push((n, text));
        Ok(())
    }

    async fn note_voice(&mut self) -> Result<()> {
        for member in &mut self.members {
            let status = member.ask(Request::Status).await?;
            self.findings.voice.push(status["voice"].clone());
        }
        Ok(())
    }

    async fn muted(&mut self) -> Result<()> {
        self.members[1].ask(Request::MuteMicrophone { on: true }).await?;
        let sent = |status: &Value| status["voice"]["frames_sent"].as_u64().unwrap_or(0);
        let before = sent(&self.members[1].ask(Request::Status).await?);
        self.talk(1, true, false).await?;
        tokio::time::sleep(MUTED_TURN).await;
        self.findings.muted_sent = sent(&self.members[1].ask(Request::Status).await?) - before;
        self.talk(1, false, false).await?;
        self.members[1].ask(Request::MuteMicrophone { on: false }).await?;
        Ok(())
    }

    /// Removes the last member, which keeps running with all its keys, and offers it what the others seal afterwards: voice
    /// over its still open media connections and from the taps, messages from the taps.
    async fn removal(&mut self) -> Result<()> {
        let last = self.members.len() - 1;
        let name = self.parts[last].name.clone();
        let texts = |answer: &Value| answer["messages"].as_array().map_or(0, Vec::len);
        self.findings.walked_ms.1 = crate::driver::now().wall_ms;
        tokio::time::sleep(SETTLE).await;
        let messages_before =
            texts(&self.members[last].ask(Request::Log { limit: 500, before: None }).await?);
        // Cut off, it never hears of its removal: it keeps every key and goes on trying to open what it is offered.
        self.members[last].ask(Request::Isolate).await?;
        self.members[0].ask(Request::Remove { member: name }).await?;
        self.removed_everywhere(last).await?;
        let before = self.members[last].ask(Request::Status).await?;
        for n in 0..last {
            let file = self.dir.join(format!("tap-{}.bin", n + 1)).to_string_lossy().into_owned();
            self.members[last].ask(Request::Offer { file }).await?;
        }
        for n in 0..last {
            self.talk(n, true, true).await?;
            self.write(n, "without you").await?;
        }
        tokio::time::sleep(AFTER_REMOVAL).await;
        for n in 0..last {
            self.write(n, "still without you").await?;
            self.talk(n, false, false).await?;
        }
        tokio::time::sleep(SETTLE).await;
        let after = self.members[last].ask(Request::Status).await?;
        let messages_after = texts(&self.members[last].ask(Request::Log { limit: 500, before: None }).await?);
        self.findings.removed = Some(Removed {
            number: last + 1,
            before,
            after,
            messages: (messages_before, messages_after),
            written_after: 2 * last,
        });
        Ok(())
    }

    /// Waits until every remaining member knows of the removal and has keys without the removed.
    async fn removed_everywhere(&mut self, last: usize) -> Result<()> {
        let began = Instant::now();
        let rest = last as u64;
        for n in 0..last {
            loop {
                let status = self.members[n].ask(Request::Status).await?;
                if status["epoch_devices"].as_u64() == Some(rest) && status["tainted"] == false {
                    break;
                }
                if began.elapsed() > MEET {
                    bail!("member {} still shares keys with the removed one: {status}", n + 1);
                }
                tokio::time::sleep(LOOK).await;
            }
        }
        Ok(())
    }
}

/// An address of a member on this host, for the others.
async fn address(member: &mut Member) -> Result<Option<String>> {
    let began = Instant::now();
    while began.elapsed() < MEET {
        let status = member.ask(Request::Status).await;
        let addresses = status.ok().and_then(|s| s["addresses"].as_array().cloned()).unwrap_or_default();
        if let Some(address) = addresses.iter().filter_map(Value::as_str).find(|a| a.contains("/udp/")) {
            return Ok(Some(address.to_owned()));
        }
        tokio::time::sleep(LOOK).await;
    }
    bail!("the first member has no address that others could reach")
}
