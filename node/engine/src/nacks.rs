//! The room of what cannot be followed: commits that this device cannot apply, and the Nacks of others until they are answered.
//!
//! ```text
//!  commit that is not for us --> noted --> Nack signed, told to all, repeated --> welcome --> forgotten
//!                                              \--> no answer: another one, at 3, 6, 12, ... seconds
//!  Nack came --> signed by a member? --> kept, one for each device
//!            --> a commit that it names led to our epoch, and its leaf is still that one? --> due: the next commit adds it again
//! ```
//!
//! A Nack never enters the choice of a branch: whoever signs one can make others commit, at most [`MAX_ANSWERS`] times in ten
//! minutes for each account, and nothing else.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use halloo_crdt::log::Role;
use halloo_crypto::id::{AccountId, DeviceId};

use crate::invariants::{inv_6_within_bound, uphold};
use crate::output::{Event, Warning};
use crate::state::State;
use crate::time::Time;
use crate::wire::nack::{MAX_NACKED_COMMITS, VerifiedNack};

/// Devices whose Nacks are kept, the newest of each: more than half of a group of 100 at once; the oldest makes room.
pub(crate) const MAX_NACKS: usize = 64;
/// Nacks of one account that are answered in [`WINDOW`]: each costs the group one commit. An honest device needs one for each
/// poisoned commit.
pub(crate) const MAX_ANSWERS: usize = 8;
/// For how long Nacks are kept, counted, and held against whose commits they are about.
const WINDOW: Duration = Duration::from_secs(600);
/// After the first copy of a Nack come two more: gossip loses one in a hundred.
const COPIES: [Duration; 2] = [Duration::from_millis(500), Duration::from_millis(1_500)];
/// After this long without an answer another Nack is signed, by another key package; then after twice as long, and so on.
const AGAIN: Duration = Duration::from_secs(3);
/// Nacks that are signed by the clock alone. Later ones come when a neighbour sends the commit once more.
const ROUNDS: u32 = 5;
/// The wait is doubled so often: an hour and something.
const MAX_DOUBLINGS: u32 = 10;
/// A commit that puts us out may be another's answer to us, whose welcome is on its way.
const PUT_OUT_PATIENCE: Duration = Duration::from_secs(1);
/// Commits of one account that some could not apply before the admins are told: one may be an accident.
const REPEATED: usize = 2;
/// Accounts of which is remembered that others could not apply their commits.
const MAX_BLAMED: usize = 64;

/// A Nack that this device signed.
struct Own {
    nack: Vec<u8>,
    signed: Time,
    copies: usize,
    rounds: u32,
}

impl Own {
    fn again_at(&self) -> Time {
        self.signed.after(AGAIN * (1 << self.rounds.min(MAX_DOUBLINGS)))
    }

    fn next(&self) -> Option<Time> {
        let copy = COPIES.get(self.copies).map(|after| self.signed.after(*after));
        copy.or_else(|| (self.rounds < ROUNDS).then(|| self.again_at()))
    }
}

/// What is to be done for the own Nack now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// Send this copy.
    Copy(Vec<u8>),
    /// Sign another one.
    Sign,
    /// Wait until then.
    Wait(Time),
    /// Nothing.
    Rest,
}

/// Whether a Nack is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stand {
    /// What it names did not lead to our epoch, so far as is known.
    Waits,
    /// The next commit answers it.
    Due,
    /// Its account had its share.
    Refused,
}

struct Held {
    nack: VerifiedNack,
    id: [u8; 32],
    came: Time,
    stand: Stand,
    /// The leaf that its device had when it became due.
    leaf: Option<[u8; 32]>,
    /// Our welcome for it, if it is not a neighbour.
    answer: Option<Vec<u8>>,
}

/// Of whose commits others said that they cannot apply them.
#[derive(Default)]
struct Blame {
    commits: BTreeSet<[u8; 32]>,
    by: BTreeSet<AccountId>,
    last: Time,
}

/// The room's memory.
#[derive(Default)]
pub(crate) struct Nacks {
    /// The newest commits that this device cannot apply, with whose they are if MLS let that be seen.
    unreadable: VecDeque<([u8; 32], Option<DeviceId>)>,
    own: Option<Own>,
    /// When to begin, if there is reason to wait.
    begin: Option<Time>,
    held: BTreeMap<DeviceId, Held>,
    /// When Nacks of an account became due.
    answered: BTreeMap<AccountId, VecDeque<Time>>,
    blamed: BTreeMap<AccountId, Blame>,
}

impl Nacks {
    /// A commit came that this device cannot apply; one that puts it out is no hurry.
    pub(crate) fn note(&mut self, commit: [u8; 32], by: Option<DeviceId>, now: Time) {
        if self.is_unreadable(&commit) {
            return;
        }
        self.unreadable.push_back((commit, by));
        if self.unreadable.len() > MAX_NACKED_COMMITS {
            self.unreadable.pop_front();
        }
        if let Some(own) = &mut self.own {
            own.rounds = 0;
        }
        let wait = if by.is_some() { Duration::ZERO } else { PUT_OUT_PATIENCE };
        self.begin.get_or_insert(now.after(wait));
        uphold(inv_6_within_bound("MAX_NACKED_COMMITS", self.unreadable.len(), MAX_NACKED_COMMITS));
    }

