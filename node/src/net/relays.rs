//! The relays of this node: which are wanted, who has a place for us, when to ask again, and which dials wait for that. Pure:
//! times are since any fixed moment.
//!
//! A relay is ready when it has reserved a place for us *and* has said where it sees us: without the second, a circuit would
//! begin with nothing to try for a direct connection, and libp2p tries only at its beginning.

use super::address::relay_of;
use halloo_mesh::PeerKey;
use libp2p::Multiaddr;
use libp2p::core::transport::ListenerId;
use libp2p::multiaddr::Protocol;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Relays at once: one for each coordinator that a group of ours meets by. Further ones are not asked.
pub const RELAYS_MAX: usize = 8;

/// Addresses kept of one relay: two families and a few interfaces.
const ADDRESSES_MAX: usize = 8;

/// Circuits that wait for their relay. When full the oldest is forgotten: whoever named it will name it again.
const WAITING_MAX: usize = 256;

/// First pause after a relay was lost or refused; it doubles.
const RETRY_FIRST: Duration = Duration::from_millis(250);

/// Longest pause while the loss is young: a coordinator that is started again has everyone back within five seconds.
const RETRY_YOUNG: Duration = Duration::from_secs(2);

/// A loss older than this is no restart.
const YOUNG: Duration = Duration::from_secs(300);

/// Longest pause after that.
const RETRY_OLD: Duration = Duration::from_secs(30);

/// What the direct addresses of a peer are given before its circuits are tried as well.
pub(super) const HEAD_START: Duration = Duration::from_millis(250);

#[derive(Debug)]
enum State {
    /// Ask again then.
    Idle(Duration),
    Asked(ListenerId),
    Reserved(ListenerId),
}

#[derive(Debug)]
struct Relay {
    addresses: Vec<Multiaddr>,
    /// Which of them was asked last; the next one is tried after a failure.
    turn: usize,
    state: State,
    failures: u32,
    lost: Option<Duration>,
}

impl Relay {
    fn has_place(&self) -> bool {
        matches!(self.state, State::Reserved(_))
    }

    fn address(&self) -> Option<&Multiaddr> {
        self.addresses.get(self.turn % self.addresses.len().max(1))
    }
}

#[derive(Debug)]
struct Waiting {
    peer: PeerKey,
    relay: PeerKey,
    circuit: Multiaddr,
    not_before: Duration,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Relays {
    list: BTreeMap<PeerKey, Relay>,
    /// Whoever was a relay of ours in this run: it is none of the peers, also while it goes.
    ever: BTreeSet<PeerKey>,
    /// Those of them that have said where they see us, for as long as they are connected: it is said once, also to whoever leaves a
    /// relay and comes back.
    seen: BTreeSet<PeerKey>,
    waiting: Vec<Waiting>,
}

impl Relays {
    /// Replaces the list; each address ends with the name of its relay. A relay that is wanted already and has no place for us is
    /// asked at once. Gives the listeners of those that are no longer wanted.
    pub(super) fn want(&mut self, now: Duration, addresses: &[Multiaddr]) -> Vec<ListenerId> {
        let mut wanted: BTreeMap<PeerKey, Vec<Multiaddr>> = BTreeMap::new();
        for address in addresses {
            let (bare, Some(relay)) = halloo_mesh::split_peer(address) else { continue };
            if wanted.len() < RELAYS_MAX || wanted.contains_key(&relay) {
                let list = wanted.entry(relay).or_default();
                if list.len() < ADDRESSES_MAX && !list.contains(&bare) {
                    list.push(bare);
                }
            }
        }
        let mut dropped = Vec::new();
        self.list.retain(|key, relay| {
            if let (State::Asked(id) | State::Reserved(id), false) = (&relay.state, wanted.contains_key(key))
            {
                dropped.push(*id);
            }
            wanted.contains_key(key)
        });
        self.ever.extend(wanted.keys());
        for (key, addresses) in wanted {
            let relay = self.list.entry(key).or_insert_with(|| Relay {
                addresses: Vec::new(),
                turn: 0,
                state: State::Idle(now),
                failures: 0,
                lost: None,
            });
            relay.addresses = addresses;
            if let State::Idle(due) = &mut relay.state {
                *due = now;
            }
        }
        dropped
    }

    /// Whether this is a relay and so nobody to talk to.
    pub(super) fn is_relay(&self, peer: &PeerKey) -> bool {
        self.ever.contains(peer)
    }

    /// The relays to be asked now, with the address to listen on. Each must be answered with `asked`.
    pub(super) fn due(&self, now: Duration) -> Vec<(PeerKey, Multiaddr)> {
        let due = self.list.iter().filter(|(_, relay)| matches!(relay.state, State::Idle(due) if due <= now));
        due.filter_map(|(key, relay)| Some((*key, circuit(relay.address()?, key)?))).collect()
    }

