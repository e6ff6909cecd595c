//! The TURN server without sockets and clocks (RFC 8656): packets go in, what is to be sent where comes out.
//!
//! What differs from the RFC, and why: channel numbers end at 0x7fff as in RFC 5766, which many clients speak; no
//! reserving of the next port (508: nobody sends RTP and RTCP on two ports any more); no DONT-FRAGMENT (420, as
//! the RFC says of a server that cannot); of two address families asked for at once the first is given, and 440 said
//! of the other; MESSAGE-INTEGRITY only, not the SHA-256 variant of RFC 8489; an allocation may be renewed for
//! [`super::credential::OVERTIME_SECONDS`] after its credential has run out; no relays of TCP (RFC 6062).

use super::account::{Accounts, Usage, Way};
use super::allocation::{Allocation, Client, Link};
use super::credential::Keys;
use super::frame;
use super::peers::Peers;
use core::net::{IpAddr, SocketAddr};
use reply::Reply;
use serde::{Deserialize, Serialize};
use slab::Slab;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use stun_types::attribute::XorMappedAddress;
use stun_types::message::{BINDING, Message, MessageClass, TransactionId};
use turn_types::attribute::{Data, XorPeerAddress};
use turn_types::message::SEND;

mod reply;
mod requests;

pub use requests::Opening;

/// A relay lives an hour at most without being renewed (RFC 8656, section 3.2), so what is left behind goes by itself.
pub const MAX_LIFETIME_S: u32 = 3600;

/// RFC 8656, section 3.2: what a client gets that asks for nothing, and for less.
pub const DEFAULT_LIFETIME_S: u32 = 600;

/// How much is given to whom.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quotas {
    /// Allocations of all. Each is a socket, and the process has other rooms that want file descriptors.
    pub allocations: usize,
    /// Allocations of one credential: a member of a call of eight has seven connections, each tries up to four ways.
    pub per_credential: usize,
    /// Payload bytes a second of one credential, both ways together: eight voices both ways need a tenth of the default.
    pub bytes_per_second: u64,
}

impl Default for Quotas {
    fn default() -> Self {
        Self { allocations: 512, per_credential: 32, bytes_per_second: 2_000_000 }
    }
}

/// The moment of a call: two clocks, because lifetimes must not jump and credentials name a date.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Milliseconds of a clock that never goes back.
    pub ms: u64,
    /// Unix seconds.
    pub unix: u64,
}

/// Names a relay socket of the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RelayId(usize);

impl RelayId {
    /// Small and used again after the relay is closed: good as an index.
    pub fn index(self) -> usize {
        self.0
    }

    /// The relay of an index.
    pub fn at(index: usize) -> Self {
        Self(index)
    }
}

/// What the shell is to do with a packet.
#[derive(Debug)]
pub enum Act {
    /// Nothing.
    Nothing,
    /// `out` goes back to the client.
    Answer,
    /// That part of the packet goes from this relay to this peer.
    ToPeer(RelayId, SocketAddr, Range<usize>),
    /// `out` goes to another client: the peer was one of our own relays.
    ToClient(Client),
    /// A relay socket is wanted; its address, or that there is none, goes to [`Service::opened`].
    Open(Box<Opening>),
}

/// See the module.
pub struct Service {
    keys: Keys,
    quotas: Quotas,
    peers: Peers,
    /// Addresses on which relays can be opened, as peers see them; at most one of each family.
    relay_ips: Vec<IpAddr>,
    allocations: Slab<Allocation>,
    clients: BTreeMap<Client, usize>,
    relays: BTreeMap<SocketAddr, usize>,
    expiries: BTreeSet<(u64, usize)>,
    accounts: Accounts,
    closed: Vec<RelayId>,
    /// Data indications are told apart by it; nobody answers them, so it needs no chance.
    indications: u64,
}

impl Service {
    /// A server without allocations.
    pub fn new(keys: Keys, quotas: Quotas, peers: Peers, relay_ips: Vec<IpAddr>) -> Self {
        let accounts = Accounts::new(quotas.bytes_per_second);
        Self {
            keys,
            quotas,
            peers,
            relay_ips,
            allocations: Slab::new(),
            clients: BTreeMap::new(),
            relays: BTreeMap::new(),
            expiries: BTreeSet::new(),
            accounts,
            closed: Vec::new(),
            indications: 0,
        }
    }

    /// One datagram or one frame of a stream, from a client. What is to be sent to a client is written over `out`.
    pub fn client_sent(&mut self, now: Now, client: Client, packet: &[u8], out: &mut Vec<u8>) -> Act {
        match packet.first() {
            Some(0x40..=0x7f) => self.channel_data(now, client, packet, out),
            Some(0x00..=0x3f) => self.message(now, client, packet, out),
            _ => Act::Nothing,
        }
    }

    fn channel_data(&mut self, now: Now, client: Client, packet: &[u8], out: &mut Vec<u8>) -> Act {
        let Some((number, payload)) = frame::channel(packet) else { return Act::Nothing };
        let Some(at) = self.clients.get(&client).copied() else { return Act::Nothing };
        let peer = self.allocations.get(at).and_then(|held| held.peer(number, now.ms));
        let Some(peer) = peer else { return Act::Nothing };
        self.relay(now, at, peer, (packet, payload), out)
    }

