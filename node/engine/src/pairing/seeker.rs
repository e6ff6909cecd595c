//! The side of a device that came out of a backup: asks everybody it meets after its account's groups, and is let in again.
//!
//! ```text
//!  for each peer, one after the other:
//!    find 0 --> found a group that is wanted --> return (DeviceAdd signed here) --> bundle --> Joined
//!           \-> found another               --> find 1 ...
//!           \-> not mine                    --> that peer has no more; asked again after a while if something is still missing
//! ```
//!
//! With a file it is known which groups are wanted, and which heads of their logs were known. With the account key alone every group
//! is wanted that shows that an earlier device of the account was in it: a member who knows the account could else make one up.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use halloo_crdt::log::{DeviceGrant, OpContext, OpKind, SignedOp};
use halloo_crypto::group::{KeyPackageSecret, check_key_package};
use halloo_crypto::id::{AccountId, DeviceId, GroupId, OpId};
use halloo_crypto::identity::{AccountSecret, DeviceCertificate, DeviceSecret};
use rand_chacha::ChaCha20Rng;

use super::frames::{RefusedWhy, Reply, TOTAL_MAX_BYTES};
use super::readmission::{Answer, Ask, Found, HEADS_MAX, Knock, Request, Tag, prove};
use crate::lane::PeerKey;
use crate::time::{Now, Time};
use crate::wire::bundle::Bundle;

/// Peers that are asked in turn; when full the next ones wait until one is gone.
const PEERS_MAX: usize = 64;
/// Groups asked after at one peer: as many as a home holds.
const GROUPS_MAX: u16 = 256;
/// How long one reply may take; the lane gives up after ten seconds and says so.
const STEP: Duration = Duration::from_secs(12);
/// How long being let in may take in all.
const ADD: Duration = Duration::from_secs(60);
/// A peer that had nothing to offer, or could not, is asked again after this.
const AGAIN: Duration = Duration::from_secs(20);

/// Who seeks.
pub struct SeekerIdentity {
    /// The account key, out of the backup.
    pub account: AccountSecret,
    /// The keys of this device, which are new.
    pub device: DeviceSecret,
    /// Its certificate.
    pub certificate: DeviceCertificate,
    /// The transport key of this node, which is new.
    pub peer: PeerKey,
}

/// What can happen to a seeker.
#[derive(Debug)]
pub enum SeekerInput {
    /// A transport connection to this peer stands.
    PeerUp(PeerKey),
    /// It is gone.
    PeerDown(PeerKey),
    /// The reply of this peer.
    Frame {
        /// Who replied.
        from: PeerKey,
        /// Untrusted.
        bytes: Vec<u8>,
    },
    /// The request to this peer got no reply.
    Failed(PeerKey),
    /// The device is in this group, by whatever way.
    Entered(GroupId),
    /// The deadline has come.
    Wake,
}

/// What a seeker wishes.
#[derive(Debug)]
pub enum SeekerOutput {
    /// A request to this peer.
    Send {
        /// The peer.
        to: PeerKey,
        /// The frame.
        bytes: Vec<u8>,
    },
    /// A member of this group answers.
    Found {
        /// The group.
        group: GroupId,
        /// Its name, as the member says.
        name: String,
    },
    /// A member says that the account is no longer in this group.
    Removed {
        /// The group.
        group: GroupId,
        /// Its name, as the member says.
        name: String,
    },
    /// A member did not let us in.
    Refused {
        /// The group.
        group: GroupId,
        /// Why.
        why: RefusedWhy,
    },
    /// In: what an engine starts from.
    Returned(Box<Returned>),
}

/// Everything that an engine starts from, see `start::Origin::Join`.
#[derive(Debug)]
pub struct Returned {
    /// The group.
    pub group: GroupId,
    /// Its name, as the member says.
    pub name: String,
    /// How the account is called there.
    pub own_name: String,
    /// Plaintext of the bundle; every part is still to be checked.
    pub bundle: Vec<u8>,
    /// What the welcome in it is for.
    pub key_package: KeyPackageSecret,
    /// Whether the member knew less of the group than the backup; the rest comes when others are met.
    pub behind: bool,
}

