//! The requests of a client: who it is, what it asks for, what it gets.

use super::reply::{Refusal, Reply};
use super::{Act, DEFAULT_LIFETIME_S, MAX_LIFETIME_S, Now, RelayId, Service};
use crate::turn::allocation::{Allocation, Client, Refused};
use crate::turn::credential::{self, OVERTIME_SECONDS};
use crate::turn::frame::CHANNELS;
use core::net::{IpAddr, SocketAddr};
use std::ops::Range;
use stun_types::AddressFamily;
use stun_types::attribute::{
    AttributeType, ErrorCode, MessageIntegrity, Nonce, Realm, Username, XorMappedAddress,
};
use stun_types::message::{IntegrityAlgorithm, IntegrityKey, Message, TransactionId};
use stun_types::prelude::{Attribute, AttributeFromRaw, AttributeStaticType, AttributeWrite};
use turn_types::attribute::{
    AdditionalAddressFamily, AddressErrorCode, ChannelNumber, Data, EvenPort, Lifetime,
    RequestedAddressFamily, RequestedTransport, ReservationToken, XorPeerAddress, XorRelayedAddress,
};
use turn_types::message::{ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, REFRESH};

pub(super) const PEER: AttributeType = XorPeerAddress::TYPE;
pub(super) const DATA_TYPE: AttributeType = Data::TYPE;

/// Attributes of authentication, known in every request.
const OF_EVERY_REQUEST: &[AttributeType] =
    &[Username::TYPE, Realm::TYPE, Nonce::TYPE, MessageIntegrity::TYPE];

const OF_ALLOCATE: &[AttributeType] = &[
    RequestedTransport::TYPE,
    Lifetime::TYPE,
    RequestedAddressFamily::TYPE,
    AdditionalAddressFamily::TYPE,
    EvenPort::TYPE,
    ReservationToken::TYPE,
];

/// An allocation that waits for its socket.
#[derive(Debug)]
pub struct Opening {
    client: Client,
    /// The address to open a relay on, as peers are to see it.
    pub ip: IpAddr,
    /// The port is to be even.
    pub even: bool,
    caller: Caller,
    reply: Reply,
    lifetime: u32,
    /// The client asked for another family too, which it does not get.
    additional: bool,
}

/// Who has authenticated a request.
#[derive(Debug)]
pub(super) struct Caller {
    username: String,
    expiry: u64,
    key: IntegrityKey,
}

impl Caller {
    fn subject(&self) -> &str {
        credential::parts(&self.username).map_or("", |(subject, _)| subject)
    }
}

impl Service {
    pub(super) fn request(
        &mut self,
        now: Now,
        client: Client,
        message: &Message<'_>,
        out: &mut Vec<u8>,
    ) -> Act {
        let known = matches!(message.method(), ALLOCATE | REFRESH | CREATE_PERMISSION | CHANNEL_BIND);
        if !known {
            return Act::Nothing;
        }
        let reply = Reply::to(message);
        let caller = match self.authenticate(now, client, message) {
            Ok(caller) => caller,
            Err(refusal) => {
                *out = reply.refusal(&refusal);
                return Act::Answer;
            }
        };
        let key = caller.key.clone();
        let done = match message.method() {
            ALLOCATE => self.allocate(now, client, (message, reply), caller),
            REFRESH => self.refresh(now, client, (message, reply), &caller),
            CREATE_PERMISSION => self.create_permission(now, client, (message, reply), &caller),
            _ => self.channel_bind(now, client, (message, reply), &caller),
        };
        match done {
            Ok(Done::Open(opening)) => return Act::Open(opening),
            Ok(Done::Answer(bytes)) => *out = bytes,
            Err(refusal) => *out = reply.refusal(&Refusal { key: Some(key), ..refusal }),
        }
        Act::Answer
    }

