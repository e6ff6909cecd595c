//! The task and its relays: asking for places, dialling through them, and moving from a relayed connection to a direct one.

use super::{Task, dialable};
use crate::net::relays::HEAD_START;
use crate::net::{NetEvent, address};
use halloo_mesh::{DialSource, MeshEvent, PeerKey, split_peer};
use libp2p::core::transport::ListenerId;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::{Multiaddr, PeerId};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long a relayed connection is kept beside a direct one. Until then it is read on, so that nothing that is on
/// its way is lost; a second attempt of the other side that gets through meanwhile is told from a return by it.
const MOVE_GRACE: Duration = Duration::from_secs(10);

/// Direct addresses of a peer that only relays lead to are tried at most so often.
const DIRECT_APART: Duration = Duration::from_secs(15);

/// How peers are reached.
#[derive(Debug, Default)]
pub(super) struct Paths {
    /// Peers that the driver knows to be up.
    up: BTreeSet<PeerKey>,
    /// Peers of whom the driver was told that only relays lead to them.
    relayed: BTreeSet<PeerKey>,
    /// When the relayed connections of a peer that has a direct one go.
    moves: BTreeMap<PeerId, Duration>,
    /// When direct addresses of such a peer were last tried.
    tried: BTreeMap<PeerKey, Duration>,
}

impl Task {
    pub(super) fn want_relays(&mut self, addresses: &[Multiaddr]) {
        let now = self.now();
        let before = self.relays.circuits();
        for listener in self.relays.want(now, addresses) {
            self.swarm.remove_listener(listener);
        }
        self.tell_circuits(&before);
    }

    /// Asks relays and dials circuits that are due, and closes what a direct connection has replaced.
    pub(super) fn relay_due(&mut self, now: Duration) {
        for (relay, address) in self.relays.due(now) {
            let asked = self.swarm.listen_on(address);
            let asked = asked.inspect_err(|error| tracing::debug!(%error, "no address of a relay"));
            self.relays.asked(now, relay, asked.ok());
        }
        for (peer, circuits) in self.relays.release(now) {
            self.dials.dial_by_relay(peer, circuits, &mut self.swarm);
        }
        let over: Vec<PeerId> =
            self.paths.moves.iter().filter(|(_, due)| **due <= now).map(|(peer, _)| *peer).collect();
        for peer in over {
            self.paths.moves.remove(&peer);
            for spare in self.dials.spare(&peer) {
                self.swarm.close_connection(spare);
            }
        }
    }

    pub(super) fn relay_next_due(&self) -> Option<Duration> {
        self.relays.next_due().into_iter().chain(self.paths.moves.values().copied().min()).min()
    }

    /// Direct addresses go to the dial book, circuits wait for their relay.
    pub(super) fn reach(&mut self, peer: Option<PeerKey>, addresses: Vec<Multiaddr>) {
        let now = self.now();
        let (circuits, direct): (Vec<_>, Vec<_>) = addresses.into_iter().partition(address::is_circuit);
        let direct = dialable(direct);
        let not_before = if direct.is_empty() { now } else { now + HEAD_START };
        for circuit in circuits {
            let (bare, inside) = split_peer(&circuit);
            if let Some(peer) = peer.or(inside)
                && !self.relays.is_relay(&peer)
            {
                self.relays.wait(peer, bare, not_before);
            }
        }
        if let Some(peer) = peer {
            self.try_direct(peer, &direct);
        }
        self.dials.add(now, peer, &direct, DialSource::Given);
    }

    /// The dial book leaves a connected peer alone; one that only relays lead to is worth a dial to where it may be without them.
    pub(super) fn try_direct(&mut self, peer: PeerKey, direct: &[Multiaddr]) {
        let now = self.now();
        let Some(id) = peer.to_peer_id().filter(|id| self.dials.is_direct(id) == Some(false)) else {
            return;
        };
        let recent = self.paths.tried.get(&peer).is_some_and(|last| now.saturating_sub(*last) < DIRECT_APART);
        if recent || direct.is_empty() {
            return;
        }
        self.paths.tried.insert(peer, now);
        let opts = DialOpts::peer_id(id).condition(PeerCondition::Always).addresses(direct.to_vec()).build();
        if let Err(error) = self.swarm.dial(opts) {
            tracing::debug!(%error, "could not dial beside a relay");
        }
    }

