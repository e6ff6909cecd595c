//! The mesh: who is asked in, taken in, let go, and what a heartbeat mends; the rules of gossipsub.

use super::calendar::{Event, Kind};
use super::constants::{BACKOFF_US, BEAT_US, DEGREE, HIGH, LOW, OUTBOUND, ROUTINE_BEATS};
use super::run::Model;
use super::town::bits;
use crate::chance::between;
use crate::net::links::HostId;

/// Bytes of a control frame: a topic and its tags.
const CONTROL_BYTES: usize = 60;

impl Model {
    /// The neighbour is let in and follows the topic.
    pub(super) fn on_live(&mut self, now: u64, node: HostId, edge: u32) {
        let both = self.town.present(node, now) && self.town.present(self.town.peer(edge), now);
        if !both || !self.town.has(edge, bits::CONNECTED) || self.town.has(edge, bits::LIVE) {
            return;
        }
        self.town.state[edge as usize] |= bits::LIVE;
        let few = usize::from(self.town.nodes[node as usize].mesh) < LOW;
        if few && !self.town.has(edge, bits::MESH) && self.town.backoff_us[edge as usize] <= now {
            self.ask_in(now, node, edge);
        }
        // The one with the lower number compares; both get what they lack.
        if node < self.town.peer(edge) {
            self.compare(now, node, edge);
        }
    }

    /// Takes a neighbour in and tells it.
    fn ask_in(&mut self, now: u64, node: HostId, edge: u32) {
        self.town.take_in(node, edge);
        self.control(now, node, edge, Kind::Graft);
    }

    /// Lets a neighbour go and tells it.
    fn send_away(&mut self, now: u64, node: HostId, edge: u32) {
        self.town.let_go(node, edge);
        self.town.backoff_us[edge as usize] = now + BACKOFF_US;
        self.control(now, node, edge, Kind::Prune);
    }

    fn control(&mut self, now: u64, node: HostId, edge: u32, kind: Kind) {
        let (to, back) = (self.town.peer(edge), self.town.back(edge));
        if let Some(at) = self.town.send(now, node, edge, CONTROL_BYTES) {
            self.calendar.push(Event { at, kind, node: to, edge: back, message: 0 });
        }
    }

    /// Somebody asks this node into its mesh.
    pub(super) fn on_graft(&mut self, now: u64, node: HostId, edge: u32) {
        if !self.town.has(edge, bits::LIVE) || self.town.has(edge, bits::MESH) {
            return;
        }
        if self.town.backoff_us[edge as usize] > now || !self.town.has_room(node, edge) {
            self.send_away(now, node, edge);
        } else {
            self.town.take_in(node, edge);
        }
    }

    /// Somebody lets this node go.
    pub(super) fn on_prune(&mut self, now: u64, node: HostId, edge: u32) {
        self.town.let_go(node, edge);
        self.town.backoff_us[edge as usize] = now + BACKOFF_US;
    }

    /// The heartbeat: mends the mesh, names what is new, compares now and then.
    pub(super) fn on_beat(&mut self, now: u64, node: HostId, life: u32) {
        let state = self.town.node(node);
        if !state.up || state.life != life {
            return;
        }
        state.beats = (state.beats + 1) % ROUTINE_BEATS;
        let (compares, mesh) = (state.beats == 0, usize::from(state.mesh));
        self.calendar.push(Event { at: now + BEAT_US, kind: Kind::Beat, node, edge: life, message: 0 });
        if state.member_us > now {
            return;
        }
        if mesh < LOW {
            self.seek(now, node, DEGREE - mesh, 0);
        } else if mesh >= HIGH {
            self.thin(now, node, mesh - DEGREE);
        }
        if usize::from(self.town.nodes[node as usize].mesh) >= LOW && self.town.lacks_outbound(node) {
            let needed = OUTBOUND - usize::from(self.town.nodes[node as usize].outbound);
            self.seek(now, node, needed, bits::OUTBOUND);
        }
        let open = !self.town.groups[self.town.nodes[node as usize].group as usize].open.is_empty();
        if open {
            self.name(now, node);
            if compares {
                self.compare_with_one(now, node);
            }
        }
    }

    /// Asks that many in, of those who have these bits.
    fn seek(&mut self, now: u64, node: HostId, count: usize, wanted: u8) {
        let town = &self.town;
        let fits = |edge: &u32| {
            town.has(*edge, bits::LIVE | wanted)
                && !town.has(*edge, bits::MESH)
                && town.backoff_us[*edge as usize] <= now
        };
        let mut there: Vec<u32> = town.edges(node).filter(fits).collect();
        for _ in 0..count.min(there.len()) {
            let edge = self.draw_from(&mut there);
            self.ask_in(now, node, edge);
        }
    }

    /// Lets that many go, but not below the least that it dialled itself.
    fn thin(&mut self, now: u64, node: HostId, count: usize) {
        let mut there: Vec<u32> =
            self.town.edges(node).filter(|edge| self.town.has(*edge, bits::MESH)).collect();
        let mut gone = 0;
        while gone < count && !there.is_empty() {
            let edge = self.draw_from(&mut there);
            let dialled = usize::from(self.town.nodes[node as usize].outbound);
            if self.town.has(edge, bits::OUTBOUND) && dialled <= OUTBOUND {
                continue;
            }
            self.send_away(now, node, edge);
            gone += 1;
        }
    }

    /// One of these, which are at least one, taken out.
    pub(super) fn draw_from(&mut self, there: &mut Vec<u32>) -> u32 {
        let place = between(&mut self.rng, 0, there.len() as u64 - 1);
        there.swap_remove(usize::try_from(place).expect("a place in a list"))
    }
}
