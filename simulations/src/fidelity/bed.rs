//! A bed of raw gossipsub Swarms in virtual time: no mesh of ours, no engine, one topic. What the literature measured is measured on it.

use super::ear::{self, Ear};
use crate::chance::{between, generator};
use crate::net::links::{HostId, LinkSpec, Links};
use crate::net::{transport, wire};
use crate::world::START_US;
use futures::StreamExt as _;
use halloo_vtime::{Task, now_us};
use libp2p::gossipsub::{self, IdentTopic, MessageAcceptance, MessageId, ValidationMode};
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{self, SwarmEvent};
use libp2p::{PeerId, Swarm};
use rand_chacha::ChaCha20Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Starts and dials are spread over this long each: joins all at once flatter the tail by a third.
pub const SPREAD_US: u64 = 10_000_000;

/// Quiet time after the last dial, in which the mesh settles: many heartbeats.
pub const SETTLE_US: u64 = 30_000_000;

/// Bytes of a message: what a sealed place of ours takes.
pub const PAYLOAD_BYTES: usize = 160;

/// A connection outside the mesh carries nothing but gossip; it stays up for the whole run.
const IDLE: Duration = Duration::from_secs(86_400);

/// How gossipsub is set on the bed. Everything that is not here stays at the default of the crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// D.
    pub degree: usize,
    /// D_low.
    pub low: usize,
    /// D_high.
    pub high: usize,
    /// Outgoing connections in the mesh at least.
    pub outbound: usize,
    /// Whether IHAVE names what was heard; without it only the mesh delivers.
    pub lazy: bool,
}

impl Setting {
    /// D 6/4/12 with lazy gossip: the setting of the literature.
    pub const CLASSIC: Setting = Setting { degree: 6, low: 4, high: 12, outbound: 2, lazy: true };
}

/// A bed.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Decides every draw.
    pub seed: u64,
    /// Nodes.
    pub nodes: u32,
    /// Others that each node dials, drawn evenly.
    pub dials: u32,
    /// The links.
    pub links: LinkSpec,
    /// How gossipsub is set.
    pub setting: Setting,
    /// Nodes that take messages and never pass them on.
    pub mute: u32,
}

struct Node {
    swarm: Swarm<Ear>,
    task: Arc<Task>,
    waker: Waker,
}

/// The bed, running.
pub struct Bed {
    spec: Spec,
    nodes: Vec<Option<Node>>,
    names: Vec<PeerId>,
    peers: BTreeMap<PeerId, HostId>,
    mutes: BTreeSet<HostId>,
    topic: IdentTopic,
    published: u32,
    /// When each node first had each message: (message, node) to virtual microseconds.
    heard: BTreeMap<(u32, HostId), u64>,
}

impl Bed {
    /// A bed in which all have started, dialled and settled. The thread must be armed.
    #[must_use]
    pub fn settled(spec: Spec) -> Self {
        wire::lay(Links::new(spec.links.clone(), spec.nodes as usize, spec.seed), spec.nodes as usize);
        let mut rng = generator(spec.seed, "bed");
        let mutes = choose(&mut rng, spec.nodes, spec.mute, None);
        let names: Vec<PeerId> =
            (0..spec.nodes).map(|node| ear::key(spec.seed, node).public().to_peer_id()).collect();
        let mut bed = Bed {
            nodes: (0..spec.nodes).map(|_| None).collect(),
            peers: names.iter().copied().zip(0..).collect(),
            names,
            mutes,
            topic: IdentTopic::new("bed"),
            published: 0,
            heard: BTreeMap::new(),
            spec,
        };
        bed.start_all(&mut rng);
        bed.dial_all(&mut rng);
        bed.run_until(START_US + 2 * SPREAD_US + SETTLE_US);
        bed
    }

    fn start_all(&mut self, rng: &mut ChaCha20Rng) {
        let mut starts: Vec<(u64, HostId)> =
            (0..self.spec.nodes).map(|node| (START_US + between(rng, 0, SPREAD_US), node)).collect();
        starts.sort_unstable();
        for (at, node) in starts {
            self.run_until(at);
            self.start(node);
        }
        self.run_until(START_US + SPREAD_US);
    }

    fn start(&mut self, number: HostId) {
        let peer = self.names[number as usize];
        let mut gossip = gossip(self.spec.setting);
        gossip.subscribe(&self.topic).expect("no filter is set");
        let config = swarm::Config::without_executor().with_idle_connection_timeout(IDLE);
        let mut swarm = Swarm::new(transport::plain(number), Ear::new(gossip), peer, config);
        swarm.listen_on(transport::address(number)).expect("its own address");
        wire::with(|wire| wire.listen(number, peer));
        let (task, waker) = Task::new(number);
        waker.wake_by_ref();
        self.nodes[number as usize] = Some(Node { swarm, task, waker });
    }

    fn dial_all(&mut self, rng: &mut ChaCha20Rng) {
        let mut dials = Vec::new();
        for node in 0..self.spec.nodes {
            for other in choose(rng, self.spec.nodes, self.spec.dials, Some(node)) {
                dials.push((START_US + SPREAD_US + between(rng, 0, SPREAD_US), node, other));
            }
        }
        dials.sort_unstable();
        for (at, from, to) in dials {
            self.run_until(at);
            // Refused when the other has dialled meanwhile: they are connected.
            let options = dial_options(self.names[to as usize], to);
            let node = self.node(from);
            let _connected = node.swarm.dial(options);
            node.waker.wake_by_ref();
        }
    }

