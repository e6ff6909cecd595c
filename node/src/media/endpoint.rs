//! What carries sealed voice between members, whatever the transport underneath is.
//!
//! An endpoint is told which devices to be connected with ([`MediaEndpoint::set_peers`]), exchanges opaque signalling
//! bytes with their endpoints (the engine seals them for the direct lane), and moves sealed payloads both ways over two
//! bounded queues. It never sees a key nor a sample. Nothing here blocks: a full queue drops the newest payload and
//! counts it, because late voice is worth less than no voice.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use halloo_crypto::id::DeviceId;
use serde::Serialize;

/// Most connections of one endpoint: a full mesh of eight members is seven connections each, more goes over a super-peer.
pub const MAX_PEERS: usize = 7;

/// Most bytes of a sealed payload: the largest that fits an IPv6 minimum MTU of 1,280 after IP, UDP, RTP and SRTP.
pub const MAX_PAYLOAD: usize = 1_180;

/// Most servers that a connection asks: each costs a request from every local address.
pub const MAX_SERVERS: usize = 4;

/// Sealed frames that may wait for the endpoint task: 640 ms at 20 ms, past that they are useless to a listener.
pub const OUTGOING_QUEUE: usize = 32;

/// Sealed frames that may wait for the voice thread: seven speakers for a second and a half.
pub const INCOMING_QUEUE: usize = 512;

/// Events that may wait for the driver; signalling of seven peers in set-up is below a hundred.
pub const EVENT_QUEUE: usize = 256;

/// One sealed frame on its way out, to every connected peer.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The SFrame bytes, at most [`MAX_PAYLOAD`].
    pub payload: Bytes,
    /// Capture time of the first sample in 48 kHz ticks, wrapping: the RTP timestamp.
    pub timestamp: u32,
    /// First frame after silence: the RTP marker bit.
    pub first: bool,
    /// Whether the frame holds speech; leaves the machine only where an endpoint is told to mark levels in clear.
    pub talking: bool,
}

/// One sealed frame that arrived.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// The device whose connection it came from, proven by the DTLS fingerprint in its sealed signalling; `None` for what a forwarder
    /// handed over, whose speaker checkpoints prove.
    pub from: Option<DeviceId>,
    /// The SFrame bytes, at most [`MAX_PAYLOAD`].
    pub payload: Bytes,
    /// Monotonic nanoseconds of arrival ([`super::clock::mono_ns`]).
    pub arrived_ns: u64,
}

/// What an endpoint tells the driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointEvent {
    /// Opaque bytes for `to`'s endpoint: hand them to the engine, which seals them for the direct lane.
    Signal {
        /// The device meant.
        to: DeviceId,
        /// One frame of `docs/spec/signalling.md`.
        bytes: Vec<u8>,
    },
    /// Voice can flow both ways.
    Up {
        /// The device.
        peer: DeviceId,
        /// Milliseconds from the first offer (sent or received) to here.
        setup_ms: u64,
    },
    /// Voice cannot flow; the endpoint goes on trying while the device stays in [`MediaEndpoint::set_peers`].
    Down {
        /// The device.
        peer: DeviceId,
        /// Why.
        reason: DownReason,
    },
    /// The device has no connection left for this one; the endpoint goes on trying, and tells it again each time.
    Full {
        /// The device.
        peer: DeviceId,
    },
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DownReason {
    /// The plan no longer names the device.
    Dropped,
    /// The other side said goodbye or began anew.
    Peer,
    /// No path was found, or it went silent for good.
    Path,
}

/// A server outside that helps two endpoints to find a path: it says how this machine looks from there (`stun:`), or relays what is
/// sealed already (`turn:`). Its operator sees addresses, times and sizes.
#[derive(Clone, PartialEq, Eq)]
pub struct IceServer {
    /// `stun:HOST:PORT`, `turn:HOST:PORT?transport=udp`; RFC 7064 and RFC 7065.
    pub urls: Vec<String>,
    /// For `turn:` only.
    pub username: String,
    /// For `turn:` only.
    pub credential: String,
}

impl std::fmt::Debug for IceServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IceServer").field("urls", &self.urls).finish_non_exhaustive()
    }
}

/// How one connection does.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ConnectionStats {
    /// True once voice can flow.
    pub up: bool,
    /// Milliseconds from first offer to [`EndpointEvent::Up`], of the present connection.
    pub setup_ms: Option<u64>,
    /// Round trip in milliseconds by ICE consent checks, once known.
    pub rtt_ms: Option<f64>,
    /// RTP packets handed to the transport.
    pub packets_sent: u64,
    /// Their payload bytes (sealed frames, without RTP, SRTP, UDP and IP headers).
    pub bytes_sent: u64,
    /// RTP packets that arrived.
    pub packets_received: u64,
    /// Their payload bytes.
    pub bytes_received: u64,
    /// Packets that never came, by gaps in the RTP sequence (RFC 3550 A.3: expected less received, never below zero).
    pub packets_lost: u64,
    /// Payloads thrown away here because a queue was full.
    pub dropped: u64,
    /// Times that this peer was connected anew.
    pub reconnects: u64,
}

