//! The network task: one loop over commands, the swarm, the dial book and the driver's queue.

mod relaying;

use self::relaying::Paths;
use super::outbox::Outbox;
use super::relays::Relays;
use super::swarm::{Node, NodeEvent};
use super::{NetCommand, NetConfig, NetEvent, Tap, TapLane, address, query};
use futures::StreamExt;
use halloo_mesh::{DialSource, Dials, MeshEvent, PeerKey, split_peer};
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, PeerId, Swarm, mdns};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

/// How long leaving may take.
const LEAVE_MAX: Duration = Duration::from_millis(500);

/// The queues to and from the driver.
pub(super) struct Doors {
    pub(super) orders: mpsc::Receiver<NetCommand>,
    pub(super) reports: mpsc::Sender<NetEvent>,
    pub(super) listening: watch::Sender<Vec<Multiaddr>>,
}

/// Everything the loop owns.
pub(super) struct Task {
    swarm: Swarm<Node>,
    doors: Doors,
    tap: Option<Tap>,
    dials: Dials,
    addresses: BTreeSet<Multiaddr>,
    outbox: Outbox,
    relays: Relays,
    paths: Paths,
    start: Instant,
}

impl Task {
    pub(super) fn new(swarm: Swarm<Node>, config: NetConfig, doors: Doors) -> Self {
        let mut dials = Dials::default();
        dials.add(Duration::ZERO, None, &dialable(config.hints), DialSource::Given);
        Self {
            swarm,
            doors,
            tap: config.tap,
            dials,
            addresses: BTreeSet::new(),
            outbox: Outbox::default(),
            relays: Relays::default(),
            paths: Paths::default(),
            start: Instant::now(),
        }
    }

    /// Runs until `Stop`, or until the driver's ends of the queues are gone; then takes leave of the peers.
    pub(super) async fn run(mut self) {
        self.work().await;
        if timeout(LEAVE_MAX, self.leave()).await.is_err() {
            tracing::debug!("some peers did not hear that this node leaves");
        }
    }

