//! The town: members, whom they know, and what each connection is right now, in flat arrays by node and by half-edge.

use super::constants::{HIGH, OUTBOUND};
use crate::net::links::{HostId, Links};
use crate::plan::Plan;

/// What one end knows of a connection.
pub(super) mod bits {
    /// It stands.
    pub(in crate::abstraction) const CONNECTED: u8 = 1;
    /// The neighbour is let in, and its subscription is known.
    pub(in crate::abstraction) const LIVE: u8 = 2;
    /// It is in the mesh: what comes is passed on there.
    pub(in crate::abstraction) const MESH: u8 = 4;
    /// This end dialled.
    pub(in crate::abstraction) const OUTBOUND: u8 = 8;
    /// This end may dial: it has found the other.
    pub(in crate::abstraction) const FINDS: u8 = 16;
}

/// One member: half a cache line.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
pub(super) struct Node {
    /// Since when it is a member; [`u64::MAX`] before.
    pub(super) member_us: u64,
    /// Until when its CPU is busy.
    pub(super) busy_us: u64,
    /// Its group.
    pub(super) group: u32,
    /// Lives before this one: a heartbeat of an earlier one is not its own.
    pub(super) life: u32,
    /// Neighbours in the mesh.
    pub(super) mesh: u16,
    /// Of these, those that it dialled.
    pub(super) outbound: u16,
    /// Heartbeats since it last had its turn to compare.
    pub(super) beats: u8,
    /// Its process runs.
    pub(super) up: bool,
    /// A comparison is due because something is missing.
    pub(super) gap: bool,
}

/// The members of one group: numbers `first ..` in a row.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    /// The first of them.
    pub(super) first: HostId,
    /// How many.
    pub(super) count: u32,
    /// Of these, who is a member or about to be one.
    pub(super) members: u32,
    /// Messages that somebody who should have them lacks, the oldest first.
    pub(super) open: Vec<u32>,
}

/// Half-edges whose ends are read ahead: who has more is one of few.
const TOUCHED_EDGES: usize = 24;
/// Ends in a line of the cache.
const ENDS_PER_LINE: usize = 4;

/// The other end of a half-edge: what every copy needs, beside each other.
#[derive(Clone, Copy)]
struct End {
    /// Who is there.
    peer: HostId,
    /// The same edge seen from there.
    back: u32,
    /// Nothing that is sent over it arrives before what was sent earlier.
    last_us: u64,
}

/// Everybody.
pub(super) struct Town {
    pub(super) nodes: Vec<Node>,
    pub(super) groups: Vec<Group>,
    /// By whom each comes into its group; [`HostId::MAX`] for nobody.
    pub(super) inviter: Vec<HostId>,
    /// Half-edges of node `n`: `first[n] .. first[n + 1]`.
    pub(super) first: Vec<u32>,
    ends: Vec<End>,
    /// [`bits`].
    pub(super) state: Vec<u8>,
    /// Nobody is asked into the mesh before this.
    pub(super) backoff_us: Vec<u64>,
    /// When this end has found the other, microseconds; [`u64::MAX`] if it never does.
    pub(super) finds_us: Vec<u64>,
    pub(super) links: Links,
}

impl Town {
    /// Nobody has started.
    pub(super) fn new(plan: &Plan, start_us: u64) -> Self {
        let mut links = Links::new(plan.links.clone(), plan.hosts.len(), plan.seed);
        for (number, host) in (0..).zip(&plan.hosts) {
            links.place(number, host.site, host.nat);
        }
        let (nodes, groups) = members(plan);
        let mut halves = half_edges(plan, start_us);
        let mut first = Vec::with_capacity(nodes.len() + 1);
        let mut place = 0_usize;
        for node in 0.. {
            first.push(u32::try_from(place).expect("half-edges are counted in 32 bits"));
            if node as usize == nodes.len() {
                break;
            }
            place += halves[place..].partition_point(|half| half.from == node);
        }
        let ends = halves.iter().map(|half| {
            let (begin, end) = (first[half.to as usize] as usize, first[half.to as usize + 1] as usize);
            let found = halves[begin..end].binary_search_by_key(&half.from, |other| other.to);
            let back = begin + found.expect("an edge has two ends");
            End { peer: half.to, back: u32::try_from(back).expect("counted in 32 bits"), last_us: 0 }
        });
        let ends = ends.collect();
        let count = halves.len();
        Town {
            inviter: vec![HostId::MAX; nodes.len()],
            nodes,
            groups,
            first,
            ends,
            state: halves.iter().map(|half| if half.finds_us < u64::MAX { bits::FINDS } else { 0 }).collect(),
            backoff_us: vec![0; count],
            finds_us: halves.drain(..).map(|half| half.finds_us).collect(),
            links,
        }
    }

    /// The half-edges of a node.
    pub(super) fn edges(&self, node: HostId) -> std::ops::Range<u32> {
        self.first[node as usize]..self.first[node as usize + 1]
    }

    /// Reads what something that happens at a node will need first; the sum is there so that it is really read.
    pub(super) fn touch(&self, node: HostId) -> u64 {
        self.nodes[node as usize].busy_us ^ u64::from(self.first[node as usize])
    }