    /// Whether this device cannot apply this commit.
    pub(crate) fn is_unreadable(&self, commit: &[u8; 32]) -> bool {
        self.unreadable.iter().any(|(known, _)| known == commit)
    }

    /// What this device cannot apply, the newest first.
    pub(crate) fn unreadable(&self) -> impl Iterator<Item = [u8; 32]> {
        self.unreadable.iter().rev().map(|(commit, _)| *commit)
    }

    /// A neighbour sent such a commit, perhaps again: another Nack may be due now though the clock alone signs none any more.
    pub(crate) fn press(&mut self, now: Time) {
        if self.own.as_ref().is_some_and(|own| now >= own.again_at()) {
            self.begin.get_or_insert(now);
        }
    }

    /// What is to be done now for the own Nack.
    pub(crate) fn step(&mut self, now: Time) -> Step {
        if self.unreadable.is_empty() {
            return Step::Rest;
        }
        let Some(own) = &mut self.own else {
            return match self.begin {
                Some(at) if at <= now => Step::Sign,
                Some(at) => Step::Wait(at),
                None => Step::Rest,
            };
        };
        if self.begin.is_some_and(|at| at <= now) && now >= own.again_at() {
            return Step::Sign;
        }
        match own.next() {
            Some(at) if at > now => Step::Wait(at),
            Some(_) if own.copies < COPIES.len() => {
                own.copies += 1;
                Step::Copy(own.nack.clone())
            }
            Some(_) => Step::Sign,
            None => Step::Rest,
        }
    }

    /// The own Nack was signed and told.
    pub(crate) fn signed(&mut self, nack: Vec<u8>, now: Time) {
        let rounds = self.own.as_ref().map_or(0, |own| own.rounds + 1);
        self.own = Some(Own { nack, signed: now, copies: 0, rounds });
        self.begin = None;
    }

    /// A welcome came: what could not be applied lies behind.
    pub(crate) fn healed(&mut self) {
        self.unreadable.clear();
        self.own = None;
        self.begin = None;
    }

    /// How long a commit that is nobody's wish waits: until the Nack has had its chance.
    pub(crate) fn hold_back(&self, now: Time) -> Duration {
        let until = self.own.as_ref().map(|own| own.signed.after(AGAIN)).filter(|until| *until > now);
        until.map_or(Duration::ZERO, |until| until.since(now))
    }

    /// Keeps the Nack of another; false if this very one is here.
    pub(crate) fn hold(&mut self, nack: VerifiedNack, id: [u8; 32], now: Time) -> bool {
        let device = nack.nack().device;
        if self.knows(&device, &id) {
            return false;
        }
        if self.held.len() >= MAX_NACKS && !self.held.contains_key(&device) {
            let oldest = self.held.iter().min_by_key(|(device, held)| (held.came, **device));
            let oldest = *oldest.expect("full").0;
            self.held.remove(&oldest);
        }
        self.held.insert(device, Held { nack, id, came: now, stand: Stand::Waits, leaf: None, answer: None });
        uphold(inv_6_within_bound("MAX_NACKS", self.held.len(), MAX_NACKS));
        true
    }

    /// Whether this very Nack is here.
    pub(crate) fn knows(&self, device: &DeviceId, id: &[u8; 32]) -> bool {
        self.held.get(device).is_some_and(|held| held.id == *id)
    }

    /// The key package by which a device with this leaf is due to be added again.
    pub(crate) fn package_for(&self, device: &DeviceId, leaf: &[u8; 32]) -> Option<&Vec<u8>> {
        let held = self.held.get(device).filter(|held| held.stand == Stand::Due)?;
        // Not merely another leaf than the one asked for: two who hold two Nacks of it would take turns for ever.
        let unusable = held.nack.nack().leaves.contains(leaf) || held.leaf == Some(*leaf);
        unusable.then(|| &held.nack.nack().key_package)
    }

    /// Whether a plan would only answer Nacks.
    pub(crate) fn is_all(&self, plan: &halloo_crypto::group::CommitPlan) -> bool {
        plan.add.len() == plan.remove.len() && plan.remove.iter().all(|device| self.is_due(device))
    }

    /// Whether a device waits for the next commit to answer its Nack.
    pub(crate) fn is_due(&self, device: &DeviceId) -> bool {
        self.held.get(device).is_some_and(|held| held.stand == Stand::Due)
    }

    /// A commit of ours added this device again: keeps what was published for it, for a copy of its Nack.
    pub(crate) fn answer(&mut self, device: &DeviceId, published: &[u8]) {
        if let Some(held) = self.held.get_mut(device) {
            held.answer = Some(published.to_vec());
        }
    }

