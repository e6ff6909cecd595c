//! For tests: a device that was seized in the middle of a call, all that its memory and disk hold, and what an attacker makes of it.
//!
//! The attacker has recorded every payload of voice since the call began and every frame that the device was ever sent. It takes
//! exporters of every epoch that is kept, in memory and on disk, and of every epoch that stored commits lead to from any of them; the
//! steps of the call chain that are at hand and all that follow; the keys of all plans that the voice path still follows. It tries
//! each step with each exporter for each device. And it opens what was sealed to the device's box key, for steps inside.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use halloo_crypto::group::{Export, GroupSession};
use halloo_crypto::id::{DeviceId, EpochId, Incarnation};
use halloo_crypto::media::{CallStep, Kid, MediaKey, MediaOpener, OLD_KEY_MS, peek_kid};
use halloo_crypto::secret::Secret;

use crate::call::chain::step_aad;
use crate::call::frame::CallFrame;
use crate::engine::Engine;
use crate::rig::Rig;
use crate::snapshot::Table;
use crate::start::{Config, Origin};
use crate::talk;
use crate::time::Time;
use crate::voice::bare::BareFactory;
use crate::voice::{FrameLength, Rejected, Transmit, VoiceConfig, VoicePath, VoicePlan};
use crate::wire::direct::DirectFrame;

/// How often everybody speaks one frame: each step of the chain has a few hundred.
pub(crate) const BEAT: Duration = Duration::from_millis(200);

/// Steps after the newest that are tried too.
const STEPS_AHEAD: usize = 3;

/// Purpose of the seal of a step to a joiner's one-use key.
const STEP_INFO: &[u8] = b"halloo v1 call step";

/// A payload that was recorded.
pub(crate) struct Taped {
    pub(crate) at: Time,
    pub(crate) speaker: DeviceId,
    pub(crate) bytes: Vec<u8>,
}

/// A plan and when it came.
struct Followed {
    at: Time,
    plan: VoicePlan,
}

/// A group in a call, with real voice paths, and a tape of all that they said.
pub(crate) struct Tapped {
    pub(crate) rig: Rig,
    paths: Vec<VoicePath>,
    followed: Vec<Vec<Followed>>,
    pub(crate) tape: Vec<Taped>,
    /// Who spoke with which incarnation, as the attacker may know it.
    speakers: BTreeSet<(DeviceId, Incarnation)>,
}

/// What the attacker opened.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Opened {
    pub(crate) frames: usize,
    pub(crate) of: usize,
    /// The oldest of them.
    pub(crate) oldest: Option<Duration>,
    /// Exporters of epochs that it had, steps, and keys that it tried.
    pub(crate) exporters: usize,
    pub(crate) steps: usize,
    pub(crate) keys: usize,
    /// Seals of steps found in what the device was sent, none of which may open.
    pub(crate) sealed_steps: usize,
}

impl Tapped {
    /// A group of `n`, nobody in the call yet.
    pub(crate) fn group(n: u8, seed: u64) -> Self {
        let rig = Rig::group(n, seed);
        let mut tapped = Tapped {
            rig,
            paths: Vec::new(),
            followed: Vec::new(),
            tape: Vec::new(),
            speakers: BTreeSet::new(),
        };
        tapped.meet();
        tapped
    }

    /// Voice paths for whoever has none.
    fn meet(&mut self) {
        for member in &self.rig.members[self.paths.len()..] {
            let me = member.identity.device.id();
            let config = VoiceConfig { me, frame: FrameLength::Ms20, transmit: Transmit::OpenMicrophone };
            let path = VoicePath::new(config, Box::new(BareFactory), &mut self.rig.rng);
            self.paths.push(path.expect("the bare codec needs nothing"));
            self.followed.push(Vec::new());
        }
    }

    /// Time passes; whoever is in the call speaks, and is taped.
    pub(crate) fn talk(&mut self, span: Duration) {
        let end = self.rig.now.mono.after(span);
        while self.rig.now.mono < end {
            self.rig.pass(BEAT);
            self.beat();
        }
    }

