//! The call of a group: who is in it, its key chain, and the plan for the media thread. Policy only.
//!
//! ```text
//!   Join/Leave/Mute ------+                          +--> Plan (keys, connections, mutes) --> media thread
//!   Reachable/Roster/Epochs +--> Call (this machine) +--> Send (sealed by the engine) ------> other devices
//!   Frame from a device --+                          +--> Joined/Left/InCall/Muted ---------> live cells, events
//! ```
//! A device in the call tells every proven device that it is ([`frame::Here`]), every five seconds and at each change;
//! who was not heard for sixteen is out. The chain with the lowest id wins; who holds another, or none, sends a one-use
//! key and gets the current step sealed to it. Keys of a device follow from chain step, epoch exporter, device,
//! incarnation and key id, so after the first `Here` neither a step nor a new epoch costs a frame.
//! Deviation from DESIGN 4: one key id serves all epochs of an incarnation (a receiver tries at most four keys of it), and
//! a new one is drawn when a key would otherwise be used a second time.

pub mod frame;
pub mod chain;
pub mod port;
mod neighbour;
mod sealing;
mod planning;
#[cfg(test)]
pub(crate) mod seized;

pub use port::{CallConfig, CallInput, CallOutput, EpochKey, MAX_EPOCHS};

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use halloo_crypto::id::DeviceId;
use halloo_crypto::sealed::BoxSecret;
use rand_chacha::ChaCha20Rng;

use crate::time::Time;
use crate::voice::{MAX_SPEAKERS, VoicePlan};
use chain::{Chain, step_aad};
use frame::{CallFrame, ChainId, Here, epoch_tag};
use neighbour::{Neighbour, Participant};
use sealing::Sealing;

/// How often a device says that it is in the call.
const HERE_EVERY: Duration = Duration::from_secs(5);

/// A device that was not heard for so long is out of the call: three lost in a row.
const LEASE: Duration = Duration::from_secs(16);

/// How long a joiner waits for the step of a call before it starts a chain of its own.
const STEP_WAIT: Duration = Duration::from_millis(1_500);

/// A wish for a step is repeated after so long.
const WISH_EVERY: Duration = Duration::from_millis(500);

/// How long a one-use key waits for answers after the last wish that named it.
const ONE_USE: Duration = Duration::from_secs(2);

/// Wishes to a device with a better chain between two of its words. Who has no chain yet asks on; who has one can be heard by those
/// who share it, and need not be kept busy by a claim that is never made good.
const WISHES_MAX: u8 = 4;

/// A device gets at most [`ANSWERS_MAX`] sealed steps in so long; each costs 100 us.
const ANSWER_EVERY: Duration = Duration::from_millis(200);

/// When several chains meet, the key of a wish is used up by the first answer and the next wish follows at once: a few are honest.
const ANSWERS_MAX: u8 = 3;

/// After a new epoch that removes nobody this device goes on sealing under the old one until the others have it too, at
/// most so long: a commit reaches a local network in well under this.
const EPOCH_PATIENCE: Duration = Duration::from_millis(500);

/// Wishes that may wait for the engine to fetch them; one input makes a few per device.
const MAX_OUTPUTS: usize = 1_024;

/// The call of one group, as one device sees it.
pub struct Call {
    config: CallConfig,
    rng: Box<ChaCha20Rng>,
    joined: Option<Time>,
    chain: Option<Chain>,
    one_use: Option<BoxSecret>,
    /// Until then answers to it may come.
    one_use_until: Time,
    keys: Sealing,
    epochs: Vec<EpochKey>,
    sealing: Option<EpochKey>,
    switch_by: Option<Time>,
    roster: BTreeSet<DeviceId>,
    siblings: BTreeSet<DeviceId>,
    neighbours: BTreeMap<DeviceId, Neighbour>,
    next_here: Time,
    muted: (bool, bool),
    plan: VoicePlan,
    outputs: VecDeque<CallOutput>,
}

impl Call {
    /// A call that this device is not in.
    pub fn new(config: CallConfig, mut rng: Box<ChaCha20Rng>) -> Self {
        let keys = Sealing::new(&mut rng);
        let plan = VoicePlan { microphone_muted: config.microphone_muted, ..VoicePlan::silent() };
        Call {
            config,
            rng,
            joined: None,
            chain: None,
            one_use: None,
            one_use_until: Time::ZERO,
            keys,
            epochs: Vec::new(),
            sealing: None,
            switch_by: None,
            roster: BTreeSet::new(),
            siblings: BTreeSet::new(),
            neighbours: BTreeMap::new(),
            next_here: Time::ZERO,
            muted: (config.microphone_muted, false),
            plan,
            outputs: VecDeque::new(),
        }
    }

