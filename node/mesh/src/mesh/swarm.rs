//! The mesh towards libp2p: what the lanes report becomes `MeshEvent`s.

use super::Mesh;
use super::boxed::Boxed;
use crate::event::{GossipTicket, MeshEvent, PairReply, Verdict};
use crate::lanes::{Lanes, LanesEvent};
use crate::limits;
use crate::peer::PeerKey;
use crate::topic::Topic;
use futures::FutureExt;
use futures_timer::Delay;
use libp2p::core::transport::PortUse;
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::multiaddr::Protocol;
use libp2p::request_response::{Event as PairEvent, Message as PairMessage, OutboundRequestId};
use libp2p::swarm::behaviour::{ConnectionClosed, ConnectionEstablished};
use libp2p::swarm::{
    CloseConnection, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
    THandlerOutEvent, ToSwarm,
};
use libp2p::{PeerId, gossipsub, identify, ping};
use std::task::{Context, Poll};

impl Mesh {
    fn tell(&mut self, event: MeshEvent) {
        self.queue.push_back(ToSwarm::GenerateEvent(event));
    }

    fn on_established(&mut self, event: &ConnectionEstablished<'_>) {
        if self.connected.contains(&event.peer_id) {
            return;
        }
        if let Some(peer) = PeerKey::from_peer_id(&event.peer_id) {
            self.connected.insert(event.peer_id, peer);
            let remote = without_peer(event.endpoint.get_remote_address());
            // Who came in by a relay has no address but its name.
            let addresses = if remote.is_empty() { Vec::new() } else { vec![remote] };
            self.tell(MeshEvent::PeerUp { peer, addresses });
        } else {
            // Nothing above can name such a peer.
            self.close(event.peer_id);
        }
    }

    fn on_closed(&mut self, event: &ConnectionClosed<'_>) {
        if event.remaining_established > 0 {
            return;
        }
        let peer = self.connected.remove(&event.peer_id);
        self.rejects.remove(&event.peer_id);
        let lost = self.lanes.direct.forget(&event.peer_id);
        if let Some(peer) = peer {
            for id in lost {
                self.tell(MeshEvent::DirectFailed { peer, id });
            }
            self.tell(MeshEvent::PeerDown { peer });
        }
    }

    fn on_lane(&mut self, event: LanesEvent) {
        match event {
            LanesEvent::Gate(event) => self.on_gossip(event),
            LanesEvent::Direct(received) => {
                if let Some(from) = self.connected.key_of(&received.peer) {
                    self.tell(MeshEvent::Direct { from, bytes: received.bytes });
                }
            }
            LanesEvent::Pair(event) => self.on_pair(event),
            LanesEvent::Identify(event) => self.on_identify(event),
            LanesEvent::Ping(event) => self.on_ping(event),
        }
    }

    fn on_gossip(&mut self, event: gossipsub::Event) {
        match event {
            gossipsub::Event::Message { propagation_source, message_id, message } => {
                let Some(from) = self.connected.key_of(&propagation_source) else {
                    return;
                };
                let Some(topic) = Topic::from_hash(&message.topic) else {
                    return;
                };
                let ticket = GossipTicket { id: message_id, from };
                if let Some(displaced) = self.verdicts.push(ticket.clone()) {
                    tracing::debug!("a gossip message waited too long for its verdict");
                    self.judge(&displaced, Verdict::Ignore);
                }
                self.tell(MeshEvent::Gossip { topic, from, bytes: message.data, ticket });
            }
            gossipsub::Event::Subscribed { topic, .. } => {
                if let Some(topic) = Topic::from_hash(&topic) {
                    self.flush(topic);
                }
            }
            _ => {}
        }
    }

    /// A first subscriber is there: what waited goes out.
    fn flush(&mut self, topic: Topic) {
        for bytes in self.waiting.take(topic) {
            if let Err(error) = self.lanes.gate.gossip.publish(topic.to_hash(), bytes) {
                tracing::debug!(%error, "a message that waited for a subscriber was not published");
            }
        }
    }