    fn beat(&mut self) {
        self.meet();
        let now = self.rig.now.mono;
        assert_eq!(self.paths.len(), self.rig.members.len(), "everybody has a voice");
        for who in 0..self.paths.len() {
            for plan in core::mem::take(&mut self.rig.members[who].plans) {
                self.paths[who].apply(now, &plan).expect("a plan of the engine can be followed");
                self.followed[who].push(Followed { at: now, plan });
            }
        }
        let mut said = Vec::new();
        for who in 0..self.paths.len() {
            let me = self.rig.members[who].engine.call.seized().me;
            self.speakers.insert(me);
            let speaker = me.0;
            self.paths[who].capture(now, &[0.1; 960], None).expect("whole frames");
            while let Some(payload) = self.paths[who].next_payload() {
                said.push(Taped { at: now, speaker, bytes: payload.bytes.to_vec() });
            }
        }
        for taped in &said {
            for path in &mut self.paths {
                // Who is not in the call, or has no key yet, refuses it.
                let _refused = path.receive(now, taped.speaker, &taped.bytes);
            }
        }
        self.paths.iter_mut().for_each(|path| path.play(now, &mut [0.0; 960]));
        self.tape.extend(said);
    }

    /// Seizes a device: what can be opened of the tape.
    pub(crate) fn seize(&mut self, who: usize) -> Opened {
        let now = self.rig.now.mono;
        let sealed_steps = self.sealed_steps(who);
        let exporters = self.exporters(who);
        let at_hand = self.rig.members[who].engine.call.seized().steps;
        let later = ahead(&at_hand);
        let steps: Vec<&CallStep> = at_hand.into_iter().chain(&later).collect();
        let mut keys = self.path_keys(who);
        let kids: BTreeSet<Kid> = self.tape.iter().filter_map(|taped| peek_kid(&taped.bytes)).collect();
        for step in &steps {
            for exporter in exporters.values() {
                for (device, incarnation) in &self.speakers {
                    keys.extend(kids.iter().map(|kid| step.media_key(exporter, device, *incarnation, *kid)));
                }
            }
        }
        let mut opened = Opened {
            of: self.tape.len(),
            exporters: exporters.len(),
            steps: steps.len(),
            sealed_steps,
            ..Opened::default()
        };
        let mut openers: BTreeMap<Kid, BTreeMap<[u8; 8], MediaOpener>> = BTreeMap::new();
        for key in &keys {
            openers.entry(key.kid()).or_default().insert(key.print(), MediaOpener::new(key));
        }
        opened.keys = openers.values().map(BTreeMap::len).sum();
        let mut plain = Vec::new();
        for taped in &self.tape {
            let kid = peek_kid(&taped.bytes).expect("a frame of ours");
            let mut fitting = openers.get(&kid).into_iter().flat_map(BTreeMap::values);
            if fitting.any(|opener| opener.open_again(&taped.bytes, &mut plain).is_ok()) {
                opened.frames += 1;
                opened.oldest = opened.oldest.max(Some(now.since(taped.at)));
            }
        }
        assert!(opened.frames <= opened.of, "each frame counts once");
        opened
    }

    /// Whether the voice path of a device, as it lives, still has a key for a recorded frame.
    pub(crate) fn path_knows(&mut self, who: usize, taped: usize) -> bool {
        let (now, taped) = (self.rig.now.mono, &self.tape[taped]);
        let told = self.paths[who].receive(now, taped.speaker, &taped.bytes);
        !matches!(told, Err(Rejected::UnknownKey | Rejected::DoesNotOpen))
    }

