//! THE LOOP of the product: wait for one thing to happen, hand it to whom it concerns, grant the wishes that come out.
//!
//! ```text
//! network  disk  voice  door  clock
//!     \      \     |     /     /
//!      wait -> handle -> engine(s) -> wishes -> grant
//! ```
//! Everything that decides is an engine; everything here only carries. The voice itself does not come through here: the
//! media thread has its own loop, and gets plans from this one.

mod addresses;
mod agenda;
mod asks;
mod backups;
mod beginnings;
mod calls;
mod conversations;
mod crowd;
mod devices;
mod joining;
mod keeping;
mod later;
mod lines;
mod memberships;
mod naming;
mod network;
mod news;
mod pair_lane;
mod parting;
mod reads;
mod returning;
mod search;
mod siblings;
mod via;
mod voice;
mod waking;
mod wishes;

pub use addresses::Addresses;
pub use backups::{backup_refused, gather, written};
pub use beginnings::link_addresses;
pub use keeping::{close_by, refusal};
pub use memberships::{GROUPS_MAX, Membership, Memberships};
pub use returning::no_account_key;
pub use siblings::Names;
pub use voice::Recording;
pub use waking::Waking;

use crate::door::{Asked, Door, DoorError, Entrance, Watchers};
use crate::keys::Keys;
use crate::media::clock::mono_ns;
use crate::net::{Net, NetCommand, NetEvent};
use crate::storage::{Storage, StorageEvent};
use crate::track::Track;
use crate::uplink::{News, Uplink};
use halloo_crypto::id::GroupId;
use halloo_engine::input::{Input, WakeReason};
use halloo_engine::lane::{Lane, PeerKey};
use halloo_engine::output::{Output, Refusal};
use halloo_engine::pairing::{HostInput, SeekerInput};
use halloo_engine::place::Fix;
use halloo_engine::time::{Now, Time};
use halloo_mesh::{PairReply, Verdict};
use halloo_wire::origin::Origin;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;

/// Tracks that were read and wait to be replayed.
const TRACKS_WAITING: usize = 4;

/// Frames of others' taps that may wait; the reading thread then waits too.
const OFFERED_WAITING: usize = 64;

/// The longest sleep without a deadline: nothing is late by more than this after a suspend of the machine.
const NAP: Duration = Duration::from_secs(5);

/// What the driver is given at the start; each part is already running.
pub struct Parts {
    /// Who this home is.
    pub keys: Keys,
    /// Where it lives.
    pub home: crate::home::Home,
    /// What its files are sealed with.
    pub vault: std::sync::Arc<crate::vault::Vault>,
    /// The groups that came back from the disk.
    pub groups: Memberships,
    /// Where members were last.
    pub addresses: Addresses,
    /// How the devices of this person are called.
    pub names: siblings::Names,
    /// How this device is woken.
    pub waking: waking::Waking,
    /// What is left of a restore.
    pub restoring: crate::backup::Notes,
    /// The network and its events.
    pub net: Net,
    /// What the network tells.
    pub net_events: mpsc::Receiver<NetEvent>,
    /// The disk.
    pub storage: Storage,
    /// The local door.
    pub door: Door,
    /// Who is let into the door on loopback, where one is open.
    pub entrance: Option<Entrance>,
    /// What measurements want to keep of the voice, and of every payload.
    pub recording: Recording,
    /// Only loopback addresses are used for the voice.
    pub loopback: bool,
    /// Whether the voice may carry redundancy.
    pub redundancy: bool,
}

