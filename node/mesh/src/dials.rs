//! Who is dialled when, and which connections are of an earlier life of a peer. The shell and the simulator both run it over their Swarm.

mod book;
mod lives;

pub use book::{DialSource, FOUND_MAX, GIVEN_MAX, HINT_ADDRESSES_MAX, split_peer};

use crate::peer::PeerKey;
use book::{Book, Target};
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionId, DialError, NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm};
use lives::Lives;
use std::collections::BTreeMap;
use std::time::Duration;

/// The dials of one process: whom it knows of, what is under way, what came of it. Times are since any fixed moment.
#[derive(Debug, Default)]
pub struct Dials {
    book: Book,
    /// When something in the book is due next: asked far more often than the book changes.
    next_due: Option<Duration>,
    under_way: BTreeMap<ConnectionId, Target>,
    lives: Lives,
}

impl Dials {
    /// Notes addresses of a peer, or of somebody unknown, and makes it due at once unless it is connected or already being tried.
    pub fn add(&mut self, now: Duration, peer: Option<PeerKey>, addresses: &[Multiaddr], source: DialSource) {
        self.change(|book| book.add(now, peer, addresses, source));
    }

    /// Discovery no longer sees this address.
    pub fn expire(&mut self, peer: PeerKey, address: &Multiaddr) {
        self.change(|book| book.expire(peer, address));
    }

    /// The engine let this peer in: it is worth coming back to, wherever it was found.
    pub fn is_member(&mut self, peer: PeerKey) {
        self.change(|book| book.is_member(peer));
    }

    /// The engine wants no more of this peer: from now on it is a stranger that discovery found.
    pub fn disown(&mut self, peer: PeerKey) {
        self.change(|book| book.disown(peer));
    }

    /// Somebody came into a group of ours: whoever turned out to be a stranger is dialled once more, soon.
    pub fn somebody_came(&mut self, now: Duration) {
        self.change(|book| book.somebody_came(now));
    }

    /// Makes everybody due who is not connected; `strangers` says whether those too who turned out to be none of ours.
    pub fn look_around(&mut self, now: Duration, strangers: bool) {
        self.change(|book| book.look_around(now, strangers));
    }

    /// When something is due next.
    pub fn next_due(&self) -> Option<Duration> {
        self.next_due
    }

    /// Whether a peer is reached directly and not only by relays; `None` when it is not connected.
    pub fn is_direct(&self, peer: &PeerId) -> Option<bool> {
        self.lives.is_direct(peer)
    }

    /// The relayed connections of a peer that has a direct one as well.
    pub fn spare(&self, peer: &PeerId) -> Vec<ConnectionId> {
        self.lives.spare(peer)
    }

    fn change(&mut self, act: impl FnOnce(&mut Book)) {
        act(&mut self.book);
        self.next_due = self.book.next_due();
    }

    /// Dials whoever is due; how many dials have begun.
    pub fn dial_due<B: NetworkBehaviour>(&mut self, now: Duration, swarm: &mut Swarm<B>) -> usize {
        if self.next_due.is_none_or(|due| due > now) {
            return 0;
        }
        let mut begun = 0;
        for (target, addresses) in self.book.due(now) {
            let opts = match &target {
                Target::Peer(peer) => {
                    let Some(id) = peer.to_peer_id().filter(|id| id != swarm.local_peer_id()) else {
                        continue;
                    };
                    // A dial that is not ours looks for a way around NATs and may take long to find none.
                    let condition = if self.under_way.values().any(|tried| *tried == target) {
                        PeerCondition::DisconnectedAndNotDialing
                    } else {
                        PeerCondition::Disconnected
                    };
                    DialOpts::peer_id(id).condition(condition).addresses(addresses).build()
                }
                Target::Address(address) => DialOpts::unknown_peer_id().address(address.clone()).build(),
            };
            let id = opts.connection_id();
            match swarm.dial(opts) {
                Ok(()) => {
                    begun += 1;
                    self.under_way.insert(id, target);
                }
                Err(DialError::DialPeerConditionFalse(_)) => self.book.overtaken(now, &target),
                Err(error) => {
                    tracing::debug!(?target, %error, "could not dial");
                    self.book.failed(now, &target);
                }
            }
        }
        self.next_due = self.book.next_due();
        begun
    }

    /// Dials a peer by relays at once, unless it is connected, beside a dial to its other addresses that may be under way and may
    /// take long to fail. Whether a dial has begun; what comes of it counts like any other.
    pub fn dial_by_relay<B: NetworkBehaviour>(
        &mut self,
        peer: PeerKey,
        circuits: Vec<Multiaddr>,
        swarm: &mut Swarm<B>,
    ) -> bool {
        self.change(|book| book.remember(peer, &circuits));
        let Some(id) = peer.to_peer_id().filter(|id| id != swarm.local_peer_id()) else {
            return false;
        };
        let opts = DialOpts::peer_id(id).condition(PeerCondition::Disconnected).addresses(circuits).build();
        let connection = opts.connection_id();
        let begun = swarm.dial(opts).is_ok();
        if begun {
            self.under_way.insert(connection, Target::Peer(peer));
        }
        begun
    }

    /// The circuits of those who are not connected and are being dialled: an attempt that began before their relay was there may
    /// hang at an address that nobody answers from.
    pub fn circuits_under_way(&self) -> BTreeMap<PeerKey, Vec<Multiaddr>> {
        let peers = self.under_way.values().filter_map(|target| match target {
            Target::Peer(peer) => Some((*peer, self.book.circuits(target))),
            Target::Address(_) => None,
        });
        peers.filter(|(_, circuits)| !circuits.is_empty()).collect()
    }

    /// Takes note of what happens to connections. Gives the peer whose connections are all to be closed, if there is one.
    ///
    /// A peer that connects although it was connected was started anew, and remembers nothing: which topics we follow it was told
    /// over a connection of its earlier life, and gossipsub says it once. So all connections go, the fresh one too; the peer dials
    /// again at once, and everything begins anew on both sides.
    #[must_use = "connections of an earlier life lose what is sent over them"]
    pub fn on_event<E>(&mut self, now: Duration, event: &SwarmEvent<E>) -> Option<PeerId> {
        match event {
            SwarmEvent::ConnectionEstablished {
                peer_id, connection_id, established_in, endpoint, ..
            } => {
                tracing::debug!(%peer_id, ?established_in, at = %endpoint.get_remote_address(), "connected");
                let target = self.under_way.remove(connection_id);
                let peer = PeerKey::from_peer_id(peer_id)?;
                self.change(|book| book.connected(now, target.as_ref(), peer));
                let anew = self.lives.established(*peer_id, *connection_id, endpoint.is_relayed(), now);
                anew.then(|| {
                    tracing::debug!(%peer_id, "a peer was started anew");
                    *peer_id
                })
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, num_established, .. } => {
                self.lives.closed(peer_id, *connection_id);
                if let Some(peer) = PeerKey::from_peer_id(peer_id).filter(|_| *num_established == 0) {
                    self.change(|book| book.disconnected(now, peer));
                }
                None
            }
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                if let Some(target) = self.under_way.remove(connection_id) {
                    tracing::debug!(?target, %error, "a dial failed");
                    self.change(|book| book.failed(now, &target));
                }
                None
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
