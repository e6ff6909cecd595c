//! The node's sockets: one libp2p swarm over QUIC and TCP, driven by bounded queues of commands and events.
//!
//! `start` binds the sockets and spawns one task. Commands go in through [`Net`], events come out of a receiver. Both
//! queues are bounded. A full event queue makes the task stop reading from the network, so that the load reaches the
//! peers as backpressure; commands are taken all the same, so that a driver that waits for room can never be
//! locked out by a task that waits for the driver. A full command queue makes `Net::send` wait.

mod address;

mod query;

mod outbox;

mod relays;

mod swarm;

mod task;

pub use address::{BadHint, parse_hint};
pub use relays::RELAYS_MAX;

pub use halloo_mesh::{FOUND_MAX, GIVEN_MAX, HINT_ADDRESSES_MAX};

use halloo_mesh::{GossipTicket, GroupSize, MeshEvent, PairReply, PeerKey, Topic, Verdict};
use libp2p::Multiaddr;
use std::fmt;
use std::sync::Arc;
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// Commands that wait for the network task; `Net::send` waits when it is full.
pub const COMMANDS_MAX: usize = 1024;

/// Events that wait for the driver; when it is full the swarm is not polled until there is room.
pub const EVENTS_MAX: usize = 1024;

/// What the caller decides about the network.
pub struct NetConfig {
    /// Seed of the Ed25519 transport key. The caller keeps it; a new one is a new address book entry everywhere.
    pub seed: [u8; 32],
    /// Must differ between starts of one node: draw it at random.
    pub session: u64,
    /// UDP (QUIC) and TCP port to listen on, 0 for any. A fixed one that is taken is an error.
    pub port: u16,
    /// Addresses to listen on. Empty means every IPv4 and IPv6 address of this machine.
    pub hosts: Vec<std::net::IpAddr>,
    /// Whether to look for peers on the local network (mDNS).
    pub discover: bool,
    /// Addresses that the user gave; dialled at the start and again, more and more rarely, while unconnected.
    pub hints: Vec<Multiaddr>,
    /// Expected size of the group; sets the degree of the gossip mesh.
    pub size: GroupSize,
    /// Is shown every payload handed to the mesh, before transport encryption.
    pub tap: Option<Tap>,
}

/// Sees payloads before transport encryption. It runs on the network task and must not block.
pub type Tap = Arc<dyn Fn(TapLane, &[u8]) + Send + Sync>;

/// Which lane a payload takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TapLane {
    /// Published to a topic.
    Gossip,
    /// Sent to one peer.
    Direct,
    /// A pairing request or reply.
    Pair,
}

/// What the driver wants from the network.
#[derive(Debug)]
pub enum NetCommand {
    /// Listen to a topic.
    Subscribe(Topic),
    /// Stop listening to a topic.
    Unsubscribe(Topic),
    /// Let a peer take part in a topic, until its last connection closes.
    Admit {
        /// Who.
        peer: PeerKey,
        /// Where.
        topic: Topic,
    },
    /// Close every connection to a peer, and with them its admissions.
    Expel(PeerKey),
    /// Send to the subscribers of a topic. What cannot be sent now waits a few seconds, then is dropped.
    Publish {
        /// Where.
        topic: Topic,
        /// At most `halloo_mesh::limits::GOSSIP_FRAME_MAX`.
        bytes: Vec<u8>,
    },
    /// Decide about a gossip message.
    Verdict {
        /// From the event.
        ticket: GossipTicket,
        /// Only `Accept` forwards it.
        verdict: Verdict,
    },
    /// Send a frame to one connected peer; answered by `NotSent` or the mesh's `DirectFailed` where it is known not to arrive.
    Direct {
        /// Who.
        to: PeerKey,
        /// At most `halloo_mesh::limits::DIRECT_FRAME_MAX`.
        bytes: Vec<u8>,
    },
    /// Ask a connected peer on the pairing lane; answered by `PairReplied` or `PairFailed` of the mesh, or by `NotSent`.
    Pair {
        /// Who.
        to: PeerKey,
        /// At most `halloo_mesh::limits::PAIR_REQUEST_MAX`.
        bytes: Vec<u8>,
    },
    /// Answer a pairing request.
    PairReply {
        /// From the event.
        reply: PairReply,
        /// At most `halloo_mesh::limits::PAIR_REPLY_MAX`.
        bytes: Vec<u8>,
    },
    /// Try to reach a peer at these addresses (from an invite, or last known); retried as `NetConfig::hints` are.
    Reach {
        /// Whose key must be behind the addresses, where it is known.
        peer: Option<PeerKey>,
        /// At most `HINT_ADDRESSES_MAX` are kept. Circuits are dialled only through relays of ours, as soon as those are ready.
        addresses: Vec<Multiaddr>,
    },
    /// Ask for a place with these relays, keep it, and ask again whenever it is lost. The whole list, each address as
    /// `/ip4|ip6/…/tcp/…/p2p/RELAY`, at most `RELAYS_MAX` relays; those of an earlier list that are missing are left. Sent again
    /// it makes a relay that has no place for us be asked at once. Answered by `NetEvent::Relayed` whenever that changes.
    Relay {
        /// Where the relays are.
        addresses: Vec<Multiaddr>,
    },
    /// Leave all relays. Connections that lead through them end with them.
    NoRelay,
    /// Ask the local network again who is there, and dial at once whoever is known and not connected. For a user who
    /// types a code into a node that has been running for long, after joining a group, and after waking up.
    LookAround,
    /// Somebody came into a group of ours: it may be one of those who were strangers, and is dialled again.
    SomebodyCame,
    /// Close everything and end the task.
    Stop,
}