    /// RFC 8489, section 9.2.4. What costs least is looked at first: a nonce cannot be had for a forged address.
    fn authenticate(&self, now: Now, client: Client, message: &Message<'_>) -> Result<Caller, Refusal> {
        let challenge = |code| Refusal {
            challenge: Some((self.keys.realm().to_owned(), self.keys.nonce(client.addr, now.unix))),
            ..Refusal::of(code)
        };
        if !message.has_attribute(MessageIntegrity::TYPE) {
            return Err(challenge(ErrorCode::UNAUTHORIZED));
        }
        let bad = || Refusal::of(ErrorCode::BAD_REQUEST);
        let username = message.attribute::<Username>().map_err(|_| bad())?.username().to_owned();
        message.attribute::<Realm>().map_err(|_| bad())?;
        let nonce = message.attribute::<Nonce>().map_err(|_| bad())?;
        if !self.keys.nonce_holds(nonce.nonce(), client.addr, now.unix) {
            return Err(challenge(ErrorCode::STALE_NONCE));
        }
        let unauthorized = || challenge(ErrorCode::UNAUTHORIZED);
        let (_, expiry) = credential::parts(&username).map_err(|_| unauthorized())?;
        let key = self.keys.integrity(&username);
        match message.validate_integrity_with_key(&key) {
            Ok(IntegrityAlgorithm::Sha1) => Ok(Caller { username, expiry, key }),
            _ => Err(unauthorized()),
        }
        .and_then(|caller| {
            let overtime = if message.method() == ALLOCATE { 0 } else { OVERTIME_SECONDS };
            let holds = caller.expiry.saturating_add(overtime) > now.unix;
            if holds { Ok(caller) } else { Err(unauthorized()) }
        })
    }

