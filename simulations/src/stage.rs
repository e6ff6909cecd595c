//! What all hosts of a run share: the plan, the judges, the trace, the figures, and the errands that one host has with another.

use crate::book::Book;
use crate::checks::{Check, Findings};
use crate::meter;
use crate::net::links::HostId;
use crate::plan::Plan;
use crate::record::Recorder;
use crate::seen::{At, Seen};
use crate::trace::Trace;
use crate::voice::Captured;
use halloo_crypto::id::DeviceId;
use halloo_engine::output::{Refusal, Reply};
use libp2p::PeerId;
use std::collections::BTreeMap;

/// What one host has to do because of another; carried out by the world between polls.
#[derive(Debug)]
pub enum Errand {
    /// A newcomer was told this code.
    Code {
        /// The newcomer.
        who: HostId,
        /// The short code.
        code: String,
    },
    /// A pairing failed.
    NotJoined(HostId),
    /// A command was refused.
    Refused(HostId, Refusal),
}

/// The stage.
pub struct Stage {
    /// The plan of the run.
    pub plan: Plan,
    /// What the judges found.
    pub findings: Findings,
    /// Figures.
    pub record: Recorder,
    /// What is known for sure.
    pub book: Book,
    pub(crate) trace: Trace,
    pub(crate) checks: Vec<Box<dyn Check>>,
    pub(crate) errands: Vec<Errand>,
    peers: BTreeMap<PeerId, HostId>,
    keys: BTreeMap<HostId, PeerId>,
    devices: BTreeMap<DeviceId, HostId>,
    /// What each mouth sent lately, for the ears.
    pub(crate) mouths: BTreeMap<HostId, Captured>,
    requests: u64,
    /// Invites asked for, and the newcomers who wait for them.
    invites: BTreeMap<(HostId, u64), HostId>,
}

impl Stage {
    /// A stage on which nothing has happened.
    #[must_use]
    pub fn new(plan: Plan, checks: Vec<Box<dyn Check>>, trace: Trace) -> Self {
        Stage {
            record: Recorder::new(&plan),
            book: Book::new(&plan),
            plan,
            findings: Findings::default(),
            trace,
            checks,
            errands: Vec::new(),
            peers: BTreeMap::new(),
            keys: BTreeMap::new(),
            devices: BTreeMap::new(),
            mouths: BTreeMap::new(),
            requests: 0,
            invites: BTreeMap::new(),
        }
    }

    /// Which host is behind this key.
    #[must_use]
    pub fn host_of(&self, peer: &PeerId) -> Option<HostId> {
        self.peers.get(peer).copied()
    }

    /// The key of a host.
    #[must_use]
    pub fn peer_of(&self, host: HostId) -> Option<PeerId> {
        self.keys.get(&host).copied()
    }

    pub(crate) fn introduce(&mut self, peer: PeerId, device: DeviceId, host: HostId) {
        self.peers.insert(peer, host);
        self.keys.insert(host, peer);
        self.devices.insert(device, host);
    }

    /// Shows something to the trace, the judges and the figures.
    pub fn see(&mut self, at: At, seen: &Seen<'_>) {
        meter::aside(|| {
            self.trace.note(at, seen);
            self.book.see(at, seen);
            if !self.book.person(at.host).adversary {
                for check in &mut self.checks {
                    check.see(at, seen, &self.book, &mut self.findings);
                }
            }
            self.record.see(at, seen);
        });
    }

    /// A fresh number for a command.
    pub(crate) fn next_request(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }

    /// An invite was asked for somebody.
    pub(crate) fn invites_for(&mut self, host: HostId, request: u64, who: HostId) {
        self.invites.insert((host, request), who);
    }

    pub(crate) fn replied(&mut self, host: HostId, request: u64, result: Result<Reply, Refusal>) {
        let newcomer = self.invites.remove(&(host, request));
        match result {
            Ok(Reply::Invite(view)) => {
                if let (Some(who), Some(code)) = (newcomer, view.code) {
                    self.errands.push(Errand::Code { who, code });
                }
            }
            Ok(Reply::Done | Reply::Message(_) | Reply::Agenda(_)) => {}
            Err(refusal) => {
                self.errands.extend(newcomer.map(Errand::NotJoined));
                self.errands.push(Errand::Refused(host, refusal));
            }
        }
    }

    pub(crate) fn not_joined(&mut self, who: HostId) {
        self.errands.push(Errand::NotJoined(who));
    }

    /// Which host a device is.
    #[must_use]
    pub fn host_of_device(&self, device: &DeviceId) -> Option<HostId> {
        self.devices.get(device).copied()
    }

    /// Counts something that went wrong without breaking a rule.
    pub(crate) fn count(&mut self, host: HostId, what: &'static str, _detail: &str) {
        self.record.count(host, what);
    }
}
