//! Coordinators as the driver sees them: what engines wish of them is handed over, and what they tell goes to whom it concerns.

use super::{Driver, Membership};
use crate::media::endpoint::IceServer;
use crate::net::NetCommand;
use crate::uplink::{Door, Fate, News, Post, Rendezvous, STATIONS_MAX, Standing, Taken};
use halloo_crypto::id::{GroupId, InviteId, MailboxAddress, MailboxItem};
use halloo_crypto::invite::InviteSecret;
use halloo_crypto::invite::code::ShortCode;
use halloo_crypto::invite::link::Link;
use halloo_crypto::kdf;
use halloo_engine::input::{DepositOutcome, Input};
use halloo_engine::lane::PeerKey;
use halloo_engine::output::{InviteView, MailboxDoor, MeetingPlace};
use halloo_engine::pairing::Ticket;
use halloo_wire::mailbox::Deposit;
use halloo_wire::origin::Origin;
use halloo_wire::rendezvous::{ADDRESSES_MAX, Meeting, Place, RECORDS_MAX};
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// Whom this node dials of those it finds at one place in one look: all of them, as the next look may be hours away.
const DIALLED_MAX: usize = RECORDS_MAX;
/// Of the addresses in a meeting, so many are through a relay: where direct ones lead nowhere one of those is enough.
const CIRCUITS_MAX: usize = 2;

/// What groups and a running join want of coordinators.
#[derive(Default)]
pub struct Wanted {
    doors: BTreeMap<GroupId, Vec<(Origin, MailboxDoor)>>,
    places: BTreeMap<GroupId, Vec<(Origin, MeetingPlace)>>,
    /// Where the inviter of a running join is sought.
    sought: Option<(Origin, Place)>,
    /// The coordinator of the last join: kept until the group that was entered names it, which it does a moment later, so that its
    /// relay is not left and asked again in between.
    lately: Option<Origin>,
    /// Who helps the voice, by coordinator.
    voice_servers: BTreeMap<Origin, IceServer>,
    /// Relays of the coordinators that were found, and whether the network has yet to be told.
    relays: BTreeMap<Origin, Vec<Multiaddr>>,
    relays_changed: bool,
    /// Own addresses through relays.
    circuits: Vec<Multiaddr>,
}

impl Wanted {
    fn origins(&self, groups: &BTreeSet<Origin>) -> BTreeSet<Origin> {
        let doors = self.doors.values().flatten().map(|(origin, _)| origin);
        let places = self.places.values().flatten().map(|(origin, _)| origin);
        let sought = self.sought.iter().map(|(origin, _)| origin).chain(&self.lately);
        // The most wanted first; of one mailbox alone there are as many doors as days.
        let mut used = BTreeSet::new();
        for origin in sought.chain(groups).chain(doors).chain(places) {
            if used.len() == STATIONS_MAX && !used.contains(origin) {
                tracing::warn!(%origin, "groups name more coordinators than one home uses");
                break;
            }
            used.insert(origin.clone());
        }
        used
    }

    fn owner(&self, address: &MailboxAddress) -> Option<(GroupId, &Origin)> {
        self.doors.iter().find_map(|(group, doors)| {
            let (origin, _) = doors.iter().find(|(_, door)| door.key.address() == *address)?;
            Some((*group, origin))
        })
    }
}

/// The origin of a setting or a wish of an engine; what is none was written by another version.
fn origin(via: &str) -> Option<Origin> {
    via.parse().inspect_err(|error| tracing::warn!(%error, "a group names a coordinator that is none")).ok()
}

impl Driver {
    /// The coordinator of a group.
    pub(super) fn via_of(&self, group: &GroupId) -> Option<Origin> {
        origin(&self.groups.get(group)?.engine.via()?)
    }

    /// An engine wishes an item to be left for a member who is away.
    pub(super) async fn deposit(&mut self, group: GroupId, id: u64, via: &str, deposit: Deposit) {
        let post = Post { group, id, deposit };
        let posted = match origin(via) {
            Some(origin) => self.uplink.post(&origin, post).is_ok(),
            None => false,
        };
        if !posted {
            self.feed(group, Input::Deposited { id, outcome: DepositOutcome::Unreachable }).await;
        }
    }