    /// The same for its first half-edges, when what [`Town::touch`] asked for has come.
    pub(super) fn touch_edges(&self, node: HostId) -> u64 {
        let (begin, end) = (self.first[node as usize] as usize, self.first[node as usize + 1] as usize);
        let end = end.min(begin + TOUCHED_EDGES);
        let ends = self.ends[begin..end].iter().step_by(ENDS_PER_LINE);
        ends.fold(self.state.get(begin).copied().unwrap_or(0).into(), |sum, end| sum ^ end.last_us)
    }

    /// Who is at the other end of a half-edge.
    pub(super) fn peer(&self, edge: u32) -> HostId {
        self.ends[edge as usize].peer
    }

    /// The same edge seen from there.
    pub(super) fn back(&self, edge: u32) -> u32 {
        self.ends[edge as usize].back
    }

    /// Whether a half-edge has all of these bits.
    pub(super) fn has(&self, edge: u32, bits: u8) -> bool {
        self.state[edge as usize] & bits == bits
    }

    pub(super) fn node(&mut self, node: HostId) -> &mut Node {
        &mut self.nodes[node as usize]
    }

    /// Somebody is a member from then on.
    pub(super) fn set_member(&mut self, who: HostId, at: u64) {
        let node = &mut self.nodes[who as usize];
        node.member_us = at;
        self.groups[node.group as usize].members += 1;
    }

    /// Whether a node runs and is a member.
    pub(super) fn present(&self, node: HostId, now: u64) -> bool {
        let node = &self.nodes[node as usize];
        node.up && node.member_us <= now
    }

    /// Takes a neighbour into the mesh.
    pub(super) fn take_in(&mut self, node: HostId, edge: u32) {
        debug_assert!(!self.has(edge, bits::MESH), "nobody is in it twice");
        self.state[edge as usize] |= bits::MESH;
        let outbound = u16::from(self.has(edge, bits::OUTBOUND));
        let node = self.node(node);
        node.mesh += 1;
        node.outbound += outbound;
    }

    /// Lets a neighbour go, if it is in the mesh.
    pub(super) fn let_go(&mut self, node: HostId, edge: u32) -> bool {
        if !self.has(edge, bits::MESH) {
            return false;
        }
        self.state[edge as usize] &= !bits::MESH;
        let outbound = u16::from(self.has(edge, bits::OUTBOUND));
        let node = self.node(node);
        node.mesh -= 1;
        node.outbound -= outbound;
        true
    }

    /// Whether somebody who asks over this half-edge is taken in.
    pub(super) fn has_room(&self, node: HostId, edge: u32) -> bool {
        usize::from(self.nodes[node as usize].mesh) < HIGH || self.has(edge, bits::OUTBOUND)
    }

    /// Whether a node dialled fewer of its mesh than it should have.
    pub(super) fn lacks_outbound(&self, node: HostId) -> bool {
        usize::from(self.nodes[node as usize].outbound) < OUTBOUND
    }

    /// When something of so many bytes that leaves now is at the other end; `None` while the link is cut.
    pub(super) fn send(&mut self, now: u64, from: HostId, edge: u32, bytes: usize) -> Option<u64> {
        let end = &mut self.ends[edge as usize];
        end.last_us = self.links.stream(now, (from, end.peer), bytes)?.max(end.last_us);
        Some(end.last_us)
    }

    /// One-way delay over a half-edge.
    pub(super) fn latency_us(&self, from: HostId, edge: u32) -> u64 {
        self.links.latency_us(from, self.peer(edge))
    }
}

fn members(plan: &Plan) -> (Vec<Node>, Vec<Group>) {
    let mut groups: Vec<Group> = Vec::new();
    let mut nodes = Vec::with_capacity(plan.hosts.len());
    for (number, host) in (0..).zip(&plan.hosts) {
        if host.group as usize == groups.len() {
            groups.push(Group { first: number, ..Group::default() });
        }
        assert_eq!(host.group as usize + 1, groups.len(), "members of a group stand in a row");
        groups[host.group as usize].count += 1;
        nodes.push(Node {
            group: host.group,
            up: false,
            member_us: u64::MAX,
            busy_us: 0,
            mesh: 0,
            outbound: 0,
            beats: 0,
            life: 0,
            gap: false,
        });
    }
    (nodes, groups)
}

struct Half {
    from: HostId,
    to: HostId,
    finds_us: u64,
}

/// Both ends of every pair of which one finds the other, by node and then by neighbour.
fn half_edges(plan: &Plan, start_us: u64) -> Vec<Half> {
    let mut halves = Vec::new();
    for (from, host) in (0..).zip(&plan.hosts) {
        for (at, to) in &host.finds {
            halves.push(Half { from, to: *to, finds_us: start_us + at });
            halves.push(Half { from: *to, to: from, finds_us: u64::MAX });
        }
    }
    halves.sort_unstable_by_key(|half| (half.from, half.to, half.finds_us));
    halves.dedup_by_key(|half| (half.from, half.to));
    halves
}