/// The running node.
pub struct Driver {
    keys: Keys,
    home: crate::home::Home,
    vault: std::sync::Arc<crate::vault::Vault>,
    groups: Memberships,
    addresses: Addresses,
    net: Net,
    net_events: mpsc::Receiver<NetEvent>,
    /// The addresses of this machine that others could reach, as the network told them last.
    here: BTreeSet<IpAddr>,
    uplink: Uplink,
    wanted: via::Wanted,
    looks: naming::Looks,
    storage: Storage,
    keeper: keeping::Keeper,
    door: Door,
    entrance: Option<Entrance>,
    watchers: Watchers,
    voice: voice::Voice,
    joining: Option<joining::Joining>,
    returning: returning::Returning,
    pair_lane: pair_lane::PairLane,
    connected: BTreeSet<PeerKey>,
    pair_replies: BTreeMap<PeerKey, VecDeque<PairReply>>,
    track: Option<(GroupId, Track)>,
    read_tracks: mpsc::Receiver<(GroupId, Track)>,
    read_tracks_in: mpsc::Sender<(GroupId, Track)>,
    offered: mpsc::Receiver<crate::tap::Record>,
    offered_in: mpsc::Sender<crate::tap::Record>,
    disk_full: Option<DoorError>,
    isolated: bool,
    offered_frames: u64,
    conversations: conversations::Conversations,
    devices: devices::Devices,
    /// Whether wishes are being granted, and what this node asks of its engines meanwhile: they are given it afterwards.
    granting: bool,
    later: later::Later,
    parting: Option<parting::Parting>,
    waking: waking::Waking,
}

/// One thing that happened.
enum Happened {
    Net(NetEvent),
    Stored(StorageEvent),
    Voice(voice::VoiceNews),
    Kept(keeping::KeyNews),
    Uplink(Origin, News),
    Looked(Box<naming::Looked>),
    Asked(Asked),
    Fix(Fix),
    Track(GroupId, Track),
    Offered(crate::tap::Record),
    Due,
    Gone,
}