/// Being let in.
struct Returning {
    found: Box<Found>,
    key_package: Box<KeyPackageSecret>,
    received: Vec<u8>,
    until: Time,
}

enum Stage {
    Finding,
    Returning(Box<Returning>),
}

struct Active {
    peer: PeerKey,
    nth: u16,
    stage: Stage,
    due: Time,
}

/// The machine of a device that seeks its groups.
pub struct Seeker {
    who: SeekerIdentity,
    /// The groups of the backup that are not entered yet, and the heads that it knew.
    wanted: BTreeMap<GroupId, Vec<OpId>>,
    /// Whether groups that are in no backup are wanted too.
    any: bool,
    entered: BTreeSet<GroupId>,
    told_removed: BTreeSet<GroupId>,
    /// Connected peers, and when each is asked next.
    peers: BTreeMap<PeerKey, Time>,
    active: Option<Active>,
    rng: ChaCha20Rng,
    out: VecDeque<SeekerOutput>,
}

impl Seeker {
    /// Seeks these groups; with `any` every other one that the account was in as well.
    pub fn new(
        who: SeekerIdentity,
        wanted: BTreeMap<GroupId, Vec<OpId>>,
        any: bool,
        rng: ChaCha20Rng,
    ) -> Self {
        Seeker {
            who,
            wanted,
            any,
            entered: BTreeSet::new(),
            told_removed: BTreeSet::new(),
            peers: BTreeMap::new(),
            active: None,
            rng,
            out: VecDeque::new(),
        }
    }

    /// Whether a group is still missing, or may be.
    pub fn is_seeking(&self) -> bool {
        self.any || !self.wanted.is_empty()
    }

    /// The groups that are still missing.
    pub fn missing(&self) -> impl Iterator<Item = &GroupId> {
        self.wanted.keys()
    }

    /// When it wants to be woken.
    pub fn deadline(&self) -> Option<Time> {
        let turn = || self.peers.values().min().copied().filter(|_| self.is_seeking());
        self.active.as_ref().map(|active| active.due).or_else(turn)
    }

    /// The next wish.
    pub fn poll(&mut self) -> Option<SeekerOutput> {
        self.out.pop_front()
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Now, input: SeekerInput) {
        if self.active.as_ref().is_some_and(|active| active.due <= now.mono) {
            self.give_up(now);
        }
        match input {
            SeekerInput::PeerUp(peer) => {
                if self.peers.len() < PEERS_MAX {
                    self.peers.entry(peer).or_insert(now.mono);
                }
            }
            SeekerInput::PeerDown(peer) => {
                self.peers.remove(&peer);
                if self.is_asking(&peer) {
                    self.active = None;
                }
            }
            SeekerInput::Failed(peer) if self.is_asking(&peer) => self.give_up(now),
            SeekerInput::Frame { from, bytes } if self.is_asking(&from) => self.answered(now, &bytes),
            SeekerInput::Entered(group) => {
                self.wanted.remove(&group);
                self.entered.insert(group);
                debug_assert!(
                    self.missing().all(|missing| !self.entered.contains(missing)),
                    "missing is not entered"
                );
            }
            SeekerInput::Failed(_) | SeekerInput::Frame { .. } | SeekerInput::Wake => {}
        }
        self.begin(now);
        debug_assert!(self.peers.len() <= PEERS_MAX, "bounded where it grows");
    }

    fn is_asking(&self, peer: &PeerKey) -> bool {
        self.active.as_ref().is_some_and(|active| active.peer == *peer)
    }

    /// The present peer is done with for now.
    fn give_up(&mut self, now: Now) {
        if let Some(active) = self.active.take()
            && let Some(at) = self.peers.get_mut(&active.peer)
        {
            *at = now.mono.after(AGAIN);
        }
    }

