//! The gate around gossipsub: a peer's gossip is heard, and ours offered to it, only for topics it is admitted to.
//!
//! Gossipsub itself trusts whoever connects: it tells strangers our topics and grafts them. So two things are held
//! back until the engine has seen a membership proof. Outwards, the stream towards the peer is not opened (its queue
//! waits). Inwards, the peer's subscriptions are kept aside and everything else it says is dropped. `admit` then
//! replays the subscriptions of that topic as if they had just arrived, so gossipsub grafts at once.

use crate::limits::{ADMISSIONS_PER_PEER_MAX, HELD_SUBSCRIPTIONS_MAX, UNADMITTED_MAX};
use crate::topic::Topic;
use futures::FutureExt;
use futures_timer::Delay;
use libp2p::PeerId;
use libp2p::core::transport::PortUse;
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::gossipsub;
use libp2p::swarm::behaviour::{ConnectionClosed, ConnectionEstablished};
use libp2p::swarm::handler::{ConnectionEvent, ConnectionHandlerEvent, SubstreamProtocol};
use libp2p::swarm::{
    CloseConnection, ConnectionDenied, ConnectionHandler, ConnectionId, FromSwarm, NetworkBehaviour,
    NotifyHandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::task::{Context, Poll};
use std::time::Duration;

/// A connection that stands by is looked at so often. Far longer than the first one takes for what waits, and no matter to what the
/// peer still sends there.
const STANDBY: Duration = Duration::from_millis(50);

type Inner = gossipsub::Behaviour;
type InnerHandler = <Inner as NetworkBehaviour>::ConnectionHandler;
type InnerIn = <InnerHandler as ConnectionHandler>::FromBehaviour;
type InnerOut = <InnerHandler as ConnectionHandler>::ToBehaviour;
type Outbound = <InnerHandler as ConnectionHandler>::OutboundProtocol;

/// Gossipsub behind its gate.
pub struct Gate {
    pub(crate) gossip: Inner,
    peers: BTreeMap<PeerId, Guest>,
    queue: VecDeque<ToSwarm<gossipsub::Event, GateIn>>,
    /// Messages that came in from admitted peers, copies included.
    pub(crate) copies: u64,
}

/// What the gate remembers of a connected peer.
#[derive(Default)]
struct Guest {
    /// Direct ones before relayed ones, then oldest first.
    connections: Vec<(ConnectionId, bool)>,
    admitted: BTreeSet<Topic>,
    /// Subscriptions to topics it is not admitted to, oldest first, one topic each.
    held: VecDeque<(Topic, InnerOut)>,
    unadmitted: u32,
}

/// What the gate tells its handlers.
#[derive(Debug)]
pub enum GateIn {
    /// The peer is admitted to something: streams may be opened towards it.
    Open,
    /// A better connection is open now: read what the peer still sends here, and leave to that one what is to be sent.
    StandBy,
    Gossip(InnerIn),
}

/// Why `admit` was refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AdmitError {
    NotConnected,
    TooMany,
}

impl Gate {
    pub(crate) fn new(gossip: Inner) -> Self {
        Self { gossip, peers: BTreeMap::new(), queue: VecDeque::new(), copies: 0 }
    }

    /// Opens the gate for one peer and topic, and replays what the peer said about it.
    pub(crate) fn admit(&mut self, peer: PeerId, topic: Topic) -> Result<(), AdmitError> {
        let guest = self.peers.get_mut(&peer).ok_or(AdmitError::NotConnected)?;
        if guest.admitted.contains(&topic) {
            return Ok(());
        }
        if guest.admitted.len() >= ADMISSIONS_PER_PEER_MAX {
            return Err(AdmitError::TooMany);
        }
        let (connection, _) = *guest.connections.first().expect("a guest has a connection");
        if guest.admitted.is_empty() {
            self.queue.push_back(open(peer, connection));
        }
        guest.admitted.insert(topic);
        let place = guest.held.iter().position(|(held, _)| *held == topic);
        if let Some((_, event)) = place.and_then(|place| guest.held.remove(place)) {
            self.gossip.on_connection_handler_event(peer, connection, event);
        }
        Ok(())
    }