impl Driver {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        let watchers = parts.door.watchers();
        let (offered_in, offered) = mpsc::channel(OFFERED_WAITING);
        let me = parts.keys.identity().device.id();
        let ways = voice::Ways { loopback: parts.loopback, redundancy: parts.redundancy };
        let (read_tracks_in, read_tracks) = mpsc::channel(TRACKS_WAITING);
        let here = parts.groups.ids();
        let returning = returning::Returning::begin(parts.restoring, &parts.keys, &here, now().wall_ms);
        Driver {
            voice: voice::Voice::new(me, parts.recording, ways),
            keeper: keeping::Keeper::new(std::sync::Arc::clone(&parts.vault)),
            uplink: Uplink::new(parts.keys.coordinator_secret(), parts.keys.peer().0),
            wanted: via::Wanted::default(),
            looks: naming::Looks::default(),
            keys: parts.keys,
            home: parts.home,
            vault: parts.vault,
            groups: parts.groups,
            addresses: parts.addresses,
            net: parts.net,
            net_events: parts.net_events,
            here: BTreeSet::new(),
            storage: parts.storage,
            door: parts.door,
            entrance: parts.entrance,
            watchers,
            joining: None,
            returning,
            pair_lane: pair_lane::PairLane::default(),
            connected: BTreeSet::new(),
            pair_replies: BTreeMap::new(),
            track: None,
            read_tracks,
            read_tracks_in,
            offered,
            offered_in,
            disk_full: None,
            isolated: false,
            offered_frames: 0,
            conversations: conversations::Conversations::default(),
            devices: devices::Devices::new(parts.names),
            granting: false,
            later: later::Later::default(),
            parting: None,
            waking: parts.waking,
        }
    }

    /// Runs until it is asked to stop.
    pub async fn run(mut self) {
        for group in self.groups.ids() {
            self.settle(group).await;
        }
        self.look_around().await;
        self.publish_addresses();
        loop {
            match self.wait().await {
                Happened::Net(event) => self.on_net(event).await,
                Happened::Stored(event) => self.on_stored(event).await,
                Happened::Voice(news) => self.on_voice(news).await,
                Happened::Kept(news) => self.on_kept(news).await,
                Happened::Uplink(origin, news) => self.on_uplink(origin, news).await,
                Happened::Looked(looked) => self.on_looked(*looked).await,
                Happened::Asked(asked) => self.on_asked(asked).await,
                Happened::Fix(fix) => self.on_fix(fix).await,
                Happened::Track(group, track) => self.track = Some((group, track)),
                Happened::Offered(record) => self.on_offered(record).await,
                Happened::Due => self.on_due().await,
                Happened::Gone => break,
            }
            self.revoke_synced().await;
            self.next_way().await;
            self.next_conversation().await;
            self.ask_relays().await;
            self.tend_waking().await;
            self.tell_news().await;
            if self.has_parted() {
                break;
            }
        }
        self.voice.stop().await;
        // The network task may have ended by itself; then there is nothing to stop.
        let _ended = self.net.send(NetCommand::Stop).await;
        self.storage.close().await;
    }

    async fn wait(&mut self) -> Happened {
        let due = self.due();
        tokio::select! {
            event = self.net_events.recv() => event.map_or(Happened::Gone, Happened::Net),
            event = self.storage.next() => event.map_or(Happened::Gone, Happened::Stored),
            news = self.voice.next() => Happened::Voice(news),
            Some(news) = self.keeper.next() => Happened::Kept(news),
            (origin, news) = self.uplink.next() => Happened::Uplink(origin, news),
            Some(looked) = self.looks.next() => Happened::Looked(Box::new(looked)),
            asked = self.door.next() => asked.map_or(Happened::Gone, Happened::Asked),
            fix = next_fix(&mut self.track) => Happened::Fix(fix),
            Some((group, track)) = self.read_tracks.recv() => Happened::Track(group, track),
            Some(record) = self.offered.recv() => Happened::Offered(record),
            () = tokio::time::sleep(due) => Happened::Due,
        }
    }

    /// How long until the earliest deadline of an engine or of the pairing.
    fn due(&self) -> Duration {
        let engines = self.groups.iter().filter_map(|(_, m)| m.deadline).map(|deadline| deadline.at);
        let joining = self.joining.as_ref().and_then(joining::Joining::deadline);
        let machines = [
            joining,
            self.returning.deadline(),
            self.conversations.deadline(),
            self.devices.deadline(),
            self.parting_deadline(),
        ];
        let earliest = engines.chain(machines.into_iter().flatten()).min();
        earliest.map_or(NAP, |at| at.since(now().mono)).min(NAP)
    }

    async fn on_due(&mut self) {
        let now = now();
        for group in self.groups.ids() {
            let due = self.groups.get(&group).and_then(|m| m.deadline).is_some_and(|d| d.at <= now.mono);
            if due {
                self.feed(group, Input::Wake(WakeReason::Deadline)).await;
            }
        }
        self.drive_joining(None).await;
        self.drive_account_door(HostInput::Wake).await;
        if self.returning.deadline().is_some_and(|at| at <= now.mono) {
            self.drive_returning(SeekerInput::Wake).await;
        }
        self.say_unsaid().await;
    }

    async fn on_stored(&mut self, event: StorageEvent) {
        match event {
            StorageEvent::Written(group, id) => {
                self.disk_full = None;
                self.feed(group, Input::Written(id)).await;
                self.send_links().await;
            }
            StorageEvent::Stuck(error) => {
                self.watchers.tell(serde_json::json!({"event": "warning", "text": error.to_string()}));
                for group in self.groups.ids() {
                    if let Some(membership) = self.groups.get_mut(&group) {
                        membership.fail_all(&error);
                    }
                }
                self.disk_full = Some(error);
            }
            StorageEvent::Rotating(progress) => self.on_rotating(progress),
            StorageEvent::Rotated(rotated) => self.on_rotated(rotated),
            StorageEvent::RotationStopped(error) => self.on_rotation_stopped(&error),
        }
    }

    async fn on_fix(&mut self, fix: Fix) {
        let Some(group) = self.track.as_ref().map(|(group, _)| *group) else { return };
        self.feed(group, Input::Fix(fix)).await;
    }

    /// Frames of others' taps, for the measurement of what a removed member can open: the same doors as from the network.
    async fn on_offered(&mut self, record: crate::tap::Record) {
        match record.lane {
            // Voice is offered over the media connections, which stay open in a measurement.
            crate::tap::LANE_MEDIA | crate::tap::LANE_PAIR => return,
            crate::tap::LANE_GOSSIP => {
                for group in self.groups.ids() {
                    let topics = self.groups.get(&group).map(|m| m.topics.clone()).unwrap_or_default();
                    for topic in topics {
                        let bytes = record.bytes.clone();
                        self.feed(
                            group,
                            Input::Frame { from: PeerKey(record.from), lane: Lane::Gossip(topic), bytes },
                        )
                        .await;
                    }
                }
            }
            _ => {
                if let Some(group) = self.groups.by_route(&record.bytes) {
                    let frame =
                        Input::Frame { from: PeerKey(record.from), lane: Lane::Direct, bytes: record.bytes };
                    self.feed(group, frame).await;
                }
            }
        }
        self.offered_frames += 1;
    }

    async fn feed_all(&mut self, input: Input) {
        for group in self.groups.ids() {
            self.feed(group, input.clone()).await;
        }
    }

    /// Gives one engine one input and grants its wishes; returns its verdict on a gossip frame. While wishes are granted the input
    /// waits until they are.
    async fn feed(&mut self, group: GroupId, input: Input) -> Option<Verdict> {
        if self.granting {
            if let Some(input) = self.later.push(group, input) {
                self.refuse(group, &input);
            }
            return None;
        }
        let wishes = self.groups.get_mut(&group)?.feed(now(), input);
        self.carry_out(group, wishes).await
    }

    /// More waits than this node ever asks of itself: who waits for an answer is told, and the log tells of the rest, which would have
    /// to be repeated by whatever happens next.
    fn refuse(&mut self, group: GroupId, input: &Input) {
        let Input::Command { request, .. } = input else {
            return tracing::error!(%group, "too much waits while wishes are granted: something was left undone");
        };
        if let Some(membership) = self.groups.get_mut(&group) {
            membership.answer(*request, Err(Refusal::Busy));
        }
    }

    /// Grants wishes, then what granting them led this node to ask: an engine that is asked in between would see what it writes
    /// overtaken by what it writes later.
    async fn carry_out(&mut self, group: GroupId, wishes: Vec<Output>) -> Option<Verdict> {
        let inside = std::mem::replace(&mut self.granting, true);
        let verdict = self.grant(group, wishes).await;
        if inside {
            return verdict;
        }
        while let Some((group, input)) = self.later.pop() {
            let Some(wishes) = self.groups.get_mut(&group).map(|m| m.feed(now(), input)) else { continue };
            self.grant(group, wishes).await;
        }
        self.granting = false;
        verdict
    }

    /// Drains an engine that has just started, and introduces the peers that are connected already.
    async fn settle(&mut self, group: GroupId) {
        let Some(wishes) = self.groups.get_mut(&group).map(Membership::drain) else { return };
        self.carry_out(group, wishes).await;
        self.tend();
        for peer in self.connected.clone() {
            self.feed(group, Input::PeerUp(peer)).await;
        }
    }

    /// Hands a command to the network; when the network is gone the loop ends by its closed event queue.
    async fn carry(&self, command: NetCommand) {
        let _gone = self.net.send(command).await;
    }
}

/// Both clocks of the machine, read together.
pub fn now() -> Now {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Now {
        mono: Time::from_micros(mono_ns() / 1_000),
        wall_ms: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX),
    }
}

async fn next_fix(track: &mut Option<(GroupId, Track)>) -> Fix {
    if let Some((_, running)) = track {
        if let Some(fix) = running.next().await {
            return fix;
        }
        *track = None;
    }
    std::future::pending().await
}
