//! A call behind a forwarder in virtual time: real voice paths, a network that loses and reorders, and an insider at the forwarder.

use std::collections::BTreeMap;

use halloo_crypto::id::DeviceId;
use halloo_crypto::identity::DeviceSecret;
use halloo_crypto::media::{Kid, MediaKey, MediaOpener, MediaSealer};
use halloo_crypto::secret::Secret;
use halloo_engine::time::Time;
use halloo_engine::voice::bare::BareFactory;
use halloo_engine::voice::frame::{Frame, VoiceFrame};
use halloo_engine::voice::{
    Authenticity, FrameLength, PayloadKind, Peer, ProofStats, Transmit, VoiceConfig, VoicePath, VoicePlan,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

/// One step of everybody.
pub const STEP_US: u64 = 20_000;
/// The members: who is forged, who listens, and one more, so that there is somebody else to hear.
pub const MEMBERS: usize = 3;
pub const VICTIM: usize = 0;
pub const LISTENER: usize = 1;
/// Ticks of a step.
const STEP_TICKS: u32 = 2;
/// Delays between forwarder and member, microseconds: enough to change the order of neighbours.
const DELAY_US: (u64, u64) = (20_000, 60_000);

/// What the way from the forwarder to a member loses.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Loss {
    /// Share of payloads.
    pub share: f64,
    /// Mean length of a time in which everything is lost, in steps; 1 for random loss of single payloads.
    pub run: f64,
}

/// How the insider puts sound into the victim's mouth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Attack {
    /// The victim speaks; its frames are exchanged on the way.
    Swap,
    /// The victim is silent; frames follow those that it sealed.
    Silence,
    /// The victim is silent; frames come under the other key that all have at hand.
    OtherKey,
    /// The victim is silent; frames claim to be of a moment to come, as far as they are let.
    Ahead,
}

pub const ATTACKS: [Attack; 4] = [Attack::Swap, Attack::Silence, Attack::OtherKey, Attack::Ahead];

struct Flying {
    at_us: u64,
    to: usize,
    bytes: Vec<u8>,
}

/// Everything that the insider needs, all of which every member has.
struct Insider {
    opener: MediaOpener,
    sealer: MediaSealer,
    other: MediaSealer,
    /// Last heard media time of the victim, its stream, and when.
    last: Option<(u32, u8, u64)>,
    seq: u16,
}

/// The hall.
pub struct Hall {
    pub now_us: u64,
    secrets: Vec<DeviceSecret>,
    pub paths: Vec<VoicePath>,
    /// Step of the call chain that each member is at.
    pub chain: Vec<u8>,
    pub speaks: Vec<bool>,
    loss: Loss,
    losing: Vec<bool>,
    flying: Vec<Flying>,
    insider: Option<Insider>,
    pub rng: ChaCha20Rng,
    /// Bytes and number of checkpoints of each member.
    pub checkpoints: Vec<(u64, u64)>,
    /// How long the forwarder holds each checkpoint back, microseconds.
    pub hold_checkpoints_us: u64,
}

fn key(member: usize, step: u8) -> MediaKey {
    let mut material = [1; 32];
    material[..2].copy_from_slice(&[member as u8, step]);
    MediaKey::from_parts(Kid(0x300 + member as u64), Secret::new(material))
}

