//! Connections as they are on the wire: bytes with times of arrival, resets, datagrams, and what each host sent and received.

mod dials;
mod pipes;

use super::links::{HEADER_BYTES, HostId, Links};
use halloo_vtime::{Timer, now_us};
use libp2p::PeerId;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::task::{Context, Poll, Waker};

/// Bytes of one stream that may be on their way or unread; a writer waits beyond, as with a TCP window.
pub const WINDOW_BYTES: usize = 256 * 1024;

/// Datagrams that wait at one host; more are dropped, as by a full socket buffer.
pub const DATAGRAMS_MAX: usize = 512;

/// What a host sent and received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes of streams handed to the wire, headers included.
    pub stream_bytes_out: u64,
    /// Bytes of datagrams, headers included.
    pub datagram_bytes_out: u64,
    /// Datagrams sent.
    pub datagrams_out: u64,
    /// Datagrams that arrived.
    pub datagrams_in: u64,
    /// Datagrams dropped by a full queue.
    pub datagrams_overflowed: u64,
}

/// A connection, known to both ends by its number.
pub type ConnId = usize;
/// One direction of one stream.
pub type PipeId = usize;

#[derive(Debug, Default)]
struct Port {
    peer: Option<PeerId>,
    /// The process listens.
    listening: bool,
    /// The machine has power and is awake.
    awake: bool,
    waker: Option<Waker>,
    timer: Timer,
    /// Connections on their way here, by their times of arrival.
    incoming: BTreeSet<(u64, ConnId)>,
    conns: BTreeSet<ConnId>,
    datagrams: BTreeMap<(u64, u64), (HostId, Vec<u8>)>,
    datagram_timer: Timer,
    datagram_waker: Option<Waker>,
    traffic: Traffic,
}

#[derive(Debug)]
struct Conn {
    ends: [HostId; 2],
    /// When the listening end took it.
    accepted_us: Option<u64>,
    refused_us: Option<u64>,
    dialled_us: u64,
    /// Whether the first packet has reached the other end, or will.
    reaches: bool,
    deadline_us: u64,
    dial_waker: Option<Waker>,
    dial_timer: Timer,
    /// Nothing towards this end arrives before what was sent earlier.
    last_us: [u64; 2],
    /// When this end finds out that the connection is gone.
    gone_us: [Option<u64>; 2],
    /// Wakes the end's own task; a substream's reader is woken by its pipe.
    watcher: [Option<Waker>; 2],
    watch_timer: [Timer; 2],
    /// Streams that the other end opened and that are not taken here yet: (read, write) for this end.
    opened: [VecDeque<[PipeId; 2]>; 2],
    /// The pipes, where the connection is one stream.
    raw: Option<[PipeId; 2]>,
    pipes: BTreeSet<PipeId>,
    handles: u32,
}

#[derive(Debug)]
struct Pipe {
    conn: ConnId,
    /// The reading end, 0 or 1.
    to: usize,
    /// Whether the reading end has taken the stream.
    known: bool,
    chunks: VecDeque<Chunk>,
    unread: usize,
    /// Nothing comes after what is here; when that is known to the reader.
    end_us: Option<u64>,
    reader_left: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    timer: Timer,
}

#[derive(Debug)]
struct Chunk {
    /// When it has arrived; `None` while the link is cut.
    at_us: Option<u64>,
    sent_us: u64,
    bytes: Vec<u8>,
    read: usize,
}

/// Everything on the wire.
#[derive(Debug)]
pub struct Wire {
    /// The links.
    pub links: Links,
    ports: Vec<Port>,
    conns: slab::Slab<Conn>,
    pipes: slab::Slab<Pipe>,
    order: u64,
}

thread_local! {
    static WIRE: RefCell<Option<Wire>> = const { RefCell::new(None) };
}

/// Lays the wire of this thread's run.
///
/// # Panics
/// If there is one already.
pub fn lay(links: Links, hosts: usize) {
    let ports = (0..hosts).map(|_| Port { awake: true, ..Port::default() }).collect();
    let wire = Wire { links, ports, conns: slab::Slab::new(), pipes: slab::Slab::new(), order: 0 };
    let before = WIRE.replace(Some(wire));
    assert!(before.is_none(), "a thread runs one world");
}

