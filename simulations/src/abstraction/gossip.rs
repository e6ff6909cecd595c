//! Messages through the mesh: written, published to all neighbours, passed on over the mesh, named to some others, asked for.

use super::calendar::{Event, Kind};
use super::constants::{GAP_US, LAZY, LAZY_SHARE, NAMED_US, OVERDUE_US, WRAPPING_BYTES};
use super::message::Message;
use super::run::Model;
use super::town::bits;
use crate::chance::between;
use crate::net::links::HostId;

/// Bytes of a frame that names or wants one message.
const NAME_BYTES: usize = 100;

impl Model {
    /// Somebody is asked to write.
    pub(super) fn say(&mut self, now: u64, author: HostId, text: usize) {
        if !self.town.present(author, now) {
            self.figures.refused += 1;
            return;
        }
        let since = self.work(now, author, self.costs.command_us);
        let group = self.town.nodes[author as usize].group;
        let (first, count) = {
            let group = &self.town.groups[group as usize];
            (group.first, group.count)
        };
        let number = u32::try_from(self.messages.len()).expect("messages are counted in 32 bits");
        let bytes = u32::try_from(text + WRAPPING_BYTES).expect("a message is short");
        let mut message = Message::new((group, first, count), author, since, bytes);
        self.figures.written += 1;
        for other in (first..first + count).filter(|other| *other != author) {
            if self.town.nodes[other as usize].member_us > now {
                // It is not owed what was written before it came.
                message.take(other);
                continue;
            }
            message.missing += 1;
            if !(self.town.nodes[other as usize].up && self.town.links.joined(author, other)) {
                message.set_away(other);
            }
        }
        self.figures.expected += u64::from(message.missing);
        if message.missing > 0 {
            self.town.groups[group as usize].open.push(number);
        }
        self.messages.push(message);
        let at = since + self.write_us() + self.costs.written_us;
        self.calendar.push(Event { at, kind: Kind::Publish, node: author, edge: 0, message: number });
    }

    /// From a write to its confirmation.
    pub(super) fn write_us(&mut self) -> u64 {
        between(&mut self.rng, self.disk.low_us, self.disk.high_us)
    }

    /// The CPU does something; when it is done.
    pub(super) fn work(&mut self, now: u64, node: HostId, cost_us: u64) -> u64 {
        let node = self.town.node(node);
        node.busy_us = node.busy_us.max(now) + cost_us;
        node.busy_us
    }

    /// The author's message is durable and goes to everybody whom it knows.
    pub(super) fn on_publish(&mut self, now: u64, author: HostId, number: u32) {
        self.messages[number as usize].published_us = now;
        if !self.town.nodes[author as usize].up {
            return;
        }
        for edge in self.town.edges(author) {
            if self.town.has(edge, bits::LIVE) {
                self.copy(now, author, edge, number);
            }
        }
    }

    /// Sends one copy.
    fn copy(&mut self, now: u64, from: HostId, edge: u32, number: u32) {
        let (to, back) = (self.town.peer(edge), self.town.back(edge));
        let bytes = self.messages[number as usize].bytes as usize;
        match self.town.send(now, from, edge, bytes) {
            Some(at) => {
                self.calendar.push(Event { at, kind: Kind::Copy, node: to, edge: back, message: number });
            }
            None => self.stalled.push((now, from, edge, number)),
        }
    }

    /// A copy is here: the first one is passed on.
    pub(super) fn on_copy(&mut self, now: u64, node: HostId, edge: u32, number: u32) {
        if !self.town.has(edge, bits::LIVE) {
            return;
        }
        self.figures.copies += 1;
        if !self.messages[number as usize].take(node) {
            return;
        }
        self.figures.firsts += 1;
        let ready = self.work(now, node, self.costs.gossip_us);
        for other in self.town.edges(node) {
            if other != edge && self.town.has(other, bits::MESH) {
                self.copy(ready, node, other, number);
            }
        }
        self.arrived(ready, node, number);
        self.look_for_gaps(now, node);
    }

