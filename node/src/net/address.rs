//! Addresses as users write them, and which of them are worth dialling.

use halloo_mesh::PeerKey;
use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use std::net::{IpAddr, SocketAddr};
use thiserror::Error;

/// A `--peer` argument that is no address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "`{0}` is no address; write IP:PORT, [IPV6]:PORT, or a multiaddr such as /ip4/192.168.1.7/udp/4001/quic-v1"
)]
pub struct BadHint(String);

/// Reads `IP:PORT` (tried by QUIC and TCP) or a multiaddr, with or without `/p2p/KEY` at its end.
pub fn parse_hint(text: &str) -> Result<Vec<Multiaddr>, BadHint> {
    let bad = || BadHint(text.to_owned());
    if text.starts_with('/') {
        let address: Multiaddr = text.parse().map_err(|_| bad())?;
        return if is_dialable(&address) { Ok(vec![address]) } else { Err(bad()) };
    }
    let socket: SocketAddr = text.parse().map_err(|_| bad())?;
    if socket.port() == 0 || socket.ip().is_unspecified() {
        return Err(bad());
    }
    Ok(vec![quic(socket.ip(), socket.port()), tcp(socket.ip(), socket.port())])
}

/// QUIC on a UDP port.
pub(super) fn quic(ip: IpAddr, port: u16) -> Multiaddr {
    Multiaddr::from(ip).with(Protocol::Udp(port)).with(Protocol::QuicV1)
}

/// TCP, secured by Noise.
pub(super) fn tcp(ip: IpAddr, port: u16) -> Multiaddr {
    Multiaddr::from(ip).with(Protocol::Tcp(port))
}

/// The IP address at the head of an address.
pub(super) fn ip(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next()? {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(IpAddr::V6(ip)),
        _ => None,
    }
}

/// Whether a transport of ours can dial it: an IP address that means one machine, then QUIC or TCP.
pub(super) fn is_dialable(address: &Multiaddr) -> bool {
    let meaningful = ip(address).is_some_and(|ip| !ip.is_unspecified() && !ip.is_multicast());
    let mut parts = address.iter().skip(1);
    let carried = match (parts.next(), parts.next()) {
        (Some(Protocol::Tcp(port)), None | Some(Protocol::P2p(_))) => port != 0,
        (Some(Protocol::Udp(port)), Some(Protocol::QuicV1)) => port != 0,
        _ => false,
    };
    meaningful && carried && !is_circuit(address)
}

/// Whether an address leads through a relay.
pub(super) fn is_circuit(address: &Multiaddr) -> bool {
    address.iter().any(|part| part == Protocol::P2pCircuit)
}

/// The relay of a circuit: whose name stands before it. `None` where the relay is not over TCP at an IP address, the only way in
/// which a coordinator offers one.
pub(super) fn relay_of(circuit: &Multiaddr) -> Option<PeerKey> {
    let mut parts = circuit.iter();
    let head = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let tail = (parts.next(), parts.next());
    match (head, tail) {
        (
            (
                Protocol::Ip4(_) | Protocol::Ip6(_),
                Protocol::Tcp(1..),
                Protocol::P2p(id),
                Protocol::P2pCircuit,
            ),
            (None | Some(Protocol::P2p(_)), None),
        ) => PeerKey::from_peer_id(&id),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
