//! What every room of a member stands on: identity, clocks, the facts that it holds, and the ways out.
//!
//! Rooms are modules above this one with functions over [`State`]. A room that learns something tells the others by a [`Fact`];
//! [`crate::engine`] hands each fact to whom it concerns, in order, before the input ends.

use std::collections::{BTreeMap, VecDeque};

use halloo_crdt::clock::Clock;
use halloo_crdt::content::Composer;
use halloo_crdt::document::Document;
use halloo_crdt::live::Live;
use halloo_crdt::log::{Author, Log};
use halloo_crdt::messages::Messages;
use halloo_crypto::data::DataSealer;
use halloo_crypto::id::{AccountId, DeviceId, GroupId, Incarnation, MessageId, OpId};
use halloo_crypto::sealed;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;

use crate::beacons::{BeaconId, Beacons};
use crate::epochs::Epochs;
use crate::invariants::{inv_3_only_current_seals, uphold};
use crate::lane::{Lane, PeerKey};
use crate::outbox::Outbox;
use crate::output::{Event, Output, Warning};
use crate::past::Past;
use crate::peers::{BAD_FRAMES_WARNED, Peers};
use crate::start::{Config, Identity};
use crate::time::Now;
use crate::timers::{Timer, Timers};
use crate::wire::bytes::{batches, put_blobs};
use crate::wire::direct::DirectFrame;
use crate::wire::gossip;
use crate::wire::parcel::{Parcel, ParcelKind};
use crate::wire::{BATCH_BYTES, MAX_ITEMS, WireError};

/// Facts that may wait within one input; each comes from a frame that is itself bounded.
const MAX_FACTS: usize = 4_096;

/// Something that one room learned and others must hear, within the same input.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Fact {
    /// These operations are new in the log, parents first.
    Operations(Vec<OpId>),
    /// These operations, new in the log, were handed over by this neighbour, who knew them from others.
    Handed(PeerKey, Vec<OpId>),
    /// The board of acknowledgements changed.
    Acknowledged,
    /// Somebody acknowledged an epoch.
    Words,
    /// Another epoch is current, or the current one is tainted or sound again.
    Epoch,
    /// A beacon is new.
    Beacon,
    /// This device made a beacon.
    Made(BeaconId),
    /// This device told the others something that no store of theirs can be asked for: it is left for those who are away too, for one
    /// device or for whom it may concern.
    Told(ParcelKind, Option<DeviceId>, Vec<u8>),
    /// These contents are new in the set, in causal order.
    Contents(Vec<MessageId>),
    /// This content, a change of the document, is new in the set.
    Document(MessageId),
    /// Somebody signed two contents under one number: the document is fed again.
    DocumentLie,
    /// This neighbour has proven that it is a member.
    Proven(PeerKey),
    /// A proven neighbour is gone, or is no longer a member.
    Gone(PeerKey, DeviceId),
    /// Something is to be sealed and the current epoch is tainted: it must be ended now.
    MustCommit,
    /// Something is referred to that is not here: ask the neighbours soon.
    Gap,
    /// This neighbour seems unable to follow: compare with it again in a while.
    Stranded(PeerKey),
    /// A member's commit came that this device cannot apply.
    Unreadable,
    /// This neighbour holds a commit of ours that our store does not know: we were put back from an old copy.
    Forgotten(PeerKey),
}

/// Whether this device is still in the group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Membership {
    /// It is.
    Member,
    /// It is not; history stays readable, nothing is said any more.
    Evicted {
        /// By whom, if a Remove did it.
        by: Option<AccountId>,
    },
}