    /// Whether this device is in the call.
    pub fn in_call(&self) -> bool {
        self.joined.is_some()
    }

    /// The others that are, ascending.
    pub fn participants(&self) -> Vec<DeviceId> {
        self.neighbours.iter().filter(|(_, n)| n.participant.is_some()).map(|(d, _)| *d).collect()
    }

    /// Microphone and loudspeaker off.
    pub fn mutes(&self) -> (bool, bool) {
        self.muted
    }

    /// Whether signalling would reach this device now.
    pub fn can_signal(&self, device: &DeviceId) -> bool {
        self.roster.contains(device) && self.neighbours.get(device).is_some_and(|n| n.reachable)
    }

    /// The next wish.
    pub fn poll(&mut self) -> Option<CallOutput> {
        self.outputs.pop_front()
    }

    /// When this machine wants [`CallInput::Wake`].
    pub fn deadline(&self) -> Option<Time> {
        let leases = self.neighbours.values().filter_map(|n| n.participant.map(|p| p.until));
        let own = self.joined.map(|joined| {
            let chain = match &self.chain {
                Some(chain) => chain.deadline(),
                None => joined.after(STEP_WAIT),
            };
            let asked = self.neighbours.iter().filter(|(d, n)| self.asks_again(d, n));
            let again = asked.filter_map(|(_, n)| n.wished).map(|at| at.after(WISH_EVERY));
            again.chain([chain, self.next_here]).min().unwrap_or(self.next_here)
        });
        leases.chain(own).chain(self.joined.and(self.switch_by)).min()
    }

    /// Takes what happened; wishes are then polled.
    pub fn handle(&mut self, now: Time, input: CallInput) {
        match input {
            CallInput::Join => self.join(now),
            CallInput::Leave => self.leave(),
            CallInput::MuteMicrophone(off) => self.set_mutes((off, self.muted.1)),
            CallInput::MuteSpeaker(off) => self.set_mutes((self.muted.0, off)),
            CallInput::Reachable(device) => self.meet(now, device),
            CallInput::Unreachable(device) => {
                if let Some(n) = self.neighbours.get_mut(&device) {
                    n.reachable = false;
                }
            }
            CallInput::Frame { from, bytes } => self.hear(now, from, &bytes),
            CallInput::SendSignal { to, bytes } => {
                if self.can_signal(&to) {
                    self.wish(CallOutput::SendSignal { to, bytes });
                }
            }
            CallInput::Signal { from, bytes } => {
                if self.roster.contains(&from) {
                    self.wish(CallOutput::Signal { from, bytes });
                }
            }
            CallInput::Epochs(epochs) => self.take_epochs(now, epochs),
            CallInput::Roster(roster) => self.take_roster(now, roster),
            CallInput::Siblings(siblings) => self.siblings = siblings,
            CallInput::Wake => {}
        }
        self.go_on(now);
        assert!(self.chain.is_none() || self.in_call(), "outside the call no step is held");
        assert!(self.epochs.len() <= MAX_EPOCHS, "keys of a few epochs only");
        self.emit_plan();
        assert!(self.outputs.len() <= MAX_OUTPUTS, "the engine polls after each input");
    }

    fn wish(&mut self, output: CallOutput) {
        self.outputs.push_back(output);
    }

    fn join(&mut self, now: Time) {
        if self.joined.is_some() {
            return;
        }
        self.joined = Some(now);
        self.keys.draw(&mut self.rng);
        self.wish(CallOutput::InCall(true));
        if self.participants().is_empty() {
            self.chain = Some(Chain::start(now, &mut self.rng));
        }
        self.tell_all(now);
    }

    fn leave(&mut self) {
        if self.joined.take().is_none() {
            return;
        }
        self.chain = None;
        self.one_use = None;
        let reachable: Vec<DeviceId> = self.reachable().collect();
        for to in reachable {
            self.wish(CallOutput::Send { to, bytes: CallFrame::Gone.to_bytes() });
        }
        self.wish(CallOutput::InCall(false));
    }

    fn set_mutes(&mut self, muted: (bool, bool)) {
        if self.muted != muted {
            self.muted = muted;
            self.wish(CallOutput::Muted { microphone: muted.0, speaker: muted.1 });
        }
    }