/// Takes the wire of this thread away.
pub fn remove() {
    drop(WIRE.take());
}

/// Does something with the wire of this thread.
///
/// # Panics
/// Without [`lay`].
pub fn with<R>(act: impl FnOnce(&mut Wire) -> R) -> R {
    WIRE.with_borrow_mut(|wire| act(wire.as_mut().expect("the wire is laid before anything is plugged in")))
}

/// As [`with`], for handles that may outlive the run.
pub(super) fn try_with(act: impl FnOnce(&mut Wire)) {
    // A handle dropped while the wire itself is being dropped has nothing to tell.
    let _ = WIRE.try_with(|wire| {
        if let Ok(mut wire) = wire.try_borrow_mut()
            && let Some(wire) = wire.as_mut()
        {
            act(wire);
        }
    });
}

/// Why a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The other end is gone.
    #[error("connection reset by the other end")]
    Reset,
    /// The other end reads no more.
    #[error("the other end reads no more")]
    Unread,
    /// Nobody listens there.
    #[error("connection refused")]
    Refused,
    /// No answer.
    #[error("no answer in time")]
    Timeout,
}

impl From<WireError> for std::io::Error {
    fn from(error: WireError) -> Self {
        use std::io::ErrorKind;
        let kind = match error {
            WireError::Reset => ErrorKind::ConnectionReset,
            WireError::Unread => ErrorKind::BrokenPipe,
            WireError::Refused => ErrorKind::ConnectionRefused,
            WireError::Timeout => ErrorKind::TimedOut,
        };
        std::io::Error::new(kind, error)
    }
}

impl Wire {
    fn port(&mut self, host: HostId) -> &mut Port {
        &mut self.ports[host as usize]
    }

    /// What a host sent and received so far.
    #[must_use]
    pub fn traffic(&self, host: HostId) -> Traffic {
        self.ports[host as usize].traffic
    }

    /// Connections of a host, for bounds.
    #[must_use]
    pub fn connections(&self, host: HostId) -> usize {
        self.ports[host as usize].conns.len()
    }

    /// A process listens on this host under this key.
    pub fn listen(&mut self, host: HostId, peer: PeerId) {
        let port = self.port(host);
        port.peer = Some(peer);
        port.listening = true;
    }

    /// The key of a host that listens or did.
    pub(super) fn peer(&self, host: HostId) -> Option<PeerId> {
        self.ports[host as usize].peer
    }

    /// The process ended. The kernel tells the other ends (`told`), or the power went and nobody is told until the host is back.
    pub fn hang_up(&mut self, host: HostId, told: bool) {
        let port = self.port(host);
        port.listening = false;
        port.waker = None;
        port.datagram_waker = None;
        port.incoming.clear();
        port.datagrams.clear();
        if told {
            self.reset_all(host);
        }
    }

    /// The host is back after a power cut: whatever still comes for its earlier life is answered by a reset.
    pub fn reset_all(&mut self, host: HostId) {
        for id in self.port(host).conns.clone() {
            let end = usize::from(self.conns[id].ends[0] != host);
            self.leave(id, end);
        }
    }

    /// A sleeping host neither reads nor answers.
    pub fn set_awake(&mut self, host: HostId, awake: bool) {
        self.port(host).awake = awake;
        if awake {
            self.call_again();
        }
    }

    /// Notes who watches this end of a connection; an error when the other end is known to be gone.
    pub(super) fn watch(&mut self, id: ConnId, end: usize, cx: &mut Context<'_>) -> Result<(), WireError> {
        let conn = &mut self.conns[id];
        if conn.gone_us[end].is_some_and(|at| at <= now_us()) {
            return Err(WireError::Reset);
        }
        match &mut conn.watcher[end] {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        let gone = conn.gone_us[end];
        conn.arm(end, gone);
        Ok(())
    }

    /// One end leaves a connection: the other learns of it after what is on its way.
    pub(super) fn leave(&mut self, id: ConnId, end: usize) {
        let now = now_us();
        let Wire { conns, links, pipes, ports, .. } = self;
        let Some(conn) = conns.get_mut(id) else { return };
        let (from, to) = (conn.ends[end], conn.ends[1 - end]);
        ports[from as usize].conns.remove(&id);
        conn.gone_us[end].get_or_insert(now);
        if conn.gone_us[1 - end].is_none() && links.joined(from, to) {
            conn.gone_us[1 - end] = Some((now + links.latency_us(from, to)).max(conn.last_us[1 - end]));
        }
        for end in [0, 1] {
            let gone = conn.gone_us[end];
            conn.arm(end, gone);
            for pipe in &conn.pipes {
                if pipes[*pipe].to == end {
                    pipes[*pipe].arm(gone);
                }
            }
        }
    }

    /// A handle of a connection is dropped; with the last one the connection is forgotten.
    pub(super) fn release(&mut self, id: ConnId) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        conn.handles = conn.handles.saturating_sub(1);
        if conn.handles == 0 {
            let conn = self.conns.remove(id);
            for host in conn.ends {
                let port = self.port(host);
                port.conns.remove(&id);
                port.incoming.retain(|(_, waits)| *waits != id);
            }
            for pipe in conn.pipes {
                self.pipes.remove(pipe);
            }
        }
    }