    /// The own mailboxes of a group: the whole list.
    pub(super) fn mailboxes(&mut self, group: GroupId, doors: Vec<MailboxDoor>) {
        let doors = doors.into_iter().filter_map(|door| Some((origin(&door.via)?, door))).collect();
        self.wanted.doors.insert(group, doors);
        self.waking.touch();
        self.tend();
    }

    /// These items are durable here.
    pub(super) fn taken_in(&mut self, address: MailboxAddress, items: Vec<MailboxItem>) {
        if let Some((_, origin)) = self.wanted.owner(&address) {
            self.uplink.taken(origin, Taken { address, items });
        }
    }

    /// The places where members of a group meet: the whole list.
    pub(super) fn meet(&mut self, group: GroupId, places: Vec<MeetingPlace>) {
        let places = places.into_iter().filter_map(|place| Some((origin(&place.via)?, place))).collect();
        self.wanted.places.insert(group, places);
        self.tend();
    }

    /// Tells every coordinator what is wanted of it now: mailboxes, places of groups, places of open invites, and a place where an inviter
    /// is sought.
    pub(super) fn tend(&mut self) {
        let mut places: BTreeMap<Origin, Vec<Rendezvous>> = BTreeMap::new();
        let mut vias = BTreeSet::new();
        for group in self.groups.ids() {
            let Some(via) = self.via_of(&group) else { continue };
            let open = self.groups.get(&group).map(invite_places).unwrap_or_default();
            places.entry(via.clone()).or_default().extend(open);
            vias.insert(via);
        }
        for (origin, place) in self.wanted.places.values().flatten() {
            let at = Place { id: place.id, key: place.key.clone() };
            let rendezvous = Rendezvous { place: at, publish: place.publish, guessable: false, seek: false };
            places.entry(origin.clone()).or_default().push(rendezvous);
        }
        if let Some((origin, place)) = &self.wanted.sought {
            let rendezvous =
                Rendezvous { place: place.clone(), publish: false, guessable: false, seek: true };
            places.entry(origin.clone()).or_default().push(rendezvous);
        }
        self.wanted.lately.take_if(|origin| vias.contains(origin));
        let origins = self.wanted.origins(&vias);
        let known = self.wanted.relays.len();
        self.wanted.relays.retain(|origin, _| origins.contains(origin));
        self.wanted.relays_changed |= self.wanted.relays.len() != known;
        self.uplink.keep(&origins);
        let before = self.wanted.voice_servers.len();
        self.wanted.voice_servers.retain(|origin, _| origins.contains(origin));
        if self.wanted.voice_servers.len() != before {
            self.voice.set_servers(self.wanted.voice_servers.values().cloned().collect());
        }
        for origin in origins {
            let here = self.wanted.doors.values().flatten().filter(|(at, _)| *at == origin);
            let doors = here.map(|(_, door)| Door { key: door.key.clone(), watch: door.watch }).collect();
            self.uplink.doors(&origin, doors);
            self.uplink.places(&origin, places.remove(&origin).unwrap_or_default());
        }
    }

    /// Looks for the inviter of a join at a coordinator until [`Self::sought_enough`].
    pub(super) fn seek(&mut self, origin: Origin, ticket: &Ticket) {
        let place = match ticket {
            Ticket::Code(code) => Place::of_nameplate(code.nameplate().0),
            Ticket::Link(link) => place_of_invite(&link.secret),
        };
        self.wanted.sought = Some((origin, place));
        self.tend();
    }

    /// The join is over; `entered` if a group came of it.
    pub(super) fn sought_enough(&mut self, entered: bool) {
        if let Some((origin, _)) = self.wanted.sought.take() {
            self.wanted.lately = Some(origin).filter(|_| entered);
            self.tend();
        }
    }