    fn on_established(&mut self, event: &ConnectionEstablished<'_>) {
        let (id, relayed) = (event.connection_id, event.endpoint.is_relayed());
        let guest = self.peers.entry(event.peer_id).or_default();
        let first_relayed = guest.connections.iter().position(|(_, relayed)| *relayed);
        let at = first_relayed.filter(|_| !relayed).unwrap_or(guest.connections.len());
        guest.connections.insert(at, (id, relayed));
        if at == 0 && !guest.admitted.is_empty() {
            self.queue.push_back(open(event.peer_id, id));
            for (stale, _) in &guest.connections[1..] {
                self.queue.push_back(tell(event.peer_id, *stale, GateIn::StandBy));
            }
        }
    }

    /// Gossip uses one connection, so that it keeps its order; the next one takes over. All of them take from one queue towards
    /// the peer, so one that stands by leaves what comes to the first.
    fn on_closed(&mut self, event: &ConnectionClosed<'_>) {
        let Some(guest) = self.peers.get_mut(&event.peer_id) else {
            return;
        };
        let first = guest.connections.first().is_some_and(|(id, _)| *id == event.connection_id);
        guest.connections.retain(|(id, _)| *id != event.connection_id);
        match guest.connections.first() {
            None => drop(self.peers.remove(&event.peer_id)),
            Some((next, _)) if first && !guest.admitted.is_empty() => {
                self.queue.push_back(open(event.peer_id, *next))
            }
            Some(_) => {}
        }
    }
}

fn open(peer: PeerId, connection: ConnectionId) -> ToSwarm<gossipsub::Event, GateIn> {
    tell(peer, connection, GateIn::Open)
}

fn tell(peer_id: PeerId, connection: ConnectionId, event: GateIn) -> ToSwarm<gossipsub::Event, GateIn> {
    ToSwarm::NotifyHandler { peer_id, handler: NotifyHandler::One(connection), event }
}

impl Guest {
    /// Passes on what the peer is admitted to; keeps its other subscriptions; drops the rest.
    fn filter(&mut self, event: InnerOut) -> Option<InnerOut> {
        let InnerOut::Message { mut rpc, mut invalid_messages } = event else {
            return Some(event);
        };
        for subscription in std::mem::take(&mut rpc.subscriptions) {
            let Some(topic) = Topic::from_hash(&subscription.topic_hash) else {
                continue;
            };
            if self.admitted.contains(&topic) {
                rpc.subscriptions.push(subscription);
                continue;
            }
            let mut alone = rpc.clone();
            alone.subscriptions = vec![subscription];
            alone.messages.clear();
            alone.control_msgs.clear();
            self.hold(topic, InnerOut::Message { rpc: alone, invalid_messages: Vec::new() });
        }
        let before = rpc.messages.len();
        rpc.messages.retain(|message| {
            Topic::from_hash(&message.topic).is_some_and(|topic| self.admitted.contains(&topic))
        });
        let dropped = before - rpc.messages.len() + invalid_messages.len();
        self.unadmitted = self.unadmitted.saturating_add(u32::try_from(dropped).unwrap_or(u32::MAX));
        invalid_messages.clear();
        if self.admitted.is_empty() {
            rpc.control_msgs.clear();
        }
        let empty = rpc.subscriptions.is_empty() && rpc.messages.is_empty() && rpc.control_msgs.is_empty();
        (!empty).then_some(InnerOut::Message { rpc, invalid_messages })
    }

    /// The newest word about a topic counts.
    fn hold(&mut self, topic: Topic, event: InnerOut) {
        self.held.retain(|(held, _)| *held != topic);
        if self.held.len() == HELD_SUBSCRIPTIONS_MAX {
            self.held.pop_front();
        }
        self.held.push_back((topic, event));
    }
}

