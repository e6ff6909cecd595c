//! The Swarm of a host: its events become work, and whom it has found is dialled.

use super::{Host, Node, Work};
use crate::meter;
use crate::net::transport;
use crate::stage::Stage;
use futures::StreamExt as _;
use halloo_mesh::{DialSource, Mesh, MeshEvent, PeerKey};
use halloo_vtime::now_us;
use libp2p::swarm::SwarmEvent;
use std::task::{Context, Poll};
use std::time::Duration;

impl Node {
    /// The mesh, for calls that take effect when the Swarm is polled next.
    pub(super) fn mesh(&mut self) -> &mut Mesh {
        self.stack.touch();
        self.swarm.behaviour_mut()
    }
}

impl Host {
    /// Polls the Swarm if it was woken or something was asked of it; whether anything came of it.
    pub(super) fn poll_swarm(&mut self, stage: &Stage) -> bool {
        let Some(node) = self.node.as_ref().filter(|node| node.stack.begin()) else { return false };
        let waker = node.stack_waker.clone();
        let mut cx = Context::from_waker(&waker);
        meter::work("stack", || {
            let before = self.backlog();
            let mut moved = false;
            while let Some(node) = self.node.as_mut() {
                let Poll::Ready(Some(event)) = node.swarm.poll_next_unpin(&mut cx) else { break };
                moved = true;
                self.on_swarm(event, stage);
            }
            (moved, (self.backlog() - before) as u64)
        })
    }

    /// Whether it dialled: the Swarm must be polled again then, or nobody would wake it for the new connection.
    pub(super) fn dial_due(&mut self, stage: &Stage) -> bool {
        let now = now_us();
        let Some(node) = self.node.as_mut() else { return false };
        while let Some((at, other)) = node.unmet.first().copied().filter(|(at, _)| *at <= now) {
            node.unmet.remove(&(at, other));
            let peer = stage.peer_of(other).and_then(|peer| PeerKey::from_peer_id(&peer));
            node.dials.add(since_start(), peer, &[transport::address(other)], DialSource::Found);
        }
        if node.dials.next_due().is_none_or(|due| due > since_start()) {
            return false;
        }
        // A dial that fails at once is told to the behaviours too.
        node.stack.touch();
        node.dials.dial_due(since_start(), &mut node.swarm) > 0
    }

    pub(super) fn on_swarm(&mut self, event: SwarmEvent<MeshEvent>, stage: &Stage) {
        let Some(node) = self.node.as_mut() else { return };
        if let Some(anew) = node.dials.on_event(since_start(), &event) {
            // An error says that the last connection has closed in the meantime, which is what is wanted.
            let _closed = node.swarm.disconnect_peer_id(anew);
            node.stack.touch();
        }
        if let SwarmEvent::Behaviour(event) = event
            && let Some(work) = work_of(event)
        {
            self.push(work, &stage.plan.costs);
        }
    }
}

/// The time by which dials are planned.
pub(super) fn since_start() -> Duration {
    Duration::from_micros(now_us())
}

fn work_of(event: MeshEvent) -> Option<Work> {
    let key = |peer: PeerKey| halloo_engine::lane::PeerKey(peer.0);
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