/// All connections by device.
pub type EndpointStats = std::collections::BTreeMap<DeviceId, ConnectionStats>;

/// What can go wrong when an endpoint is used.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The caller named more devices than [`MAX_PEERS`].
    #[error("a direct call holds at most {MAX_PEERS} other devices, {0} were named")]
    TooManyPeers(usize),
    /// The endpoint was closed, or its queue is full because it no longer runs.
    #[error("the media endpoint is closed")]
    Closed,
    /// The transport could not be built (no socket, no interface).
    #[error("no media transport: {0}")]
    Transport(String),
}

/// A future that owns all it needs.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// The control side of an endpoint: never blocks, cheap to clone behind an `Arc`.
pub trait MediaEndpoint: Send + Sync {
    /// Connects to the devices newly named and drops those no longer named (at most [`MAX_PEERS`]).
    ///
    /// # Errors
    /// [`EndpointError::TooManyPeers`], [`EndpointError::Closed`].
    fn set_peers(&self, peers: BTreeSet<DeviceId>) -> Result<(), EndpointError>;

    /// Hands over signalling bytes that arrived sealed from `from`; malformed bytes are counted and ignored.
    ///
    /// # Errors
    /// [`EndpointError::Closed`].
    fn signal(&self, from: DeviceId, bytes: Vec<u8>) -> Result<(), EndpointError>;

    /// The machine's addresses changed: every connection looks for a new path (ICE restart) while the old one is used.
    ///
    /// # Errors
    /// [`EndpointError::Closed`].
    fn network_changed(&self) -> Result<(), EndpointError>;

    /// From now on these servers help (at most [`MAX_SERVERS`]). Connections that stand are left as they are: new credentials are
    /// no reason to interrupt anybody.
    fn set_servers(&self, servers: Vec<IceServer>);

    /// Signalling reaches this device again after it did not: what waits for an answer is said at once instead of in its turn.
    ///
    /// # Errors
    /// [`EndpointError::Closed`].
    fn reachable(&self, device: DeviceId) -> Result<(), EndpointError>;

    /// A snapshot, at most a second old.
    fn stats(&self) -> EndpointStats;

    /// Says goodbye to every peer and frees sockets and tasks; resolves when nothing is left.
    fn close(&self) -> BoxFuture<()>;
}

/// The whole of a started endpoint: control, events, and the two ends that belong to the voice thread.
pub struct Started {
    /// Control, for the driver.
    pub control: Arc<dyn MediaEndpoint>,
    /// Events, for the driver.
    pub events: tokio::sync::mpsc::Receiver<EndpointEvent>,
    /// Payloads in and out, for the voice thread.
    pub road: Road,
}

/// The voice thread's two ends: bounded, and neither call ever waits.
pub struct Road {
    out: tokio::sync::mpsc::Sender<Outgoing>,
    inn: std::sync::mpsc::Receiver<Incoming>,
    dropped: Arc<AtomicU64>,
}

/// The endpoint's two ends of a [`Road`].
pub struct RoadEnds {
    /// Frames to send.
    pub out: tokio::sync::mpsc::Receiver<Outgoing>,
    /// Frames that arrived.
    pub inn: std::sync::mpsc::SyncSender<Incoming>,
}

/// A road and the endpoint's ends of it.
pub fn road() -> (Road, RoadEnds) {
    let (out, out_end) = tokio::sync::mpsc::channel(OUTGOING_QUEUE);
    let (inn_end, inn) = std::sync::mpsc::sync_channel(INCOMING_QUEUE);
    let road = Road { out, inn, dropped: Arc::new(AtomicU64::new(0)) };
    (road, RoadEnds { out: out_end, inn: inn_end })
}

impl Road {
    /// Hands a frame to the endpoint; false if it was dropped (queue full, endpoint closed, payload too long).
    pub fn send(&self, frame: Outgoing) -> bool {
        let sent = frame.payload.len() <= MAX_PAYLOAD && self.out.try_send(frame).is_ok();
        if !sent {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        sent
    }

    /// The next frame that arrived, if any.
    pub fn receive(&self) -> Option<Incoming> {
        self.inn.try_recv().ok()
    }

    /// Frames that [`Road::send`] dropped since the start.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests;
