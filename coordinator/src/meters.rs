//! What is counted for who hosts, in the text form of Prometheus: numbers of things, never of whom.
//!
//! A label is one of the types below, and each can hold nothing but words of this program: the template of a route, a status, an
//! outcome. An address, a name or an id has no way in.

use axum::extract::MatchedPath;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use std::fmt;
use std::sync::Arc;

/// A route as it is written in the program, such as `/api/v1/rendezvous/{place}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Template(Arc<str>);

impl Template {
    /// What no route answers has no template: its path is whatever was asked for.
    fn of(matched: Option<&MatchedPath>) -> Self {
        Template(matched.map_or("none", MatchedPath::as_str).into())
    }
}

impl EncodeLabelValue for Template {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        EncodeLabelValue::encode(&&*self.0, encoder)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    route: Template,
    status: u16,
}

/// What became of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "labels are written so")]
pub(crate) enum Outcome {
    /// It is durable.
    stored,
    /// No room.
    full,
    /// Not what was asked for.
    refused,
    /// The disk failed.
    failed,
}

/// What became of a poke or of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "labels are written so")]
pub(crate) enum Pushed {
    /// It waits for its time.
    queued,
    /// One waits already and does for both.
    merged,
    /// As many as a day has were sent.
    over,
    /// Too many wait.
    full,
    /// It arrived.
    taken,
    /// Nobody is there any more.
    gone,
    /// It is tried again.
    later,
    /// Not as it is.
    refused,
    /// It was tried as often as anything is.
    given_up,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Sent {
    outcome: Pushed,
}

/// All that is counted; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Meters {
    requests: Family<Answered, Counter>,
    deposits: Family<Ended, Counter>,
    commits: Family<Ended, Counter>,
    fetched: Counter,
    sockets: Gauge,
    circuits: Gauge,
    allocations: Gauge,
    relayed: Counter,
    pokes: Family<Sent, Counter>,
    pushes: Family<Sent, Counter>,
    resident: Gauge,
}

/// Something that is there now, as long as this is.
#[derive(Debug)]
pub(crate) struct There(Gauge);

impl Drop for There {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Meters {
    pub(crate) fn answered(&self, matched: Option<&MatchedPath>, status: u16) {
        self.requests.get_or_create(&Answered { route: Template::of(matched), status }).inc();
    }

    pub(crate) fn deposited(&self, outcome: Outcome, items: u64) {
        self.deposits.get_or_create(&Ended { outcome }).inc_by(items);
    }

    pub(crate) fn committed(&self, durable: bool) {
        let outcome = if durable { Outcome::stored } else { Outcome::failed };
        self.commits.get_or_create(&Ended { outcome }).inc();
    }

    pub(crate) fn fetched(&self, items: usize) {
        self.fetched.inc_by(items as u64);
    }

    pub(crate) fn socket(&self) -> There {
        self.sockets.inc();
        There(self.sockets.clone())
    }

    pub(crate) fn circuit_opened(&self) {
        self.circuits.inc();
    }

    pub(crate) fn circuit_closed(&self) {
        self.circuits.dec();
    }

    /// Sockets and circuits that are open now.
    pub(crate) fn open(&self) -> (u64, u64) {
        let now = |gauge: &Gauge| u64::try_from(gauge.get()).unwrap_or(0);
        (now(&self.sockets), now(&self.circuits))
    }

    /// A poke of a coordinator for one of its mailboxes.
    pub(crate) fn poked(&self, outcome: Pushed) {
        self.pokes.get_or_create(&Sent { outcome }).inc();
    }

    /// What a gateway does about a poke.
    pub(crate) fn pushed(&self, outcome: Pushed) {
        self.pushes.get_or_create(&Sent { outcome }).inc();
    }

    /// TURN as it stands: allocations, and payload bytes since the start.
    pub(crate) fn turn(&self, allocations: u64, bytes: u64) {
        self.allocations.set(i64::try_from(allocations).unwrap_or(i64::MAX));
        self.relayed.inc_by(bytes.saturating_sub(self.relayed.get()));
    }

    fn registry(&self) -> Registry {
        let mut all = Registry::with_prefix("halloo");
        let m = self.clone();
        all.register("requests", "Answers by template of the route and by status", m.requests);
        all.register("deposits", "Items that were left, by what became of them", m.deposits);
        all.register("fetched_items", "Items that were given to their owners", m.fetched);
        all.register("sockets", "WebSockets that are open", m.sockets);
        all.register("store_commits", "Batches for the disk, by what became of them", m.commits);
        all.register("pokes", "Pokes for mailboxes that nobody watches, by what became of them", m.pokes);
        all.register("pushes", "Pushes of the gateway, by what became of them", m.pushes);
        all.register("relay_circuits", "Circuits of the libp2p relay that are open", m.circuits);
        all.register("turn_allocations", "TURN allocations that are open", m.allocations);
        all.register_with_unit("turn_relayed", "Payload that TURN relayed", Unit::Bytes, m.relayed);
        all.register_with_unit("resident_memory", "Memory of the process", Unit::Bytes, m.resident);
        all
    }

    /// All of it as text.
    pub(crate) fn text(&self) -> String {
        self.resident.set(resident().unwrap_or_default());
        let mut text = String::new();
        // Writing to a text does not fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry());
        text
    }
}

/// Bytes of memory that this process takes; the kernel says it in KiB.
fn resident() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: i64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests;