    /// RFC 8656, section 7.2.
    fn allocate(
        &mut self,
        now: Now,
        client: Client,
        (message, reply): (&Message<'_>, Reply),
        caller: Caller,
    ) -> Result<Done, Refusal> {
        if let Some(at) = self.clients.get(&client).copied() {
            return self.allocated_already(now, at, reply, &caller);
        }
        let transport = message.attribute::<RequestedTransport>().map_err(|_| bad())?;
        if transport.protocol() != RequestedTransport::UDP {
            return Err(Refusal::of(ErrorCode::UNSUPPORTED_TRANSPORT_PROTOCOL));
        }
        refuse_unknown(message, OF_ALLOCATE)?;
        let additional = message.has_attribute(AdditionalAddressFamily::TYPE);
        let named = message.has_attribute(RequestedAddressFamily::TYPE);
        if additional && named {
            return Err(bad());
        }
        let even = message.has_attribute(EvenPort::TYPE);
        let next_too = even && message.attribute::<EvenPort>().map_err(|_| bad())?.requested();
        if next_too || message.has_attribute(ReservationToken::TYPE) {
            return Err(Refusal::of(ErrorCode::INSUFFICIENT_CAPACITY));
        }
        let v6 = named
            && message.attribute::<RequestedAddressFamily>().map_err(|_| bad())?.family()
                == AddressFamily::IPV6;
        let ip = self.relay_ips.iter().copied().find(|ip| ip.is_ipv6() == v6);
        let ip = ip.ok_or_else(|| Refusal::of(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED))?;
        if self.allocations.len() >= self.quotas.allocations {
            return Err(Refusal::of(ErrorCode::INSUFFICIENT_CAPACITY));
        }
        if self.accounts.allocations(caller.subject()) >= self.quotas.per_credential {
            return Err(Refusal::of(ErrorCode::ALLOCATION_QUOTA_REACHED));
        }
        let lifetime = lifetime(message).unwrap_or(DEFAULT_LIFETIME_S).max(DEFAULT_LIFETIME_S);
        Ok(Done::Open(Box::new(Opening { client, ip, even, caller, reply, lifetime, additional })))
    }

    /// The answer to a request got lost, or the client has forgotten that it holds an allocation.
    fn allocated_already(&self, now: Now, at: usize, reply: Reply, caller: &Caller) -> Result<Done, Refusal> {
        let mismatch = || Refusal::of(ErrorCode::ALLOCATION_MISMATCH);
        let held = self.allocations.get(at).ok_or_else(mismatch)?;
        let repeated =
            held.transaction == u128::from(reply.transaction()) && held.username == caller.username;
        if !repeated {
            return Err(mismatch());
        }
        let left = u32::try_from(held.expires_ms.saturating_sub(now.ms) / 1000).unwrap_or(MAX_LIFETIME_S);
        Ok(Done::Answer(allocated(held, reply, left, (&caller.key, false))))
    }

    /// The relay socket of an allocation is open under this port, or could not be opened. The answer is in `out`.
    pub fn opened(
        &mut self,
        now: Now,
        opening: Opening,
        port: Option<u16>,
        out: &mut Vec<u8>,
    ) -> Option<RelayId> {
        let Opening { client, ip, caller, reply, lifetime, additional, .. } = opening;
        let account = port.and_then(|_| self.accounts.open(caller.subject(), now.ms));
        let (Some(port), Some(account)) = (port, account) else {
            let full = Refusal { key: Some(caller.key), ..Refusal::of(ErrorCode::INSUFFICIENT_CAPACITY) };
            *out = reply.refusal(&full);
            return None;
        };
        let relay = SocketAddr::new(ip, port);
        let mut allocation = Allocation::new(client, account, relay);
        allocation.username.clone_from(&caller.username);
        allocation.transaction = u128::from(reply.transaction());
        allocation.expires_ms = now.ms + u64::from(lifetime) * 1000;
        *out = allocated(&allocation, reply, lifetime, (&caller.key, additional));
        let expires = allocation.expires_ms;
        let at = self.allocations.insert(allocation);
        self.expiries.insert((expires, at));
        self.clients.insert(client, at);
        self.relays.insert(relay, at);
        Some(RelayId(at))
    }

    /// RFC 8656, section 8.2.
    fn refresh(
        &mut self,
        now: Now,
        client: Client,
        (message, reply): (&Message<'_>, Reply),
        caller: &Caller,
    ) -> Result<Done, Refusal> {
        refuse_unknown(message, &[Lifetime::TYPE, RequestedAddressFamily::TYPE])?;
        let at = self.held(client, caller)?;
        let held = self.allocations.get_mut(at).ok_or_else(bad)?;
        if let Ok(family) = message.attribute::<RequestedAddressFamily>()
            && (family.family() == AddressFamily::IPV6) != held.relay.is_ipv6()
        {
            return Err(Refusal::of(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH));
        }
        let lifetime = match lifetime(message) {
            Some(0) => 0,
            asked => asked.unwrap_or(DEFAULT_LIFETIME_S).max(DEFAULT_LIFETIME_S),
        };
        if lifetime == 0 {
            self.close(at);
        } else {
            self.expiries.remove(&(held.expires_ms, at));
            held.expires_ms = now.ms + u64::from(lifetime) * 1000;
            self.expiries.insert((held.expires_ms, at));
        }
        Ok(Done::Answer(reply.success(&[&Lifetime::new(lifetime)], Some(&caller.key))))
    }

    /// RFC 8656, section 10.2.
    fn create_permission(
        &mut self,
        now: Now,
        client: Client,
        (message, reply): (&Message<'_>, Reply),
        caller: &Caller,
    ) -> Result<Done, Refusal> {
        refuse_unknown(message, &[PEER])?;
        let at = self.held(client, caller)?;
        let mut peers = Vec::new();
        for (_, raw) in message.iter_attributes().filter(|(_, raw)| raw.get_type() == PEER) {
            let peer = XorPeerAddress::from_raw_ref(&raw).map_err(|_| bad())?;
            let peer = peer.addr(message.transaction_id());
            self.may_reach(at, peer)?;
            peers.push(peer.ip());
        }
        if peers.is_empty() {
            return Err(bad());
        }
        let held = self.allocations.get_mut(at).ok_or_else(bad)?;
        held.permit(&peers, now.ms).map_err(refused)?;
        Ok(Done::Answer(reply.success(&[], Some(&caller.key))))
    }

    /// RFC 8656, section 12.2.
    fn channel_bind(
        &mut self,
        now: Now,
        client: Client,
        (message, reply): (&Message<'_>, Reply),
        caller: &Caller,
    ) -> Result<Done, Refusal> {
        refuse_unknown(message, &[PEER, ChannelNumber::TYPE])?;
        let at = self.held(client, caller)?;
        let number = message.attribute::<ChannelNumber>().map_err(|_| bad())?.channel();
        let peer = peer_address(message).ok_or_else(bad)?;
        if !CHANNELS.contains(&number) || peer.port() == 0 {
            return Err(bad());
        }
        self.may_reach(at, peer)?;
        let held = self.allocations.get_mut(at).ok_or_else(bad)?;
        held.bind(number, peer, now.ms).map_err(refused)?;
        Ok(Done::Answer(reply.success(&[], Some(&caller.key))))
    }

    /// The allocation of this client, when it is the caller's (RFC 8656, section 5).
    fn held(&self, client: Client, caller: &Caller) -> Result<usize, Refusal> {
        let at = self.clients.get(&client).copied();
        let held = at.and_then(|at| Some((at, self.allocations.get(at)?)));
        let (at, held) = held.ok_or_else(|| Refusal::of(ErrorCode::ALLOCATION_MISMATCH))?;
        let own = held.username == caller.username;
        if own { Ok(at) } else { Err(Refusal::of(ErrorCode::WRONG_CREDENTIALS)) }
    }

    /// Our own relay addresses may be reached, because what goes there stays inside this process.
    fn may_reach(&self, at: usize, peer: SocketAddr) -> Result<(), Refusal> {
        let held = self.allocations.get(at).ok_or_else(bad)?;
        if held.relay.is_ipv4() != peer.is_ipv4() {
            return Err(Refusal::of(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH));
        }
        let open = self.peers.open(peer.ip()) || self.relay_ips.contains(&peer.ip());
        if open { Ok(()) } else { Err(Refusal::of(ErrorCode::FORBIDDEN)) }
    }
}

/// What came of a request.
enum Done {
    Answer(Vec<u8>),
    Open(Box<Opening>),
}

fn allocated(
    held: &Allocation,
    reply: Reply,
    lifetime: u32,
    (key, additional): (&IntegrityKey, bool),
) -> Vec<u8> {
    let transaction: TransactionId = reply.transaction();
    let relayed = XorRelayedAddress::new(held.relay, transaction);
    let mapped = XorMappedAddress::new(held.client.addr, transaction);
    let lifetime = Lifetime::new(lifetime);
    let not_given = ErrorCode::builder(ErrorCode::ADDRESS_FAMILY_NOT_SUPPORTED)
        .build()
        .ok()
        .filter(|_| additional)
        .map(|code| AddressErrorCode::new(AddressFamily::IPV6, code));
    let mut attributes: Vec<&dyn AttributeWrite> = vec![&relayed, &lifetime, &mapped];
    attributes.extend(not_given.iter().map(|a| a as &dyn AttributeWrite));
    reply.success(&attributes, Some(key))
}

fn bad() -> Refusal {
    Refusal::of(ErrorCode::BAD_REQUEST)
}

fn refused(why: Refused) -> Refusal {
    match why {
        Refused::Taken => bad(),
        Refused::Full => Refusal::of(ErrorCode::INSUFFICIENT_CAPACITY),
    }
}

fn lifetime(message: &Message<'_>) -> Option<u32> {
    let asked = message.attribute::<Lifetime>().ok()?;
    Some(asked.seconds().min(MAX_LIFETIME_S))
}

fn refuse_unknown(message: &Message<'_>, known: &[AttributeType]) -> Result<(), Refusal> {
    let unknown = unknown(message, known);
    if unknown.is_empty() {
        return Ok(());
    }
    Err(Refusal { unknown, ..Refusal::of(ErrorCode::UNKNOWN_ATTRIBUTE) })
}

/// Attributes that must be understood and are not (RFC 8489, section 14).
pub(super) fn unknown(message: &Message<'_>, known: &[AttributeType]) -> Vec<AttributeType> {
    let types = message.iter_attributes().map(|(_, raw)| raw.get_type());
    types
        .filter(|kind| {
            kind.comprehension_required() && !known.contains(kind) && !OF_EVERY_REQUEST.contains(kind)
        })
        .collect()
}

pub(super) fn peer_address(message: &Message<'_>) -> Option<SocketAddr> {
    let peer = message.attribute::<XorPeerAddress>().ok()?;
    Some(peer.addr(message.transaction_id()))
}

/// Where the DATA of a message lies in its bytes.
pub(super) fn data(message: &Message<'_>) -> Option<Range<usize>> {
    let (offset, raw) = message.iter_attributes().find(|(_, raw)| raw.get_type() == Data::TYPE)?;
    let start = offset + ATTRIBUTE_HEAD;
    Some(start..start + usize::from(raw.length()))
}

/// Type and length of an attribute.
const ATTRIBUTE_HEAD: usize = 4;