/// The ground of all rooms.
pub(crate) struct State {
    /// Limits and habits.
    pub(crate) config: Config,
    /// Keys and name.
    pub(crate) identity: Identity,
    /// The group.
    pub(crate) group: GroupId,
    /// First bytes of our direct frames.
    pub(crate) route: [u8; 8],
    /// All chance of this run.
    pub(crate) rng: Box<ChaCha20Rng>,
    /// Set at the head of each input.
    pub(crate) now: Now,
    /// Stamps for display.
    pub(crate) clock: Clock,
    /// Writes our contents for people: begun anew when the roster grows, so that a newcomer sees whole streams.
    pub(crate) composer: Composer,
    /// Writes our document changes, under the incarnation of this run.
    pub(crate) scribe: Composer,
    /// Seals under epochs and beacons.
    pub(crate) sealer: DataSealer,
    /// Seals made to epochs since the start.
    pub(crate) sealed: u64,
    /// Who is a member.
    pub(crate) log: Log,
    /// The epoch tree.
    pub(crate) epochs: Epochs,
    /// Gossip secrets.
    pub(crate) beacons: Beacons,
    /// Neighbours.
    pub(crate) peers: Peers,
    /// What was written.
    pub(crate) messages: Messages,
    /// What was written before this device came.
    pub(crate) past: Past,
    /// Names and profiles.
    pub(crate) document: Document,
    /// [`Log::settlements`] when the document was last made of what counts.
    pub(crate) document_settled: u64,
    /// What is true just now.
    pub(crate) live: Live,
    /// Wakes.
    pub(crate) timers: Timers,
    /// The ways out.
    pub(crate) out: Outbox,
    /// Whether we are in.
    pub(crate) membership: Membership,
    /// Whether the current epoch holds a leaf that the log removed: INV-2, nothing is sealed to it.
    pub(crate) tainted: bool,
    facts: VecDeque<Fact>,
    dropped: BTreeMap<&'static str, u64>,
}

/// The facts that a member starts with; the rest of a [`State`] is made fresh.
pub(crate) struct Ground {
    /// The log.
    pub(crate) log: Log,
    /// The epoch tree.
    pub(crate) epochs: Epochs,
    /// Beacons.
    pub(crate) beacons: Beacons,
    /// Contents.
    pub(crate) messages: Messages,
    /// What was handed on of older ones.
    pub(crate) past: Past,
    /// Grows with every start, for live reports.
    pub(crate) start: u64,
}

impl State {
    /// A state at the beginning of a run. `rng` is seeded with fresh chance; the incarnation is drawn here.
    pub(crate) fn new(
        config: Config,
        identity: Identity,
        ground: Ground,
        mut rng: Box<ChaCha20Rng>,
        now: Now,
    ) -> Self {
        let group = ground.log.group();
        let me = identity.device.id();
        let incarnation = Incarnation::generate(&mut rng);
        assert_eq!(me, identity.certificate.device, "checked at the beginning");
        let newest = ground.messages.sync_items().map(|(ms, _)| ms).max().unwrap_or(0);
        let last = halloo_crdt::clock::Hlc { wall_ms: newest.min(now.wall_ms), counter: u32::MAX };
        State {
            route: crate::wire::direct::route_tag(&group),
            clock: Clock::starting_at(last),
            composer: Composer::new(group, me, Incarnation::generate(&mut rng)),
            scribe: Composer::new(group, me, incarnation),
            document: Document::new(&me, &incarnation),
            document_settled: 0,
            sealer: DataSealer::new(incarnation),
            sealed: 0,
            live: Live::new(group, me, ground.start),
            log: ground.log,
            epochs: ground.epochs,
            beacons: ground.beacons,
            messages: ground.messages,
            past: ground.past,
            peers: Peers::default(),
            timers: Timers::default(),
            out: Outbox::default(),
            membership: Membership::Member,
            tainted: false,
            facts: VecDeque::new(),
            dropped: BTreeMap::new(),
            config,
            identity,
            group,
            rng,
            now,
        }
    }

    /// This device.
    pub(crate) fn me(&self) -> DeviceId {
        self.identity.device.id()
    }

    /// This account.
    pub(crate) fn account(&self) -> AccountId {
        self.identity.account()
    }

    /// Whether we are in the group.
    pub(crate) fn is_member(&self) -> bool {
        self.membership == Membership::Member
    }