    /// Our welcome for a Nack that came once more: its device has not got it. Given once for each Nack.
    pub(crate) fn answer_again(&mut self, device: &DeviceId) -> Option<Vec<u8>> {
        self.held.get_mut(device)?.answer.as_mut().filter(|answer| !answer.is_empty()).map(core::mem::take)
    }

    fn forget_old(&mut self, now: Time) {
        let young = |at: Time| now.since(at) < WINDOW;
        self.held.retain(|_, held| young(held.came));
        self.blamed.retain(|_, blame| young(blame.last));
        for times in self.answered.values_mut() {
            while times.front().is_some_and(|at| !young(*at)) {
                times.pop_front();
            }
        }
        self.answered.retain(|_, times| !times.is_empty());
    }

    /// Takes one of the account's share.
    fn may_be_answered(&mut self, account: AccountId, now: Time) -> bool {
        let times = self.answered.entry(account).or_default();
        if times.len() >= MAX_ANSWERS {
            return false;
        }
        times.push_back(now);
        true
    }

    /// Somebody could not apply a commit of this account; gives what the admins are to be told.
    fn blame(&mut self, whose: AccountId, commit: [u8; 32], by: AccountId, now: Time) -> Option<Warning> {
        if self.blamed.len() >= MAX_BLAMED && !self.blamed.contains_key(&whose) {
            return None;
        }
        let blame = self.blamed.entry(whose).or_default();
        blame.last = now;
        if blame.by.len() < MAX_NACKS {
            blame.by.insert(by);
        }
        let new = blame.commits.len() < MAX_NACKED_COMMITS && blame.commits.insert(commit);
        let commits = blame.commits.len();
        (new && commits >= REPEATED).then(|| Warning::UnreadableKeys {
            account: whose,
            commits: u32::try_from(commits).unwrap_or(u32::MAX),
            by: blame.by.iter().copied().collect(),
        })
    }
}

/// Looks which Nacks are to be answered: a commit that one names led to our epoch, and its device has the leaf still that it had
/// then. By that none can be answered twice, whoever sends it again.
pub(crate) fn review(room: &mut Nacks, state: &mut State) {
    let now = state.now.mono;
    room.forget_old(now);
    if room.held.values().all(|held| held.stand != Stand::Waits) {
        return;
    }
    let leaves = state.epochs.tip().leaves.clone();
    let waiting: Vec<DeviceId> =
        room.held.iter().filter(|(_, held)| held.stand == Stand::Waits).map(|(device, _)| *device).collect();
    for device in waiting {
        let Some(account) = state.log.view().account_of(&device) else { continue };
        let Some(leaf) = leaves.get(&device).copied() else { continue };
        let nack = room.held.get(&device).map(|held| held.nack.nack().clone()).expect("it waits");
        let Some((commit, tag)) = state.epochs.begun_by(&nack.commits) else { continue };
        let after = state.epochs.of_tag(&tag);
        let then = after.and_then(|node| node.leaves.get(&device).copied());
        if !nack.leaves.contains(&leaf) && then != Some(leaf) {
            continue;
        }
        let may = room.may_be_answered(account, now);
        if let Some(held) = room.held.get_mut(&device) {
            held.stand = if may { Stand::Due } else { Stand::Refused };
            held.leaf = Some(leaf);
        }
        if !may {
            state.count("nack beyond the share of its account");
            continue;
        }
        if let Some(whose) = committer(state, &tag, &device) {
            accuse(room, state, whose, commit, account);
        }
    }
}

/// Whose commit began an epoch, unless it gave this device another leaf: then who made it answered a Nack, and is not to blame.
fn committer(state: &State, tag: &[u8; 8], device: &DeviceId) -> Option<AccountId> {
    let node = state.epochs.of_tag(tag)?;
    let before = state.epochs.get(&node.parent?)?;
    if before.leaves.get(device) != node.leaves.get(device) {
        return None;
    }
    if node.own {
        return Some(state.account());
    }
    let committer = before.session.apply(state.epochs.commit_of(tag)?).ok()?.committer;
    state.log.view().account_of(&committer)
}

/// This device cannot apply what this other one committed.
pub(crate) fn accuse_own(room: &mut Nacks, state: &mut State) {
    let own = state.account();
    let known: Vec<([u8; 32], DeviceId)> =
        room.unreadable.iter().filter_map(|(commit, by)| Some((*commit, (*by)?))).collect();
    for (commit, by) in known {
        if let Some(whose) = state.log.view().account_of(&by) {
            accuse(room, state, whose, commit, own);
        }
    }
}

fn accuse(room: &mut Nacks, state: &mut State, whose: AccountId, commit: [u8; 32], by: AccountId) {
    let warning = room.blame(whose, commit, by, state.now.mono);
    let admin = state.log.view().role(&state.account()).is_some_and(|role| role >= Role::Admin);
    if let Some(warning) = warning.filter(|_| admin) {
        state.event(Event::Warning(warning));
    }
}

#[cfg(test)]
mod tests;
