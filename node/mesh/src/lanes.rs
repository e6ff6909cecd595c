//! The parts of the mesh on one connection, put together for libp2p.

use crate::direct::behaviour::Direct;
use crate::gossip::gate::Gate;
use crate::gossip::setup::{self, GroupSize};
use crate::limits;
use crate::pair::{self, Pair};
use crate::per_ip::PerIp;
use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::identity::PublicKey;
use libp2p::swarm::NetworkBehaviour;
use libp2p::{identify, ping};

/// Told to every peer by identify; a peer of another family of protocols is left alone.
const PROTOCOL: &str = "/halloo/1";

/// Told to every peer by identify. It names no version: a version would tell a stranger which faults to try.
const AGENT: &str = "halloo";

#[derive(NetworkBehaviour)]
#[behaviour(prelude = "libp2p::swarm::derive_prelude")]
pub struct Lanes {
    limits: connection_limits::Behaviour,
    per_ip: PerIp,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    pub(crate) gate: Gate,
    pub(crate) direct: Direct,
    pub(crate) pair: Pair,
}

impl Lanes {
    pub(crate) fn new(local: &PublicKey, size: GroupSize, session: u64) -> Self {
        let limits = ConnectionLimits::default()
            .with_max_pending_incoming(Some(limits::INCOMING_PENDING_MAX))
            .with_max_pending_outgoing(Some(limits::OUTGOING_PENDING_MAX))
            .with_max_established_incoming(Some(limits::INCOMING_MAX))
            .with_max_established_per_peer(Some(limits::CONNECTIONS_PER_PEER_MAX));
        let identify = identify::Config::new(PROTOCOL.to_owned(), local.clone())
            .with_agent_version(AGENT.to_owned())
            .with_push_listen_addr_updates(true);
        let ping = ping::Config::new().with_interval(limits::PING_EVERY).with_timeout(limits::PING_TIMEOUT);
        Self {
            limits: connection_limits::Behaviour::new(limits),
            per_ip: PerIp::default(),
            identify: identify::Behaviour::new(identify),
            ping: ping::Behaviour::new(ping),
            gate: Gate::new(setup::behaviour(size)),
            direct: Direct::new(session),
            pair: pair::behaviour(),
        }
    }
}