impl NetworkBehaviour for Gate {
    type ConnectionHandler = GateHandler;
    type ToSwarm = gossipsub::Event;

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<GateHandler, ConnectionDenied> {
        self.gossip.handle_established_inbound_connection(id, peer, local, remote).map(GateHandler::new)
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<GateHandler, ConnectionDenied> {
        self.gossip
            .handle_established_outbound_connection(id, peer, address, role, port)
            .map(GateHandler::new)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match &event {
            FromSwarm::ConnectionEstablished(established) => self.on_established(established),
            FromSwarm::ConnectionClosed(closed) => self.on_closed(closed),
            _ => {}
        }
        self.gossip.on_swarm_event(event);
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, id: ConnectionId, event: THandlerOutEvent<Self>) {
        let Some(guest) = self.peers.get_mut(&peer) else {
            return;
        };
        let passed = guest.filter(event);
        if guest.unadmitted > UNADMITTED_MAX {
            guest.unadmitted = 0;
            let connection = CloseConnection::All;
            self.queue.push_back(ToSwarm::CloseConnection { peer_id: peer, connection });
        }
        if let Some(event) = passed {
            if let InnerOut::Message { rpc, .. } = &event {
                self.copies += rpc.messages.len() as u64;
            }
            self.gossip.on_connection_handler_event(peer, id, event);
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        if let Some(event) = self.queue.pop_front() {
            return Poll::Ready(event);
        }
        self.gossip.poll(cx).map(|event| event.map_in(GateIn::Gossip))
    }
}

/// Gossipsub's handler, whose requests for a stream wait until the gate is open.
///
/// An opened gate asks for a stream itself where gossipsub has not: its handler hears of what is to be sent only through
/// a stream that it has. On a connection that took over in silence, a message would lie until something else moved there.
pub struct GateHandler {
    inner: InnerHandler,
    open: bool,
    /// Runs while another connection is the one to send on.
    standby: Option<Delay>,
    stream: Stream,
}

/// The stream towards the peer, as far as it can be seen from outside gossipsub's handler.
enum Stream {
    /// Nobody has asked for one.
    Unasked,
    /// Gossipsub asked while the gate was closed.
    Waiting(SubstreamProtocol<Outbound, ()>),
    /// Asked for, not answered. What gossipsub asks meanwhile is answered by the same stream.
    Asked,
    /// Answered: gossipsub asks again where it needs another.
    Answered,
}

impl GateHandler {
    fn new(inner: InnerHandler) -> Self {
        Self { inner, open: false, standby: None, stream: Stream::Unasked }
    }

    /// The request for a stream that is due now that the gate is open, whoever's it is.
    fn request(&mut self) -> Option<SubstreamProtocol<Outbound, ()>> {
        let protocol = match std::mem::replace(&mut self.stream, Stream::Asked) {
            Stream::Waiting(protocol) => Some(protocol),
            Stream::Unasked => self.inner.listen_protocol().into_upgrade().0.left().map(own_request),
            other => {
                self.stream = other;
                return None;
            }
        };
        if protocol.is_none() {
            self.stream = Stream::Answered;
        }
        protocol
    }
}

fn own_request(protocol: Outbound) -> SubstreamProtocol<Outbound, ()> {
    SubstreamProtocol::new(protocol, ())
}

impl ConnectionHandler for GateHandler {
    type FromBehaviour = GateIn;
    type ToBehaviour = InnerOut;
    type InboundProtocol = <InnerHandler as ConnectionHandler>::InboundProtocol;
    type OutboundProtocol = Outbound;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol, ()> {
        self.inner.listen_protocol()
    }

    fn connection_keep_alive(&self) -> bool {
        self.inner.connection_keep_alive()
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ConnectionHandlerEvent<Outbound, (), InnerOut>> {
        if self.open
            && let Some(protocol) = self.request()
        {
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        loop {
            if self.standby.as_mut().is_some_and(|pause| pause.poll_unpin(cx).is_pending()) {
                return Poll::Pending;
            }
            match self.inner.poll(cx) {
                Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol }) => match self
                    .stream
                {
                    Stream::Asked => {}
                    _ if self.open => {
                        self.stream = Stream::Asked;
                        return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
                    }
                    _ => self.stream = Stream::Waiting(protocol),
                },
                Poll::Pending if self.standby.is_some() => self.standby = Some(Delay::new(STANDBY)),
                other => return other,
            }
        }
    }

    fn on_behaviour_event(&mut self, event: GateIn) {
        match event {
            GateIn::Open => (self.open, self.standby) = (true, None),
            GateIn::StandBy => self.standby = Some(Delay::new(STANDBY)),
            GateIn::Gossip(event) => self.inner.on_behaviour_event(event),
        }
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<'_, Self::InboundProtocol, Outbound, (), ()>) {
        match &event {
            // Gossipsub asks again only when it is polled: this side asks, and gossipsub counts how often.
            ConnectionEvent::DialUpgradeError(_) => self.stream = Stream::Unasked,
            event if event.is_outbound() => self.stream = Stream::Answered,
            _ => {}
        }
        self.inner.on_connection_event(event);
    }
}