    /// The exporters for voice of every epoch that the device keeps, and of all that stored commits lead to from there.
    fn exporters(&self, who: usize) -> BTreeMap<EpochId, Secret<[u8; 32]>> {
        let member = &self.rig.members[who];
        let disk = Origin::Restore(member.disk.clone());
        let restored = Engine::new(Config::default(), member.identity.clone(), disk, [7; 32], self.rig.now);
        let restored = restored.expect("a disk that was durable");
        let mut sessions: BTreeMap<EpochId, GroupSession> = BTreeMap::new();
        // Depth, then the commit, as the store keeps it.
        let commits: Vec<Vec<u8>> =
            member.disk.table(Table::Trail).filter_map(|(_, trace)| Some(trace.get(8..)?.to_vec())).collect();
        for engine in [&member.engine, &restored] {
            let epochs = &engine.state.epochs;
            let led = epochs.tags(usize::MAX).into_iter().filter_map(|tag| epochs.of_tag(&tag));
            let kept = led.chain(epochs.pairs().flat_map(|(one, other)| [one, other]));
            sessions.extend(kept.map(|node| (node.id(), GroupSession::clone(&node.session))));
        }
        let mut fresh: Vec<EpochId> = sessions.keys().copied().collect();
        while let Some(parent) = fresh.pop() {
            for commit in &commits {
                if let Ok(applied) = sessions[&parent].apply(commit)
                    && !sessions.contains_key(&applied.next.epoch_id())
                {
                    fresh.push(applied.next.epoch_id());
                    sessions.insert(applied.next.epoch_id(), applied.next);
                }
            }
        }
        let mut exporters: BTreeMap<_, _> = sessions
            .iter()
            .filter_map(|(id, session)| Some((*id, session.export_secret(Export::Call).ok()?)))
            .collect();
        let call = member.engine.call.seized();
        exporters.extend(call.epochs.iter().map(|key| (key.epoch, key.exporter.clone())));
        exporters
    }

    /// The keys that the voice path holds: of the plan that it follows, and for two seconds those of the plans before.
    fn path_keys(&self, who: usize) -> Vec<MediaKey> {
        let now = self.rig.now.mono;
        let mut keys = Vec::new();
        // A plan's keys are at hand until two seconds after the next plan came.
        let mut until: Option<Time> = None;
        for Followed { at, plan } in self.followed[who].iter().rev() {
            if until.is_none_or(|until| now.since(until) <= Duration::from_millis(OLD_KEY_MS)) {
                keys.extend(plan.seal.iter().chain(plan.peers.iter().flat_map(|peer| &peer.keys)).cloned());
            }
            until = Some(*at);
        }
        keys
    }

    /// Steps that were sealed to this device: none opens by what it holds now. How many there were.
    fn sealed_steps(&mut self, who: usize) -> usize {
        let steps = self.steps_sent_to(who);
        for (aad, sealed) in &steps {
            let member = &mut self.rig.members[who];
            let device = member.identity.device.open_sealed(STEP_INFO, aad, sealed);
            assert!(device.is_err(), "a step is sealed to a one-use key");
            assert!(
                !member.engine.call.one_use_opens(aad, sealed),
                "which is gone when it has served, or has not"
            );
        }
        steps.len()
    }

    /// Steps inside what was sealed to a device, with what they are bound to.
    fn steps_sent_to(&self, who: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let receiver = &self.rig.members[who];
        let (me, group) = (receiver.identity.device.id(), receiver.engine.group());
        let mut found = Vec::new();
        for sender in self.rig.members.iter().filter(|sender| sender.identity.peer != receiver.identity.peer)
        {
            let from = sender.identity.device.id();
            let to_me = sender.sent.iter().filter(|(to, _)| *to == Some(receiver.identity.peer));
            for (_, bytes) in to_me {
                let Ok(DirectFrame::Call(seal)) = DirectFrame::parse(bytes, receiver.engine.route_tag())
                else {
                    continue;
                };
                let state = &receiver.engine.state;
                let Some(plain) = talk::opened(state, &from, talk::CALL_INFO, &seal) else { continue };
                let Ok(CallFrame::Step { chain, sealed, .. }) = CallFrame::parse(&plain) else { continue };
                found.push((step_aad(&group, &chain, &me), sealed));
            }
        }
        found
    }
}

/// Steps that follow those at hand.
fn ahead(at_hand: &[&CallStep]) -> Vec<CallStep> {
    let mut later = Vec::new();
    let mut next = at_hand.last().map(|step| step.ahead());
    while let Some(step) = next.filter(|_| later.len() < STEPS_AHEAD) {
        next = Some(step.ahead());
        later.push(step);
    }
    assert!(later.len() <= STEPS_AHEAD, "as many as are worth a try");
    later
}

#[cfg(test)]
mod tests;