    /// A message is at a member for the first time; it is shown when it is durable.
    pub(super) fn arrived(&mut self, ready: u64, node: HostId, number: u32) {
        let shown = ready + self.write_us() + self.costs.written_us;
        let message = &mut self.messages[number as usize];
        debug_assert!(message.missing > 0, "it is owed to whoever takes it for the first time");
        message.missing -= 1;
        let (group, since, away) = (message.group, message.since_us, message.was_away(node));
        let author = message.author;
        if message.missing == 0 {
            message.close();
            self.town.groups[group as usize].open.retain(|open| *open != number);
        }
        self.figures.shown((shown - self.start_us, since - self.start_us), (number, author, node), away);
        self.trace.put_numbers(self.now, node, "shown", &[number.into(), shown]);
    }

    /// Something older is missing: whoever sees that compares soon.
    fn look_for_gaps(&mut self, now: u64, node: HostId) {
        let group = self.town.nodes[node as usize].group as usize;
        let Some(oldest) = self.town.groups[group].open.first() else { return };
        let message = &self.messages[*oldest as usize];
        let overdue = message.published_us.saturating_add(OVERDUE_US) < now;
        if overdue && !message.has(node) && !self.town.nodes[node as usize].gap {
            self.town.node(node).gap = true;
            self.calendar.push(Event { at: now + GAP_US, kind: Kind::Gap, node, edge: 0, message: 0 });
        }
    }

    /// Names what is new to some neighbours outside the mesh. Who has it already would not answer and is left out.
    pub(super) fn name(&mut self, now: u64, node: HostId) {
        let group = self.town.nodes[node as usize].group as usize;
        // Lists that are used again: a heartbeat costs no allocation.
        let (mut numbers, mut there) = std::mem::take(&mut self.lists);
        let of_group = &self.town.groups[group].open;
        let named = |number: &&u32| {
            let message = &self.messages[**number as usize];
            message.published_us <= now && message.published_us + NAMED_US > now && self.holds(node, **number)
        };
        numbers.clear();
        there.clear();
        numbers.extend(of_group.iter().filter(named));
        if !numbers.is_empty() {
            let outside = |edge: &u32| self.town.has(*edge, bits::LIVE) && !self.town.has(*edge, bits::MESH);
            there.extend(self.town.edges(node).filter(outside));
        }
        let count = LAZY.max((there.len() as f64 * LAZY_SHARE) as usize).min(there.len());
        for _ in 0..count {
            let edge = self.draw_from(&mut there);
            let (to, back) = (self.town.peer(edge), self.town.back(edge));
            for number in &numbers {
                if !self.messages[*number as usize].has(to)
                    && let Some(at) = self.town.send(now, node, edge, NAME_BYTES)
                {
                    let event = Event { at, kind: Kind::Have, node: to, edge: back, message: *number };
                    self.calendar.push(event);
                }
            }
        }
        self.lists = (numbers, there);
    }

    /// A neighbour names a message.
    pub(super) fn on_have(&mut self, now: u64, node: HostId, edge: u32, number: u32) {
        let message = &mut self.messages[number as usize];
        if !self.town.has(edge, bits::LIVE) || message.has(node) || !message.ask(node) {
            return;
        }
        let (to, back) = (self.town.peer(edge), self.town.back(edge));
        if let Some(at) = self.town.send(now, node, edge, NAME_BYTES) {
            self.calendar.push(Event { at, kind: Kind::Want, node: to, edge: back, message: number });
        }
    }

    /// A neighbour wants a message that this node named.
    pub(super) fn on_want(&mut self, now: u64, node: HostId, edge: u32, number: u32) {
        if self.town.has(edge, bits::LIVE) && self.town.nodes[node as usize].up {
            self.copy(now, node, edge, number);
        }
    }
}
