//! The room that relays: a libp2p circuit relay (v2), by which members behind NATs reach each other until they have found a direct way.
//!
//! It sees transport keys, addresses and sizes, and keeps none of them: circuits are encrypted between their ends. Connections come
//! from the one TCP port by [`crate::front`]; it dials nobody.

pub mod config;

mod guests;

use crate::front::Guest;
use crate::hall::Closing;
use crate::meters::Meters;
use config::RelayConfig;
use futures::StreamExt as _;
use guests::Guests;
use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::core::Transport as _;
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{self, NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, identify, noise, ping, relay, yamux};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// Told to every peer by identify; the same family as the nodes'.
const PROTOCOL: &str = "/halloo/1";

/// Told to every peer by identify. It names no version: a version would tell a stranger which faults to try.
const AGENT: &str = "halloo";

/// How long a connection may take to prove its key and agree on streams.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Connections at once that are still at it: each costs a key agreement.
const HANDSHAKES_MAX: u32 = 256;

/// Connections of one key: a node has one, and for a moment after a change of networks the old one as well.
const CONNECTIONS_PER_PEER_MAX: u32 = 4;

/// How long a connection stays without a place or a circuit.
const IDLE: Duration = Duration::from_secs(30);

/// Time between two pings: one to whom nobody has spoken for long keeps the NAT in front of it open by the answer.
const PING_EVERY: Duration = Duration::from_secs(15);

/// How long an answer may take before the connection counts as dead.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Places of one key: one for each of its connections.
const PLACES_PER_PEER_MAX: usize = CONNECTIONS_PER_PEER_MAX as usize;

/// How long a place is held without being asked for again; libp2p asks again at three quarters of it, twice in a day as members do elsewhere.
/// It ends with its connection all the same, and pings tell which of those are dead.
pub const PLACE: Duration = Duration::from_secs(12 * 3600);

/// Asking for places, of one key and of one address: so many at once, and one more at each interval. A thousand behind one NAT may
/// come back together after a restart.
const PLACE_RATE_PEER: (u32, Duration) = (32, Duration::from_secs(2));
const PLACE_RATE_ADDRESS: (u32, Duration) = (2048, Duration::from_millis(50));

/// Asking for circuits, in the same way: one key asks everybody in its group, and again while they are away.
const CIRCUIT_RATE_PEER: (u32, Duration) = (512, Duration::from_millis(100));
const CIRCUIT_RATE_ADDRESS: (u32, Duration) = (8192, Duration::from_millis(10));

/// Addresses of ours that members are told with their place. More interfaces than a server has.
const OWN_ADDRESSES_MAX: usize = 8;

#[derive(NetworkBehaviour)]
#[behaviour(prelude = "libp2p::swarm::derive_prelude")]
struct Relay {
    limits: connection_limits::Behaviour,
    relay: relay::Behaviour,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
}

/// A relay that is ready to run.
pub struct Room {
    swarm: Swarm<Relay>,
    /// Connections of each address, and how many there may be.
    by_address: BTreeMap<IpAddr, usize>,
    per_address: usize,
    /// Addresses by which members came in, for as long as the host has named none.
    own: BTreeSet<Multiaddr>,
    named: bool,
    meters: Meters,
}

impl std::fmt::Debug for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Room").field("peer", self.swarm.local_peer_id()).finish_non_exhaustive()
    }
}

/// Why it could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("the relay cannot be opened: {0}")]
pub struct RelayError(String);

impl Room {
    /// A relay whose key comes from this seed, for the connections that come in by the channel.
    pub fn open(
        config: &RelayConfig,
        seed: [u8; 32],
        local: SocketAddr,
        coming: mpsc::Receiver<Guest<TcpStream>>,
    ) -> Result<Self, RelayError> {
        let failed = |error: &dyn std::fmt::Display| RelayError(error.to_string());
        let key = Keypair::ed25519_from_bytes(seed).map_err(|error| failed(&error))?;
        let peer = key.public().to_peer_id();
        let transport = Guests::new(coming)
            .upgrade(Version::V1Lazy)
            .authenticate(noise::Config::new(&key).map_err(|error| failed(&error))?)
            .multiplex(yamux::Config::default())
            .timeout(HANDSHAKE)
            .boxed();
        let limits = ConnectionLimits::default()
            .with_max_pending_incoming(Some(HANDSHAKES_MAX))
            .with_max_established_incoming(Some(config.connections))
            .with_max_established_per_peer(Some(CONNECTIONS_PER_PEER_MAX));
        let identify =
            identify::Config::new(PROTOCOL.to_owned(), key.public()).with_agent_version(AGENT.to_owned());
        let behaviour = Relay {
            limits: connection_limits::Behaviour::new(limits),
            relay: relay::Behaviour::new(peer, bounds(config)),
            identify: identify::Behaviour::new(identify),
            ping: ping::Behaviour::new(
                ping::Config::new().with_interval(PING_EVERY).with_timeout(PING_TIMEOUT),
            ),
        };
        let settings = swarm::Config::with_tokio_executor().with_idle_connection_timeout(IDLE);
        let mut swarm = Swarm::new(transport, behaviour, peer, settings);
        swarm.listen_on(multiaddr(local)).map_err(|error| failed(&error))?;
        for address in config.announce.iter().take(OWN_ADDRESSES_MAX) {
            swarm.add_external_address(multiaddr(*address));
        }
        let (per_address, named) = (config.connections_per_address, !config.announce.is_empty());
        Ok(Room {
            swarm,
            by_address: BTreeMap::new(),
            per_address,
            own: BTreeSet::new(),
            named,
            meters: Meters::default(),
        })
    }

