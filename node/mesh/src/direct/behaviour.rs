//! The direct lane over all peers: numbers, bounds, what is unacknowledged, and which of a peer's connections is used.

use crate::direct::handler::{FromHandler, Handler, ToHandler};
use crate::direct::wire::Head;
use crate::event::DirectId;
use crate::limits::{DIRECT_QUEUE_BYTES_MAX, DIRECT_QUEUE_FRAMES_MAX, DIRECT_STREAM_FAULTS_MAX};
use libp2p::PeerId;
use libp2p::core::transport::PortUse;
use libp2p::core::{Endpoint, Multiaddr};
use libp2p::swarm::{
    CloseConnection, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll};

/// A frame arrived, in order.
#[derive(Debug)]
pub struct Received {
    pub(crate) peer: PeerId,
    pub(crate) bytes: Vec<u8>,
}

/// Why a frame was not queued.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SendError {
    NotConnected,
    Full,
}

/// The lane.
pub struct Direct {
    session: u64,
    last_id: u64,
    peers: BTreeMap<PeerId, Link>,
    queue: VecDeque<ToSwarm<Received, ToHandler>>,
}

/// One connected peer.
#[derive(Default)]
struct Link {
    /// Direct ones before relayed ones, then oldest first, but for a peer that was started anew; frames are sent on the first
    /// and the others stand by.
    connections: Vec<Line>,
    keep: bool,
    next_number: u64,
    unacked: VecDeque<Unacked>,
    unacked_bytes: usize,
    /// Session of the peer and the number of the frame expected next.
    expected: Option<(u64, u64)>,
}

struct Line {
    id: ConnectionId,
    /// Through a third party, for as long as there is nothing better.
    relayed: bool,
    started: bool,
    faults: u32,
    /// Number of the next frame on the peer's stream here.
    position: u64,
}

struct Unacked {
    id: DirectId,
    number: u64,
    frame: Arc<[u8]>,
}

impl Direct {
    /// `session` must differ between starts of a node: receivers tell by it that numbers begin anew.
    pub(crate) fn new(session: u64) -> Self {
        Self { session, last_id: 0, peers: BTreeMap::new(), queue: VecDeque::new() }
    }

    /// Queues a frame behind those before it.
    pub(crate) fn send(&mut self, peer: PeerId, bytes: Vec<u8>) -> Result<DirectId, SendError> {
        let link = self.peers.get_mut(&peer).ok_or(SendError::NotConnected)?;
        let bytes_after = link.unacked_bytes + bytes.len();
        if link.unacked.len() >= DIRECT_QUEUE_FRAMES_MAX || bytes_after > DIRECT_QUEUE_BYTES_MAX {
            return Err(SendError::Full);
        }
        self.last_id += 1;
        let id = DirectId(self.last_id);
        let frame: Arc<[u8]> = bytes.into();
        link.unacked.push_back(Unacked { id, number: link.next_number, frame: Arc::clone(&frame) });
        link.unacked_bytes = bytes_after;
        link.next_number += 1;
        if link.connections.first().is_some_and(|line| line.started) {
            let line = link.connections[0].id;
            self.queue.push_back(notify(peer, line, ToHandler::Send(frame)));
        } else if let Some(start) = link.start(self.session) {
            self.queue.push_back(notify(peer, start.0, start.1));
        }
        Ok(id)
    }

    /// Keeps a peer's connections while idle: it is a member, not a stranger.
    pub(crate) fn keep(&mut self, peer: PeerId) {
        if let Some(link) = self.peers.get_mut(&peer)
            && !std::mem::replace(&mut link.keep, true)
        {
            for line in &link.connections {
                self.queue.push_back(notify(peer, line.id, ToHandler::Keep(true)));
            }
        }
    }

    /// Forgets a peer that is gone and names its frames that were never acknowledged.
    pub(crate) fn forget(&mut self, peer: &PeerId) -> Vec<DirectId> {
        let Some(link) = self.peers.remove(peer) else {
            return Vec::new();
        };
        link.unacked.iter().map(|unacked| unacked.id).collect()
    }

    /// A direct connection takes over from relayed ones at once, from the first unacknowledged frame: what still arrives on the
    /// older way as well is known by its number.
    fn on_established(&mut self, peer: PeerId, id: ConnectionId, relayed: bool) {
        let link = self.peers.entry(peer).or_default();
        let line = Line { id, relayed, started: false, faults: 0, position: 0 };
        let first_relayed = link.connections.iter().position(|line| line.relayed);
        let at = first_relayed.filter(|_| !relayed).unwrap_or(link.connections.len());
        link.connections.insert(at, line);
        if link.keep {
            self.queue.push_back(notify(peer, id, ToHandler::Keep(true)));
        }
        if at == 0
            && let Some(start) = link.restart(self.session)
        {
            self.queue.push_back(notify(peer, start.0, start.1));
        }
    }

    /// A peer that was started anew while a connection of its earlier life still looks open, with a relay in one of the two:
    /// nothing else tells that from a move to a better way, so everything goes and begins again.
    fn on_opened(&mut self, peer: PeerId, id: ConnectionId, head: Head) {
        let session = self.session;
        let Some(link) = self.peers.get_mut(&peer) else {
            return;
        };
        let anew = link.expected.is_some_and(|(known, _)| known != head.session);
        if anew && link.connections.len() > 1 && link.connections.iter().any(|line| line.relayed) {
            let connection = CloseConnection::All;
            self.queue.push_back(ToSwarm::CloseConnection { peer_id: peer, connection });
        } else if let Some((line, start)) = link.on_opened(id, head, session) {
            self.queue.push_back(notify(peer, line, start));
        }
    }