    fn node(&mut self, number: HostId) -> &mut Node {
        self.nodes[number as usize].as_mut().expect("started before it is asked")
    }

    /// Runs until this virtual time.
    pub fn run_until(&mut self, end_us: u64) {
        halloo_vtime::run_until(end_us, |number| self.poll(number));
    }

    fn poll(&mut self, number: HostId) {
        let mute = self.mutes.contains(&number);
        let Some(node) = self.nodes[number as usize].as_mut() else { return };
        node.task.begin();
        let waker = node.waker.clone();
        while let Poll::Ready(Some(event)) = node.swarm.poll_next_unpin(&mut Context::from_waker(&waker)) {
            let SwarmEvent::Behaviour(gossipsub::Event::Message { propagation_source, message_id, message }) =
                event
            else {
                continue;
            };
            let acceptance = if mute { MessageAcceptance::Ignore } else { MessageAcceptance::Accept };
            let gossip = &mut node.swarm.behaviour_mut().gossip;
            gossip.report_message_validation_result(&message_id, &propagation_source, acceptance);
            self.heard.entry((message_number(&message.data), number)).or_insert_with(now_us);
        }
    }

    /// Publishes the next message from this node and returns its number.
    ///
    /// # Panics
    /// If nobody is subscribed: the bed has settled.
    pub fn publish(&mut self, from: HostId) -> u32 {
        let number = self.published;
        self.published += 1;
        let mut payload = vec![0; PAYLOAD_BYTES];
        payload[..4].copy_from_slice(&number.to_be_bytes());
        let topic = self.topic.clone();
        let node = self.node(from);
        node.swarm.behaviour_mut().gossip.publish(topic, payload).expect("the mesh stands");
        node.waker.wake_by_ref();
        number
    }

    /// When each node had a message first, in the order of nodes, the publisher left out.
    #[must_use]
    pub fn heard(&self, message: u32) -> Vec<(HostId, u64)> {
        let range = self.heard.range((message, 0)..=(message, HostId::MAX));
        range.map(|((_, node), at)| (*node, *at)).collect()
    }

    /// Whom each node passes messages on to right now.
    #[must_use]
    pub fn mesh(&self) -> Vec<Vec<HostId>> {
        let hash = self.topic.hash();
        let of = |node: &Option<Node>| {
            let Some(node) = node else { return Vec::new() };
            let peers = node.swarm.behaviour().gossip.mesh_peers(&hash);
            peers.filter_map(|peer| self.peers.get(peer).copied()).collect()
        };
        self.nodes.iter().map(of).collect()
    }

    /// Nodes that never pass anything on.
    #[must_use]
    pub fn mutes(&self) -> &BTreeSet<HostId> {
        &self.mutes
    }

    /// Messages that came in at all nodes so far, copies included.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.nodes.iter().flatten().map(|node| node.swarm.behaviour().messages).sum()
    }
}

/// The mean number of others that a node passes messages on to.
#[must_use]
pub fn mean_degree(mesh: &[Vec<HostId>]) -> f64 {
    mesh.iter().map(Vec::len).sum::<usize>() as f64 / mesh.len() as f64
}

/// `count` different nodes, without this one.
pub fn choose(rng: &mut ChaCha20Rng, nodes: u32, count: u32, without: Option<HostId>) -> BTreeSet<HostId> {
    let mut chosen = BTreeSet::new();
    let there = nodes - u32::from(without.is_some());
    while chosen.len() < count.min(there) as usize {
        let drawn = u32::try_from(between(rng, 0, u64::from(nodes) - 1)).expect("below the nodes");
        if Some(drawn) != without {
            chosen.insert(drawn);
        }
    }
    chosen
}

fn dial_options(peer: PeerId, to: HostId) -> DialOpts {
    DialOpts::peer_id(peer).addresses(vec![transport::address(to)]).build()
}

fn message_number(payload: &[u8]) -> u32 {
    let number = payload.get(..4).and_then(|bytes| bytes.try_into().ok());
    u32::from_be_bytes(number.expect("the bed writes its own payloads"))
}

fn gossip(setting: Setting) -> gossipsub::Behaviour {
    let id = |message: &gossipsub::Message| MessageId::new(&message.data[..4]);
    let mut builder = gossipsub::ConfigBuilder::default();
    builder
        .validation_mode(ValidationMode::Anonymous)
        .validate_messages()
        .message_id_fn(id)
        .flood_publish(false)
        .mesh_n(setting.degree)
        .mesh_n_low(setting.low)
        .mesh_n_high(setting.high)
        .mesh_outbound_min(setting.outbound);
    if !setting.lazy {
        builder.gossip_lazy(0).gossip_factor(0.0);
    }
    let config = builder.build().expect("the figures satisfy gossipsub's own rules");
    gossipsub::Behaviour::new(gossipsub::MessageAuthenticity::Anonymous, config)
        .expect("anonymous authenticity goes with anonymous validation")
}
