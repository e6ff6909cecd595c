//! How gossipsub is set: anonymous, short ids, a short window, a degree by group size.

use crate::limits;
use libp2p::gossipsub::{self, ConfigBuilder, Message, MessageAuthenticity, MessageId, ValidationMode};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// How large the group is expected to be; it sets the degree of the gossip mesh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupSize {
    /// Up to 16 nodes: everybody publishes to everybody that is connected, and the mesh only covers who is not.
    #[default]
    Small,
    /// Up to 64 nodes: degree 4, measured at 22-24 kB/s where degree 6 costs 36 kB/s (50 nodes at 1 Hz).
    Middle,
    /// Hundreds of nodes: degree 6, because degree 4 adds about 100 ms to the 99th percentile.
    Large,
}

/// Gossipsub's four degree figures and whether a publisher sends to every subscriber.
struct Degree {
    target: usize,
    low: usize,
    high: usize,
    outbound: usize,
    flood: bool,
}

impl GroupSize {
    fn degree(self) -> Degree {
        match self {
            Self::Small => Degree { target: 4, low: 3, high: 8, outbound: 1, flood: true },
            Self::Middle => Degree { target: 4, low: 3, high: 8, outbound: 2, flood: false },
            Self::Large => Degree { target: 6, low: 4, high: 12, outbound: 2, flood: false },
        }
    }
}

/// Beats between the rounds that keep the mesh at its degree and repair losses.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// The first beat. Gossipsub's five seconds would leave a small group that starts together at its lower degree.
const FIRST_HEARTBEAT: Duration = Duration::from_millis(500);

/// Heartbeats that a message stays available to a verdict and to IWANT.
const HISTORY: usize = 3;

/// Heartbeats of messages named in IHAVE: two keep the lists short.
const HISTORY_GOSSIP: usize = 2;

/// Messages above this size are announced by IDONTWANT. At 160 bytes it was measured to cost more than it saves.
const IDONTWANT_FROM: usize = 4096;

/// How long a frame of ours may sit in a peer's queue; older news is for reconciliation.
const QUEUED_PUBLISH_MAX: Duration = Duration::from_secs(3);

/// How long a frame of somebody else may sit there.
const QUEUED_FORWARD_MAX: Duration = Duration::from_secs(1);

/// Gossipsub with our settings. Nothing is signed here: contents carry their author's signature, checked once.
pub(crate) fn behaviour(size: GroupSize) -> gossipsub::Behaviour {
    let degree = size.degree();
    let config = ConfigBuilder::default()
        .validation_mode(ValidationMode::Anonymous)
        .validate_messages()
        .message_id_fn(message_id)
        .mesh_n(degree.target)
        .mesh_n_low(degree.low)
        .mesh_n_high(degree.high)
        .mesh_outbound_min(degree.outbound)
        .flood_publish(degree.flood)
        .heartbeat_interval(HEARTBEAT)
        .heartbeat_initial_delay(FIRST_HEARTBEAT)
        .history_length(HISTORY)
        .history_gossip(HISTORY_GOSSIP)
        .gossip_lazy(degree.target)
        .duplicate_cache_time(limits::GOSSIP_SEEN)
        .max_transmit_size(limits::GOSSIP_FRAME_MAX + limits::GOSSIP_OVERHEAD)
        .max_control_message_size(limits::GOSSIP_CONTROL_MAX)
        .max_publish_messages(limits::GOSSIP_RPC_MESSAGES_MAX)
        .connection_handler_queue_len(limits::GOSSIP_QUEUE_MAX)
        .publish_queue_duration(QUEUED_PUBLISH_MAX)
        .forward_queue_duration(QUEUED_FORWARD_MAX)
        .idontwant_message_size_threshold(IDONTWANT_FROM)
        .build()
        .expect("the figures above satisfy gossipsub's own rules");
    gossipsub::Behaviour::new(MessageAuthenticity::Anonymous, config)
        .expect("anonymous authenticity goes with anonymous validation")
}

/// SHA-256 over topic and payload, truncated. The topic is inside so that one payload can travel in two groups.
fn message_id(message: &Message) -> MessageId {
    let hash = Sha256::new()
        .chain_update((message.topic.as_str().len() as u64).to_be_bytes())
        .chain_update(message.topic.as_str())
        .chain_update(&message.data)
        .finalize();
    MessageId::new(&hash[..limits::MESSAGE_ID_BYTES])
}

#[cfg(test)]
mod tests;
