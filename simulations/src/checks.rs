//! The judges of every run, one a file. They see what the world sees, and the members at the end.

use crate::book::Book;
use crate::net::links::HostId;
use crate::plan::Plan;
use crate::seen::{At, Seen};
use halloo_engine::Engine;

pub mod islands;
pub mod convergence;
pub mod removed;
pub mod durability;
pub mod authors;
pub mod nonces;
pub mod queues;
pub mod leases;
pub mod wakes;

/// Violations of one judge that are kept; more are only counted.
pub const VIOLATIONS_KEPT: usize = 20;

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Violation {
    /// The judge.
    pub check: &'static str,
    /// When, virtual microseconds.
    pub at_us: u64,
    /// Where, if at one host.
    pub host: Option<HostId>,
    /// What, in words.
    pub what: String,
}

/// Where judges put what they find.
#[derive(Debug, Default)]
pub struct Findings {
    /// The first of each judge.
    pub kept: Vec<Violation>,
    /// All.
    pub count: usize,
}

impl Findings {
    /// Notes a violation.
    pub fn add(&mut self, check: &'static str, at: At, what: impl Into<String>) {
        self.note(Violation { check, at_us: at.us, host: Some(at.host), what: what.into() });
    }

    /// Notes a violation that belongs to no host.
    pub fn note(&mut self, violation: Violation) {
        self.count += 1;
        if self.kept.iter().filter(|kept| kept.check == violation.check).count() < VIOLATIONS_KEPT {
            self.kept.push(violation);
        }
    }
}

/// A member at the end of a run.
pub struct Member<'a> {
    /// The host.
    pub host: HostId,
    /// The engine; `None` where no process runs or nobody has joined yet.
    pub engine: Option<&'a Engine>,
}

/// What a judge may look at at the end.
pub struct End<'a> {
    /// When.
    pub us: u64,
    /// The plan of the run.
    pub plan: &'a Plan,
    /// What is known for sure.
    pub book: &'a Book,
    /// Every host in order.
    pub members: Vec<Member<'a>>,
    /// Pairs of hosts that can reach each other now, directly.
    pub joined: &'a dyn Fn(HostId, HostId) -> bool,
}

impl End<'_> {
    /// The member of a host.
    #[must_use]
    pub fn engine(&self, host: HostId) -> Option<&Engine> {
        self.members.get(host as usize)?.engine
    }

    /// Notes a violation found at the end.
    pub fn note(&self, findings: &mut Findings, check: &'static str, host: HostId, what: String) {
        findings.note(Violation { check, at_us: self.us, host: Some(host), what });
    }
}

/// A judge. It is shown only what honest hosts do; the book knows all.
pub trait Check {
    /// Its name, as violations and mutants name it.
    fn name(&self) -> &'static str;

    /// Sees something that the book has noted already.
    fn see(&mut self, at: At, seen: &Seen<'_>, book: &Book, findings: &mut Findings);

    /// Judges the end.
    fn end(&mut self, end: &End<'_>, findings: &mut Findings);
}

/// All judges, fresh.
#[must_use]
pub fn all() -> Vec<Box<dyn Check>> {
    vec![
        Box::new(convergence::Convergence),
        Box::new(removed::Removed::default()),
        Box::new(durability::Durability::default()),
        Box::new(authors::Authors),
        Box::new(nonces::Nonces::default()),
        Box::new(queues::Queues::default()),
        Box::new(leases::Leases::default()),
        Box::new(wakes::Wakes::default()),
    ]
}

#[cfg(test)]
pub(crate) mod tests;
