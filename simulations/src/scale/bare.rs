//! The side without engines: Swarms with the same behaviours and connections, which are played the tape and forward what comes.

use super::tape::{Tape, Wish};
use super::{Cost, Size, resident_bytes};
use crate::chance::{between, generator};
use crate::fidelity::ear;
use crate::net::links::{HostId, Links};
use crate::net::{transport, wire};
use crate::plan::Plan;
use crate::world::{START_US, on_own_thread};
use futures::StreamExt as _;
use halloo_mesh::{Mesh, MeshConfig, MeshEvent, PeerKey, Topic, Verdict, limits};
use halloo_vtime::Task;
use libp2p::Swarm;
use libp2p::swarm::{self, SwarmEvent};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Dials are spread over this long, as newcomers are on the side with engines.
const DIALS_US: u64 = 30_000_000;

struct Node {
    swarm: Swarm<Mesh>,
    task: Arc<Task>,
    waker: Waker,
    topics: BTreeSet<[u8; 32]>,
}

/// Runs it.
#[must_use]
pub fn run(size: Size, plan: Plan, tape: Tape) -> Cost {
    on_own_thread(size.seed, move || {
        let before = resident_bytes();
        let mut bed = Bed::new(&plan, &tape, size.seed);
        let nodes = u32::try_from(bed.nodes.len()).expect("hosts are counted in 32 bits");
        bed.dial_all(&tape, size.seed);
        let [all_in, begin, end] = size.times_us().map(|at| START_US + at);
        bed.run_until(all_in);
        let setup = halloo_vtime::cpu_ns();
        let mut wishes = tape.wishes.into_iter().peekable();
        while let Some((at, host, wish)) = wishes.next_if(|(at, ..)| *at < begin) {
            bed.run_until(at);
            bed.grant(host, wish);
        }
        bed.run_until(begin);
        let heard = bed.gossip;
        let connections = (0..nodes).map(|host| wire::with(|wire| wire.connections(host))).sum::<usize>();
        let begun = halloo_vtime::cpu_ns();
        for (at, host, wish) in wishes {
            bed.run_until(at);
            bed.grant(host, wish);
        }
        bed.run_until(end);
        let window = halloo_vtime::cpu_ns() - begun;
        Cost {
            nodes,
            connections: connections as f64 / f64::from(nodes),
            setup_cpu_s: setup as f64 / 1e9,
            window_cpu_s: window as f64 / 1e9,
            node_bytes: resident_bytes().saturating_sub(before) as f64 / f64::from(nodes),
            node_s_per_s: f64::from(nodes) * f64::from(size.window_s) / (window as f64 / 1e9),
            gossip: bed.gossip - heard,
            messages: [0, 0],
            members: 0,
            voice_steps: 0,
            findings: Vec::new(),
        }
    })
}

struct Bed {
    nodes: Vec<Node>,
    /// Keys of the tape, and the key that the same host has here.
    keys: BTreeMap<[u8; 32], PeerKey>,
    gossip: u64,
}

impl Bed {
    fn new(plan: &Plan, tape: &Tape, seed: u64) -> Self {
        let count = plan.hosts.len();
        let mut links = Links::new(plan.links.clone(), count, plan.seed);
        for (number, host) in (0..).zip(&plan.hosts) {
            links.place(number, host.site, host.nat);
        }
        wire::lay(links, count);
        let mut keys = BTreeMap::new();
        let nodes = (0..).zip(&tape.topics).zip(&tape.keys).map(|((number, topics), theirs)| {
            let key = ear::key(seed, number).public();
            keys.insert(*theirs, PeerKey::from_public(&key).expect("an Ed25519 key"));
            let mut mesh =
                Mesh::new(&key, MeshConfig { session: u64::from(number), ..MeshConfig::default() })
                    .expect("an Ed25519 key");
            for topic in topics {
                mesh.subscribe(Topic(*topic)).expect("an engine follows few topics");
            }
            let config =
                swarm::Config::without_executor().with_idle_connection_timeout(limits::IDLE_STRANGER);
            let peer = key.to_peer_id();
            let mut swarm = Swarm::new(transport::plain(number), mesh, peer, config);
            swarm.listen_on(transport::address(number)).expect("its own address");
            wire::with(|wire| wire.listen(number, peer));
            let (task, waker) = Task::new(number);
            waker.wake_by_ref();
            Node { swarm, task, waker, topics: topics.clone() }
        });
        let nodes = nodes.collect();
        Bed { nodes, keys, gossip: 0 }
    }

    fn dial_all(&mut self, tape: &Tape, seed: u64) {
        let mut rng = generator(seed, "dials");
        let mut dials: Vec<(u64, HostId, HostId)> =
            tape.pairs.iter().map(|(a, b)| (START_US + between(&mut rng, 0, DIALS_US), *a, *b)).collect();
        dials.sort_unstable();
        for (at, from, to) in dials {
            self.run_until(at);
            let node = &mut self.nodes[from as usize];
            node.swarm.dial(transport::address(to)).expect("each pair dials once");
            node.waker.wake_by_ref();
        }
    }

    fn grant(&mut self, host: HostId, wish: Wish) {
        let node = &mut self.nodes[host as usize];
        let mesh = node.swarm.behaviour_mut();
        // What is refused here, for a peer that is gone or a queue that is full, was refused to the engine too.
        match wish {
            Wish::Publish(topic, bytes) => drop(mesh.publish(Topic(topic), bytes)),
            Wish::Direct(to, bytes) => drop(mesh.send_direct(self.keys[&to], bytes)),
            Wish::Subscribe(topic) => drop(mesh.subscribe(Topic(topic))),
            Wish::Unsubscribe(topic) => mesh.unsubscribe(Topic(topic)),
            Wish::Admit(peer, topic) => drop(mesh.admit(self.keys[&peer], Topic(topic))),
        }
        node.waker.wake_by_ref();
    }

    fn run_until(&mut self, end_us: u64) {
        halloo_vtime::run_until(end_us, |number| self.poll(number));
    }

    fn poll(&mut self, number: HostId) {
        let node = &mut self.nodes[number as usize];
        node.task.begin();
        let mut cx = Context::from_waker(&node.waker);
        while let Poll::Ready(Some(event)) = node.swarm.poll_next_unpin(&mut cx) {
            let SwarmEvent::Behaviour(event) = event else { continue };
            let mesh = node.swarm.behaviour_mut();
            match event {
                MeshEvent::PeerUp { peer, .. } => {
                    for topic in &node.topics {
                        mesh.admit(peer, Topic(*topic)).expect("it is connected");
                    }
                }
                MeshEvent::Gossip { ticket, .. } => {
                    self.gossip += 1;
                    mesh.verdict(ticket, Verdict::Accept);
                }
                _ => {}
            }
        }
    }
}
