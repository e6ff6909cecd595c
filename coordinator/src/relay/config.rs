//! What a host may decide about the relay.

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// The settings `relay.*`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RelayConfig {
    /// Where members reach this coordinator, as `IP:PORT`, where that differs from what the machine itself has. None: where they came to.
    pub announce: Vec<SocketAddr>,
    /// Connections at once.
    pub connections: u32,
    /// The same from one address: a large group may sit behind one NAT.
    pub connections_per_address: usize,
    /// Members that can be reached at once: each holds one place.
    pub places: usize,
    /// Circuits at once, each of them two members that have no direct way; about 20 KiB of memory each.
    pub circuits: usize,
    /// Circuits of one member at once: everybody in a large group, where nobody is direct.
    pub circuits_per_peer: usize,
    /// Hours after which a circuit is cut, once: its ends dial again within a second. More than a day's ride.
    pub circuit_hours: u32,
    /// Mebibytes after which a circuit is cut, both ways together; 0 for no bound. Voice does not go this way; what does is a few
    /// tens of kilobytes a second at the most, so this is a bound on abuse and not on use.
    pub circuit_mib: u64,
}

impl Default for RelayConfig {
    fn default() -> Self {
        RelayConfig {
            announce: Vec::new(),
            connections: 4096,
            connections_per_address: 1024,
            places: 4096,
            circuits: 4096,
            circuits_per_peer: 256,
            circuit_hours: 24,
            circuit_mib: 8192,
        }
    }
}