    /// Sends a datagram, a copy of a byte string that may get lost.
    pub fn send_datagram(&mut self, from: HostId, to: HostId, bytes: &[u8]) {
        let fate = self.links.datagram(now_us(), (from, to), bytes.len());
        let traffic = &mut self.port(from).traffic;
        traffic.datagrams_out += 1;
        traffic.datagram_bytes_out += (bytes.len() + HEADER_BYTES) as u64;
        traffic.datagrams_overflowed += u64::from(fate.overflow);
        for at in fate.first_us.into_iter().chain(fate.second_us) {
            let mut copy = bytes.to_vec();
            if fate.corrupt
                && let Some(byte) = copy.get_mut(bytes.len() / 2)
            {
                *byte ^= 0x40;
            }
            self.order += 1;
            let order = self.order;
            let port = self.port(to);
            if port.listening && port.datagrams.len() < DATAGRAMS_MAX {
                port.datagrams.insert((at, order), (from, copy));
                port.arm_datagrams();
            }
        }
    }

    /// The next datagram that has arrived at a host.
    pub fn poll_datagram(&mut self, host: HostId, cx: &mut Context<'_>) -> Poll<(HostId, Vec<u8>)> {
        let now = now_us();
        let port = self.port(host);
        if let Some(first) = port.datagrams.first_entry().filter(|entry| entry.key().0 <= now) {
            let datagram = first.remove();
            port.traffic.datagrams_in += 1;
            return Poll::Ready(datagram);
        }
        port.datagram_waker = Some(cx.waker().clone());
        port.arm_datagrams();
        Poll::Pending
    }
}

impl Port {
    fn arm(&mut self) {
        if let (Some((at, _)), Some(waker)) = (self.incoming.first(), &self.waker) {
            self.timer.set(*at, waker);
        }
    }

    fn arm_datagrams(&mut self) {
        if let (Some(((at, _), _)), Some(waker)) = (self.datagrams.first_key_value(), &self.datagram_waker) {
            self.datagram_timer.set(*at, waker);
        }
    }
}

impl Conn {
    /// Wakes the watcher of an end at the latest at this time.
    fn arm(&mut self, end: usize, at_us: Option<u64>) {
        if let (Some(at), Some(waker)) = (at_us, &self.watcher[end]) {
            let at = self.watch_timer[end].at_us().map_or(at, |set| set.min(at));
            self.watch_timer[end].set(at.max(now_us()), waker);
        }
    }
}

impl Pipe {
    fn new(conn: ConnId, to: usize, known: bool) -> Self {
        Pipe {
            conn,
            to,
            known,
            chunks: VecDeque::new(),
            unread: 0,
            end_us: None,
            reader_left: false,
            reader: None,
            writer: None,
            timer: Timer::default(),
        }
    }

    /// When the reader finds something: bytes, or their end.
    fn first_us(&self) -> Option<u64> {
        match self.chunks.front() {
            Some(chunk) => chunk.at_us,
            None => self.end_us,
        }
    }

    /// Wakes the reader when it finds something, or when it finds the connection gone.
    fn arm(&mut self, gone_us: Option<u64>) {
        let Some(waker) = &self.reader else { return };
        if let Some(at) = self.first_us().into_iter().chain(gone_us).min() {
            self.timer.set(at.max(now_us()), waker);
        }
    }
}
