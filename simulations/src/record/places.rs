//! Positions: from the measurement to every receiver's map, and how old what they see is.

use super::spread::Spread;
use super::table::{Cell, Table};
use super::{Clock, schemas};
use crate::net::links::HostId;
use std::collections::{BTreeMap, VecDeque};

/// Measurements of one host that can still be told apart at a receiver: four minutes at one a second.
const MEASURED_KEPT: usize = 256;
/// Pairs of hosts whose ages are followed: 1,000 members who all see each other.
const PAIRS_MAX: usize = 1_000_000;

/// What a receiver sees of an author.
#[derive(Clone, Copy, Debug)]
struct View {
    taken_us: u64,
    since_us: u64,
}

/// All positions.
#[derive(Debug)]
pub(super) struct Places {
    clock: Clock,
    measured: BTreeMap<HostId, VecDeque<(u64, u64)>>,
    views: BTreeMap<(HostId, HostId), View>,
    latency: Spread,
    peak: Spread,
    /// The integral of the age over time, microseconds squared, and the time.
    age: (f64, f64),
    fixes: u64,
    unmatched: u64,
    rows: Table,
    positions: Table,
}

impl Places {
    pub(super) fn new(clock: Clock) -> Self {
        Places {
            clock,
            measured: BTreeMap::new(),
            views: BTreeMap::new(),
            latency: Spread::default(),
            peak: Spread::default(),
            age: (0.0, 0.0),
            fixes: 0,
            unmatched: 0,
            rows: Table::new(&schemas::PLACES),
            positions: Table::new(&schemas::POSITIONS),
        }
    }

    /// A device measured where it is.
    pub(super) fn measured(&mut self, at_us: u64, host: HostId, fix: &halloo_crdt::live::Fix) {
        self.fixes += 1;
        let kept = self.measured.entry(host).or_default();
        if kept.len() == MEASURED_KEPT {
            kept.pop_front();
        }
        kept.push_back((fix.time_ms, at_us));
        let at = Cell::Real(self.clock.seconds(at_us));
        let none = Cell::Real(f64::NAN);
        let (lat, lon) = (Cell::Real(fix.lat_deg), Cell::Real(fix.lon_deg));
        self.positions.push(&[at, host.into(), lat, lon, none, none]);
    }

    /// A host was moved on the plane of the links.
    pub(super) fn moved(&mut self, at_us: u64, host: HostId, (x, y): (f64, f64)) {
        let at = Cell::Real(self.clock.seconds(at_us));
        let none = Cell::Real(f64::NAN);
        self.positions.push(&[at, host.into(), none, none, Cell::Real(x), Cell::Real(y)]);
    }

    /// A receiver shows where an author was at `taken_ms` of the author's clock.
    pub(super) fn shown(&mut self, at_us: u64, receiver: HostId, author: HostId, taken_ms: u64) {
        let measured = self.measured.get(&author);
        let found = measured.and_then(|all| all.iter().rev().find(|(ms, _)| *ms == taken_ms));
        let Some(taken_us) = found.map(|(_, us)| *us) else {
            self.unmatched += 1;
            return;
        };
        let before = self.views.get(&(receiver, author)).copied();
        if before.is_some_and(|view| view.taken_us >= taken_us) {
            return;
        }
        let latency = at_us.saturating_sub(taken_us);
        self.latency.add(latency);
        let age_before = before.map(|view| at_us.saturating_sub(view.taken_us));
        if let Some(view) = before {
            self.leave(view, at_us);
        }
        self.peak_of(age_before);
        if before.is_some() || self.views.len() < PAIRS_MAX {
            self.views.insert((receiver, author), View { taken_us, since_us: at_us });
        }
        self.rows.push(&[
            author.into(),
            receiver.into(),
            Cell::Real(self.clock.seconds(taken_us)),
            Cell::Real(latency as f64 / 1e3),
            Cell::Real(age_before.map_or(f64::NAN, |age| age as f64 / 1e3)),
        ]);
    }

    fn peak_of(&mut self, age: Option<u64>) {
        if let Some(age) = age {
            self.peak.add(age);
        }
    }

    /// A view ends: its age grew from one value to another while it stood.
    fn leave(&mut self, view: View, at_us: u64) {
        let (from, to) = (view.since_us - view.taken_us, at_us.saturating_sub(view.taken_us));
        let span = to.saturating_sub(from) as f64;
        self.age.0 += (from as f64 + to as f64) / 2.0 * span;
        self.age.1 += span;
    }

    /// A receiver shows the author no more.
    pub(super) fn expired(&mut self, at_us: u64, receiver: HostId, author: HostId) {
        if let Some(view) = self.views.remove(&(receiver, author)) {
            self.leave(view, at_us);
        }
    }

    /// The receiver's process ended: nobody looks.
    pub(super) fn ended(&mut self, at_us: u64, receiver: HostId) {
        let views = self.views.range((receiver, 0)..=(receiver, HostId::MAX));
        for author in views.map(|((_, author), _)| *author).collect::<Vec<_>>() {
            self.expired(at_us, receiver, author);
        }
    }

    /// The run ends: views that stand are counted to here.
    pub(super) fn end(&mut self, at_us: u64) {
        for view in std::mem::take(&mut self.views).into_values() {
            self.leave(view, at_us);
        }
    }

    pub(super) fn figures(&self, figures: &mut super::Figures) {
        if self.fixes == 0 {
            return;
        }
        figures.put("places.measured", self.fixes as f64);
        figures.put("places.shown", self.latency.count() as f64);
        figures.put("places.unmatched", self.unmatched as f64);
        figures.spread("places.delivery", "ms", 1e3, &self.latency);
        figures.spread("places.peak_age", "s", 1e6, &self.peak);
        figures.share("places.age.mean_s", self.age.0 / 1e6, self.age.1);
    }

    pub(super) fn into_rows(self) -> [Table; 2] {
        [self.rows, self.positions]
    }
}
