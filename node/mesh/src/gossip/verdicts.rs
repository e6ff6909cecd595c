//! Gossip messages that wait for the engine's verdict: a bounded list, oldest out first.

use crate::event::GossipTicket;
use crate::limits::VERDICTS_PENDING_MAX;
use std::collections::VecDeque;

/// The list. Messages leave it by verdict or by displacement; gossipsub forgets its copy after three heartbeats anyway.
#[derive(Debug, Default)]
pub(crate) struct Verdicts {
    pending: VecDeque<GossipTicket>,
}

impl Verdicts {
    /// Notes a message; returns the one it displaced, which is then to be ignored.
    pub(crate) fn push(&mut self, ticket: GossipTicket) -> Option<GossipTicket> {
        let displaced =
            if self.pending.len() == VERDICTS_PENDING_MAX { self.pending.pop_front() } else { None };
        self.pending.push_back(ticket);
        debug_assert!(self.pending.len() <= VERDICTS_PENDING_MAX);
        displaced
    }

    /// Takes a message off the list; false when it is no longer there.
    pub(crate) fn settle(&mut self, ticket: &GossipTicket) -> bool {
        // The engine judges in order, so the first look nearly always hits.
        let place = self.pending.iter().position(|waiting| waiting == ticket);
        place.and_then(|place| self.pending.remove(place)).is_some()
    }
}

#[cfg(test)]
mod tests;