    /// The next connection takes over, from the first unacknowledged frame.
    fn on_closed(&mut self, peer: PeerId, id: ConnectionId) {
        let Some(link) = self.peers.get_mut(&peer) else {
            return;
        };
        link.connections.retain(|line| line.id != id);
        if let Some(start) = link.restart(self.session) {
            self.queue.push_back(notify(peer, start.0, start.1));
        }
    }

    fn on_stream_lost(&mut self, peer: PeerId, id: ConnectionId) {
        let Some(link) = self.peers.get_mut(&peer) else {
            return;
        };
        let Some(line) = link.connections.iter_mut().find(|line| line.id == id) else {
            return;
        };
        line.started = false;
        line.faults += 1;
        if line.faults >= DIRECT_STREAM_FAULTS_MAX {
            let connection = CloseConnection::One(id);
            self.queue.push_back(ToSwarm::CloseConnection { peer_id: peer, connection });
        } else if let Some(start) = link.restart(self.session) {
            self.queue.push_back(notify(peer, start.0, start.1));
        }
    }

    fn on_frame(&mut self, peer: PeerId, id: ConnectionId, bytes: Vec<u8>) {
        let Some(link) = self.peers.get_mut(&peer) else {
            return;
        };
        let Some((_, expected)) = &mut link.expected else {
            return;
        };
        let Some(line) = link.connections.iter_mut().find(|line| line.id == id) else {
            return;
        };
        let number = line.position;
        line.position = number.wrapping_add(1);
        if number == *expected {
            *expected = expected.wrapping_add(1);
            self.queue.push_back(ToSwarm::GenerateEvent(Received { peer, bytes }));
        }
        self.queue.push_back(notify(peer, id, ToHandler::Ack { next: *expected }));
    }
}

fn notify(peer_id: PeerId, connection: ConnectionId, event: ToHandler) -> ToSwarm<Received, ToHandler> {
    ToSwarm::NotifyHandler { peer_id, handler: NotifyHandler::One(connection), event }
}

impl Link {
    /// A `Start` for the first connection, when something waits and it has none yet.
    fn restart(&mut self, session: u64) -> Option<(ConnectionId, ToHandler)> {
        let started = self.connections.first().is_some_and(|line| line.started);
        if started || self.unacked.is_empty() { None } else { self.start(session) }
    }

    fn start(&mut self, session: u64) -> Option<(ConnectionId, ToHandler)> {
        let line = self.connections.first_mut()?;
        let first = self.unacked.front()?.number;
        line.started = true;
        let frames = self.unacked.iter().map(|unacked| Arc::clone(&unacked.frame)).collect();
        Some((line.id, ToHandler::Start { head: Head { session, first }, frames }))
    }

    /// A head of a new session, or one that skips what its sender gave up, sets the number; a repeat does not.
    ///
    /// A new session in place of an old one says that the peer was started anew: the connection that says so is the live one, so
    /// what waits is sent there from now on, although older connections may still look open.
    fn on_opened(&mut self, id: ConnectionId, head: Head, session: u64) -> Option<(ConnectionId, ToHandler)> {
        let anew = self.expected.is_some_and(|(known, _)| known != head.session);
        self.expected = match self.expected {
            Some((session, next)) if session == head.session => Some((session, next.max(head.first))),
            _ => Some((head.session, head.first)),
        };
        let at = self.connections.iter().position(|line| line.id == id)?;
        self.connections[at].position = head.first;
        if !anew || at == 0 {
            return None;
        }
        self.connections[..=at].rotate_right(1);
        debug_assert_eq!(self.connections[0].id, id, "the live connection comes first");
        self.restart(session)
    }

    fn on_acked(&mut self, id: ConnectionId, next: u64) {
        while self.unacked.front().is_some_and(|unacked| unacked.number < next) {
            if let Some(done) = self.unacked.pop_front() {
                self.unacked_bytes -= done.frame.len();
            }
        }
        if let Some(line) = self.connections.iter_mut().find(|line| line.id == id) {
            line.faults = 0;
        }
        debug_assert!(!self.unacked.is_empty() || self.unacked_bytes == 0);
    }
}

impl NetworkBehaviour for Direct {
    type ConnectionHandler = Handler;
    type ToSwarm = Received;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<Handler, ConnectionDenied> {
        Ok(Handler::default())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<Handler, ConnectionDenied> {
        Ok(Handler::default())
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(event) => {
                self.on_established(event.peer_id, event.connection_id, event.endpoint.is_relayed());
            }
            FromSwarm::ConnectionClosed(event) => self.on_closed(event.peer_id, event.connection_id),
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, id: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {
            FromHandler::Frame(bytes) => self.on_frame(peer, id, bytes),
            FromHandler::StreamLost => self.on_stream_lost(peer, id),
            FromHandler::Opened(head) => self.on_opened(peer, id, head),
            FromHandler::Acked(next) => {
                if let Some(link) = self.peers.get_mut(&peer) {
                    link.on_acked(id, next);
                }
            }
        }
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Received, THandlerInEvent<Self>>> {
        match self.queue.pop_front() {
            Some(event) => Poll::Ready(event),
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests;
