//! The neighbours: who is at the other end of each wire, as far as it has proven it.

use std::collections::BTreeMap;

use halloo_crdt::live::PeerView;
use halloo_crypto::group::EpochTag;
use halloo_crypto::id::DeviceId;

use crate::lane::PeerKey;
use crate::time::Time;
use crate::wire::proof::Claimed;

/// Neighbours kept. A node has at most 512 incoming connections; strangers beyond the limit get no handshake.
pub const MAX_PEERS: usize = 1_024;
/// Bad frames after which a neighbour is reported once to the user.
pub const BAD_FRAMES_WARNED: u32 = 16;
/// How long a neighbour must be stranded before it is told: a race that was lost is healed by the next commit, and a welcome may
/// be on its way.
pub const STRANDED_PATIENCE: core::time::Duration = core::time::Duration::from_millis(800);
/// Introductions looked at on one connection: each may cost a thousand signatures, and an honest newcomer needs one.
pub const INTRODUCTIONS_MAX: u8 = 3;
/// How long a handshake may take before the hello is repeated.
pub const HANDSHAKE_PATIENCE: core::time::Duration = core::time::Duration::from_secs(3);
/// How often a hello is repeated on one connection. A stranger of another group answers none.
pub const HELLOS_MAX: u8 = 5;

/// One neighbour.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Our nonce for its proof; fresh for each connection.
    pub nonce: [u8; 32],
    /// Its nonce, once its hello came.
    pub their_nonce: Option<[u8; 32]>,
    /// Who it showed itself to be, member or not.
    pub claimed: Option<Claimed>,
    /// Whether our log says that it is a member: it is told things.
    pub proven: bool,
    /// Hellos sent on this connection.
    pub hellos: u8,
    /// When the last hello went out.
    pub hello_at: Time,
    /// Epochs that it said it can open, newest first.
    pub epochs: Vec<EpochTag>,
    /// The live reports that it is known to have.
    pub view: PeerView,
    /// Bad frames since the last warning.
    pub bad_frames: u32,
    /// Introductions that it sent on this connection.
    pub introductions: u8,
    /// Since when none of its epochs leads to ours, which outranks it.
    pub stranded_since: Option<Time>,
    /// Commits that it was handed not long ago, by hash; those of one tree of epochs at most.
    pub handed: BTreeMap<[u8; 32], Time>,
}

impl Peer {
    fn new(nonce: [u8; 32], now: Time) -> Self {
        Peer {
            nonce,
            their_nonce: None,
            claimed: None,
            proven: false,
            hellos: 1,
            hello_at: now,
            epochs: Vec::new(),
            view: PeerView::default(),
            bad_frames: 0,
            introductions: 0,
            stranded_since: None,
            handed: BTreeMap::new(),
        }
    }

    /// Forgets who it was and what it knew, but not our nonce; gives the member that it was.
    pub fn forget(&mut self) -> Option<DeviceId> {
        let member = self.member();
        let (nonce, their_nonce) = (self.nonce, self.their_nonce);
        *self = Peer { their_nonce, ..Peer::new(nonce, self.hello_at) };
        debug_assert!(self.member().is_none(), "it must prove itself again");
        member
    }

    /// The member's device at the other end; `None` until it is proven.
    pub fn member(&self) -> Option<DeviceId> {
        self.claimed.filter(|_| self.proven).map(|claimed| claimed.device())
    }
}

/// All neighbours that are up.
#[derive(Clone, Debug, Default)]
pub struct Peers {
    all: BTreeMap<PeerKey, Peer>,
}

impl Peers {
    /// A connection came up; false when there is no room or it was up.
    pub fn up(&mut self, peer: PeerKey, nonce: [u8; 32], now: Time) -> bool {
        if self.all.contains_key(&peer) || self.all.len() >= MAX_PEERS {
            return false;
        }
        self.all.insert(peer, Peer::new(nonce, now));
        debug_assert!(self.all.len() <= MAX_PEERS, "checked above");
        true
    }

    /// The connection is gone.
    pub fn down(&mut self, peer: &PeerKey) -> Option<Peer> {
        self.all.remove(peer)
    }

    /// One neighbour.
    pub fn get(&self, peer: &PeerKey) -> Option<&Peer> {
        self.all.get(peer)
    }

    /// One neighbour.
    pub fn get_mut(&mut self, peer: &PeerKey) -> Option<&mut Peer> {
        self.all.get_mut(peer)
    }

    /// All neighbours.
    pub fn iter(&self) -> impl Iterator<Item = (&PeerKey, &Peer)> {
        self.all.iter()
    }

    /// All neighbours.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&PeerKey, &mut Peer)> {
        self.all.iter_mut()
    }

    /// The neighbours that are members, with their devices.
    pub fn proven(&self) -> impl Iterator<Item = (PeerKey, DeviceId)> {
        self.all.iter().filter_map(|(key, peer)| Some((*key, peer.member()?)))
    }

    /// The member's device behind a transport.
    pub fn member(&self, peer: &PeerKey) -> Option<DeviceId> {
        self.all.get(peer)?.member()
    }

    /// The transport of a member's device; the lowest if it has several.
    pub fn of_device(&self, device: &DeviceId) -> Option<PeerKey> {
        self.proven().find(|(_, member)| member == device).map(|(key, _)| key)
    }
}

#[cfg(test)]
mod tests;
