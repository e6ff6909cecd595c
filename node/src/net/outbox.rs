//! Events on their way to the driver, bounded although commands that fail make events too.

use super::NetEvent;
use halloo_mesh::PeerKey;
use std::collections::{BTreeSet, VecDeque};

/// What waits for room in the driver's queue. The swarm is polled only while this is empty, so it grows only by
/// reports of failed commands, and of those only one a peer is kept (`DirectFailed`) or as many as there are
/// requests (`PairFailed`, bounded by the mesh).
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: VecDeque<NetEvent>,
    failed: BTreeSet<PeerKey>,
}

impl Outbox {
    pub(super) fn push(&mut self, event: NetEvent) {
        if let NetEvent::DirectFailed { peer } = &event
            && !self.failed.insert(*peer)
        {
            return;
        }
        self.waiting.push_back(event);
    }

    pub(super) fn pop(&mut self) -> Option<NetEvent> {
        let event = self.waiting.pop_front();
        if let Some(NetEvent::DirectFailed { peer }) = &event {
            self.failed.remove(peer);
        }
        event
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests;
