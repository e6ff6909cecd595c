//! A ceiling on incoming connections from one IP address, which libp2p's own limits lack.

use crate::limits::INCOMING_PER_IP_MAX;
use libp2p::PeerId;
use libp2p::core::transport::PortUse;
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandlerInEvent, THandlerOutEvent, ToSwarm,
    dummy,
};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::task::{Context, Poll};
use thiserror::Error;

/// Counts incoming connections by address, from the first byte on. Addresses without an IP (memory, relays) pass.
#[derive(Debug, Default)]
pub struct PerIp {
    open: BTreeMap<ConnectionId, IpAddr>,
    count: BTreeMap<IpAddr, usize>,
}

/// Told to the swarm when a connection is refused.
#[derive(Debug, Error)]
#[error("{0} holds {INCOMING_PER_IP_MAX} connections already")]
struct TooMany(IpAddr);

impl PerIp {
    fn enter(&mut self, id: ConnectionId, ip: IpAddr) -> Result<(), TooMany> {
        let count = self.count.entry(ip).or_default();
        if *count >= INCOMING_PER_IP_MAX {
            return Err(TooMany(ip));
        }
        *count += 1;
        self.open.insert(id, ip);
        Ok(())
    }

    fn leave(&mut self, id: ConnectionId) {
        let Some(ip) = self.open.remove(&id) else {
            return;
        };
        if let Some(count) = self.count.get_mut(&ip) {
            *count -= 1;
            if *count == 0 {
                self.count.remove(&ip);
            }
        }
    }
}

fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next()? {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(IpAddr::V6(ip)),
        _ => None,
    }
}

impl NetworkBehaviour for PerIp {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        match ip_of(remote) {
            Some(ip) => self.enter(id, ip).map_err(ConnectionDenied::new),
            None => Ok(()),
        }
    }

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<dummy::ConnectionHandler, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<dummy::ConnectionHandler, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionClosed(event) => self.leave(event.connection_id),
            FromSwarm::ListenFailure(event) => self.leave(event.connection_id),
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests;
