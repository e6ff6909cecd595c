//! Tells one half of its neighbours this, the other half that: two real engines of one device, begun from one disk with one seed.
//!
//! ```text
//!   disk --restore--> first  <--> neighbours with even numbers      same keys, same incarnation, same places in the log,
//!      \---restore--> second <--> neighbours with odd numbers       in the stream of contents, in the epoch tree
//! ```
//!
//! What is asked of the member is asked of both, in other words of the second: so both sign something else for the same place. After
//! that nothing goes by gossip for a while, and each greets its half anew, so that each half learns its own story first.

use super::{Host, Way};
use crate::stage::Stage;
use halloo_engine::Engine;
use halloo_engine::input::{Command, Input, WakeReason};
use halloo_engine::lane::{Lane, PeerKey};
use halloo_engine::output::{Output, WriteId};
use halloo_engine::start::Origin;
use halloo_engine::time::Time;
use halloo_mesh::Verdict;
use halloo_vtime::now_us;
use rand_core::Rng as _;
use std::collections::VecDeque;
use std::time::Duration;

/// From the start of the process until it begins to tell two stories, microseconds: it is a member by then.
pub(super) const PART_AFTER_US: u64 = 15_000_000;
/// When it cannot be told apart yet, it tries again, microseconds.
const TRY_AGAIN_US: u64 = 50_000;
/// Between two lies of its own accord, microseconds.
const LIE_EVERY_US: u64 = 10_000_000;
/// After a lie it says nothing by gossip, microseconds.
const HUSH_US: u64 = 3_000_000;
/// After a lie each greets its half, microseconds: what was said is on the disk by then.
const GREET_AFTER_US: u64 = 1_000_000;
/// How long an invite of its own lasts: nobody comes by it.
const INVITE_OPEN: Duration = Duration::from_secs(600);

/// The second engine, and what keeps the two apart.
#[derive(Default)]
pub(super) struct Twins {
    /// The engine that does not face the host now; `None` before they part.
    other: Option<Box<Engine>>,
    other_deadline: Option<Time>,
    /// Whether the second faces the host now.
    second_faces: bool,
    /// Batches of the second that are to be confirmed: it has no disk.
    written: VecDeque<WriteId>,
    hush_until_us: u64,
    greet_us: Option<u64>,
    turn: u32,
}

impl Twins {
    /// When something is due apart from lies.
    pub(super) fn due_us(&self) -> Option<u64> {
        let deadline = self.other_deadline.filter(|_| self.other.is_some()).map(Time::as_micros);
        deadline.into_iter().chain(self.greet_us).chain((!self.written.is_empty()).then_some(0)).min()
    }

    /// What becomes of a wish.
    pub(super) fn bend(&mut self, output: Output, now_us: u64) -> Option<Output> {
        match output {
            Output::Publish { .. } if now_us < self.hush_until_us => None,
            Output::Write(batch) if self.second_faces => {
                self.written.push_back(batch.id);
                None
            }
            Output::Reply { .. } | Output::Plan(_) | Output::Event(_) if self.second_faces => None,
            output => Some(output),
        }
    }
}

impl Host {
    fn twins(&mut self) -> Option<&mut Twins> {
        match self.way() {
            Some(Way::Twins(twins)) => Some(twins),
            _ => None,
        }
    }

    /// Whether two engines of this device run.
    pub(in crate::host) fn is_parted(&mut self) -> bool {
        self.twins().is_some_and(|twins| twins.other.is_some())
    }

    /// Lets the other engine face the host.
    fn turn_round(&mut self) {
        let Some(node) = self.node.as_mut() else { return };
        let Some(Way::Twins(twins)) = node.crook.as_mut().map(|crook| &mut crook.way) else { return };
        let (Some(faces), Some(other)) = (node.engine.as_mut(), twins.other.as_mut()) else { return };
        std::mem::swap(faces, other);
        std::mem::swap(&mut node.deadline, &mut twins.other_deadline);
        twins.second_faces = !twins.second_faces;
    }

    fn as_second<R>(&mut self, act: impl FnOnce(&mut Self) -> R) -> R {
        self.turn_round();
        let result = act(self);
        self.turn_round();
        result
    }

    /// Gives an input to whom it is for.
    pub(in crate::host) fn feed_twins(&mut self, input: Input, stage: &mut Stage) -> Option<Verdict> {
        let to_second = match &input {
            Input::PeerUp(peer) | Input::PeerDown(peer) => is_of_second(*peer, stage),
            Input::Frame { from, lane: Lane::Direct, .. } => is_of_second(*from, stage),
            _ => false,
        };
        if to_second {
            return self.as_second(|host| host.feed_one(input, stage));
        }
        let second = match &input {
            Input::Frame { lane: Lane::Gossip(_), .. } => Some(input.clone()),
            Input::Command { request, command } => {
                Some(Input::Command { request: *request, command: reworded(command) })
            }
            _ => None,
        };
        let lies = matches!((&input, &second), (Input::Command { command, .. }, Some(Input::Command { command: other, .. })) if command != other);
        let verdict = self.feed_one(input, stage);
        if let Some(second) = second {
            self.as_second(|host| host.feed_one(second, stage));
        }
        if lies {
            self.lied(stage);
        }
        verdict
    }

