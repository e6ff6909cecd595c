//! What gossip did not bring: two members compare, and each gets what it lacks and the other has.

use super::calendar::{Event, Kind};
use super::constants::COMPARE_TRIPS;
use super::run::Model;
use super::town::bits;
use crate::net::links::HostId;

impl Model {
    /// Compares with one neighbour; what either lacks is on its way.
    pub(super) fn compare(&mut self, now: u64, node: HostId, edge: u32) {
        let (other, back) = (self.town.peer(edge), self.town.back(edge));
        if !self.town.links.joined(node, other) {
            return;
        }
        let trips = COMPARE_TRIPS * self.town.latency_us(node, edge);
        let group = self.town.nodes[node as usize].group as usize;
        for place in 0..self.town.groups[group].open.len() {
            let number = self.town.groups[group].open[place];
            let message = &self.messages[number as usize];
            let (here, there) = (self.holds(node, number), self.holds(other, number));
            if message.published_us > now || here == there || message.has(node) == message.has(other) {
                continue;
            }
            let (node, edge) = if there { (node, edge) } else { (other, back) };
            let event = Event { at: now + trips, kind: Kind::Repair, node, edge, message: number };
            self.calendar.push(event);
        }
    }

    /// Whether a member has a message; who came later only counts as having what it is not owed.
    pub(super) fn holds(&self, node: HostId, number: u32) -> bool {
        let message = &self.messages[number as usize];
        message.has(node) && self.town.nodes[node as usize].member_us <= message.since_us
    }

    /// Compares with the neighbour whose turn it is.
    pub(super) fn compare_with_one(&mut self, now: u64, node: HostId) {
        let (mut numbers, mut there) = std::mem::take(&mut self.lists);
        there.clear();
        there.extend(self.town.edges(node).filter(|edge| self.town.has(*edge, bits::LIVE)));
        if !there.is_empty() {
            let edge = self.draw_from(&mut there);
            self.compare(now, node, edge);
        }
        numbers.clear();
        self.lists = (numbers, there);
    }

    /// The gap of a node is due.
    pub(super) fn on_gap(&mut self, now: u64, node: HostId) {
        self.town.node(node).gap = false;
        if self.town.present(node, now) {
            self.compare_with_one(now, node);
        }
    }

    /// A comparison brings a message. It is not passed on: whoever else lacks it compares too.
    pub(super) fn on_repair(&mut self, now: u64, node: HostId, edge: u32, number: u32) {
        let joined = self.town.links.joined(node, self.town.peer(edge));
        if !joined || !self.town.has(edge, bits::LIVE) || !self.messages[number as usize].take(node) {
            return;
        }
        self.figures.repaired += 1;
        let ready = self.work(now, node, self.costs.direct_us);
        self.arrived(ready, node, number);
    }
}