    /// What came of asking: a listener, or nothing.
    pub(super) fn asked(&mut self, now: Duration, key: PeerKey, listener: Option<ListenerId>) {
        if let Some(relay) = self.list.get_mut(&key) {
            match listener {
                Some(id) => relay.state = State::Asked(id),
                None => relay.fail(now),
            }
        }
    }

    /// A listener has an address: the place is reserved. Whether that was news.
    pub(super) fn reserved(&mut self, listener: ListenerId) -> bool {
        let asked = |relay: &&mut Relay| matches!(relay.state, State::Asked(id) if id == listener);
        let Some(relay) = self.list.values_mut().find(asked) else {
            return false;
        };
        relay.state = State::Reserved(listener);
        relay.failures = 0;
        relay.lost = None;
        true
    }

    /// A listener is gone: the place is lost, or was refused. Whether it was one of these.
    pub(super) fn closed(&mut self, now: Duration, listener: ListenerId) -> bool {
        let of = |relay: &&mut Relay| matches!(relay.state, State::Asked(id) | State::Reserved(id) if id == listener);
        let Some(relay) = self.list.values_mut().find(of) else {
            return false;
        };
        relay.fail(now);
        true
    }

    /// A peer said where it sees us. Whether a relay has become ready by it.
    pub(super) fn seen(&mut self, peer: &PeerKey) -> bool {
        self.is_relay(peer) && self.seen.insert(*peer) && self.list.get(peer).is_some_and(Relay::has_place)
    }

    /// The connection to a peer is gone, and with it what it said.
    pub(super) fn gone(&mut self, peer: &PeerKey) {
        self.seen.remove(peer);
    }

    fn is_ready(&self, relay: &PeerKey) -> bool {
        self.seen.contains(relay) && self.list.get(relay).is_some_and(Relay::has_place)
    }

    /// Our own circuits: where we can be reached, without our name.
    pub(super) fn circuits(&self) -> Vec<Multiaddr> {
        let ready = self.list.iter().filter(|(key, _)| self.is_ready(key));
        ready.filter_map(|(key, relay)| circuit(relay.address()?, key)).collect()
    }

    /// Keeps a circuit to a peer until its relay is ready and the time has come.
    pub(super) fn wait(&mut self, peer: PeerKey, circuit: Multiaddr, not_before: Duration) {
        let Some(relay) = relay_of(&circuit) else { return };
        if let Some(known) =
            self.waiting.iter_mut().find(|known| known.peer == peer && known.circuit == circuit)
        {
            known.not_before = known.not_before.min(not_before);
            return;
        }
        if self.waiting.len() == WAITING_MAX {
            self.waiting.remove(0);
        }
        self.waiting.push(Waiting { peer, relay, circuit, not_before });
    }

    /// The circuits to be dialled now, by peer. A relay that is none of ours has nothing dialled through it: where a peer says that
    /// a relay is would otherwise be a way to make us knock anywhere.
    pub(super) fn release(&mut self, now: Duration) -> BTreeMap<PeerKey, Vec<Multiaddr>> {
        let ready: BTreeSet<PeerKey> = self.list.keys().filter(|key| self.is_ready(key)).copied().collect();
        let mut free: BTreeMap<PeerKey, Vec<Multiaddr>> = BTreeMap::new();
        self.waiting.retain(|known| {
            let go = known.not_before <= now && ready.contains(&known.relay);
            if go {
                free.entry(known.peer).or_default().push(known.circuit.clone());
            }
            !go
        });
        free
    }

    /// When something is due next.
    pub(super) fn next_due(&self) -> Option<Duration> {
        let asks = self.list.values().filter_map(|relay| match relay.state {
            State::Idle(due) => Some(due),
            State::Asked(_) | State::Reserved(_) => None,
        });
        let ready = |known: &&Waiting| self.is_ready(&known.relay);
        asks.chain(self.waiting.iter().filter(ready).map(|known| known.not_before)).min()
    }
}

impl Relay {
    fn fail(&mut self, now: Duration) {
        let lost = *self.lost.get_or_insert(now);
        let longest = if now.saturating_sub(lost) < YOUNG { RETRY_YOUNG } else { RETRY_OLD };
        let pause = RETRY_FIRST.saturating_mul(1 << self.failures.min(16)).min(longest);
        self.failures += 1;
        self.turn = self.turn.wrapping_add(1);
        self.state = State::Idle(now + pause);
    }
}

/// The way through a relay: its address, its name, and that it is a relay.
fn circuit(address: &Multiaddr, relay: &PeerKey) -> Option<Multiaddr> {
    Some(address.clone().with(Protocol::P2p(relay.to_peer_id()?)).with(Protocol::P2pCircuit))
}

#[cfg(test)]
mod tests;
