//! Gossipsub as it is, with an ear at its door: every message that comes in is counted, the copies too, which gossipsub keeps to itself.

use libp2p::core::transport::PortUse;
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::gossipsub;
use libp2p::swarm::{
    ConnectionDenied, ConnectionHandler, ConnectionId, FromSwarm, NetworkBehaviour, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{PeerId, identity::Keypair};
use std::task::{Context, Poll};

type Handler = <gossipsub::Behaviour as NetworkBehaviour>::ConnectionHandler;
type HandlerOut = <Handler as ConnectionHandler>::ToBehaviour;

/// Gossipsub and the count of what came in.
pub struct Ear {
    /// The behaviour, unchanged.
    pub gossip: gossipsub::Behaviour,
    /// Messages that came in, copies included.
    pub messages: u64,
}

/// The key of a node whose transport asks for none: it only names the node.
#[must_use]
pub fn key(seed: u64, node: u32) -> Keypair {
    let bytes = crate::chance::bytes(seed, &format!("node {node}"));
    Keypair::ed25519_from_bytes(bytes).expect("32 bytes are a seed")
}

impl Ear {
    /// An ear at the door of this behaviour.
    #[must_use]
    pub fn new(gossip: gossipsub::Behaviour) -> Self {
        Ear { gossip, messages: 0 }
    }
}

impl NetworkBehaviour for Ear {
    type ConnectionHandler = Handler;
    type ToSwarm = gossipsub::Event;

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.gossip.handle_established_inbound_connection(id, peer, local, remote)
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.gossip.handle_established_outbound_connection(id, peer, address, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        self.gossip.on_swarm_event(event);
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, id: ConnectionId, event: THandlerOutEvent<Self>) {
        if let HandlerOut::Message { rpc, .. } = &event {
            self.messages += rpc.messages.len() as u64;
        }
        self.gossip.on_connection_handler_event(peer, id, event);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.gossip.poll(cx)
    }
}