impl Hall {
    /// Everybody is in the call, silent.
    pub fn new(seed: u64, loss: Loss) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut secrets: Vec<DeviceSecret> = (0..MEMBERS).map(|_| DeviceSecret::generate(&mut rng)).collect();
        secrets.sort_by_key(DeviceSecret::id);
        let paths = secrets.iter().map(|secret| {
            let transmit = Transmit::VoiceActivated;
            let config = VoiceConfig { me: secret.id(), frame: FrameLength::Ms20, transmit };
            VoicePath::new(config, Box::new(BareFactory), &mut rng).expect("the bare codec needs nothing")
        });
        let paths = paths.collect();
        let mut hall = Hall {
            now_us: 1_000_000,
            secrets,
            paths,
            chain: vec![0; MEMBERS],
            speaks: vec![false; MEMBERS],
            loss,
            losing: vec![false; MEMBERS],
            flying: Vec::new(),
            insider: None,
            rng,
            checkpoints: vec![(0, 0); MEMBERS],
            hold_checkpoints_us: 0,
        };
        (0..MEMBERS).for_each(|member| hall.enter(member, 0));
        hall
    }

    /// A member follows the plan of a step of the chain: it seals under it and has the next at hand.
    pub fn enter(&mut self, member: usize, step: u8) {
        self.chain[member] = step;
        let others = (0..MEMBERS).filter(|other| *other != member);
        let peers = others.map(|other| Peer {
            device: self.secrets[other].id(),
            keys: vec![key(other, step), key(other, step + 1)],
        });
        let plan = VoicePlan {
            seal: Some(key(member, step)),
            peers: peers.collect(),
            microphone_muted: false,
            checkpoints: true,
            ..VoicePlan::silent()
        };
        self.paths[member].apply(Time::from_micros(self.now_us), &plan).expect("a plain plan");
    }

    pub fn id(&self, member: usize) -> DeviceId {
        self.secrets[member].id()
    }

    /// An insider watches from now on, with the keys of the step that all are at.
    pub fn watch(&mut self) {
        let step = self.chain[VICTIM];
        self.insider = Some(Insider {
            opener: MediaOpener::new(&key(VICTIM, step)),
            sealer: MediaSealer::new(&key(VICTIM, step)),
            other: MediaSealer::new(&key(VICTIM, step + 1)),
            last: None,
            seq: 0,
        });
    }

    /// What the listener is told of the victim.
    pub fn told(&self) -> (Authenticity, ProofStats) {
        let victim = self.id(VICTIM);
        let view = self.paths[LISTENER].speakers().find(|s| s.device == victim).expect("it is in the plan");
        (view.authenticity, view.proofs)
    }

    /// Voice frames of the victim that the listener's buffer took.
    pub fn received(&self) -> u64 {
        let victim = self.id(VICTIM);
        let view = self.paths[LISTENER].speakers().find(|s| s.device == victim).expect("it is in the plan");
        view.stats.received
    }

    /// So many steps in which nobody does anything wrong.
    pub fn run(&mut self, steps: u32) {
        for _ in 0..steps {
            let forged = self.step(None);
            assert!(!forged, "nobody was told to");
        }
    }

    /// One step of everybody; the insider does as it is told to the frames of this step. Whether it did anything.
    pub fn step(&mut self, attack: Option<Attack>) -> bool {
        let now = Time::from_micros(self.now_us);
        let mut forged = false;
        self.weather();
        for member in 0..MEMBERS {
            for (bytes, kind) in self.speak(member, now) {
                let swapped = if member == VICTIM { self.insider_sees(&bytes, attack) } else { None };
                for to in (0..MEMBERS).filter(|to| *to != member) {
                    let bytes = match &swapped {
                        Some(other) if to == LISTENER => other.clone(),
                        _ => bytes.clone(),
                    };
                    self.forward(to, bytes, kind);
                }
                forged |= swapped.is_some();
            }
        }
        if let Some(attack) = attack.filter(|attack| *attack != Attack::Swap)
            && let Some(bytes) = self.invented(attack)
        {
            self.forward(LISTENER, bytes, PayloadKind::Voice);
            forged = true;
        }
        self.deliver();
        for path in &mut self.paths {
            path.play(now, &mut [0.0; 960]);
        }
        self.now_us += STEP_US;
        forged
    }

    fn speak(&mut self, member: usize, now: Time) -> Vec<(Vec<u8>, PayloadKind)> {
        let speaks = self.speaks[member];
        let pcm: [f32; 960] = core::array::from_fn(|i| {
            if speaks { 0.3 * (i as f32 * std::f32::consts::TAU / 480.0).sin() } else { 0.0 }
        });
        let path = &mut self.paths[member];
        path.capture(now, &pcm, Some(if speaks { 1.0 } else { 0.0 })).expect("whole frames");
        while let Some(draft) = path.draft_checkpoint(now) {
            path.send_checkpoint(&draft.sign(&self.secrets[member]));
        }
        let mut out = Vec::new();
        while let Some(payload) = path.next_payload() {
            if payload.kind == PayloadKind::Checkpoint {
                self.checkpoints[member].0 += payload.bytes.len() as u64;
                self.checkpoints[member].1 += 1;
            }
            out.push((payload.bytes.to_vec(), payload.kind));
        }
        out
    }

    /// Loses it, or lets it arrive later.
    fn forward(&mut self, to: usize, bytes: Vec<u8>, kind: PayloadKind) {
        let lost = if self.loss.run <= 1.0 { self.chance() < self.loss.share } else { self.losing[to] };
        if lost {
            return;
        }
        let held = if kind == PayloadKind::Checkpoint { self.hold_checkpoints_us } else { 0 };
        let (least, most) = DELAY_US;
        let delay = least + u64::from(self.rng.next_u32()) % (most - least);
        self.flying.push(Flying { at_us: self.now_us + delay + held, to, bytes });
    }

    /// A way that loses in runs begins or ends to.
    fn weather(&mut self) {
        let leave = 1.0 / self.loss.run;
        let enter = (self.loss.share * leave / (1.0 - self.loss.share)).min(1.0);
        for to in 0..MEMBERS {
            let chance = self.chance();
            self.losing[to] = if self.losing[to] { chance >= leave } else { chance < enter };
        }
    }

    fn chance(&mut self) -> f64 {
        f64::from(self.rng.next_u32()) / f64::from(u32::MAX)
    }

    fn deliver(&mut self) {
        self.flying.sort_by_key(|flying| flying.at_us);
        let due = self.flying.partition_point(|flying| flying.at_us <= self.now_us);
        for flying in self.flying.drain(..due) {
            let now = Time::from_micros(flying.at_us);
            // The path counts what it refuses.
            let _refused = self.paths[flying.to].receive_forwarded(now, &flying.bytes);
        }
    }

    /// The insider follows the victim's counters, and gives another frame where it is to.
    fn insider_sees(&mut self, bytes: &[u8], attack: Option<Attack>) -> Option<Vec<u8>> {
        let now_us = self.now_us;
        let insider = self.insider.as_mut()?;
        let mut plain = Vec::new();
        insider.opener.open(bytes, &mut plain).ok()?;
        let mut other = Vec::new();
        let frame = Frame::parse(&plain).ok()?;
        let Frame::Voice(frame) = frame else {
            insider.sealer.seal(&plain, &mut other).expect("it was sealed before");
            return None;
        };
        insider.last = Some((frame.tick, frame.stream, now_us));
        insider.seq = frame.seq;
        let coded: Vec<u8> =
            frame.coded.iter().enumerate().map(|(i, b)| if i == 0 { *b } else { !*b }).collect();
        let mut said = VoiceFrame::new(frame.seq, frame.tick, frame.length, &coded);
        said.stream = frame.stream;
        let mut plain = Vec::new();
        said.write(&mut plain);
        insider.sealer.seal(&plain, &mut other).expect("a frame fits");
        (attack == Some(Attack::Swap)).then_some(other)
    }

    /// A frame that the victim never said, of this moment or of one to come.
    fn invented(&mut self, attack: Attack) -> Option<Vec<u8>> {
        let now_us = self.now_us;
        let insider = self.insider.as_mut()?;
        let (tick, stream, at_us) = insider.last?;
        let mut tick = tick.wrapping_add(STEP_TICKS * ((now_us - at_us) / STEP_US) as u32);
        if attack == Attack::Ahead {
            tick = tick.wrapping_add(25);
        }
        insider.seq = insider.seq.wrapping_add(1);
        let mut coded = [0xe0; 81];
        coded[0] = 2;
        let mut said = VoiceFrame::new(insider.seq, tick, FrameLength::Ms20, &coded);
        said.stream = stream;
        let mut plain = Vec::new();
        said.write(&mut plain);
        let mut bytes = Vec::new();
        let sealer = if attack == Attack::OtherKey { &mut insider.other } else { &mut insider.sealer };
        sealer.seal(&plain, &mut bytes).expect("a frame fits");
        Some(bytes)
    }
}