    /// A connection of a peer came or went.
    pub(super) fn on_path(&mut self, now: Duration, peer: PeerId) {
        let Some(key) = PeerKey::from_peer_id(&peer) else { return };
        let Some(_) = self.dials.is_direct(&peer) else {
            self.paths.moves.remove(&peer);
            self.paths.tried.remove(&key);
            self.paths.relayed.remove(&key);
            return;
        };
        if self.dials.spare(&peer).is_empty() {
            self.paths.moves.remove(&peer);
        } else {
            self.paths.moves.entry(peer).or_insert(now + MOVE_GRACE);
        }
        // Before `PeerUp` nobody knows the peer; it is told right after.
        if self.paths.up.contains(&key) {
            self.tell_path(key);
        }
    }

    /// Says how a peer is reached if that is news.
    pub(super) fn tell_path(&mut self, peer: PeerKey) {
        let direct = peer.to_peer_id().and_then(|id| self.dials.is_direct(&id)).unwrap_or(true);
        let changed = if direct { self.paths.relayed.remove(&peer) } else { self.paths.relayed.insert(peer) };
        if changed {
            self.tell(NetEvent::Path { peer, direct });
        }
    }

    pub(super) fn on_reserved(&mut self, listener: ListenerId) {
        if self.relays.reserved(listener) {
            self.on_ready();
        }
    }

    /// Whether the listener was a place with a relay.
    pub(super) fn on_reservation_closed(&mut self, listener: ListenerId) -> bool {
        let now = self.now();
        let before = self.relays.circuits();
        let ours = self.relays.closed(now, listener);
        self.tell_circuits(&before);
        ours
    }

    /// A relay may have become ready: whoever was lost with the last one can be reached through it.
    fn on_ready(&mut self) {
        let circuits = self.relays.circuits();
        if !circuits.is_empty() {
            self.tell(NetEvent::Relayed(circuits));
            let now = self.now();
            for (peer, circuits) in self.dials.circuits_under_way() {
                for circuit in circuits {
                    self.relays.wait(peer, circuit, now);
                }
            }
            self.look_around(false);
        }
    }

    fn tell_circuits(&mut self, before: &[Multiaddr]) {
        let circuits = self.relays.circuits();
        if circuits != before {
            self.tell(NetEvent::Relayed(circuits));
        }
    }

    /// Whether an event is about a relay, which is neither a member nor a stranger but a part of the road; what it says about
    /// where it sees us is taken note of, and what it asks gets no answer.
    pub(super) fn is_of_relay(&mut self, event: &MeshEvent) -> bool {
        let peer = match event {
            MeshEvent::PeerUp { peer, .. }
            | MeshEvent::PeerAddresses { peer, .. }
            | MeshEvent::PeerDown { peer }
            | MeshEvent::DirectFailed { peer, .. }
            | MeshEvent::PairReplied { peer, .. }
            | MeshEvent::PairFailed { peer, .. } => peer,
            MeshEvent::Gossip { from, .. }
            | MeshEvent::Direct { from, .. }
            | MeshEvent::Pair { from, .. } => from,
            MeshEvent::GossipDropped { .. } => return false,
        };
        if !self.relays.is_relay(peer) {
            return false;
        }
        match event {
            MeshEvent::PeerAddresses { peer, .. } if self.relays.seen(peer) => self.on_ready(),
            MeshEvent::PeerDown { peer } => {
                let before = self.relays.circuits();
                self.relays.gone(peer);
                self.tell_circuits(&before);
            }
            _ => {}
        }
        true
    }

    /// A peer whose lanes stand, or stand no more.
    pub(super) fn on_peer(&mut self, peer: PeerKey, up: bool) {
        if up {
            self.paths.up.insert(peer);
            self.tell_path(peer);
        } else {
            self.paths.up.remove(&peer);
        }
    }
}