    /// Begins with the peer whose turn it is.
    fn begin(&mut self, now: Now) {
        if self.active.is_some() || !self.is_seeking() {
            return;
        }
        let first = self.peers.iter().min_by_key(|(peer, at)| (**at, **peer));
        if let Some((peer, _)) = first.filter(|(_, at)| **at <= now.mono) {
            self.find(now, *peer, 0);
        }
    }

    fn tag(&self, peer: &PeerKey) -> Tag {
        Tag::of(&self.who.account.id(), &self.who.peer, peer)
    }

    fn find(&mut self, now: Now, peer: PeerKey, nth: u16) {
        self.active = None;
        if nth >= GROUPS_MAX || !self.is_seeking() {
            self.peers.entry(peer).and_modify(|at| *at = now.mono.after(AGAIN));
            return;
        }
        debug_assert!(self.peers.contains_key(&peer), "only who is connected is asked");
        self.active = Some(Active { peer, nth, stage: Stage::Finding, due: now.mono.after(STEP) });
        let proof = prove(&self.who.account, &self.who.peer, &peer);
        self.ask(peer, Request { knock: Knock::Nth(self.tag(&peer), nth), ask: Ask::Find { proof } });
    }

    fn ask(&mut self, to: PeerKey, request: Request) {
        self.out.push_back(SeekerOutput::Send { to, bytes: request.to_bytes() });
    }

    fn answered(&mut self, now: Now, bytes: &[u8]) {
        let Some(Active { peer, nth, stage, .. }) = self.active.take() else { return };
        match (stage, Answer::parse(bytes)) {
            (Stage::Finding, Ok(Answer::Found(found))) => self.found(now, peer, nth, found),
            (Stage::Returning(returning), Ok(Answer::Paired(Reply::Wait))) => {
                self.go_on(now, peer, nth, returning);
            }
            (Stage::Returning(returning), Ok(Answer::Paired(Reply::Chunk { total, offset, bytes }))) => {
                self.received(now, (peer, nth), returning, (total, offset, &bytes));
            }
            (Stage::Returning(returning), Ok(Answer::Paired(Reply::Refused(why)))) => {
                self.out.push_back(SeekerOutput::Refused { group: returning.found.group, why });
                self.find(now, peer, nth + 1);
            }
            // Not mine, or nothing that we understand: this peer has no more.
            _ => {
                self.peers.entry(peer).and_modify(|at| *at = now.mono.after(AGAIN));
            }
        }
    }

    fn found(&mut self, now: Now, peer: PeerKey, nth: u16, found: Box<Found>) {
        let wanted = self.any || self.wanted.contains_key(&found.group);
        if !wanted || self.entered.contains(&found.group) {
            return self.find(now, peer, nth + 1);
        }
        let (group, name) = (found.group, found.group_name.clone());
        if !found.member {
            if self.told_removed.insert(group) {
                self.out.push_back(SeekerOutput::Removed { group, name });
            }
            return self.find(now, peer, nth + 1);
        }
        debug_assert!(found.heads.len() <= HEADS_MAX, "bounded by the frame");
        let Ok(key_package) = KeyPackageSecret::generate(group, &self.who.device, &mut self.rng) else {
            return self.find(now, peer, nth + 1);
        };
        self.out.push_back(SeekerOutput::Found { group, name });
        let certificate = &self.who.certificate;
        let grant =
            DeviceGrant { certificate: certificate.clone(), key_package: key_package.key_package().to_vec() };
        let context =
            OpContext { group, parents: found.heads.clone(), seq: found.height, at_ms: now.wall_ms };
        let operation = SignedOp::sign(context, OpKind::DeviceAdd { device: grant }, &self.who.device);
        debug_assert!(operation.parents() == found.heads, "it follows what the member named");
        let ask = Ask::Return {
            certificate: Box::new(certificate.clone()),
            operation: operation.to_bytes(),
            key_package: key_package.key_package().to_vec(),
        };
        self.ask(peer, Request { knock: Knock::Group(self.tag(&peer), group), ask });
        let until = now.mono.after(ADD);
        let returning = Returning { found, key_package: Box::new(key_package), received: Vec::new(), until };
        let stage = Stage::Returning(Box::new(returning));
        self.active = Some(Active { peer, nth, stage, due: now.mono.after(STEP) });
    }