/// What became of one forgery.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Milliseconds from the moment that the first forged frame was at the listener's ear until it was told.
    pub flagged_ms: Option<u64>,
    /// Whether the listener was told so before anything was forged.
    pub early: bool,
}

/// The longest that is waited for the flag after the last forged frame.
const WAIT_STEPS: u32 = 250;

/// One forgery of so many frames at a random moment of a call.
pub fn forge(seed: u64, loss: Loss, attack: Attack, frames: u32) -> Outcome {
    let mut hall = Hall::new(seed, loss);
    hall.watch();
    hall.speaks[VICTIM] = true;
    let warm = 200 + hall.rng.next_u32() % 200;
    hall.run(warm);
    if attack != Attack::Swap {
        hall.speaks[VICTIM] = false;
        // From just after its last word to long after its last checkpoint.
        let quiet = 30 + hall.rng.next_u32() % 300;
        hall.run(quiet);
    }
    let early = hall.told().0 == Authenticity::Forged;
    let (mut left, mut since, mut heard) = (frames, None, hall.received());
    for _ in 0..frames + WAIT_STEPS {
        let did = hall.step((left > 0).then_some(attack));
        left -= u32::from(did).min(left);
        let received = hall.received();
        if did && since.is_none() || attack != Attack::Swap && since.is_none() && received > heard {
            since = Some(hall.now_us);
        }
        heard = received;
        if hall.told().0 == Authenticity::Forged {
            let flagged_ms = since.map(|since| (hall.now_us - since) / 1_000);
            return Outcome { flagged_ms, early };
        }
    }
    Outcome { flagged_ms: None, early }
}

