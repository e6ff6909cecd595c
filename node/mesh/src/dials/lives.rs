//! Which connections of a peer belong to an earlier life of it.
//!
//! A process that was killed leaves connections that look alive until a ping times out. When the same transport key connects
//! anew, what is sent over the old ones is lost. Two live nodes that dial each other at one moment also have two
//! connections for a while, and must keep at least one: they come to be within milliseconds of each other, so only
//! connections older than [`APART`] are of an earlier life.
//!
//! A direct connection that comes to be beside a relayed one is a move: the two found a way through what lies between them. That
//! may take seconds and may succeed twice. Whether it was a return after all is told by the direct lane, whose session differs.

use libp2p::PeerId;
use libp2p::swarm::ConnectionId;
use std::collections::BTreeMap;
use std::time::Duration;

/// Connections that are established closer together than this were dialled at one moment by both sides: many times the
/// round trip of a slow network, less than a program takes to be killed and started again by hand.
pub(super) const APART: Duration = Duration::from_millis(750);

/// The same where one of them leads through a relay: the way there is longer, and it is tried beside the direct ones. More than
/// the time that a circuit takes on a poor phone network.
pub(super) const APART_RELAYED: Duration = Duration::from_secs(5);

/// When each connection of each peer came to be.
#[derive(Debug, Default)]
pub(super) struct Lives(BTreeMap<PeerId, Life>);

#[derive(Debug)]
struct Connection {
    id: ConnectionId,
    since: Duration,
    relayed: bool,
}

#[derive(Debug, Default)]
struct Life {
    connections: Vec<Connection>,
    /// Everything is being closed; what comes to be until that is done goes too.
    over: bool,
}

impl Lives {
    /// Notes a new connection; says whether all connections of the peer are to be closed, because some are of an earlier life
    /// or because that is under way.
    pub(super) fn established(
        &mut self,
        peer: PeerId,
        id: ConnectionId,
        relayed: bool,
        now: Duration,
    ) -> bool {
        let life = self.0.entry(peer).or_default();
        let moves = !relayed && life.connections.iter().any(|known| known.relayed);
        let apart = |known: &Connection| if relayed || known.relayed { APART_RELAYED } else { APART };
        life.over |=
            !moves && life.connections.iter().any(|known| now.saturating_sub(known.since) > apart(known));
        life.connections.push(Connection { id, since: now, relayed });
        life.over
    }

    /// The relayed connections of a peer that has a direct one as well: what it can do without.
    pub(super) fn spare(&self, peer: &PeerId) -> Vec<ConnectionId> {
        let Some(life) = self.0.get(peer).filter(|life| life.connections.iter().any(|known| !known.relayed))
        else {
            return Vec::new();
        };
        life.connections.iter().filter(|known| known.relayed).map(|known| known.id).collect()
    }

    /// Whether a peer is reached directly; `None` when it is not connected.
    pub(super) fn is_direct(&self, peer: &PeerId) -> Option<bool> {
        Some(self.0.get(peer)?.connections.iter().any(|known| !known.relayed))
    }

    /// Forgets a closed connection; with the last one the life is over.
    pub(super) fn closed(&mut self, peer: &PeerId, id: ConnectionId) {
        if let Some(life) = self.0.get_mut(peer) {
            life.connections.retain(|known| known.id != id);
            if life.connections.is_empty() {
                self.0.remove(peer);
            }
        }
    }
}

#[cfg(test)]
mod tests;
