//! The engines of a home, one per group, and what the driver must remember about each.

use crate::door::{DoorError, Reply as DoorReply};
use halloo_crypto::id::{AccountId, DeviceId, GroupId};
use halloo_crypto::pake::Door;
use halloo_engine::engine::Engine;
use halloo_engine::input::{Command, Input};
use halloo_engine::lane::PeerKey;
use halloo_engine::output::{Deadline, MemberView, Output, Refusal, Reply};
use halloo_engine::pairing::Knock;
use halloo_engine::time::Now;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::oneshot;

/// Most groups of one home: each costs memory and a gossip topic.
pub const GROUPS_MAX: usize = 256;

/// Commands of one group that may wait for their answer.
const PENDING_MAX: usize = 256;

/// Conversations of two with one account: one is usual, two when both begin at once; a member who opens more is not followed.
pub const CONVERSATIONS_EACH_MAX: usize = 4;

/// How the answer of an engine becomes the answer at the door.
pub type Shape = Box<dyn FnOnce(Reply) -> Value + Send>;

/// Someone who waits for an answer.
pub struct Pending {
    /// Where the answer goes.
    pub to: oneshot::Sender<DoorReply>,
    /// Its shape.
    pub shape: Shape,
}

/// One group of this home.
pub struct Membership {
    /// The member.
    pub engine: Engine,
    /// When it wants to be woken.
    pub deadline: Option<Deadline>,
    /// Gossip topics that it follows.
    pub topics: BTreeSet<[u8; 32]>,
    /// Peers that have proven membership.
    pub admitted: BTreeSet<PeerKey>,
    /// The other account, where this is a conversation of two.
    pub with: Option<AccountId>,
    /// Which device stands behind a connected peer, by its proof.
    pub proven: BTreeMap<PeerKey, DeviceId>,
    /// By how many seconds the clocks of others differ from ours, as last told.
    pub clocks: BTreeMap<DeviceId, i64>,
    /// Since when somebody is in its call, as this node saw it, Unix milliseconds.
    pub call_since_ms: Option<u64>,
    /// How this person is called there, once the group has said it here.
    called: Option<String>,
    pending: BTreeMap<u64, Pending>,
}

impl Membership {
    /// Around a started engine.
    pub fn new(engine: Engine, with: Option<AccountId>) -> Self {
        let (topics, admitted, pending) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
        let (proven, clocks) = (BTreeMap::new(), BTreeMap::new());
        let own = engine.members().into_iter().find(|m| m.own);
        let called = own.filter(|m| !m.account.to_string().starts_with(&m.name)).map(|m| m.name);
        Membership {
            engine,
            deadline: None,
            topics,
            admitted,
            with,
            proven,
            clocks,
            call_since_ms: None,
            called,
            pending,
        }
    }

    /// Whether this person, who had a name there, was given another; a first name is what the group knew before this device came.
    pub fn renamed(&mut self, name: &str) -> bool {
        let before = self.called.replace(name.to_owned());
        before.is_some_and(|before| before != name)
    }

    /// Gives the engine one input and drains it; the wishes come back in order, without the closing `Idle`.
    pub fn feed(&mut self, now: Now, input: Input) -> Vec<Output> {
        self.engine.handle(now, input);
        self.drain()
    }

    /// Drains the engine, for instance right after its start.
    pub fn drain(&mut self) -> Vec<Output> {
        let mut wishes = Vec::new();
        loop {
            match self.engine.poll() {
                Output::Idle(deadline) => {
                    self.deadline = deadline;
                    return wishes;
                }
                wish => wishes.push(wish),
            }
        }
    }

    /// Notes who waits for the answer to this request number; false (and the waiter answered) when too many do.
    pub fn expect(&mut self, request: u64, pending: Pending) -> bool {
        if self.pending.len() >= PENDING_MAX {
            let busy = DoorError::new("busy", "too many commands wait for the disk", "try again in a moment");
            // A waiter that is gone needs no answer.
            let _gone = pending.to.send(Err(busy));
            return false;
        }
        self.pending.insert(request, pending);
        true
    }

    /// Answers whoever waits for this request.
    pub fn answer(&mut self, request: u64, result: Result<Reply, Refusal>) {
        let Some(pending) = self.pending.remove(&request) else { return };
        let answer = result.map(pending.shape).map_err(refusal);
        // A waiter that is gone needs no answer.
        let _gone = pending.to.send(answer);
    }