    /// The coordinator at which an inviter is sought and that does not answer, and why.
    pub(super) fn silent_coordinator(&self) -> Option<(Origin, String)> {
        let (sought, _) = self.wanted.sought.as_ref()?;
        let (origin, standing) = self.uplink.standing().find(|(origin, _)| *origin == sought)?;
        let why = standing.trouble.unwrap_or_else(|| "no answer yet".to_owned());
        (!standing.reachable).then(|| (origin.clone(), why))
    }

    /// Whether any coordinator of ours answered last.
    pub(super) fn a_coordinator_answers(&self) -> bool {
        self.uplink.standing().any(|(_, standing)| standing.reachable)
    }

    /// Own addresses changed: links and places say so from now on.
    pub(super) fn publish_addresses(&mut self) {
        let circuits = self.wanted.circuits.iter().take(CIRCUITS_MAX).map(ToString::to_string);
        let direct = super::beginnings::reachable_addresses(&self.net).into_iter().map(|at| at.to_string());
        self.uplink.set_addresses(circuits.chain(direct).take(ADDRESSES_MAX).collect());
    }

    /// Something that a coordinator told.
    pub(super) async fn on_uplink(&mut self, origin: Origin, news: News) {
        match news {
            News::Deposited { group, id, fate } => {
                let outcome = match fate {
                    Fate::Stored => DepositOutcome::Stored,
                    Fate::Full => DepositOutcome::Full,
                    Fate::Unreachable => DepositOutcome::Unreachable,
                };
                self.feed(group, Input::Deposited { id, outcome }).await;
            }
            News::Fetched { address, items } => {
                let Some((group, _)) = self.wanted.owner(&address) else { return };
                self.feed(group, Input::Fetched { address, items }).await;
            }
            News::Met { others, .. } => self.dial(others).await,
            News::Helper(server) => {
                self.wanted.voice_servers.insert(origin, server);
                self.voice.set_servers(self.wanted.voice_servers.values().cloned().collect());
            }
            News::Waking(news) => self.on_waking(origin, news).await,
            News::Stands(standing) => {
                if standing.reachable {
                    // Told again even if nothing changed: a relay that has come back is asked at once.
                    self.wanted.relays.insert(origin.clone(), relays(&standing));
                    self.wanted.relays_changed = true;
                }
                let text = origin.to_string();
                self.watchers.tell(json!({
                    "event": "coordinator", "origin": text, "reachable": standing.reachable, "trouble": standing.trouble,
                }));
            }
        }
    }

    /// Tells the network which relays are wanted, where that has changed.
    pub(super) async fn ask_relays(&mut self) {
        if !std::mem::take(&mut self.wanted.relays_changed) {
            return;
        }
        // Who is a relay is nobody to talk to: a coordinator that gives its relay the name of a member would silence that member.
        let is_known = |relay: &Multiaddr| {
            let key = halloo_mesh::split_peer(relay).1.map(|key| PeerKey(key.0));
            key.is_some_and(|key| self.connected.contains(&key) || self.groups.admit(&key))
        };
        let relays = self.wanted.relays.values().flatten();
        let addresses: Vec<_> = relays.filter(|relay| !is_known(relay)).cloned().collect();
        let command =
            if addresses.is_empty() { NetCommand::NoRelay } else { NetCommand::Relay { addresses } };
        self.carry(command).await;
    }

    /// The circuits by which others reach this node changed.
    pub(super) fn on_relayed(&mut self, circuits: Vec<Multiaddr>) {
        let texts: Vec<String> = circuits.iter().map(ToString::to_string).collect();
        self.watchers.tell(json!({"event": "relayed", "addresses": texts}));
        self.wanted.circuits = circuits;
        self.publish_addresses();
    }

    async fn dial(&mut self, others: Vec<Meeting>) {
        let missing = others.into_iter().filter(|meeting| !self.connected.contains(&PeerKey(meeting.peer)));
        let missing: Vec<_> = missing.take(DIALLED_MAX).collect();
        for meeting in missing {
            let addresses = meeting.addresses.iter().filter_map(|text| text.parse().ok()).collect();
            let peer = Some(halloo_mesh::PeerKey(meeting.peer));
            self.carry(NetCommand::Reach { peer, addresses }).await;
        }
    }

