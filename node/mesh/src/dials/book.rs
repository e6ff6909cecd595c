//! Whom to dial, when: the dial policy as a pure table. Times are since any fixed moment, such as the start of the process.
//!
//! Found peers (mDNS) are dialled at once. If they turn out to be strangers they are left alone for
//! `STRANGER_RETRY`, or until somebody comes into a group of ours who may be one of them; members and addresses given by hand are
//! tried again for ever, more and more rarely. When one of those who were lost is back, the others are tried at once.
//!
//! A connection that was cut short tells nothing of who is there: the other side may have taken it for one of an earlier life of
//! ours, because the one before it had ended here and not there. Such a peer is dialled again soon, and each time more rarely.

use crate::limits::IDLE_STRANGER;
use crate::peer::PeerKey;
use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use std::collections::BTreeMap;
use std::time::Duration;

/// Peers remembered from discovery. When full a new one is not remembered; expiry makes room.
pub const FOUND_MAX: usize = 256;

/// Targets given by hand, by an invite or by the store of last known addresses. When full the oldest goes.
pub const GIVEN_MAX: usize = 128;

/// Addresses kept per target; the newest replace the oldest.
pub const HINT_ADDRESSES_MAX: usize = 16;

/// First pause after a failed dial; it doubles.
const RETRY_FIRST: Duration = Duration::from_millis(500);

/// Longest pause between dials to an address from afar.
const RETRY_LONGEST: Duration = Duration::from_secs(30);

/// Longest pause between dials to a peer that discovery still believes in: it was pulled off the network a moment
/// ago and may be back any second, and a dial on a local network costs a few packets.
const RETRY_FOUND_LONGEST: Duration = Duration::from_secs(4);

/// Pause before a stranger is dialled again without being asked for.
const STRANGER_RETRY: Duration = Duration::from_secs(300);

/// Strangers are dialled again for newcomers at most so often: where hundreds come in one after another nobody dials everybody for each.
const STRANGERS_APART: Duration = Duration::from_secs(5);

/// How long a connection must have stood, since it came to be or since somebody came who may be at its other end, for its end to
/// say that a stranger is there: those are let go after [`IDLE_STRANGER`], and the other side's time began a little before ours.
const STRANGER_SHOWN: Duration = IDLE_STRANGER.saturating_sub(Duration::from_secs(5));

/// Names a line of the book.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    /// A peer whose key is known.
    Peer(PeerKey),
    /// An address whose peer is not known yet.
    Address(Multiaddr),
}

/// Who says that somebody is at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialSource {
    /// Discovery on the local network.
    Found,
    /// The user, an invite, or last known addresses.
    Given,
}

#[derive(Debug)]
struct Line {
    addresses: Vec<Multiaddr>,
    source: DialSource,
    connected: bool,
    /// Since when it is being found out who this is: from the connection, or the last newcomer, on. `None` once that is known.
    asked_since: Option<Duration>,
    /// Connections in a row that were cut short.
    cut_short: u32,
    /// Was connected, and the engine let it in: keep at it.
    member: bool,
    failures: u32,
    due: Option<Duration>,
    /// Order of entry.
    number: u64,
}

/// The book.
#[derive(Debug, Default)]
pub(super) struct Book {
    lines: BTreeMap<Target, Line>,
    entered: u64,
    /// When strangers were last made due for a newcomer.
    strangers_due: Option<Duration>,
}

impl Book {
    /// Notes addresses of a target and makes it due at once unless it is connected or already being tried.
    pub(super) fn add(
        &mut self,
        now: Duration,
        peer: Option<PeerKey>,
        addresses: &[Multiaddr],
        source: DialSource,
    ) {
        for address in addresses {
            let (bare, inside) = split_peer(address);
            let target = match peer.or(inside) {
                Some(peer) => Target::Peer(peer),
                None => Target::Address(bare.clone()),
            };
            if !self.lines.contains_key(&target) && !self.make_room(source) {
                continue;
            }
            let number = self.entered;
            self.entered += 1;
            let line = self.lines.entry(target).or_insert_with(|| Line::new(source, number));
            if source == DialSource::Given {
                line.source = DialSource::Given;
            }
            line.enter(now, bare);
        }
    }

