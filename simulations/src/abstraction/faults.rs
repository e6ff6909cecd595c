//! What the plan does to the town: members come and go, links are cut and mended, connections are made and given up.

use super::calendar::{Event, Kind};
use super::constants::{
    ASK_TRIPS, DEAF_US, DIAL_TRIPS, DIALLED_TRIPS, DIALLER_TRIPS, FIRST_BEAT_US, HANDED_MEMBERS_MAX,
    MEMBER_BYTES, NEIGHBOUR_TRIPS, NEWCOMER_TRIPS, PAIRING_ASKS, REDIAL_US,
};
use super::run::Model;
use super::town::bits;
use crate::chance::between;
use crate::net::links::HostId;
use crate::plan::Act;
use halloo_engine::pairing::CHUNK_BYTES;

impl Model {
    /// Carries an act of the plan out.
    pub(super) fn act(&mut self, now: u64, act: Act) {
        self.trace.put(now, 0, format_args!("act {act:?}"));
        match act {
            Act::Found(who) => {
                self.town.set_member(who, now);
                self.start(now, who);
            }
            Act::Join { who, via } => {
                self.town.inviter[who as usize] = via;
                self.start(now, who);
            }
            Act::Start(who) => self.start(now, who),
            Act::Stop(who, _) => self.stop(now, who),
            Act::Say(who, text) => self.say(now, who, text.len()),
            Act::Partition(islands) => {
                self.town.links.partition(&islands);
                self.links_changed(now);
            }
            Act::Cut(a, b, cut) => self.cut(now, a, b, cut),
            Act::Links(spec) => self.town.links.set_spec(*spec),
            // The check of the scenario has refused the lines that make other acts.
            _ => {}
        }
    }

    fn cut(&mut self, now: u64, a: HostId, b: HostId, cut: bool) {
        if self.town.links.cut(a, b, cut) {
            self.links_changed(now);
        }
    }

    fn start(&mut self, now: u64, who: HostId) {
        let node = self.town.node(who);
        if node.up {
            return;
        }
        node.up = true;
        node.beats = 0;
        node.busy_us = now;
        let (life, member) = (node.life, node.member_us);
        let beat = Event { at: now + FIRST_BEAT_US, kind: Kind::Beat, node: who, edge: life, message: 0 };
        self.calendar.push(beat);
        if member > now && member < u64::MAX {
            self.calendar.push(Event { at: member, kind: Kind::Member, node: who, edge: 0, message: 0 });
        }
        for edge in self.town.edges(who) {
            let finds = self.town.finds_us[edge as usize];
            if finds < u64::MAX {
                self.dial_at(finds.max(now), who, edge);
            }
            // Others who have found it before dial again and again.
            let (other, back) = (self.town.peer(edge), self.town.back(edge));
            if self.town.finds_us[back as usize] <= now && self.town.nodes[other as usize].up {
                self.redial(now, other, back);
            }
        }
    }

    fn stop(&mut self, now: u64, who: HostId) {
        let node = self.town.node(who);
        if !node.up {
            return;
        }
        node.up = false;
        node.life += 1;
        for edge in self.town.edges(who) {
            if !self.town.has(edge, bits::CONNECTED) {
                continue;
            }
            self.hang_up(who, edge);
            let (other, back) = (self.town.peer(edge), self.town.back(edge));
            let at = now + self.town.latency_us(who, edge);
            self.calendar.push(Event { at, kind: Kind::Gone, node: other, edge: back, message: 0 });
        }
    }

    fn hang_up(&mut self, node: HostId, edge: u32) {
        self.town.let_go(node, edge);
        self.town.state[edge as usize] &= bits::FINDS;
    }

    /// An end learns that the other is gone.
    pub(super) fn on_gone(&mut self, now: u64, node: HostId, edge: u32) {
        self.hang_up(node, edge);
        self.redial(now, node, edge);
    }

    fn dial_at(&mut self, at: u64, node: HostId, edge: u32) {
        self.calendar.push(Event { at, kind: Kind::Dial, node, edge, message: 0 });
    }

    fn redial(&mut self, now: u64, node: HostId, edge: u32) {
        if self.town.has(edge, bits::FINDS) {
            let pause = between(&mut self.rng, 0, REDIAL_US);
            self.dial_at(now + pause, node, edge);
        }
    }