    /// How the coordinator of a group stands, for people; nothing where it has none.
    pub(super) fn coordinator_view(&self, group: &GroupId) -> Value {
        let Some(via) = self.via_of(group) else { return Value::Null };
        let standing =
            self.uplink.standing().find(|(origin, _)| **origin == via).map(|(_, standing)| standing);
        let mut view = coordinator(&via, &standing.unwrap_or_default());
        view["circuits"] = json!(self.wanted.circuits.iter().map(ToString::to_string).collect::<Vec<_>>());
        view
    }

    /// An invite as people pass it on: with the coordinator, where the group has one.
    pub(super) fn invite_view(&self, group: &GroupId, view: &InviteView) -> Value {
        named(crate::views::invite(view), self.via_of(group).as_ref())
    }
}

/// Where the relay of a coordinator is, as the network dials it.
fn relays(standing: &Standing) -> Vec<Multiaddr> {
    let relay = standing.info.as_ref().and_then(|info| info.relay.as_ref());
    let Some(peer) = relay.and_then(|relay| relay.peer_id.parse::<PeerId>().ok()) else { return Vec::new() };
    let at =
        |at: &SocketAddr| Multiaddr::from(at.ip()).with(Protocol::Tcp(at.port())).with(Protocol::P2p(peer));
    standing.relays.iter().map(at).collect()
}

/// How a coordinator stands, for people.
pub fn coordinator(origin: &Origin, standing: &Standing) -> Value {
    let info = standing.info.as_ref();
    json!({
        "origin": origin.as_str(),
        "reachable": standing.reachable,
        "rooms": info.map(|info| info.rooms.clone()),
        "version": info.map(|info| info.version.clone()),
        "round_trip_ms": standing.round_trip.map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
        "clock_ahead_ms": standing.ahead_ms,
        "trouble": standing.trouble,
        "mailboxes": standing.doors,
        "left": standing.items[0],
        "looked": standing.items[1],
        "fetched": standing.items[2],
        "acknowledged": standing.items[3],
        "sold": standing.sold,
    })
}

/// Puts the coordinator into what is passed on of an invite: `7-otter-quartz@host`, `https://host/i/...`.
pub fn named(mut invite: Value, via: Option<&Origin>) -> Value {
    let Some(via) = via else { return invite };
    if let Some(code) = invite["code"].as_str() {
        invite["code"] = json!(format!("{code}@{}", via.short()));
    }
    let link = invite["link"].as_str().and_then(|text| text.parse::<Link>().ok());
    if let Some(link) = link {
        let text = Link { coordinator: Some(via.to_string()), ..link }.to_text();
        (invite["link"], invite["qr"]) = (json!(text), json!(text));
    }
    invite
}

/// Where those who come by the open invites that this device made find it.
fn invite_places(membership: &Membership) -> Vec<Rendezvous> {
    let mut places = Vec::new();
    for view in membership.engine.invites().iter().filter(|view| view.open) {
        let code = view.code.as_ref().and_then(|text| text.parse::<ShortCode>().ok());
        places.extend(code.map(|code| (Place::of_nameplate(code.nameplate().0), true)));
        let link = view.link.as_ref().and_then(|text| text.parse::<Link>().ok());
        places.extend(link.map(|link| (place_of_invite(&link.secret), false)));
    }
    let published = |(place, guessable)| Rendezvous { place, publish: true, guessable, seek: false };
    places.into_iter().map(published).collect()
}

/// Where the joiner by a link finds who answers it: only who has the link opens what lies there.
fn place_of_invite(secret: &InviteSecret) -> Place {
    let InviteId(id) = secret.id();
    Place { id: kdf::hash("invite place", &[&id]), key: secret.record_key() }
}

#[cfg(test)]
mod tests;