    /// Notes addresses of a peer without making it due: they are being tried already.
    pub(super) fn remember(&mut self, peer: PeerKey, addresses: &[Multiaddr]) {
        let target = Target::Peer(peer);
        if !self.lines.contains_key(&target) && !self.make_room(DialSource::Given) {
            return;
        }
        let number = self.entered;
        self.entered += 1;
        let line = self.lines.entry(target).or_insert_with(|| Line::new(DialSource::Given, number));
        line.source = DialSource::Given;
        for address in addresses {
            line.keep(split_peer(address).0);
        }
    }

    /// The circuits of a target that is not connected.
    pub(super) fn circuits(&self, target: &Target) -> Vec<Multiaddr> {
        let line = self.lines.get(target).filter(|line| !line.connected);
        let circuit = |address: &&Multiaddr| address.iter().any(|part| part == Protocol::P2pCircuit);
        line.map_or_else(Vec::new, |line| line.addresses.iter().filter(circuit).cloned().collect())
    }

    /// Discovery no longer sees this address.
    pub(super) fn expire(&mut self, peer: PeerKey, address: &Multiaddr) {
        let target = Target::Peer(peer);
        let (bare, _) = split_peer(address);
        if let Some(line) = self.lines.get_mut(&target)
            && line.source == DialSource::Found
        {
            line.addresses.retain(|known| *known != bare);
            if line.addresses.is_empty() && !line.connected {
                self.lines.remove(&target);
            }
        }
    }

    /// The targets that are due, each with its addresses; they count as being tried until told otherwise.
    pub(super) fn due(&mut self, now: Duration) -> Vec<(Target, Vec<Multiaddr>)> {
        let due = self.lines.iter_mut().filter(|(_, line)| line.due.is_some_and(|due| due <= now));
        due.map(|(target, line)| {
            line.due = None;
            (target.clone(), line.addresses.clone())
        })
        .collect()
    }