    /// Answers everyone who waits with the same error, for instance when the disk is full.
    pub fn fail_all(&mut self, error: &DoorError) {
        for (_, pending) in std::mem::take(&mut self.pending) {
            let _gone = pending.to.send(Err(error.clone()));
        }
    }

    /// The member of this name (any case) or id beginning.
    ///
    /// # Errors
    /// Nobody, or more than one.
    pub fn member(&self, text: &str) -> Result<MemberView, DoorError> {
        let members = self.engine.members();
        let by_name: Vec<_> =
            members.iter().filter(|m| m.name.to_lowercase() == text.to_lowercase()).collect();
        let found = if by_name.is_empty() {
            members.iter().filter(|m| text.len() >= 4 && m.account.to_string().starts_with(text)).collect()
        } else {
            by_name
        };
        match found.as_slice() {
            [one] => Ok((*one).clone()),
            [] => Err(DoorError::new(
                "unknown",
                format!("nobody here is called {text}"),
                "`halloo members` lists all",
            )),
            _ => Err(DoorError::new(
                "ambiguous",
                format!("{} members are called {text}", found.len()),
                "use the beginning of the account id from `halloo members`",
            )),
        }
    }

    /// The other account of a conversation of two; `None` once anybody else is in it.
    pub fn partner(&self) -> Option<AccountId> {
        let with = self.with?;
        self.engine.members().iter().all(|m| m.own || m.account == with).then_some(with)
    }

    /// Whether this account is a member.
    pub fn has(&self, account: &AccountId) -> bool {
        self.engine.members().iter().any(|m| m.account == *account)
    }

    /// The display name of the account that this device belongs to.
    pub fn name_of_device(&self, device: &DeviceId) -> Option<String> {
        let members = self.engine.members();
        members.into_iter().find(|m| m.devices.iter().any(|d| d.device == *device)).map(|m| m.name)
    }

    /// The display name of an account.
    pub fn name_of(&self, account: &AccountId) -> String {
        let members = self.engine.members();
        let known = members.iter().find(|m| m.account == *account).map(|m| m.name.clone());
        known.unwrap_or_else(|| account.to_string().chars().take(8).collect())
    }
}

/// All groups.
#[derive(Default)]
pub struct Memberships {
    groups: BTreeMap<GroupId, Membership>,
    last: Option<GroupId>,
    next_request: u64,
}

impl Memberships {
    /// Takes a group in and makes it the one used last, unless it is a conversation of two: what is written without naming
    /// a group must not go there because somebody opened one.
    pub fn insert(&mut self, group: GroupId, membership: Membership) {
        assert!(self.groups.len() < GROUPS_MAX, "the caller checks room() first");
        if membership.with.is_none() {
            self.last = Some(group);
        }
        self.groups.insert(group, membership);
    }

    /// Whether another group fits.
    pub fn room(&self) -> bool {
        self.groups.len() < GROUPS_MAX
    }

    /// The group of this id.
    pub fn get_mut(&mut self, group: &GroupId) -> Option<&mut Membership> {
        self.groups.get_mut(group)
    }

    /// The group of this id.
    pub fn get(&self, group: &GroupId) -> Option<&Membership> {
        self.groups.get(group)
    }