/// What the network tells the driver.
#[derive(Debug)]
pub enum NetEvent {
    /// The set of addresses that this node listens on changed (loopback included, without peer id).
    Listening(Vec<Multiaddr>),
    /// What the mesh tells, as it tells it; never `GossipDropped`, which is only logged.
    Mesh(MeshEvent),
    /// The circuits by which others reach us changed: one for each relay that has a place for us and knows where we are, without
    /// our name at the end. Nothing while there is none.
    Relayed(Vec<Multiaddr>),
    /// How a connected peer is reached now. Told after its `PeerUp` when only relays lead to it, and whenever that changes; without
    /// a word it is direct.
    Path {
        /// Who.
        peer: PeerKey,
        /// Whether a direct connection stands.
        direct: bool,
    },
    /// At least one frame for this peer was refused before it was sent. Told once until read.
    NotSent {
        /// Whom it was meant for.
        peer: PeerKey,
        /// `Direct`: reconcile with it. `Pair`: the request will get no answer.
        lane: TapLane,
    },
}

/// Why the network could not be started.
#[derive(Debug, Error)]
pub enum NetError {
    /// World: another program (or another halloo) has the port.
    #[error(
        "port {port} is in use; stop the other program, or choose another port with --port, or 0 for any"
    )]
    PortInUse {
        /// The port asked for.
        port: u16,
    },
    /// World: the address does not belong to this machine, or may not be bound.
    #[error("cannot listen on {address} ({reason}); `halloo doctor` looks for the fault")]
    Listen {
        /// The address asked for.
        address: Multiaddr,
        /// The system's word.
        reason: String,
    },
    /// World: no socket could be set up at all.
    #[error("cannot set up the network ({0}); `halloo doctor` looks for the fault")]
    Setup(String),
}

/// The network task is gone; nothing more can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the network task has ended")]
pub struct NetGone;

/// The handle of a running network. Clones share one task.
#[derive(Clone, Debug)]
pub struct Net {
    commands: mpsc::Sender<NetCommand>,
    listening: watch::Receiver<Vec<Multiaddr>>,
    local: PeerKey,
}

/// What `start` returns.
pub struct Running {
    /// Commands go in here.
    pub net: Net,
    /// Events come out here. Dropping it ends the task.
    pub events: mpsc::Receiver<NetEvent>,
    /// Ends after `Stop`, or when every handle or the receiver is dropped.
    pub task: JoinHandle<()>,
}

impl Net {
    /// The transport key of this node.
    pub fn local(&self) -> PeerKey {
        self.local
    }

    /// Hands a command over, waiting while the queue is full.
    pub async fn send(&self, command: NetCommand) -> Result<(), NetGone> {
        self.commands.send(command).await.map_err(|_| NetGone)
    }

    /// The addresses that this node listens on now.
    pub fn addresses(&self) -> Vec<Multiaddr> {
        self.listening.borrow().clone()
    }
}

/// Binds the sockets and spawns the network task on the current tokio runtime.
///
/// Errors: `PortInUse` for a fixed port that is taken, `Listen` for an address that cannot be bound, `Setup`.
pub fn start(config: NetConfig) -> Result<Running, NetError> {
    let (swarm, local) = swarm::build(&config)?;
    let (commands, orders) = mpsc::channel(COMMANDS_MAX);
    let (reports, events) = mpsc::channel(EVENTS_MAX);
    let (listening, watched) = watch::channel(Vec::new());
    let task = task::Task::new(swarm, config, task::Doors { orders, reports, listening });
    let task = tokio::spawn(task.run());
    Ok(Running { net: Net { commands, listening: watched, local }, events, task })
}

impl fmt::Debug for NetConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetConfig")
            .field("port", &self.port)
            .field("hosts", &self.hosts)
            .field("discover", &self.discover)
            .field("hints", &self.hints)
            .field("size", &self.size)
            .field("tapped", &self.tap.is_some())
            .finish_non_exhaustive()
    }
}