    /// When something is due next.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.lines.values().filter_map(|line| line.due).min()
    }

    /// A connection stands. A target known by address only becomes known by its peer.
    pub(super) fn connected(&mut self, now: Duration, target: Option<&Target>, peer: PeerKey) {
        if let Some(target @ Target::Address(_)) = target
            && let Some(line) = self.lines.remove(target)
        {
            let known =
                self.lines.entry(Target::Peer(peer)).or_insert_with(|| Line::new(line.source, line.number));
            known.source = line.source;
            for address in line.addresses {
                known.keep(address);
            }
        }
        let Some(line) = self.lines.get_mut(&Target::Peer(peer)) else { return };
        let was_lost = line.is_wanted() && line.failures > 0;
        if !line.connected {
            line.asked_since = Some(now);
        }
        line.connected = true;
        line.failures = 0;
        line.due = None;
        if was_lost {
            // A network is whole again: whoever was lost with this one can be there too.
            self.look_around(now, false);
        }
    }

    /// Somebody is in a group of ours who was not: one of those who were strangers may be it.
    pub(super) fn somebody_came(&mut self, now: Duration) {
        let at = self.strangers_due.map_or(now, |last| now.max(last + STRANGERS_APART));
        self.strangers_due = Some(at);
        for line in self.lines.values_mut().filter(|line| !line.is_wanted()) {
            line.due = line.due.map(|due| due.min(at));
            (line.asked_since, line.cut_short) = (Some(now), 0);
        }
    }

    /// The engine let this peer in: it is worth coming back to, wherever it was found.
    pub(super) fn is_member(&mut self, peer: PeerKey) {
        if let Some(line) = self.lines.get_mut(&Target::Peer(peer)) {
            line.member = true;
            line.cut_short = 0;
        }
    }

    /// The engine wants no more of this peer: from now on it is a stranger that discovery found.
    pub(super) fn disown(&mut self, peer: PeerKey) {
        if let Some(line) = self.lines.get_mut(&Target::Peer(peer)) {
            line.member = false;
            line.source = DialSource::Found;
            line.asked_since = None;
        }
    }

    /// The last connection to a peer closed.
    pub(super) fn disconnected(&mut self, now: Duration, peer: PeerKey) {
        if let Some(line) = self.lines.get_mut(&Target::Peer(peer)) {
            line.connected = false;
            line.due = Some(now + line.pause_after_end(now));
        }
    }

    /// A dial failed.
    pub(super) fn failed(&mut self, now: Duration, target: &Target) {
        if let Some(line) = self.lines.get_mut(target)
            && !line.connected
        {
            let longest = if line.source == DialSource::Found { RETRY_FOUND_LONGEST } else { RETRY_LONGEST };
            let pause = RETRY_FIRST.saturating_mul(1 << line.failures.min(16)).min(longest);
            line.failures += 1;
            line.due = Some(now + pause);
        }
    }

    /// A dial was not needed after all: somebody else's attempt or an incoming connection is ahead.
    pub(super) fn overtaken(&mut self, now: Duration, target: &Target) {
        if let Some(line) = self.lines.get_mut(target)
            && !line.connected
        {
            line.due = Some(now + RETRY_LONGEST);
        }
    }

    /// Makes everybody due who is not connected; `strangers` says whether those too who turned out to be none of ours.
    pub(super) fn look_around(&mut self, now: Duration, strangers: bool) {
        for line in self.lines.values_mut().filter(|line| !line.connected && (strangers || line.is_wanted()))
        {
            line.failures = 0;
            line.due = Some(now);
        }
    }

    fn make_room(&mut self, source: DialSource) -> bool {
        let same = || self.lines.iter().filter(move |(_, line)| line.source == source);
        match source {
            DialSource::Found => same().count() < FOUND_MAX,
            DialSource::Given => {
                if same().count() >= GIVEN_MAX
                    && let Some(oldest) =
                        same().min_by_key(|(_, line)| line.number).map(|(target, _)| target.clone())
                {
                    self.lines.remove(&oldest);
                }
                true
            }
        }
    }
}

impl Line {
    fn new(source: DialSource, number: u64) -> Self {
        Self {
            addresses: Vec::new(),
            source,
            connected: false,
            asked_since: None,
            cut_short: 0,
            member: false,
            failures: 0,
            due: None,
            number,
        }
    }

    fn enter(&mut self, now: Duration, address: Multiaddr) {
        let news = self.keep(address);
        if news && !self.connected {
            self.failures = 0;
            self.due = Some(now);
        }
    }

    fn keep(&mut self, address: Multiaddr) -> bool {
        if self.addresses.contains(&address) {
            return false;
        }
        if self.addresses.len() == HINT_ADDRESSES_MAX {
            self.addresses.remove(0);
        }
        self.addresses.push(address);
        true
    }

    /// How long after the end of its last connection a peer is dialled again.
    fn pause_after_end(&mut self, now: Duration) -> Duration {
        if self.is_wanted() {
            return RETRY_FIRST;
        }
        if self.asked_since.is_none_or(|since| now.saturating_sub(since) >= STRANGER_SHOWN) {
            self.cut_short = 0;
            return STRANGER_RETRY;
        }
        let pause = RETRY_FIRST.saturating_mul(1 << self.cut_short.min(16));
        self.cut_short += 1;
        pause.min(STRANGER_RETRY)
    }

    fn is_wanted(&self) -> bool {
        self.member || self.source == DialSource::Given
    }
}

/// Splits `/p2p/KEY` off the end of an address.
pub fn split_peer(address: &Multiaddr) -> (Multiaddr, Option<PeerKey>) {
    let mut bare = address.clone();
    match bare.pop() {
        Some(Protocol::P2p(id)) => (bare, PeerKey::from_peer_id(&id)),
        _ => (address.clone(), None),
    }
}

#[cfg(test)]
mod tests;