    /// All groups in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (&GroupId, &Membership)> {
        self.groups.iter()
    }

    /// Whether this peer has proven membership of any group.
    pub fn admit(&self, peer: &PeerKey) -> bool {
        self.groups.values().any(|membership| membership.admitted.contains(peer))
    }

    /// The ids, to walk while changing.
    pub fn ids(&self) -> Vec<GroupId> {
        self.groups.keys().copied().collect()
    }

    /// The group that is meant by a name or the beginning of an id; without one, the group used last. A conversation of two
    /// must be named, or be all there is. A whole id means that group whatever others are called, and says nothing about which one
    /// is used: programs name groups so, and what a person writes next must not go elsewhere because a program looked around.
    ///
    /// # Errors
    /// None, or more than one.
    pub fn meant(&mut self, text: Option<&str>) -> Result<GroupId, DoorError> {
        let Some(text) = text else {
            let group = self.groups.iter().find(|(_, m)| m.with.is_none()).or(self.groups.iter().next());
            return self.last.or(group.map(|(id, _)| *id)).ok_or_else(|| {
                DoorError::new(
                    "no-group",
                    "there is no group here",
                    "begin one with `halloo new NAME` or join one",
                )
            });
        };
        if let Some(whole) = text.parse().ok().filter(|id: &GroupId| self.groups.contains_key(id)) {
            return Ok(whole);
        }
        let named = |(id, m): &(&GroupId, &Membership)| {
            m.engine.status().group_name == text || (text.len() >= 4 && id.to_string().starts_with(text))
        };
        let found: Vec<GroupId> = self.groups.iter().filter(named).map(|(id, _)| *id).collect();
        match found.as_slice() {
            [one] => {
                if self.groups.get(one).is_some_and(|m| m.with.is_none()) {
                    self.last = Some(*one);
                }
                Ok(*one)
            }
            [] => Err(DoorError::new(
                "unknown",
                format!("no group is called {text}"),
                "`halloo groups` lists them",
            )),
            _ => Err(DoorError::new(
                "ambiguous",
                format!("several groups are called {text}"),
                "use the beginning of the id",
            )),
        }
    }

    /// The group that owns the first eight bytes of a direct frame.
    pub fn by_route(&self, bytes: &[u8]) -> Option<GroupId> {
        let tag = bytes.first_chunk::<8>()?;
        self.groups.iter().find(|(_, m)| m.engine.route_tag() == *tag).map(|(id, _)| *id)
    }

    /// The group that has the door of a pairing request.
    pub fn by_door(&self, door: &Door) -> Option<GroupId> {
        self.groups.iter().find(|(_, m)| m.engine.answers(door)).map(|(id, _)| *id)
    }

    /// The group that a device of one of its accounts knocks at.
    pub fn by_knock(&mut self, from: &PeerKey, knock: &Knock) -> Option<GroupId> {
        match knock {
            Knock::Nth(tag, nth) => {
                let groups = self.groups.iter_mut();
                let mut sought = groups.filter_map(|(id, m)| m.engine.is_sought(from, tag).then_some(*id));
                sought.nth(usize::from(*nth))
            }
            Knock::Group(tag, group) => {
                self.groups.get_mut(group)?.engine.is_sought(from, tag).then_some(*group)
            }
        }
    }

    /// The group that follows a topic.
    pub fn by_topic(&self, topic: &[u8; 32]) -> Option<GroupId> {
        self.groups.iter().find(|(_, m)| m.topics.contains(topic)).map(|(id, _)| *id)
    }

    /// The conversation of two with this account. When both began one at once there are two; both sides take the same, the
    /// one with the lower id in which both are.
    pub fn with(&self, account: &AccountId) -> Option<GroupId> {
        let of_two = || self.groups.iter().filter(|(_, m)| m.partner() == Some(*account));
        of_two().find(|(_, m)| m.has(account)).or_else(|| of_two().next()).map(|(id, _)| *id)
    }

    /// How many conversations of two were begun with this account.
    pub fn count_with(&self, account: &AccountId) -> usize {
        self.groups.values().filter(|m| m.with == Some(*account)).count()
    }

    /// Conversations of two that this account has not come into yet.
    pub fn waiting_for(&self, account: &AccountId) -> Vec<GroupId> {
        let waits = |m: &Membership| m.with == Some(*account) && !m.has(account);
        self.groups.iter().filter(|(_, m)| waits(m)).map(|(id, _)| *id).collect()
    }

    /// A fresh number for a command.
    pub fn request(&mut self, command: Command) -> (u64, Input) {
        self.next_request += 1;
        (self.next_request, Input::Command { request: self.next_request, command })
    }
}

/// A refusal of the engine as an error at the door.
pub fn refusal(refusal: Refusal) -> DoorError {
    let code = match &refusal {
        Refusal::NotAllowed => "not-allowed",
        Refusal::NotYours => "not-yours",
        Refusal::NotMember => "not-member",
        Refusal::Unknown(_) => "unknown",
        Refusal::TooLarge { .. } => "too-large",
        Refusal::Busy => "busy",
        Refusal::NotConnected => "not-connected",
        Refusal::Invalid(_) => "invalid",
    };
    DoorError::told(code, &refusal, "change it and try again")
}