    fn reachable(&self) -> impl Iterator<Item = DeviceId> + '_ {
        let known = |d: &DeviceId| *d != self.config.me && self.roster.contains(d);
        self.neighbours.iter().filter(move |(d, n)| n.reachable && known(d)).map(|(d, _)| *d)
    }

    fn meet(&mut self, now: Time, device: DeviceId) {
        self.neighbours.entry(device).or_default().reachable = true;
        if self.in_call() && device != self.config.me && self.roster.contains(&device) {
            self.tell(now, device);
        }
    }

    /// Tells everybody reachable that this device is in the call, if it is.
    fn tell_all(&mut self, now: Time) {
        if !self.in_call() {
            return;
        }
        self.next_here = now.after(HERE_EVERY);
        let reachable: Vec<DeviceId> = self.reachable().collect();
        for device in reachable {
            self.tell(now, device);
        }
    }

    /// Tells one device that this one is in the call, with a wish for its step if its chain is to be followed.
    fn tell(&mut self, now: Time, to: DeviceId) {
        let wishes = self.follows(&to);
        let wants = wishes.then(|| {
            let rng = &mut self.rng;
            self.one_use_until = now.after(ONE_USE);
            self.one_use.get_or_insert_with(|| BoxSecret::generate(rng)).public()
        });
        let here = Here {
            incarnation: self.config.incarnation,
            kid: self.keys.kid(),
            tag: self.sealing.as_ref().map_or([0; 8], |e| epoch_tag(&e.epoch)),
            place: self.chain.as_ref().map(|c| c.place(now)),
            wants,
        };
        if let Some(n) = self.neighbours.get_mut(&to) {
            n.told = Some(now);
            n.wished = if wishes { Some(now) } else { n.wished };
            n.wishes = n.wishes.saturating_add(u8::from(wishes));
        }
        self.wish(CallOutput::Send { to, bytes: CallFrame::Here(here).to_bytes() });
    }

    /// Whether that device's chain is to be ours.
    fn follows(&self, device: &DeviceId) -> bool {
        let theirs = self.neighbours.get(device).and_then(|n| n.participant).and_then(|p| p.here.place);
        theirs.is_some_and(|t| self.chain.as_ref().is_none_or(|own| t.chain < own.id))
    }

    fn hear(&mut self, now: Time, from: DeviceId, bytes: &[u8]) {
        if from == self.config.me || !self.roster.contains(&from) {
            return;
        }
        match CallFrame::parse(bytes) {
            Ok(CallFrame::Here(here)) => self.hear_here(now, from, here),
            Ok(CallFrame::Gone) => self.part(from),
            Ok(CallFrame::Step { chain, into_ms, sealed }) => {
                self.hear_step(now, from, (chain, into_ms), &sealed)
            }
            Err(_) => {}
        }
    }

    fn hear_here(&mut self, now: Time, from: DeviceId, here: Here) {
        let known = self.participants().len();
        let neighbour = self.neighbours.entry(from).or_default();
        if neighbour.participant.is_none() && known >= MAX_SPEAKERS {
            return;
        }
        let new = neighbour.participant.replace(Participant { here, until: now.after(LEASE) }).is_none();
        neighbour.wishes = 0;
        if new {
            self.wish(CallOutput::Joined(from));
        }
        if !self.in_call() {
            return;
        }
        if let (Some(place), Some(chain)) = (&here.place, &mut self.chain) {
            chain.follow(now, place);
        }
        self.answer_wish(now, from, &here);
        let again = |at: Option<Time>| at.is_none_or(|at| now.since(at) >= WISH_EVERY);
        let Some(neighbour) = self.neighbours.get(&from) else { return };
        // Another chain than ours, or none: it must learn of ours to ask for it, now and not at our next regular word.
        let apart = self.chain.as_ref().is_some_and(|own| here.place.is_none_or(|p| p.chain != own.id));
        let due =
            if self.follows(&from) { again(neighbour.wished) } else { new || apart && again(neighbour.told) };
        if due {
            self.tell(now, from);
        }
    }

    fn answer_wish(&mut self, now: Time, to: DeviceId, here: &Here) {
        let (Some(key), Some(chain)) = (here.wants, &self.chain) else { return };
        let Some(neighbour) = self.neighbours.get_mut(&to) else { return };
        if neighbour.answered.is_none_or(|since| now.since(since) >= ANSWER_EVERY) {
            (neighbour.answered, neighbour.answers) = (Some(now), 0);
        }
        if neighbour.answers >= ANSWERS_MAX {
            return;
        }
        neighbour.answers += 1;
        let aad = step_aad(&self.config.group, &chain.id, &to);
        let Ok(sealed) = chain.seal_to(&mut self.rng, &key, &aad) else { return };
        let place = chain.place(now);
        assert!(self.roster.contains(&to), "a step is sealed to members only (INV-2)");
        let bytes = CallFrame::Step { chain: place.chain, into_ms: place.into_ms, sealed }.to_bytes();
        self.wish(CallOutput::Send { to, bytes });
    }

    fn hear_step(&mut self, now: Time, from: DeviceId, place: (ChainId, u32), sealed: &[u8]) {
        let in_call = self.neighbours.get(&from).is_some_and(|n| n.participant.is_some());
        let better = self.chain.as_ref().is_none_or(|own| place.0 < own.id);
        if !in_call || !self.in_call() || !better || place.0.0 == [0; 16] {
            return;
        }
        let aad = step_aad(&self.config.group, &place.0, &self.config.me);
        if let Ok(mut chain) = Chain::open(now, &mut self.one_use, &aad, place, sealed) {
            chain.advance(now);
            self.chain = Some(chain);
            self.tell_all(now);
        }
    }

    fn part(&mut self, device: DeviceId) {
        let Some(neighbour) = self.neighbours.get_mut(&device) else { return };
        (neighbour.answered, neighbour.told) = (None, None);
        if neighbour.participant.take().is_some() {
            self.wish(CallOutput::Left(device));
        }
    }

    fn take_epochs(&mut self, now: Time, mut epochs: Vec<EpochKey>) {
        epochs.truncate(MAX_EPOCHS);
        self.epochs = epochs;
        let Some(current) = self.epochs.first() else {
            self.sealing = None;
            return;
        };
        match &self.sealing {
            Some(sealing) if sealing.epoch == current.epoch => self.switch_by = None,
            Some(_) if self.in_call() => {
                self.switch_by = self.switch_by.or(Some(now.after(EPOCH_PATIENCE)));
                self.tell_all(now);
            }
            Some(_) | None => self.sealing = Some(current.clone()),
        }
    }

    fn take_roster(&mut self, now: Time, roster: BTreeSet<DeviceId>) {
        let gone: Vec<DeviceId> = self.roster.difference(&roster).copied().collect();
        let new: Vec<DeviceId> = roster.difference(&self.roster).copied().collect();
        self.roster = roster;
        for device in &gone {
            self.part(*device);
        }
        let members = &self.roster;
        self.neighbours.retain(|device, n| n.reachable || members.contains(device));
        for device in new {
            if self.in_call() && self.can_signal(&device) {
                self.tell(now, device);
            }
        }
        if !gone.is_empty() {
            // Nothing more may be sealed to an epoch that holds the removed; the next epoch is taken at once.
            self.sealing = None;
            self.switch_by = None;
            self.tell_all(now);
        }
    }

    /// What time brings, whatever the input was.
    fn go_on(&mut self, now: Time) {
        let over: Vec<DeviceId> = self
            .neighbours
            .iter()
            .filter(|(_, n)| n.participant.is_some_and(|p| p.until <= now))
            .map(|(d, _)| *d)
            .collect();
        for device in over {
            self.part(device);
        }
        if now >= self.one_use_until || !self.neighbours.keys().any(|device| self.follows(device)) {
            // Whoever seizes the device later must not open with it what was sealed to it and never used.
            self.one_use = None;
        }
        let Some(joined) = self.joined else { return };
        if self.chain.is_none() && (self.begins_chain() || now.since(joined) >= STEP_WAIT) {
            self.chain = Some(Chain::start(now, &mut self.rng));
            self.tell_all(now);
        }
        if let Some(chain) = &mut self.chain {
            chain.advance(now);
        }
        for device in self.unanswered(now) {
            self.tell(now, device);
        }
        if self.switch_by.is_some_and(|by| by <= now || self.all_have_current()) {
            self.switch_by = None;
            self.sealing = self.epochs.first().cloned();
            self.tell_all(now);
        }
        if self.next_here <= now {
            self.tell_all(now);
        }
    }

    /// Whether the chain of the call is this device's to start: nobody has one, and of all who are in it has the lowest id. When
    /// everybody joins at one moment there is one chain so, not one for each.
    fn begins_chain(&self) -> bool {
        let mut others = self.neighbours.iter().filter_map(|(d, n)| n.participant.map(|p| (d, p.here.place)));
        others.all(|(device, place)| place.is_none() && self.config.me < *device)
    }

    /// Whether this device is asked for its step again when it does not answer: a step for another device may have used up the key.
    fn asks_again(&self, device: &DeviceId, n: &Neighbour) -> bool {
        n.reachable && (self.chain.is_none() || n.wishes < WISHES_MAX) && self.follows(device)
    }

    /// Whom this device asks again.
    fn unanswered(&self, now: Time) -> Vec<DeviceId> {
        let due = |n: &Neighbour| n.wished.is_some_and(|at| now.since(at) >= WISH_EVERY);
        self.neighbours.iter().filter(|(d, n)| due(n) && self.asks_again(d, n)).map(|(d, _)| *d).collect()
    }

    /// Whether every participant has said that it seals under the current epoch.
    fn all_have_current(&self) -> bool {
        let Some(current) = self.epochs.first() else { return false };
        let tag = epoch_tag(&current.epoch);
        let mut told = self.neighbours.values().filter_map(|n| n.participant).map(|p| p.here.tag == tag);
        told.all(|has| has)
    }
}

#[cfg(test)]
mod tests;
