//! The swarm: QUIC, TCP+Noise+Yamux and relayed streams under the mesh, with mDNS and hole punching beside it.

use super::address::{quic, tcp};
use super::{NetConfig, NetError};
use halloo_mesh::{Mesh, MeshConfig, PeerKey, limits};
use libp2p::identity::Keypair;
use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{Multiaddr, Swarm, SwarmBuilder, dcutr, mdns, noise, relay, tcp as tcp_transport, yamux};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket};
use std::time::Duration;

/// How often the local network is asked who is there. The default of five minutes would leave two nodes that start
/// while the network is down apart for as long. Whoever hears an answer starts its wait anew, so a network of many
/// nodes hears about one question in this time.
pub(super) const QUERY_EVERY: Duration = Duration::from_secs(10);

/// How long an answer is believed.
const ANSWER_VALID: Duration = Duration::from_secs(120);

/// Silence after which a QUIC connection is over. It is counted from the last word of ours that was not answered, so who falls
/// away is missed within this and [`KEEP_ALIVE`], below five seconds.
const SILENCE_MAX: Duration = Duration::from_millis(3_500);

/// A quiet QUIC connection says something so often: three in a row may be lost before it counts as over.
const KEEP_ALIVE: Duration = Duration::from_secs(1);

/// The node's behaviour.
#[derive(NetworkBehaviour)]
#[behaviour(prelude = "libp2p::swarm::derive_prelude")]
pub(super) struct Node {
    pub(super) mesh: Mesh,
    pub(super) mdns: Toggle<mdns::tokio::Behaviour>,
    /// Reserves places with relays and dials through them.
    pub(super) relay: relay::client::Behaviour,
    /// Tries for a direct connection whenever a relayed one stands.
    pub(super) punch: dcutr::Behaviour,
}

/// Builds the swarm and binds its sockets.
pub(super) fn build(config: &NetConfig) -> Result<(Swarm<Node>, PeerKey), NetError> {
    let setup = |error: &dyn std::fmt::Display| NetError::Setup(error.to_string());
    let key = Keypair::ed25519_from_bytes(config.seed).map_err(|error| setup(&error))?;
    let local = PeerKey::from_public(&key.public()).expect("the key was just made as Ed25519");
    let mesh = Mesh::new(&key.public(), MeshConfig { size: config.size, session: config.session })
        .map_err(|error| setup(&error))?;
    let mdns = if config.discover { discovery(&key) } else { None };
    let mut swarm = SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(tcp_transport::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
        .map_err(|error| setup(&error))?
        .with_quic_config(|mut quic| {
            quic.max_idle_timeout = u32::try_from(SILENCE_MAX.as_millis()).unwrap_or(u32::MAX);
            quic.keep_alive_interval = KEEP_ALIVE;
            quic
        })
        .with_relay_client(noise::Config::new, yamux::Config::default)
        .map_err(|error| setup(&error))?
        .with_behaviour(|key, relay| {
            let punch = dcutr::Behaviour::new(key.public().to_peer_id());
            Node { mesh, mdns: mdns.into(), relay, punch }
        })
        .map_err(|error| setup(&error))?
        .with_swarm_config(|swarm| {
            swarm.with_idle_connection_timeout(limits::IDLE_STRANGER).with_smart_dial()
        })
        .build();
    listen(&mut swarm, config)?;
    Ok((swarm, local))
}

/// A node without multicast still works by hand-given addresses, so this failure is a warning.
fn discovery(key: &Keypair) -> Option<mdns::tokio::Behaviour> {
    let config = mdns::Config { ttl: ANSWER_VALID, query_interval: QUERY_EVERY, enable_ipv6: false };
    mdns::tokio::Behaviour::new(config, key.public().to_peer_id())
        .inspect_err(|error| tracing::warn!(%error, "no discovery on the local network; use --peer"))
        .ok()
}

fn listen(swarm: &mut Swarm<Node>, config: &NetConfig) -> Result<(), NetError> {
    let any = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
    let hosts = if config.hosts.is_empty() { &any[..] } else { &config.hosts[..] };
    let mut refused = None;
    let mut bound = 0;
    for host in hosts {
        let optional = config.hosts.is_empty() && host.is_ipv6();
        match listen_on(swarm, *host, config.port) {
            Ok(()) => bound += 1,
            Err(error @ NetError::PortInUse { .. }) if !optional => return Err(error),
            Err(error) if optional => tracing::info!(%error, "not listening on IPv6"),
            Err(error) => refused = Some(error),
        }
    }
    match refused {
        Some(error) if bound == 0 || !config.hosts.is_empty() => Err(error),
        _ => Ok(()),
    }
}

fn listen_on(swarm: &mut Swarm<Node>, host: IpAddr, port: u16) -> Result<(), NetError> {
    let over_quic = quic(host, port);
    // libp2p hides the kind of error and lets two processes share a TCP port, so the system is asked first.
    probe(UdpSocket::bind((host, port)).map(drop), &over_quic, port)?;
    let over_tcp = tcp(host, port);
    probe(TcpListener::bind((host, port)).map(drop), &over_tcp, port)?;
    for address in [over_quic, over_tcp] {
        swarm
            .listen_on(address.clone())
            .map_err(|error| NetError::Listen { address, reason: error.to_string() })?;
    }
    Ok(())
}

fn probe(bound: io::Result<()>, address: &Multiaddr, port: u16) -> Result<(), NetError> {
    bound.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => NetError::PortInUse { port },
        _ => NetError::Listen { address: address.clone(), reason: error.to_string() },
    })
}