    fn message(&mut self, now: Now, client: Client, packet: &[u8], out: &mut Vec<u8>) -> Act {
        // The library passes over bytes behind a message; a datagram and a frame of a stream are one message each.
        let whole = frame::length(packet) == Ok(Some(packet.len()));
        let Some(message) = Message::from_bytes(packet).ok().filter(|_| whole) else { return Act::Nothing };
        match (message.class(), message.method()) {
            (MessageClass::Indication, SEND) => self.send_indication(now, client, (&message, packet), out),
            (MessageClass::Request, BINDING) => {
                let mapped = XorMappedAddress::new(client.addr, message.transaction_id());
                *out = Reply::to(&message).success(&[&mapped], None);
                Act::Answer
            }
            (MessageClass::Request, _) => self.request(now, client, &message, out),
            _ => Act::Nothing,
        }
    }

    /// RFC 8656, section 11.1. Whatever is wrong with an indication, nobody is told.
    fn send_indication(
        &mut self,
        now: Now,
        client: Client,
        (message, packet): (&Message<'_>, &[u8]),
        out: &mut Vec<u8>,
    ) -> Act {
        let Some(at) = self.clients.get(&client).copied() else { return Act::Nothing };
        let Some(peer) = requests::peer_address(message) else { return Act::Nothing };
        let permitted = self
            .allocations
            .get(at)
            .is_some_and(|held| held.relay.is_ipv4() == peer.is_ipv4() && held.permits(peer.ip(), now.ms));
        let known = requests::unknown(message, &[requests::PEER, requests::DATA_TYPE]).is_empty();
        match requests::data(message) {
            Some(payload) if permitted && known => self.relay(now, at, peer, (packet, payload), out),
            _ => Act::Nothing,
        }
    }

    fn relay(
        &mut self,
        now: Now,
        at: usize,
        peer: SocketAddr,
        (packet, payload): (&[u8], Range<usize>),
        out: &mut Vec<u8>,
    ) -> Act {
        let Some(allocation) = self.allocations.get(at) else { return Act::Nothing };
        let expired = allocation.expires_ms <= now.ms;
        if expired || !self.accounts.charge(allocation.account, payload.len(), Way::ToPeer, now.ms) {
            return Act::Nothing;
        }
        if !self.relay_ips.contains(&peer.ip()) {
            return Act::ToPeer(RelayId(at), peer, payload);
        }
        let own = allocation.relay;
        if let Some(other) = self.relays.get(&peer).copied() {
            let payload = packet.get(payload).unwrap_or_default();
            return match self.peer_sent(now, RelayId(other), own, payload, out) {
                Some(client) => Act::ToClient(client),
                None => Act::Nothing,
            };
        }
        // Our own address, and no relay: reached only when the operator has named it.
        if self.peers.named(peer.ip()) { Act::ToPeer(RelayId(at), peer, payload) } else { Act::Nothing }
    }

    /// One datagram that came to a relay; what `out` then holds goes to the client.
    pub fn peer_sent(
        &mut self,
        now: Now,
        relay: RelayId,
        peer: SocketAddr,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Option<Client> {
        let allocation = self.allocations.get(relay.0)?;
        if allocation.expires_ms <= now.ms || !allocation.permits(peer.ip(), now.ms) {
            return None;
        }
        if !self.accounts.charge(allocation.account, payload.len(), Way::FromPeer, now.ms) {
            return None;
        }
        let client = allocation.client;
        let stream = matches!(client.link, Link::Stream(_));
        match allocation.number(peer, now.ms) {
            Some(number) => frame::write_channel(number, payload, stream, out).then_some(client),
            None => {
                self.indications = self.indications.wrapping_add(1);
                let transaction = TransactionId::from(u128::from(self.indications));
                let from = XorPeerAddress::new(peer, transaction);
                *out = reply::data_indication(transaction, &from, &Data::new(payload))?;
                Some(client)
            }
        }
    }

    /// Ends what has run out. Called about once a second.
    pub fn tick(&mut self, now: Now) {
        while let Some((expires, at)) = self.expiries.first().copied().filter(|first| first.0 <= now.ms) {
            self.expiries.remove(&(expires, at));
            self.close(at);
        }
    }

    /// A stream has ended, and with it the allocation of its client.
    pub fn gone(&mut self, client: Client) {
        if let Some(at) = self.clients.get(&client).copied() {
            self.close(at);
        }
    }

    fn close(&mut self, at: usize) {
        let Some(allocation) = self.allocations.try_remove(at) else { return };
        self.clients.remove(&allocation.client);
        self.relays.remove(&allocation.relay);
        self.expiries.remove(&(allocation.expires_ms, at));
        self.accounts.close(allocation.account);
        self.closed.push(RelayId(at));
    }

    /// The next relay whose socket is to be closed. Asked until nothing comes after every call of any other function:
    /// the index of a closed relay is used again.
    pub fn next_closed(&mut self) -> Option<RelayId> {
        self.closed.pop()
    }

    /// Whether this client has an allocation.
    pub fn holds(&self, client: Client) -> bool {
        self.clients.contains_key(&client)
    }

    /// Payload bytes that were relayed since the start.
    pub fn relayed(&self) -> u64 {
        self.accounts.relayed()
    }

    /// How many allocations there are.
    pub fn allocations(&self) -> usize {
        self.allocations.len()
    }

    /// What was relayed since the last call, by blinded subject.
    pub fn drain_usage(&mut self) -> Vec<Usage> {
        self.accounts.drain()
    }
}

#[cfg(test)]
mod tests;
