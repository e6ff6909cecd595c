//! Messages: from the wish to write to every receiver's eyes.

use super::spread::Spread;
use super::table::{Cell, Table};
use super::{Clock, schemas};
use crate::net::links::HostId;
use halloo_crypto::id::MessageId;
use halloo_engine::output::Refusal;
use std::collections::BTreeMap;

/// Messages that are followed at once, about 100 bytes each and 4 for every receiver. Later ones are counted only.
pub(super) const MESSAGES_MAX: usize = 500_000;

/// One message on its way.
#[derive(Debug)]
struct Message {
    number: u64,
    author: HostId,
    since_us: u64,
    /// When its author had it for good.
    own_us: u64,
    /// Who was a member, honest, and has not shown it yet; and whether they could be reached when it was written.
    waiting: Vec<(HostId, bool)>,
    /// Who has it.
    holders: Vec<HostId>,
}

/// All messages.
#[derive(Debug)]
pub(super) struct Messages {
    clock: Clock,
    asked: BTreeMap<(HostId, u64), u64>,
    on_the_way: BTreeMap<MessageId, Message>,
    refused: u64,
    accepted: Spread,
    written: u64,
    expected: u64,
    delivered: u64,
    soon: Spread,
    travel: Spread,
    late: Spread,
    rows: Table,
}

impl Messages {
    pub(super) fn new(clock: Clock) -> Self {
        Messages {
            clock,
            asked: BTreeMap::new(),
            on_the_way: BTreeMap::new(),
            refused: 0,
            accepted: Spread::default(),
            written: 0,
            expected: 0,
            delivered: 0,
            soon: Spread::default(),
            travel: Spread::default(),
            late: Spread::default(),
            rows: Table::new(&schemas::DELIVERIES),
        }
    }

    /// A member was asked to write.
    pub(super) fn asked(&mut self, at_us: u64, host: HostId, request: u64) {
        self.asked.insert((host, request), at_us);
    }

    /// The wish to write was granted, by the message of this id, or refused.
    pub(super) fn answered(
        &mut self,
        at_us: u64,
        host: HostId,
        request: u64,
        answer: Result<MessageId, &Refusal>,
    ) {
        let Some(since) = self.asked.remove(&(host, request)) else { return };
        match answer {
            Ok(id) => {
                self.accepted.add(at_us.saturating_sub(since));
                if let Some(message) = self.on_the_way.get_mut(&id) {
                    message.since_us = since;
                }
            }
            // Who is out may wish to write, and is told that it is out.
            Err(Refusal::NotMember) => {}
            Err(_) => self.refused += 1,
        }
    }

    /// The author has it for good. `owed`: whom it must reach, and whether they can be reached now.
    pub(super) fn written(&mut self, at_us: u64, author: HostId, id: MessageId, owed: Vec<(HostId, bool)>) {
        if self.on_the_way.contains_key(&id) {
            return;
        }
        self.written += 1;
        self.expected += owed.len() as u64;
        if self.on_the_way.len() < MESSAGES_MAX {
            let number = self.written;
            let holders = vec![author];
            let message = Message { number, author, since_us: at_us, own_us: at_us, waiting: owed, holders };
            self.on_the_way.insert(id, message);
        }
    }

    /// Somebody shows it.
    pub(super) fn shown(&mut self, at_us: u64, receiver: HostId, id: &MessageId) {
        let Some(message) = self.on_the_way.get_mut(id) else { return };
        let Some(place) = message.waiting.iter().position(|(host, _)| *host == receiver) else { return };
        let (_, reachable) = message.waiting.swap_remove(place);
        message.holders.push(receiver);
        self.delivered += 1;
        let latency = at_us.saturating_sub(message.since_us);
        if reachable {
            self.soon.add(latency);
            self.travel.add(at_us.saturating_sub(message.own_us));
        } else {
            self.late.add(latency);
        }
        self.rows.push(&[
            message.number.into(),
            message.author.into(),
            receiver.into(),
            Cell::Real(self.clock.seconds(message.since_us)),
            Cell::Real(latency as f64 / 1e3),
            Cell::Flag(!reachable),
        ]);
        if message.waiting.is_empty() {
            self.on_the_way.remove(id);
        }
    }

    /// Messages that somebody lacks.
    pub(super) fn lacking(&self) -> Vec<MessageId> {
        self.on_the_way.iter().filter(|(_, m)| !m.waiting.is_empty()).map(|(id, _)| *id).collect()
    }

    /// Whether somebody present lacks this message although somebody within reach has it.
    pub(super) fn is_behind(&self, id: &MessageId, reach: &dyn Fn(HostId, HostId) -> bool) -> bool {
        self.on_the_way.get(id).is_some_and(|message| {
            let lacks = |host: HostId| message.holders.iter().any(|holder| reach(*holder, host));
            message.waiting.iter().any(|(host, _)| lacks(*host))
        })
    }

    /// The end: what those who are not members any more, or do not run, lack is owed to nobody.
    pub(super) fn end(&mut self, counts: &dyn Fn(HostId) -> bool) {
        let gone = self.on_the_way.values().flat_map(|message| &message.waiting);
        self.expected -= gone.filter(|(host, _)| !counts(*host)).count() as u64;
    }

    pub(super) fn figures(&self, figures: &mut super::Figures) {
        figures.put("messages.written", self.written as f64);
        figures.put("messages.refused", self.refused as f64);
        figures.spread("messages.accepted", "ms", 1e3, &self.accepted);
        figures.put("messages.delivered", self.delivered as f64);
        figures.share("messages.delivered_share", self.delivered as f64, self.expected as f64);
        figures.spread("messages.delivery", "ms", 1e3, &self.soon);
        figures.spread("messages.travel", "ms", 1e3, &self.travel);
        figures.spread("messages.away", "ms", 1e3, &self.late);
    }

    pub(super) fn into_rows(self) -> Table {
        self.rows
    }
}