    /// Fetches what comes next.
    fn go_on(&mut self, now: Now, peer: PeerKey, nth: u16, returning: Box<Returning>) {
        let offset = u32::try_from(returning.received.len()).expect("a bundle has a few megabytes at most");
        let knock = Knock::Group(self.tag(&peer), returning.found.group);
        self.ask(peer, Request { knock, ask: Ask::Fetch(offset) });
        let due = returning.until.min(now.mono.after(STEP));
        self.active = Some(Active { peer, nth, stage: Stage::Returning(returning), due });
    }

    fn received(
        &mut self,
        now: Now,
        (peer, nth): (PeerKey, u16),
        mut returning: Box<Returning>,
        (total, offset, bytes): (u32, u32, &[u8]),
    ) {
        if offset as usize == returning.received.len() {
            returning.received.extend_from_slice(bytes);
            debug_assert!(returning.received.len() <= TOTAL_MAX_BYTES, "a frame names no larger bundle");
            if returning.received.len() < total as usize {
                return self.go_on(now, peer, nth, returning);
            }
            let Returning { found, key_package, received, .. } = *returning;
            let opened = Bundle::open(&found.group, &self.who.device, &received);
            if let Some(returned) = opened.ok().and_then(|bundle| self.checked(*found, bundle, *key_package))
            {
                self.entered.insert(returned.group);
                self.wanted.remove(&returned.group);
                self.out.push_back(SeekerOutput::Returned(Box::new(returned)));
            }
        }
        self.find(now, peer, nth + 1);
    }

    /// The bundle, if it is of a group that an earlier device of ours was in.
    fn checked(&self, found: Found, bundle: Vec<u8>, key_package: KeyPackageSecret) -> Option<Returned> {
        let operations = Bundle::parse(&bundle).ok()?.operations;
        let operations: Vec<SignedOp> =
            operations.iter().filter_map(|bytes| SignedOp::from_bytes(bytes).ok()).collect();
        let Found { group, group_name: name, own_name, .. } = found;
        assert_eq!(key_package.group(), group, "a package is made for the group that was found");
        let behind = match self.wanted.get(&group) {
            Some(heads) => {
                let ids: BTreeSet<OpId> = operations.iter().map(SignedOp::id).collect();
                heads.iter().any(|head| !ids.contains(head))
            }
            None if consented(&operations, &group, &self.who.account.id(), &self.who.device.id()) => false,
            None => return None,
        };
        Some(Returned { group, name, own_name, bundle, key_package, behind })
    }
}

/// Whether a device of the account, other than this one, agreed to be in the group: by founding it, or by a key package made for it.
fn consented(operations: &[SignedOp], group: &GroupId, account: &AccountId, me: &DeviceId) -> bool {
    operations.iter().any(|op| {
        op.grants().iter().any(|grant| {
            let certificate = &grant.certificate;
            let ours =
                certificate.account == *account && certificate.device != *me && certificate.verify().is_ok();
            let founded = matches!(op.kind(), OpKind::Genesis { .. }) && op.author() == certificate.device;
            let joined = || {
                check_key_package(group, &grant.key_package)
                    .is_ok_and(|info| info.device == certificate.device)
            };
            ours && (founded || joined())
        })
    })
}

impl core::fmt::Debug for Seeker {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Seeker").field("wanted", &self.wanted.len()).field("any", &self.any).finish()
    }
}

#[cfg(test)]
mod tests;