    /// Counts there.
    #[must_use]
    pub fn counted(self, meters: Meters) -> Self {
        Room { meters, ..self }
    }

    /// The key that members expect behind the port.
    #[must_use]
    pub fn peer_id(&self) -> PeerId {
        *self.swarm.local_peer_id()
    }

    /// Relays until it is time to close.
    pub async fn run(mut self, closing: Closing) {
        loop {
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_event(event),
                () = closing.said() => return,
            }
        }
    }

    fn on_event(&mut self, event: SwarmEvent<RelayEvent>) {
        match event {
            // A place without an address is refused by the member, so this one is known before anybody can ask.
            SwarmEvent::IncomingConnection { local_addr, .. } => self.came_to(local_addr),
            SwarmEvent::ConnectionEstablished { connection_id, endpoint, .. } => {
                if let Some(from) = ip_of(endpoint.get_remote_address()) {
                    let here = self.by_address.entry(from).or_default();
                    *here += 1;
                    if *here > self.per_address {
                        self.swarm.close_connection(connection_id);
                    }
                }
            }
            SwarmEvent::ConnectionClosed { endpoint, .. } => {
                if let Some(from) = ip_of(endpoint.get_remote_address())
                    && let Some(here) = self.by_address.get_mut(&from)
                {
                    *here -= 1;
                    if *here == 0 {
                        self.by_address.remove(&from);
                    }
                }
            }
            SwarmEvent::Behaviour(RelayEvent::Relay(relay::Event::CircuitReqAccepted { .. })) => {
                self.meters.circuit_opened();
            }
            SwarmEvent::Behaviour(RelayEvent::Relay(relay::Event::CircuitClosed { .. })) => {
                self.meters.circuit_closed();
            }
            _ => {}
        }
    }

    /// Behind a NAT, or where it listens on all addresses, where a member came to is the best that is known. Nodes name the address
    /// by which they came themselves, so a private one here does no harm.
    fn came_to(&mut self, local: Multiaddr) {
        if !self.named && self.own.len() < OWN_ADDRESSES_MAX && self.own.insert(local.clone()) {
            self.swarm.add_external_address(local);
        }
    }
}

/// What libp2p's own defaults (16 circuits, 128 KiB and two minutes each) are far too small for.
fn bounds(config: &RelayConfig) -> relay::Config {
    let place =
        |config: relay::Config, (burst, every)| config.reservation_rate_per_peer(nonzero(burst), every);
    let bounds = relay::Config {
        max_reservations: config.places,
        max_reservations_per_peer: PLACES_PER_PEER_MAX,
        reservation_duration: PLACE,
        reservation_rate_limiters: Vec::new(),
        max_circuits: config.circuits,
        max_circuits_per_peer: config.circuits_per_peer,
        max_circuit_duration: Duration::from_secs(u64::from(config.circuit_hours) * 3600),
        max_circuit_bytes: config.circuit_mib * 1024 * 1024,
        circuit_src_rate_limiters: Vec::new(),
    };
    place(bounds, PLACE_RATE_PEER)
        .reservation_rate_per_ip(nonzero(PLACE_RATE_ADDRESS.0), PLACE_RATE_ADDRESS.1)
        .circuit_src_per_peer(nonzero(CIRCUIT_RATE_PEER.0), CIRCUIT_RATE_PEER.1)
        .circuit_src_per_ip(nonzero(CIRCUIT_RATE_ADDRESS.0), CIRCUIT_RATE_ADDRESS.1)
}

fn nonzero(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

fn multiaddr(socket: SocketAddr) -> Multiaddr {
    Multiaddr::from(socket.ip()).with(Protocol::Tcp(socket.port()))
}

fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next()? {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(IpAddr::V6(ip)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