    fn on_pair(&mut self, event: PairEvent<Vec<u8>, Vec<u8>>) {
        match event {
            PairEvent::Message {
                peer,
                message: PairMessage::Request { request_id, request, channel },
                ..
            } => {
                if self.asking.len() >= limits::PAIR_PENDING_MAX {
                    tracing::warn!("too many pairing requests wait; one was dropped");
                    return;
                }
                if let Some(from) = self.connected.key_of(&peer) {
                    self.asking.insert(request_id);
                    self.tell(MeshEvent::Pair { from, bytes: request, reply: PairReply(channel) });
                }
            }
            PairEvent::Message { peer, message: PairMessage::Response { request_id, response }, .. } => {
                self.on_answer(peer, request_id, Some(response));
            }
            PairEvent::OutboundFailure { peer, request_id, error, .. } => {
                tracing::debug!(%error, "a pairing request failed");
                self.on_answer(peer, request_id, None);
            }
            PairEvent::InboundFailure { request_id, .. } | PairEvent::ResponseSent { request_id, .. } => {
                self.asking.remove(&request_id);
            }
        }
    }

    fn on_answer(&mut self, peer: PeerId, request: OutboundRequestId, answer: Option<Vec<u8>>) {
        let (Some(id), Some(peer)) = (self.asked.remove(&request), self.connected.key_of(&peer)) else {
            return;
        };
        self.tell(match answer {
            Some(bytes) => MeshEvent::PairReplied { peer, id, bytes },
            None => MeshEvent::PairFailed { peer, id },
        });
    }

    fn on_identify(&mut self, event: identify::Event) {
        if let identify::Event::Received { peer_id, info, .. } = event
            && let Some(peer) = self.connected.key_of(&peer_id)
        {
            let addresses =
                info.listen_addrs.iter().take(limits::ADDRESSES_PER_PEER_MAX).map(without_peer).collect();
            self.tell(MeshEvent::PeerAddresses { peer, addresses });
        }
    }

    /// A dead connection shows as `Other`, not as `Timeout`: the handler keeps the first failure to itself and asks for a new stream,
    /// which nobody negotiates. A peer that knows no ping is not dead.
    fn on_ping(&mut self, event: ping::Event) {
        if let Err(ping::Failure::Timeout | ping::Failure::Other { .. }) = event.result {
            let connection = CloseConnection::One(event.connection);
            self.queue.push_back(ToSwarm::CloseConnection { peer_id: event.peer, connection });
        }
    }

    fn tick(&mut self) {
        for (topic, count) in self.waiting.tick() {
            self.tell(MeshEvent::GossipDropped { topic, count });
        }
        self.waiting_tick =
            if self.waiting.is_empty() { None } else { Some(Delay::new(limits::WAITING_TICK)) };
    }
}

/// Takes off the name at the end. The one of a relay, in the middle, belongs to the way.
pub(super) fn without_peer(address: &Multiaddr) -> Multiaddr {
    let mut bare = address.clone();
    if matches!(bare.iter().last(), Some(Protocol::P2p(_))) {
        bare.pop();
    }
    bare
}

impl NetworkBehaviour for Mesh {
    type ConnectionHandler = Boxed<THandler<Lanes>>;
    type ToSwarm = MeshEvent;

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.lanes.handle_pending_inbound_connection(id, local, remote)
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.lanes.handle_established_inbound_connection(id, peer, local, remote).map(Boxed::new)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        self.lanes.handle_pending_outbound_connection(id, peer, addresses, role)
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.lanes.handle_established_outbound_connection(id, peer, address, role, port).map(Boxed::new)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        self.lanes.on_swarm_event(event);
        match event {
            FromSwarm::ConnectionEstablished(event) => self.on_established(&event),
            FromSwarm::ConnectionClosed(event) => self.on_closed(&event),
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, id: ConnectionId, event: THandlerOutEvent<Self>) {
        self.lanes.on_connection_handler_event(peer, id, event);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<MeshEvent, THandlerInEvent<Self>>> {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return Poll::Ready(event);
            }
            if self.waiting_tick.as_mut().is_some_and(|tick| tick.poll_unpin(cx).is_ready()) {
                self.tick();
                continue;
            }
            match self.lanes.poll(cx) {
                Poll::Ready(ToSwarm::GenerateEvent(event)) => self.on_lane(event),
                Poll::Ready(other) => {
                    return Poll::Ready(other.map_out(|_| unreachable!("generated events are taken above")));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
