//! The behaviour as its host sees it: calls in, `MeshEvent`s out, all lanes over one set of connections.

mod boxed;
mod neighbours;
mod swarm;

use crate::direct::behaviour::SendError;
use crate::error::MeshError;
use crate::event::{DirectId, GossipTicket, MeshEvent, PairId, PairReply, Published, Verdict};
use crate::gossip::gate::AdmitError;
use crate::gossip::setup::GroupSize;
use crate::gossip::verdicts::Verdicts;
use crate::gossip::waiting::Waiting;
use crate::lanes::Lanes;
use crate::limits;
use crate::peer::PeerKey;
use crate::topic::Topic;
use futures_timer::Delay;
use libp2p::PeerId;
use libp2p::gossipsub::{self, IdentTopic, MessageAcceptance, TopicHash};
use libp2p::identity::PublicKey;
use libp2p::request_response::{InboundRequestId, OutboundRequestId};
use libp2p::swarm::{CloseConnection, THandlerInEvent, ToSwarm};
use neighbours::Neighbours;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What a host decides about its mesh.
#[derive(Clone, Debug, Default)]
pub struct MeshConfig {
    /// Sets the degree of the gossip mesh.
    pub size: GroupSize,
    /// Must differ between starts of one node (draw it at random): receivers of the direct lane tell a restart by it.
    pub session: u64,
}

/// The libp2p behaviour of a halloo node. Calls take effect when the swarm is polled next.
pub struct Mesh {
    lanes: Lanes,
    /// What is listened to, with the name that gossipsub has for it.
    topics: BTreeMap<Topic, TopicHash>,
    connected: Neighbours,
    waiting: Waiting,
    /// Runs while something waits.
    waiting_tick: Option<Delay>,
    verdicts: Verdicts,
    rejects: BTreeMap<PeerId, u32>,
    asked: BTreeMap<OutboundRequestId, PairId>,
    asking: BTreeSet<InboundRequestId>,
    last_pair: u64,
    queue: VecDeque<ToSwarm<MeshEvent, THandlerInEvent<Lanes>>>,
}

impl Mesh {
    /// A mesh for the node whose transport key is `local`. Errors: `BadKey` unless it is Ed25519.
    pub fn new(local: &PublicKey, config: MeshConfig) -> Result<Self, MeshError> {
        PeerKey::from_public(local).ok_or(MeshError::BadKey)?;
        Ok(Self {
            lanes: Lanes::new(local, config.size, config.session),
            topics: BTreeMap::new(),
            connected: Neighbours::default(),
            waiting: Waiting::default(),
            waiting_tick: None,
            verdicts: Verdicts::default(),
            rejects: BTreeMap::new(),
            asked: BTreeMap::new(),
            asking: BTreeSet::new(),
            last_pair: 0,
            queue: VecDeque::new(),
        })
    }

    /// Listens to a topic. Errors: `TooMany` beyond `TOPICS_MAX`.
    pub fn subscribe(&mut self, topic: Topic) -> Result<(), MeshError> {
        if self.topics.contains_key(&topic) {
            return Ok(());
        }
        if self.topics.len() >= limits::TOPICS_MAX {
            return Err(MeshError::TooMany { max: limits::TOPICS_MAX });
        }
        self.topics.insert(topic, topic.to_hash());
        let subscribed = self.lanes.gate.gossip.subscribe(&ident(topic));
        debug_assert!(subscribed.is_ok(), "no subscription filter is set");
        Ok(())
    }

    /// Stops listening to a topic and drops what waited to be published there.
    pub fn unsubscribe(&mut self, topic: Topic) {
        if self.topics.remove(&topic).is_some() {
            self.lanes.gate.gossip.unsubscribe(&ident(topic));
        }
        self.waiting.forget(topic);
    }

    /// Lets a connected peer take part in a topic: its gossip is heard, ours is offered to it, it may be grafted.
    /// The admission ends with the last connection to the peer. Errors: `BadPeer`, `NotConnected`, `TooMany`.
    pub fn admit(&mut self, peer: PeerKey, topic: Topic) -> Result<(), MeshError> {
        let id = self.peer_id(peer)?;
        self.lanes.gate.admit(id, topic).map_err(|error| match error {
            AdmitError::NotConnected => MeshError::NotConnected,
            AdmitError::TooMany => MeshError::TooMany { max: limits::ADMISSIONS_PER_PEER_MAX },
        })?;
        self.lanes.direct.keep(id);
        Ok(())
    }

    /// Takes back every admission of a peer by closing its connections. It may come back as a stranger.
    pub fn expel(&mut self, peer: PeerKey) {
        if let Some(id) = self.connected.id_of(&peer) {
            self.close(id);
        }
    }

    /// Sends a payload to the subscribers of a topic among the admitted peers.
    ///
    /// Errors: `TooLarge`; `TooMany` when too many bytes wait for a first subscriber; `QueueFull` when the queue of
    /// every subscriber is full, in which case they are still offered the message by IHAVE for a few seconds.
    pub fn publish(&mut self, topic: Topic, bytes: Vec<u8>) -> Result<Published, MeshError> {
        check_size(&bytes, limits::GOSSIP_FRAME_MAX)?;
        match self.lanes.gate.gossip.publish(topic.to_hash(), bytes.clone()) {
            Ok(_) => Ok(Published::Sent),
            Err(gossipsub::PublishError::Duplicate) => Ok(Published::Duplicate),
            Err(gossipsub::PublishError::NoPeersSubscribedToTopic) => {
                let full = MeshError::TooMany { max: limits::WAITING_BYTES_MAX };
                self.waiting.push(topic, bytes).map_err(|_| full)?;
                self.waiting_tick.get_or_insert_with(|| Delay::new(limits::WAITING_TICK));
                Ok(Published::Waiting)
            }
            Err(_) => Err(MeshError::QueueFull),
        }
    }