    /// Closes every connection in words, so that peers need not wait for silence to become a timeout.
    async fn leave(&mut self) {
        let peers: Vec<_> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            // Fails only when the peer is gone already.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        while self.swarm.network_info().num_peers() > 0 {
            self.swarm.select_next_some().await;
        }
    }

    async fn work(&mut self) {
        let reports = self.doors.reports.clone();
        loop {
            let now = self.now();
            self.dials.dial_due(now, &mut self.swarm);
            self.relay_due(now);
            let idle = self.outbox.is_empty();
            let due = self.dials.next_due().into_iter().chain(self.relay_next_due()).min();
            let due = due.map(|due| self.start + due);
            tokio::select! {
                permit = reports.reserve(), if !idle => {
                    let (Ok(permit), Some(event)) = (permit, self.outbox.pop()) else {
                        return;
                    };
                    permit.send(event);
                }
                order = self.doors.orders.recv() => match order {
                    None | Some(NetCommand::Stop) => return,
                    Some(order) => self.obey(order),
                },
                () = sleep_until(due.unwrap_or(self.start)), if due.is_some() => {}
                event = self.swarm.select_next_some(), if idle => self.on_event(event),
                () = reports.closed() => return,
            }
        }
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn tell(&mut self, event: NetEvent) {
        self.outbox.push(event);
    }

    fn tapped(&self, lane: TapLane, bytes: &[u8]) {
        if let Some(tap) = &self.tap {
            tap(lane, bytes);
        }
    }

    fn obey(&mut self, order: NetCommand) {
        let mesh = &mut self.swarm.behaviour_mut().mesh;
        let done = match order {
            NetCommand::Subscribe(topic) => mesh.subscribe(topic),
            NetCommand::Unsubscribe(topic) => {
                mesh.unsubscribe(topic);
                Ok(())
            }
            NetCommand::Admit { peer, topic } => {
                let admitted = mesh.admit(peer, topic);
                self.dials.is_member(peer);
                admitted
            }
            NetCommand::Expel(peer) => {
                mesh.expel(peer);
                self.dials.disown(peer);
                Ok(())
            }
            NetCommand::Verdict { ticket, verdict } => {
                mesh.verdict(ticket, verdict);
                Ok(())
            }
            NetCommand::Publish { topic, bytes } => {
                self.tapped(TapLane::Gossip, &bytes);
                self.swarm.behaviour_mut().mesh.publish(topic, bytes).map(drop)
            }
            NetCommand::Direct { to, bytes } => return self.send_direct(to, bytes),
            NetCommand::Pair { to, bytes } => return self.send_pair(to, bytes),
            NetCommand::PairReply { reply, bytes } => {
                self.tapped(TapLane::Pair, &bytes);
                self.swarm.behaviour_mut().mesh.reply_pair(reply, bytes)
            }
            NetCommand::Reach { peer, addresses } => {
                self.reach(peer, addresses);
                Ok(())
            }
            NetCommand::Relay { addresses } => {
                self.want_relays(&addresses);
                Ok(())
            }
            NetCommand::NoRelay => {
                self.want_relays(&[]);
                Ok(())
            }
            NetCommand::LookAround => {
                self.look_around(true);
                Ok(())
            }
            NetCommand::SomebodyCame => {
                let now = self.now();
                self.dials.somebody_came(now);
                Ok(())
            }
            NetCommand::Stop => Ok(()),
        };
        if let Err(error) = done {
            // A peer that went away meanwhile is told by `PeerDown`; what is lost is for reconciliation.
            tracing::debug!(%error, "a network command was not carried out");
        }
    }

    fn send_direct(&mut self, peer: PeerKey, bytes: Vec<u8>) {
        self.tapped(TapLane::Direct, &bytes);
        if let Err(error) = self.swarm.behaviour_mut().mesh.send_direct(peer, bytes) {
            tracing::debug!(?peer, %error, "a direct frame was not queued");
            self.tell(NetEvent::NotSent { peer, lane: TapLane::Direct });
        }
    }

    fn send_pair(&mut self, peer: PeerKey, bytes: Vec<u8>) {
        self.tapped(TapLane::Pair, &bytes);
        if let Err(error) = self.swarm.behaviour_mut().mesh.send_pair(peer, bytes) {
            tracing::debug!(?peer, %error, "a pairing request was not sent");
            self.tell(NetEvent::NotSent { peer, lane: TapLane::Pair });
        }
    }

    /// `strangers` says whether to dial those again who turned out to be none of ours.
    fn look_around(&mut self, strangers: bool) {
        let now = self.now();
        self.dials.look_around(now, strangers);
        if !self.swarm.behaviour().mdns.is_enabled() {
            return;
        }
        let interfaces: BTreeSet<_> = self.addresses.iter().filter_map(address::ip).collect();
        for interface in interfaces {
            if let IpAddr::V4(interface) = interface
                && !interface.is_loopback()
                && let Err(error) = query::ask(interface)
            {
                tracing::debug!(%interface, %error, "could not ask who is there");
            }
        }
    }

    fn on_event(&mut self, event: SwarmEvent<NodeEvent>) {
        let now = self.now();
        if let Some(anew) = self.dials.on_event(now, &event) {
            // An error says that the last connection has closed in the meantime, which is what is wanted.
            let _closed = self.swarm.disconnect_peer_id(anew);
        }
        if let SwarmEvent::ConnectionEstablished { peer_id, .. }
        | SwarmEvent::ConnectionClosed { peer_id, .. } = &event
        {
            self.on_path(now, *peer_id);
        }
        match event {
            SwarmEvent::Behaviour(NodeEvent::Mesh(event)) => self.on_mesh(event),
            SwarmEvent::Behaviour(NodeEvent::Relay(event)) => tracing::debug!(?event, "relay"),
            SwarmEvent::Behaviour(NodeEvent::Punch(event)) => {
                tracing::debug!(peer = %event.remote_peer_id, result = ?event.result, "tried for a direct connection");
            }
            SwarmEvent::Behaviour(NodeEvent::Mdns(event)) => self.on_discovery(event),
            SwarmEvent::NewListenAddr { address, listener_id } if address::is_circuit(&address) => {
                self.on_reserved(listener_id);
            }
            SwarmEvent::NewListenAddr { address, .. } => self.on_listening(address, true),
            SwarmEvent::ListenerClosed { listener_id, ref reason, .. }
                if self.on_reservation_closed(listener_id) =>
            {
                tracing::debug!(?reason, "a relay has no place for us");
            }
            SwarmEvent::ExpiredListenAddr { address, .. } if address::is_circuit(&address) => {}
            SwarmEvent::ExpiredListenAddr { address, .. } => self.on_listening(address, false),
            SwarmEvent::ListenerClosed { addresses, reason, .. } => {
                tracing::warn!(?addresses, ?reason, "stopped listening");
                for address in addresses {
                    self.on_listening(address, false);
                }
            }
            SwarmEvent::IncomingConnectionError { error, .. } => {
                tracing::debug!(%error, "an incoming connection failed");
            }
            _ => {}
        }
    }

    fn on_listening(&mut self, address: Multiaddr, up: bool) {
        let (address, _) = split_peer(&address);
        let changed =
            if up { self.addresses.insert(address.clone()) } else { self.addresses.remove(&address) };
        if changed && up && address::ip(&address).is_some_and(|ip| !ip.is_loopback()) {
            // A network came: whoever was lost with the last one may be here.
            self.look_around(false);
        }
        if changed {
            let all: Vec<_> = self.addresses.iter().cloned().collect();
            self.doors.listening.send_replace(all.clone());
            self.tell(NetEvent::Listening(all));
        }
    }

    fn on_discovery(&mut self, event: mdns::Event) {
        let now = self.now();
        let own = *self.swarm.local_peer_id();
        match event {
            mdns::Event::Discovered(found) => {
                for (peer, address) in grouped(found, own) {
                    let address = dialable(address);
                    self.try_direct(peer, &address);
                    self.dials.add(now, Some(peer), &address, DialSource::Found);
                }
            }
            mdns::Event::Expired(gone) => {
                for (peer, addresses) in grouped(gone, own) {
                    for address in addresses {
                        self.dials.expire(peer, &address);
                    }
                }
            }
        }
    }

    fn on_mesh(&mut self, event: MeshEvent) {
        if self.is_of_relay(&event) {
            return;
        }
        match event {
            MeshEvent::GossipDropped { topic, count } => {
                tracing::debug!(?topic, count, "published messages found no subscriber in time");
            }
            MeshEvent::PeerUp { peer, .. } => {
                self.tell(NetEvent::Mesh(event));
                self.on_peer(peer, true);
            }
            MeshEvent::PeerDown { peer } => {
                self.on_peer(peer, false);
                self.tell(NetEvent::Mesh(event));
            }
            event => self.tell(NetEvent::Mesh(event)),
        }
    }
}

/// Discovery names one address at a time; a dial should know them all.
fn grouped(found: Vec<(PeerId, Multiaddr)>, own: PeerId) -> BTreeMap<PeerKey, Vec<Multiaddr>> {
    let mut peers: BTreeMap<PeerKey, Vec<Multiaddr>> = BTreeMap::new();
    for (id, address) in found {
        if id != own
            && let Some(peer) = PeerKey::from_peer_id(&id)
            && !address::ip(&address).is_some_and(|ip| ip.is_loopback())
        {
            peers.entry(peer).or_default().push(address);
        }
    }
    peers
}

/// Those that a transport of ours can dial.
fn dialable(mut addresses: Vec<Multiaddr>) -> Vec<Multiaddr> {
    addresses.retain(|known| address::is_dialable(&split_peer(known).0));
    addresses
}
