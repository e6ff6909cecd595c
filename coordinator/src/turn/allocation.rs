//! One allocation: a relay address of one client, the peers it may reach and the channels that stand for them.

use super::account::AccountId;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

/// Peers that one allocation may reach. A connection between two members tries at most some thirty candidates.
pub const MAX_PERMISSIONS: usize = 64;

/// Channels of one allocation: no more than peers.
pub const MAX_CHANNELS: usize = MAX_PERMISSIONS;

/// RFC 8656, section 9: permissions hold 5 minutes.
pub const PERMISSION_MS: u64 = 300_000;

/// RFC 8656, section 12: channels hold 10 minutes.
pub const CHANNEL_MS: u64 = 600_000;

/// By which socket a client comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Link {
    /// A datagram that came to this address of the host, where the socket tells it.
    Udp(Option<IpAddr>),
    /// A stream, by the number the shell gave it.
    Stream(u64),
}

/// The 5-tuple of a client, without the listening port, which is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Client {
    /// Its own address, as the server sees it; never an IPv4 inside an IPv6.
    pub addr: SocketAddr,
    /// By which way it comes.
    pub link: Link,
}

#[derive(Clone, Copy, Debug)]
struct Channel {
    peer: SocketAddr,
    expires_ms: u64,
}

/// Why a channel or a permission is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The number stands for another peer, or the peer has another number.
    Taken,
    /// No room for more.
    Full,
}

/// See the module.
#[derive(Debug)]
pub struct Allocation {
    /// Whose it is.
    pub client: Client,
    /// Who pays.
    pub account: AccountId,
    /// The username that opened it; no other may use it (RFC 8656, section 5).
    pub username: String,
    /// The transaction that opened it, to answer a repetition.
    pub transaction: u128,
    /// The relay address that peers see.
    pub relay: SocketAddr,
    /// When it ends.
    pub expires_ms: u64,
    permissions: BTreeMap<IpAddr, u64>,
    channels: BTreeMap<u16, Channel>,
    numbers: BTreeMap<SocketAddr, u16>,
}

impl Allocation {
    /// An allocation that reaches nobody yet.
    pub fn new(client: Client, account: AccountId, relay: SocketAddr) -> Self {
        Self {
            client,
            account,
            username: String::new(),
            transaction: 0,
            relay,
            expires_ms: 0,
            permissions: BTreeMap::new(),
            channels: BTreeMap::new(),
            numbers: BTreeMap::new(),
        }
    }

    /// Whether this peer may be sent to and heard.
    pub fn permits(&self, peer: IpAddr, now_ms: u64) -> bool {
        self.permissions.get(&peer).is_some_and(|expires| *expires > now_ms)
    }

    /// Gives or renews permissions; all of them or none.
    pub fn permit(&mut self, peers: &[IpAddr], now_ms: u64) -> Result<(), Refused> {
        self.permissions.retain(|_, expires| *expires > now_ms);
        let held = self.permissions.clone();
        for peer in peers {
            self.permissions.insert(*peer, now_ms + PERMISSION_MS);
        }
        if self.permissions.len() > MAX_PERMISSIONS {
            self.permissions = held;
            return Err(Refused::Full);
        }
        Ok(())
    }

    /// Binds or renews a channel, and the permission with it (RFC 8656, section 12.2).
    pub fn bind(&mut self, number: u16, peer: SocketAddr, now_ms: u64) -> Result<(), Refused> {
        let (channels, numbers) = (&mut self.channels, &mut self.numbers);
        channels.retain(|_, channel| channel.expires_ms > now_ms);
        numbers.retain(|_, number| channels.contains_key(number));
        let other_peer = channels.get(&number).is_some_and(|channel| channel.peer != peer);
        let other_number = numbers.get(&peer).is_some_and(|held| *held != number);
        if other_peer || other_number {
            return Err(Refused::Taken);
        }
        if channels.len() >= MAX_CHANNELS && !channels.contains_key(&number) {
            return Err(Refused::Full);
        }
        self.permit(&[peer.ip()], now_ms)?;
        self.channels.insert(number, Channel { peer, expires_ms: now_ms + CHANNEL_MS });
        self.numbers.insert(peer, number);
        Ok(())
    }

    /// The peer behind a channel, when it may be sent to.
    pub fn peer(&self, number: u16, now_ms: u64) -> Option<SocketAddr> {
        let channel = self.channels.get(&number).filter(|channel| channel.expires_ms > now_ms)?;
        self.permits(channel.peer.ip(), now_ms).then_some(channel.peer)
    }

    /// The channel that stands for a peer.
    pub fn number(&self, peer: SocketAddr, now_ms: u64) -> Option<u16> {
        let number = self.numbers.get(&peer)?;
        self.channels.get(number).filter(|channel| channel.expires_ms > now_ms).map(|_| *number)
    }
}

#[cfg(test)]
mod tests;