    /// The signer of operations, now.
    pub(crate) fn with_author<T>(&mut self, act: impl FnOnce(&mut Log, Author<'_>) -> T) -> T {
        let author = Author { device: &self.identity.device, now_ms: self.now.wall_ms };
        act(&mut self.log, author)
    }

    /// The heads of the log, ascending.
    pub(crate) fn heads(&self) -> Vec<OpId> {
        self.log.heads().iter().copied().collect()
    }

    /// Milliseconds of the monotonic clock: what leases run on, so that a wall clock that jumps ends none.
    pub(crate) fn lease_ms(&self) -> u64 {
        self.now.mono.as_millis()
    }

    /// Tells the other rooms.
    pub(crate) fn tell(&mut self, fact: Fact) {
        assert!(self.facts.len() < MAX_FACTS, "facts come from bounded frames");
        if self.facts.back() != Some(&fact) {
            self.facts.push_back(fact);
        }
    }

    /// Has something that was told to the others left for those who are away, for one device or for whom it may concern; a group without
    /// a coordinator leaves nothing.
    pub(crate) fn leave_too(&mut self, kind: ParcelKind, to: Option<DeviceId>, bytes: &[u8]) {
        if self.document.via().is_some() {
            self.tell(Fact::Told(kind, to, bytes.to_vec()));
        }
    }

    /// The next fact to be handed round.
    pub(crate) fn next_fact(&mut self) -> Option<Fact> {
        self.facts.pop_front()
    }

    /// Whether facts wait to be handed round.
    pub(crate) fn has_facts(&self) -> bool {
        !self.facts.is_empty()
    }

    /// Tells the user, at once.
    pub(crate) fn event(&mut self, event: Event) {
        self.out.now(Output::Event(event));
    }

    /// Tells the user, when everything written so far is durable.
    pub(crate) fn durable_event(&mut self, event: Event) {
        self.out.durable(Output::Event(event));
    }

    /// Counts a frame that was dropped, and warns when a neighbour sends many.
    pub(crate) fn drop_frame(&mut self, from: &PeerKey, why: &'static str) {
        *self.dropped.entry(why).or_default() += 1;
        let Some(peer) = self.peers.get_mut(from) else { return };
        peer.bad_frames += 1;
        if peer.bad_frames >= BAD_FRAMES_WARNED {
            let count = core::mem::take(&mut peer.bad_frames);
            self.event(Event::Warning(Warning::BadFrames { peer: *from, count }));
        }
    }

    /// Counts something left out that is nobody's fault.
    pub(crate) fn count(&mut self, why: &'static str) {
        *self.dropped.entry(why).or_default() += 1;
    }

    /// What was dropped since the start.
    pub(crate) fn dropped(&self) -> Vec<(&'static str, u64)> {
        self.dropped.iter().map(|(why, count)| (*why, *count)).collect()
    }

    /// A fresh nonce.
    pub(crate) fn nonce(&mut self) -> [u8; 32] {
        let mut nonce = [0; 32];
        self.rng.fill_bytes(&mut nonce);
        nonce
    }

    /// Sends a frame of the handshake, which depends on nothing stored.
    pub(crate) fn send_now(&mut self, to: PeerKey, frame: &DirectFrame) {
        let bytes = frame.to_bytes(self.route);
        self.out.now(Output::Send { to, lane: Lane::Direct, bytes });
    }

    /// Sends a frame when everything written so far is durable.
    pub(crate) fn send(&mut self, to: PeerKey, frame: &DirectFrame) {
        assert!(frame.precedes_proof() || self.peers.member(&to).is_some(), "strangers are told nothing");
        let bytes = frame.to_bytes(self.route);
        self.out.durable(Output::Send { to, lane: Lane::Direct, bytes });
    }

    /// Sends items of one kind to one neighbour, in as many frames as they need.
    pub(crate) fn send_items(&mut self, to: PeerKey, kind: ParcelKind, items: Vec<Vec<u8>>) {
        for batch in batches(items, BATCH_BYTES, MAX_ITEMS) {
            self.send(to, &DirectFrame::Parcel(Parcel::new(kind, batch)));
        }
    }

    /// Sends contents or beacon records to the device behind a neighbour, sealed to its box key in batches.
    pub(crate) fn send_boxed(&mut self, to: PeerKey, kind: ParcelKind, items: Vec<Vec<u8>>) {
        let Some(device) = self.peers.member(&to) else { return };
        assert!(!kind.may_gossip(), "only boxed kinds are boxed");
        let Some(box_key) = self.log.view().device(&device).map(|entry| entry.box_key()) else { return };
        let mut boxes = Vec::new();
        for batch in batches(items, BATCH_BYTES, MAX_ITEMS) {
            let mut plaintext = Vec::new();
            put_blobs(&mut plaintext, &batch);
            let aad = box_aad(&self.group, kind, &self.me(), &device);
            match sealed::seal_to(&mut self.rng, &box_key, BOX_INFO, &aad, &plaintext) {
                Ok(seal) => boxes.push(seal),
                Err(_) => self.count("unusable box key"),
            }
        }
        self.send_items(to, kind, boxes);
    }

    /// Publishes a parcel under the best beacon, when everything written so far is durable.
    pub(crate) fn publish(&mut self, parcel: &Parcel) {
        let Some(beacon) = self.beacons.best().cloned() else {
            self.count("no beacon to publish under");
            return;
        };
        if !self.beacons.follows(&beacon.topic(crate::beacons::week_of(self.now.wall_ms))) {
            // The wall clock was set, or a week is over: answers come under a topic that is not listened to yet.
            self.timers.set_no_later(Timer::Topics, self.now.mono);
        }
        self.publish_under(&beacon, parcel);
    }

    fn publish_under(&mut self, beacon: &crate::beacons::Beacon, parcel: &Parcel) {
        let topic = beacon.topic(crate::beacons::week_of(self.now.wall_ms));
        match gossip::seal(&mut self.sealer, beacon.keys(), &topic, parcel) {
            Ok(bytes) => self.out.durable(Output::Publish { topic, bytes }),
            Err(_) => self.count("too large for gossip"),
        }
    }

    /// Tells every member that can be reached what decides membership: directly to each proven neighbour, and by gossip under
    /// the best beacon and the one that was tainted last.
    pub(crate) fn broadcast(&mut self, kind: ParcelKind, items: Vec<Vec<u8>>) {
        assert!(kind.may_gossip(), "boxes are for one receiver");
        let neighbours: Vec<PeerKey> = self.peers.proven().map(|(peer, _)| peer).collect();
        for peer in neighbours {
            self.send_items(peer, kind, items.clone());
        }
        self.gossip(kind, items);
    }

    /// The gossip half of [`Self::broadcast`].
    pub(crate) fn gossip(&mut self, kind: ParcelKind, items: Vec<Vec<u8>>) {
        let beacons: Vec<_> =
            self.beacons.best().into_iter().chain(self.beacons.last_tainted()).cloned().collect();
        for batch in batches(items, BATCH_BYTES, MAX_ITEMS) {
            let parcel = Parcel::new(kind, batch);
            beacons.iter().for_each(|beacon| self.publish_under(beacon, &parcel));
        }
    }

    /// Seals to the current epoch; `None` if it is tainted or we are out (INV-2). Then the epoch is ended at once and what was
    /// to be said is said in the next.
    pub(crate) fn seal(&mut self, aad: &[u8], plaintext: &[u8]) -> Option<Vec<u8>> {
        if !self.is_member() {
            return None;
        }
        if self.tainted {
            self.tell(Fact::MustCommit);
            return None;
        }
        let node = self.epochs.tip();
        let (epoch, tip) = (node.keys.epoch(), node.id());
        uphold(inv_3_only_current_seals(&epoch, &tip, node.session.is_read_only()));
        let seal = self.sealer.seal(&node.keys, aad, plaintext).ok()?;
        self.sealed += 1;
        Some(seal)
    }

    /// Opens a box that another member sealed to this device.
    ///
    /// # Errors
    /// [`WireError::BrokenSeal`], or a broken list.
    pub(crate) fn open_box(
        &self,
        from: &DeviceId,
        kind: ParcelKind,
        seal: &[u8],
    ) -> Result<Vec<Vec<u8>>, WireError> {
        debug_assert_ne!(*from, self.me(), "nobody boxes to itself");
        let aad = box_aad(&self.group, kind, from, &self.me());
        let plaintext =
            self.identity.device.open_sealed(BOX_INFO, &aad, seal).map_err(|_| WireError::BrokenSeal)?;
        let mut reader = crate::wire::bytes::Reader::new(plaintext.expose());
        let items = reader.blobs(MAX_ITEMS, crate::wire::MAX_DIRECT_BYTES)?;
        reader.finish()?;
        Ok(items)
    }
}

/// Purpose of the seal of boxed parcels.
const BOX_INFO: &[u8] = b"halloo v1 boxed parcel";

/// ```text
///  0       32     33       65     97
///  | group | kind | from   | to   |      associated data of a box; from and to are devices
/// ```
pub(crate) fn box_aad(group: &GroupId, kind: ParcelKind, from: &DeviceId, to: &DeviceId) -> Vec<u8> {
    [group.as_bytes().as_slice(), &[kind as u8], from.as_bytes(), to.as_bytes()].concat()
}

/// How a person is called: the profile's name, or the beginning of the account id.
pub(crate) fn name_of(state: &State, account: &AccountId) -> String {
    let said = state.document.profile(account).display_name;
    if said.is_empty() { account.to_string().chars().take(8).collect() } else { said }
}

#[cfg(test)]
mod tests;
