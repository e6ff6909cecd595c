//! Which connections of a peer belong to an earlier life of it.
//!
//! A process that was killed leaves connections that look alive until a ping times out. When the same transport key connects
//! anew, what is sent over the old ones is lost. Two live nodes that dial each other at one moment also have two
//! connections for a while, and must keep at least one: they come to be within milliseconds of each other, so only
//! connections older than [`APART`] are of an earlier life.

use libp2p::PeerId;
use libp2p::swarm::ConnectionId;
use std::collections::BTreeMap;
use std::time::Duration;

/// Connections that are established closer together than this were dialled at one moment by both sides: many times the
/// round trip of a slow network, less than a program takes to be killed and started again by hand.
pub(super) const APART: Duration = Duration::from_millis(750);

/// When each connection of each peer came to be.
#[derive(Debug, Default)]
pub(super) struct Lives(BTreeMap<PeerId, Life>);

#[derive(Debug, Default)]
struct Life {
    connections: Vec<(ConnectionId, Duration)>,
    /// Everything is being closed; what comes to be until that is done goes too.
    over: bool,
}

impl Lives {
    /// Notes a new connection; says whether all connections of the peer are to be closed, because some are of an earlier life
    /// or because that is under way.
    pub(super) fn established(&mut self, peer: PeerId, id: ConnectionId, now: Duration) -> bool {
        let life = self.0.entry(peer).or_default();
        life.over |= life.connections.iter().any(|(_, since)| now.saturating_sub(*since) > APART);
        life.connections.push((id, now));
        life.over
    }

    /// Forgets a closed connection; with the last one the life is over.
    pub(super) fn closed(&mut self, peer: &PeerId, id: ConnectionId) {
        if let Some(life) = self.0.get_mut(peer) {
            life.connections.retain(|(known, _)| *known != id);
            if life.connections.is_empty() {
                self.0.remove(peer);
            }
        }
    }
}

#[cfg(test)]
mod tests;
