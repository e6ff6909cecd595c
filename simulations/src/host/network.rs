//! The Swarm of a host: its events become work, and whom it has found is dialled.

use super::{Dialling, Host, REDIAL_FIRST_US, REDIAL_LONGEST_US, Work};
use crate::meter;
use crate::net::links::HostId;
use crate::net::transport;
use crate::stage::Stage;
use futures::StreamExt as _;
use halloo_engine::lane::PeerKey;
use halloo_mesh::MeshEvent;
use halloo_vtime::now_us;
use libp2p::swarm::SwarmEvent;
use std::task::{Context, Poll};

impl Host {
    pub(super) fn poll_swarm(&mut self, cx: &mut Context<'_>, stage: &Stage) -> bool {
        meter::work("stack", || {
            let before = self.backlog();
            let mut moved = false;
            while let Some(node) = self.node.as_mut() {
                let Poll::Ready(Some(event)) = node.swarm.poll_next_unpin(cx) else { break };
                moved = true;
                self.on_swarm(event, stage);
            }
            (moved, (self.backlog() - before) as u64)
        })
    }

    /// Whether it dialled: the Swarm must be polled again then, or nobody would wake it for the new connection.
    pub(super) fn dial_due(&mut self) -> bool {
        let now = now_us();
        let Some(node) = self.node.as_mut() else { return false };
        let due: Vec<HostId> = self
            .found
            .iter()
            .filter(|(_, d)| d.due_us.is_some_and(|at| at <= now))
            .map(|(id, _)| *id)
            .collect();
        let dialled = !due.is_empty();
        for other in due {
            let dialling = self.found.get_mut(&other).expect("it was just found");
            // The outcome sets the next one; a dial that is overtaken by theirs looks again later.
            dialling.due_us = Some(now + pause_us(dialling.failures));
            // Refused when one is under way already.
            let _under_way = node.swarm.dial(transport::address(other));
        }
        dialled
    }

    pub(super) fn on_swarm(&mut self, event: SwarmEvent<MeshEvent>, stage: &Stage) {
        let costs = &stage.plan.costs;
        match event {
            SwarmEvent::Behaviour(event) => {
                if let Some(work) = work_of(event) {
                    self.push(work, costs);
                }
            }
            SwarmEvent::ConnectionEstablished { peer_id, .. } => {
                if let Some(other) = stage.host_of(&peer_id)
                    && let Some(dialling) = self.found.get_mut(&other)
                {
                    *dialling = Dialling::default();
                }
            }
            SwarmEvent::ConnectionClosed { peer_id, num_established: 0, .. } => {
                if let Some(dialling) = stage.host_of(&peer_id).and_then(|other| self.found.get_mut(&other)) {
                    *dialling = Dialling { due_us: Some(now_us() + REDIAL_FIRST_US), failures: 0 };
                }
            }
            SwarmEvent::OutgoingConnectionError { peer_id, .. } => {
                if let Some(dialling) =
                    peer_id.and_then(|peer| stage.host_of(&peer)).and_then(|other| self.found.get_mut(&other))
                {
                    dialling.failures += 1;
                }
            }
            _ => {}
        }
    }
}

fn pause_us(failures: u32) -> u64 {
    let doubled = REDIAL_FIRST_US << failures.min(8);
    doubled.min(REDIAL_LONGEST_US)
}

fn work_of(event: MeshEvent) -> Option<Work> {
    let key = |peer: halloo_mesh::PeerKey| PeerKey(peer.0);
    Some(match event {
        MeshEvent::PeerUp { peer, .. } => Work::Up(key(peer)),
        MeshEvent::PeerDown { peer } => Work::Down(key(peer)),
        MeshEvent::Gossip { topic, from, bytes, ticket } => {
            Work::Gossip { from: key(from), topic: topic.0, bytes, ticket }
        }
        MeshEvent::Direct { from, bytes } => Work::Direct { from: key(from), bytes },
        MeshEvent::DirectFailed { peer, .. } => Work::DirectFailed(key(peer)),
        MeshEvent::Pair { from, bytes, reply } => Work::Pair { from: key(from), bytes, reply },
        MeshEvent::PairReplied { peer, bytes, .. } => Work::PairReplied { from: key(peer), bytes },
        MeshEvent::PairFailed { peer, .. } => Work::PairFailed(key(peer)),
        MeshEvent::GossipDropped { .. } | MeshEvent::PeerAddresses { .. } => return None,
    })
}