/// What an honest call of so many seconds tells: how often somebody was accused, and the rate of one member's checkpoints.
#[derive(Clone, Copy, Debug)]
pub struct Honest {
    /// Steps in which any listener was told of a forgery.
    pub accused: u64,
    /// Frames proven, and frames of which no proof came, at the listener.
    pub proofs: ProofStats,
    /// Bits a second of the victim's checkpoints, sealed, while it spoke.
    pub checkpoint_bps: f64,
    /// Voice frames that reached the listener and were refused as unprovable.
    pub refused: u64,
}

/// Talks and silences of several, a new step of the chain every ten seconds, each member at a moment of its own; a forwarder that holds
/// checkpoints back now and then where `held` says so.
pub fn honest(seed: u64, loss: Loss, seconds: u32, held: bool) -> Honest {
    let mut hall = Hall::new(seed, loss);
    let mut changes: BTreeMap<u32, usize> = BTreeMap::new();
    let (mut accused, mut spoken) = (0, 0);
    for step in 0..seconds * 50 {
        if step % 500 == 250 {
            for member in 0..MEMBERS {
                let at = step + hall.rng.next_u32() % 20;
                changes.insert(at * MEMBERS as u32 + member as u32, member);
            }
        }
        for member in 0..MEMBERS {
            if changes.remove(&(step * MEMBERS as u32 + member as u32)).is_some() {
                let next = hall.chain[member] + 1;
                hall.enter(member, next);
            }
            // Talks of five seconds in the mean, silences of one.
            let ends = hall.rng.next_u32() % if hall.speaks[member] { 250 } else { 50 };
            hall.speaks[member] ^= ends == 0;
        }
        if held && step % 100 == 0 {
            hall.hold_checkpoints_us =
                u64::from(hall.rng.next_u32() % 2) * u64::from(hall.rng.next_u32() % 3_000_000);
        }
        spoken += u64::from(hall.speaks[VICTIM]);
        hall.step(None);
        let listeners = hall.paths.iter().flat_map(VoicePath::speakers);
        accused += listeners.filter(|speaker| speaker.authenticity == Authenticity::Forged).count() as u64;
    }
    let bits = hall.checkpoints[VICTIM].0 * 8;
    Honest {
        accused,
        proofs: hall.told().1,
        checkpoint_bps: bits as f64 / (spoken as f64 * STEP_US as f64 / 1e6),
        refused: hall.paths[LISTENER].stats().rejected.unproven,
    }
}

/// Bits a second of a member's checkpoints while it speaks all the time.
pub fn rate(seed: u64, loss: Loss, seconds: u32) -> f64 {
    let mut hall = Hall::new(seed, loss);
    hall.speaks[VICTIM] = true;
    // What is lost is known by then.
    hall.run(500);
    hall.checkpoints[VICTIM] = (0, 0);
    hall.run(seconds * 50);
    hall.checkpoints[VICTIM].0 as f64 * 8.0 / f64::from(seconds)
}