    /// Somebody dials: the connection stands if both run and the link does.
    pub(super) fn on_dial(&mut self, now: u64, node: HostId, edge: u32) {
        let (other, back) = (self.town.peer(edge), self.town.back(edge));
        let both = self.town.nodes[node as usize].up && self.town.nodes[other as usize].up;
        let connected = self.town.has(edge, bits::CONNECTED) || self.town.has(back, bits::CONNECTED);
        if !both || connected || !self.town.links.can_dial(node, other) {
            return;
        }
        self.town.state[edge as usize] |= bits::CONNECTED | bits::OUTBOUND;
        self.town.state[back as usize] |= bits::CONNECTED;
        let trip = self.town.latency_us(node, edge);
        let stands = now + DIAL_TRIPS * trip;
        self.pair(stands, trip, node, other);
        self.pair(stands, trip, other, node);
        if self.town.present(node, stands) && self.town.present(other, stands) {
            self.live_at(stands + DIALLER_TRIPS * trip, node, edge);
            self.live_at(stands + DIALLED_TRIPS * trip, other, back);
        }
    }

    /// A newcomer that is connected with its inviter since `stands` becomes a member: question by question.
    fn pair(&mut self, stands: u64, trip: u64, newcomer: HostId, inviter: HostId) {
        let town = &mut self.town;
        let comes = town.nodes[newcomer as usize].member_us == u64::MAX
            && town.inviter[newcomer as usize] == inviter
            && town.present(inviter, stands);
        if comes {
            let group = town.nodes[newcomer as usize].group as usize;
            let handed = u64::from(town.groups[group].members).min(HANDED_MEMBERS_MAX) * MEMBER_BYTES;
            let asks = PAIRING_ASKS + handed / CHUNK_BYTES as u64;
            let member = stands + asks * ASK_TRIPS * trip;
            town.set_member(newcomer, member);
            self.calendar.push(Event { at: member, kind: Kind::Member, node: newcomer, edge: 0, message: 0 });
        }
    }

    fn live_at(&mut self, at: u64, node: HostId, edge: u32) {
        self.calendar.push(Event { at, kind: Kind::Live, node, edge, message: 0 });
    }

    /// A newcomer is a member: whoever is connected with it and is one too lets it in, and is let in.
    pub(super) fn on_member(&mut self, now: u64, node: HostId) {
        for edge in self.town.edges(node) {
            let (other, back) = (self.town.peer(edge), self.town.back(edge));
            if !self.town.has(edge, bits::CONNECTED) || self.town.has(edge, bits::LIVE) {
                continue;
            }
            let trip = self.town.latency_us(node, edge);
            self.pair(now, trip, other, node);
            if self.town.present(other, now) {
                self.live_at(now + NEWCOMER_TRIPS * trip, node, edge);
                self.live_at(now + NEIGHBOUR_TRIPS * trip, other, back);
            }
        }
    }

    /// Links went or came back: what waited is sent again, connections over cut links run out of patience, others are dialled.
    fn links_changed(&mut self, now: u64) {
        for (since, from, edge, number) in std::mem::take(&mut self.stalled) {
            let to = self.town.peer(edge);
            if !self.town.has(edge, bits::LIVE) {
                continue;
            }
            if !self.town.links.joined(from, to) {
                self.stalled.push((since, from, edge, number));
                continue;
            }
            let again = self.town.links.retry_us(since, now);
            let bytes = self.messages[number as usize].bytes as usize;
            if let Some(at) = self.town.send(again, from, edge, bytes) {
                let back = self.town.back(edge);
                self.calendar.push(Event { at, kind: Kind::Copy, node: to, edge: back, message: number });
            }
        }
        for node in (0..).take(self.town.nodes.len()) {
            for edge in self.town.edges(node) {
                let joined = self.town.links.joined(node, self.town.peer(edge));
                let connected = self.town.has(edge, bits::CONNECTED);
                if connected && !joined && node < self.town.peer(edge) {
                    let at = now + between(&mut self.rng, DEAF_US.0, DEAF_US.1);
                    self.calendar.push(Event { at, kind: Kind::Deaf, node, edge, message: 0 });
                } else if !connected && joined && self.town.nodes[node as usize].up {
                    self.redial(now, node, edge);
                }
            }
        }
    }

    /// A connection over a cut link: both ends give it up, if it still is one.
    pub(super) fn on_deaf(&mut self, node: HostId, edge: u32) {
        let (other, back) = (self.town.peer(edge), self.town.back(edge));
        if self.town.has(edge, bits::CONNECTED) && !self.town.links.joined(node, other) {
            self.hang_up(node, edge);
            self.hang_up(other, back);
        }
    }
}