    /// Decides about a gossip message: only an accepted one is forwarded. Too late or repeated verdicts do nothing.
    pub fn verdict(&mut self, ticket: GossipTicket, verdict: Verdict) {
        if self.verdicts.settle(&ticket) {
            self.judge(&ticket, verdict);
        }
    }

    /// Queues a frame for a connected peer, in order after those before it. Errors: `TooLarge`, `BadPeer`,
    /// `NotConnected`, and `QueueFull` when `DIRECT_QUEUE_FRAMES_MAX` or `DIRECT_QUEUE_BYTES_MAX` is unacknowledged.
    pub fn send_direct(&mut self, peer: PeerKey, bytes: Vec<u8>) -> Result<DirectId, MeshError> {
        check_size(&bytes, limits::DIRECT_FRAME_MAX)?;
        let id = self.peer_id(peer)?;
        self.lanes.direct.send(id, bytes).map_err(|error| match error {
            SendError::NotConnected => MeshError::NotConnected,
            SendError::Full => MeshError::QueueFull,
        })
    }

    /// Asks a connected peer on the pairing lane. Errors: `TooLarge`, `BadPeer`, `NotConnected`, `TooMany` beyond
    /// `PAIR_ASKED_MAX`.
    pub fn send_pair(&mut self, peer: PeerKey, bytes: Vec<u8>) -> Result<PairId, MeshError> {
        check_size(&bytes, limits::PAIR_REQUEST_MAX)?;
        let id = self.peer_id(peer)?;
        if !self.connected.contains(&id) {
            return Err(MeshError::NotConnected);
        }
        if self.asked.len() >= limits::PAIR_ASKED_MAX {
            return Err(MeshError::TooMany { max: limits::PAIR_ASKED_MAX });
        }
        self.last_pair += 1;
        let number = PairId(self.last_pair);
        let request = self.lanes.pair.send_request(&id, bytes);
        self.asked.insert(request, number);
        Ok(number)
    }

    /// Answers a pairing request. Errors: `TooLarge`, `AskerGone`.
    pub fn reply_pair(&mut self, reply: PairReply, bytes: Vec<u8>) -> Result<(), MeshError> {
        check_size(&bytes, limits::PAIR_REPLY_MAX)?;
        self.lanes.pair.send_response(reply.0, bytes).map_err(|_| MeshError::AskerGone)
    }

    /// The peers that are connected now.
    pub fn peers(&self) -> impl Iterator<Item = PeerKey> + '_ {
        self.connected.keys()
    }

    /// How many peers gossip is forwarded to right now, summed up over the topics.
    pub fn degree(&self) -> usize {
        self.topics.values().map(|hash| self.lanes.gate.gossip.mesh_peers(hash).count()).sum()
    }

    /// Gossip messages that came in so far, every copy counted: what gossipsub keeps to itself.
    pub fn gossip_copies(&self) -> u64 {
        self.lanes.gate.copies
    }

    /// The peers that gossip is forwarded to on a topic right now.
    pub fn grafted(&self, topic: Topic) -> Vec<PeerKey> {
        let hash = topic.to_hash();
        let mut peers: Vec<_> =
            self.lanes.gate.gossip.mesh_peers(&hash).filter_map(|id| self.connected.key_of(id)).collect();
        peers.sort_unstable();
        peers
    }

    fn judge(&mut self, ticket: &GossipTicket, verdict: Verdict) {
        let Some(from) = self.connected.id_of(&ticket.from) else {
            return;
        };
        let acceptance = match verdict {
            Verdict::Accept => MessageAcceptance::Accept,
            Verdict::Ignore => MessageAcceptance::Ignore,
            Verdict::Reject => MessageAcceptance::Reject,
        };
        self.lanes.gate.gossip.report_message_validation_result(&ticket.id, &from, acceptance);
        if verdict == Verdict::Reject && self.connected.contains(&from) {
            let rejects = self.rejects.entry(from).or_default();
            *rejects += 1;
            if *rejects >= limits::REJECTS_MAX {
                tracing::warn!(peer = ?ticket.from, "closing a peer that keeps sending forged gossip");
                self.close(from);
            }
        }
    }

    fn peer_id(&self, peer: PeerKey) -> Result<PeerId, MeshError> {
        self.connected.id_of(&peer).ok_or(MeshError::BadPeer)
    }

    fn close(&mut self, peer_id: PeerId) {
        self.queue.push_back(ToSwarm::CloseConnection { peer_id, connection: CloseConnection::All });
    }
}

fn ident(topic: Topic) -> IdentTopic {
    IdentTopic::new(topic.to_hash().into_string())
}

fn check_size(bytes: &[u8], max: usize) -> Result<(), MeshError> {
    if bytes.len() > max { Err(MeshError::TooLarge { len: bytes.len(), max }) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