    fn lied(&mut self, stage: &mut Stage) {
        if let Some(twins) = self.twins() {
            twins.hush_until_us = now_us() + HUSH_US;
            twins.greet_us = Some(now_us() + GREET_AFTER_US);
        }
        self.broke("adversary told two stories", stage);
    }

    /// What is due at the second engine, and greetings.
    pub(super) fn poll_twins(&mut self, stage: &mut Stage) -> bool {
        if !self.is_parted() {
            return false;
        }
        let now = now_us();
        let mut moved = false;
        while let Some(id) = self.twins().and_then(|twins| twins.written.pop_front()) {
            self.as_second(|host| host.feed_one(Input::Written(id), stage));
            moved = true;
        }
        let due = self.twins().and_then(|twins| twins.other_deadline).is_some_and(|at| at.as_micros() <= now);
        if due {
            self.as_second(|host| host.feed_one(Input::Wake(WakeReason::Deadline), stage));
            moved = true;
        }
        if self.twins().is_some_and(|twins| twins.greet_us.take_if(|at| *at <= now).is_some()) {
            self.greet(stage);
            moved = true;
        }
        moved
    }

    /// Begins anew with every neighbour, so that all that is lacking is compared at once.
    fn greet(&mut self, stage: &mut Stage) {
        let peers: Vec<PeerKey> = self.node_mut().connected.iter().copied().collect();
        for peer in peers {
            self.feed_twins(Input::PeerDown(peer), stage);
            self.feed_twins(Input::PeerUp(peer), stage);
        }
    }

    /// Says something to one half and something else to the other; how long until the next time, microseconds.
    pub(super) fn lie(&mut self, stage: &mut Stage) -> u64 {
        if !self.is_parted() {
            return if self.part(stage) { LIE_EVERY_US } else { TRY_AGAIN_US };
        }
        let Some(twins) = self.twins() else { return LIE_EVERY_US };
        twins.turn += 1;
        let turn = twins.turn;
        let command = match turn % 3 {
            0 => Command::Invite { max_uses: 1, expiry: INVITE_OPEN, role: halloo_crdt::log::Role::Member },
            1 => Command::Say { text: format!("we turn left, {turn}"), reply_to: None },
            _ => Command::Rename(format!("left {turn}")),
        };
        let request = stage.next_request();
        self.feed_twins(Input::Command { request, command }, stage);
        LIE_EVERY_US
    }

    /// Two engines from here on, if nothing is under way.
    fn part(&mut self, stage: &mut Stage) -> bool {
        let now = self.now();
        let resting = self.disk.waiting() == 0 && self.node_mut().inbox.is_empty();
        let Some(snapshot) = resting.then(|| self.disk.snapshot()).flatten() else { return false };
        let mut seed = [0; 32];
        self.node_mut().seeds.fill_bytes(&mut seed);
        let begin = || {
            let origin = Origin::Restore(snapshot.clone());
            Engine::new(stage.plan.config.clone(), self.identity.clone(), origin, seed, now)
        };
        let (Ok(first), Ok(second)) = (begin(), begin()) else { return false };
        self.node_mut().engine = Some(first);
        self.node_mut().deadline = None;
        let Some(twins) = self.twins() else { return false };
        (twins.other, twins.other_deadline) = (Some(Box::new(second)), None);
        self.drain(stage);
        self.as_second(|host| host.drain(stage));
        let peers: Vec<PeerKey> = self.node_mut().connected.iter().copied().collect();
        for peer in peers {
            self.feed_twins(Input::PeerUp(peer), stage);
        }
        self.broke("adversary is two", stage);
        true
    }
}

fn is_of_second(peer: PeerKey, stage: &Stage) -> bool {
    let id = halloo_mesh::PeerKey(peer.0).to_peer_id();
    id.and_then(|id| stage.host_of(&id)).is_some_and(|host| host % 2 == 1)
}

/// The same for the other half.
fn reworded(command: &Command) -> Command {
    match command.clone() {
        Command::Say { text, reply_to } => Command::Say { text: format!("{text}: no, right"), reply_to },
        Command::Rename(name) => Command::Rename(format!("{name}: no, right")),
        Command::Invite { max_uses, expiry, role } => {
            Command::Invite { max_uses: max_uses + 1, expiry, role }
        }
        same => same,
    }
}
