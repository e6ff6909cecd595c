//! Every queue stays within its named limit: at the member, in its mesh, on its disk, on the wire. And nothing new is begun where too much
//! waits for the disk.

use super::{Check, End, Findings};
use crate::book::Book;
use crate::net::links::HostId;
use crate::seen::{At, Load, Seen};
use halloo_engine::epochs::MAX_NODES;
use halloo_engine::input::Input;
use halloo_engine::outbox::MAX_PENDING_WRITES;
use halloo_engine::output::Output;
use halloo_engine::peers::MAX_PEERS;
use halloo_mesh::limits;
use std::collections::{BTreeMap, BTreeSet};

const NAME: &str = "queues";
/// How often the figures of a member are looked at, microseconds: `status` costs more than most inputs.
const LOOK_EVERY_US: u64 = 5_000_000;

/// Batches that may wait for the disk. Commands are refused from [`MAX_PENDING_WRITES`] on; what peers send is
/// written until the disk answers, so this is that limit and the frames of a few seconds of stuck disk.
pub const WRITES_PENDING_MAX: u32 = 4_096;
/// Own contents that nobody else is known to hold: the engine remembers no more.
pub const UNDELIVERED_MAX: u32 = 4_096;
/// Epochs kept.
pub const BRANCHES_MAX: u32 = MAX_NODES as u32;
/// Frames and confirmations that wait for the CPU: some seconds of a busy member.
pub const INBOX_MAX: usize = 20_000;
/// Connections of one host: the incoming that the mesh allows, as many of its own, and those that are being made.
pub const CONNECTIONS_MAX: usize = 2 * limits::INCOMING_MAX as usize
    + (limits::INCOMING_PENDING_MAX + limits::OUTGOING_PENDING_MAX) as usize;
/// Topics followed: three weeks of every beacon.
pub const TOPICS_MAX: usize = limits::TOPICS_MAX;
/// Wishes of one drain: rooms answer with bounded parcels.
pub const DRAIN_MAX: u32 = 100_000;

/// The judge.
#[derive(Default)]
pub struct Queues {
    hosts: BTreeMap<HostId, Queue>,
}

/// What is counted for one host.
#[derive(Debug, Default)]
struct Queue {
    writes: u32,
    wishes: u32,
    looked_us: u64,
    /// Commands that came while too much waited for the disk.
    late: BTreeSet<u64>,
    /// A bound is complained about once a life.
    told: Vec<&'static str>,
}

/// A figure beside its limit.
pub type Figure = (&'static str, u64, u64);

impl Check for Queues {
    fn name(&self) -> &'static str {
        NAME
    }

    fn see(&mut self, at: At, seen: &Seen<'_>, _: &Book, findings: &mut Findings) {
        match seen {
            Seen::Began { .. } => {
                self.hosts.insert(at.host, Queue::default());
            }
            Seen::Input { input: Input::Command { request, .. }, engine } => {
                self.asks(at, *request, engine.status().writes_pending);
            }
            Seen::Output { output: Output::Reply { request, result }, .. } => {
                self.wish(at, false, findings);
                self.replies(at, *request, result.is_ok(), findings);
            }
            Seen::Output { output, .. } => self.wish(at, matches!(output, Output::Write(_)), findings),
            Seen::Written(_) => self.written(at),
            Seen::Drained { engine } => {
                let queue = self.hosts.entry(at.host).or_default();
                queue.wishes = 0;
                if at.us < queue.looked_us.saturating_add(LOOK_EVERY_US) {
                    return;
                }
                queue.looked_us = at.us;
                let status = engine.status();
                self.judge(
                    at,
                    &[
                        ("writes pending", status.writes_pending.into(), WRITES_PENDING_MAX.into()),
                        ("undelivered contents", status.undelivered.into(), UNDELIVERED_MAX.into()),
                        ("epochs kept", status.branches.into(), BRANCHES_MAX.into()),
                        ("proven peers", status.peers.into(), MAX_PEERS as u64),
                    ],
                    findings,
                );
            }
            Seen::Load(load) => self.judge(at, &figures(load), findings),
            _ => {}
        }
    }

    fn end(&mut self, _: &End<'_>, _: &mut Findings) {}
}

fn figures(load: &Load) -> [Figure; 5] {
    [
        ("inbox", load.inbox as u64, INBOX_MAX as u64),
        ("disk", load.disk as u64, WRITES_PENDING_MAX.into()),
        ("connections on the wire", load.connections as u64, CONNECTIONS_MAX as u64),
        ("topics", load.topics as u64, TOPICS_MAX as u64),
        ("peers of the mesh", load.peers as u64, CONNECTIONS_MAX as u64),
    ]
}

impl Queues {
    /// A member wishes something; `write` if it is a batch for its disk.
    pub fn wish(&mut self, at: At, write: bool, findings: &mut Findings) {
        let queue = self.hosts.entry(at.host).or_default();
        queue.wishes += 1;
        queue.writes += u32::from(write);
        let figures = [
            ("wishes of one drain", queue.wishes.into(), DRAIN_MAX.into()),
            ("batches under way", queue.writes.into(), WRITES_PENDING_MAX.into()),
        ];
        self.judge(at, &figures, findings);
    }

    /// A command comes while so many batches wait for the disk.
    pub fn asks(&mut self, at: At, request: u64, writes_pending: u32) {
        if writes_pending as usize >= MAX_PENDING_WRITES {
            self.hosts.entry(at.host).or_default().late.insert(request);
        }
    }

    /// A command is answered.
    pub fn replies(&mut self, at: At, request: u64, taken: bool, findings: &mut Findings) {
        let late = self.hosts.entry(at.host).or_default().late.remove(&request);
        if late && taken {
            let what =
                format!("takes a command while {MAX_PENDING_WRITES} batches or more wait for its disk");
            findings.add(NAME, at, what);
        }
    }

    /// A batch is durable.
    pub fn written(&mut self, at: At) {
        let queue = self.hosts.entry(at.host).or_default();
        queue.writes = queue.writes.saturating_sub(1);
    }

    /// Compares figures with their limits.
    pub fn judge(&mut self, at: At, figures: &[Figure], findings: &mut Findings) {
        for (what, found, limit) in figures {
            let queue = self.hosts.entry(at.host).or_default();
            if found > limit && !queue.told.contains(what) {
                queue.told.push(what);
                findings.add(NAME, at, format!("{what}: {found}, at most {limit} allowed"));
            }
        }
    }
}

#[cfg(test)]
mod tests;
