//! Events on their way to the driver, bounded although commands that fail make events too.

use super::{NetEvent, TapLane};
use halloo_mesh::PeerKey;
use std::collections::{BTreeSet, VecDeque};

/// What waits for room in the driver's queue. The swarm is polled only while this is empty, so it grows only by
/// reports of commands that were not carried out, and of those one a peer and lane is kept.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: VecDeque<NetEvent>,
    failed: BTreeSet<(PeerKey, TapLane)>,
}

impl Outbox {
    pub(super) fn push(&mut self, event: NetEvent) {
        if let NetEvent::NotSent { peer, lane } = &event
            && !self.failed.insert((*peer, *lane))
        {
            return;
        }
        self.waiting.push_back(event);
    }

    pub(super) fn pop(&mut self) -> Option<NetEvent> {
        let event = self.waiting.pop_front();
        if let Some(NetEvent::NotSent { peer, lane }) = &event {
            self.failed.remove(&(*peer, *lane));
        }
        event
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests;
