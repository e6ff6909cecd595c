//! What the mesh tells its host, and what the host hands back.

use crate::peer::PeerKey;
use crate::topic::Topic;
use libp2p::Multiaddr;
use libp2p::gossipsub::MessageId;
use libp2p::request_response::ResponseChannel;

/// Something that happened in the mesh, in the order in which the host must see it.
#[derive(Debug)]
pub enum MeshEvent {
    /// The first connection to a peer stands: all lanes can be used. It proves the transport key and nothing else.
    PeerUp {
        /// Who.
        peer: PeerKey,
        /// Where it was reached, or where it came from; nothing when it came by a relay.
        addresses: Vec<Multiaddr>,
    },
    /// The peer said where else it listens (its own claim; at most `ADDRESSES_PER_PEER_MAX`).
    PeerAddresses {
        /// Who.
        peer: PeerKey,
        /// Addresses without the trailing peer id.
        addresses: Vec<Multiaddr>,
    },
    /// The last connection to a peer is gone, and with it its admissions.
    PeerDown {
        /// Who.
        peer: PeerKey,
    },
    /// An admitted peer handed us a gossip message. It is forwarded only after `Mesh::verdict(ticket, Accept)`.
    Gossip {
        /// The topic; we are subscribed to it and `from` is admitted to it.
        topic: Topic,
        /// The hop that handed it over, not its author.
        from: PeerKey,
        /// At most `GOSSIP_FRAME_MAX`.
        bytes: Vec<u8>,
        /// To be given back with the verdict.
        ticket: GossipTicket,
    },
    /// Published messages were dropped because no subscriber came in time or newer ones displaced them.
    GossipDropped {
        /// The topic.
        topic: Topic,
        /// How many since the last such event.
        count: usize,
    },
    /// A frame of the direct lane: in order per peer, each at most once.
    Direct {
        /// The authenticated transport key of the sender.
        from: PeerKey,
        /// At most `DIRECT_FRAME_MAX`.
        bytes: Vec<u8>,
    },
    /// A frame of ours was not acknowledged before its peer went away. It may or may not have arrived.
    DirectFailed {
        /// Whom it was meant for.
        peer: PeerKey,
        /// The number that `send_direct` returned.
        id: DirectId,
    },
    /// A request on the pairing lane, possibly from a stranger.
    Pair {
        /// The authenticated transport key of the asker.
        from: PeerKey,
        /// At most `PAIR_REQUEST_MAX`.
        bytes: Vec<u8>,
        /// Dropping it refuses the request.
        reply: PairReply,
    },
    /// The answer to a pairing request of ours.
    PairReplied {
        /// Whom we asked.
        peer: PeerKey,
        /// The number that `send_pair` returned.
        id: PairId,
        /// At most `PAIR_REPLY_MAX`.
        bytes: Vec<u8>,
    },
    /// A pairing request of ours got no answer: refused, timed out, or the peer went away (then after its `PeerDown`).
    PairFailed {
        /// Whom we asked.
        peer: PeerKey,
        /// The number that `send_pair` returned.
        id: PairId,
    },
}

/// Numbers a frame that `send_direct` accepted; unique within one `Mesh`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DirectId(pub(crate) u64);

/// Numbers a request that `send_pair` accepted; unique within one `Mesh`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PairId(pub(crate) u64);

/// Names a gossip message that waits for a verdict. The wait is bounded: after about two heartbeats, or when
/// `VERDICTS_PENDING_MAX` newer ones wait, a message is no longer forwarded and its verdict does nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GossipTicket {
    pub(crate) id: MessageId,
    pub(crate) from: PeerKey,
}

/// What the engine found behind a gossip message's outer MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Genuine: forward it.
    Accept,
    /// Cannot be judged here (unknown beacon, duplicate fact): do not forward, nobody is to blame.
    Ignore,
    /// Forged or malformed: do not forward, and count it against the hop.
    Reject,
}

/// The right to answer one pairing request, once.
#[derive(Debug)]
pub struct PairReply(pub(crate) ResponseChannel<Vec<u8>>);

/// What became of a published message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// Handed to at least one subscriber's queue.
    Sent,
    /// No admitted peer subscribes yet: it waits, with a bound in number, bytes and time.
    Waiting,
    /// The same bytes went over this topic less than `GOSSIP_SEEN` ago; nothing was sent again.
    Duplicate,
}
