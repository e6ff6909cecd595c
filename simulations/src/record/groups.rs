//! Groups: how soon newcomers are in and known, and how soon an epoch of the keys reaches everybody.

use super::spread::Spread;
use super::table::{Cell, Table};
use super::{Clock, schemas};
use crate::net::links::HostId;
use halloo_crypto::id::EpochId;
use std::collections::{BTreeMap, BTreeSet};

/// Epochs that are followed; later ones are counted only.
const EPOCHS_MAX: usize = 100_000;
/// The share of an epoch's devices that are nearly all.
const NEARLY_ALL: f64 = 0.95;

#[derive(Debug)]
struct Newcomer {
    via: HostId,
    asked_us: u64,
    failures: u64,
}

/// All groups.
#[derive(Debug)]
pub(super) struct Groups {
    clock: Clock,
    newcomers: BTreeMap<HostId, Newcomer>,
    /// When somebody first asked, and when it became a member.
    asked: BTreeMap<HostId, u64>,
    joined: BTreeMap<HostId, u64>,
    epochs: BTreeMap<EpochId, (u64, BTreeSet<HostId>)>,
    took: Spread,
    known: Spread,
    spreading: Spread,
    nearly_all: Spread,
    changes: u64,
    joins: Table,
    entries: Table,
}

impl Groups {
    pub(super) fn new(clock: Clock) -> Self {
        Groups {
            clock,
            newcomers: BTreeMap::new(),
            asked: BTreeMap::new(),
            joined: BTreeMap::new(),
            epochs: BTreeMap::new(),
            took: Spread::default(),
            known: Spread::default(),
            spreading: Spread::default(),
            nearly_all: Spread::default(),
            changes: 0,
            joins: Table::new(&schemas::JOINS),
            entries: Table::new(&schemas::EPOCHS),
        }
    }

    /// A newcomer asks, perhaps not for the first time.
    pub(super) fn asked(&mut self, at_us: u64, who: HostId, via: HostId) {
        self.newcomers.entry(who).or_insert(Newcomer { via, asked_us: at_us, failures: 0 });
        self.asked.entry(who).or_insert(at_us);
    }

    /// A pairing failed.
    pub(super) fn not_joined(&mut self, who: HostId) {
        if let Some(newcomer) = self.newcomers.get_mut(&who) {
            newcomer.failures += 1;
        }
    }

    /// A newcomer is a member.
    pub(super) fn joined(&mut self, at_us: u64, who: HostId) {
        let Some(newcomer) = self.newcomers.remove(&who) else { return };
        self.joined.insert(who, at_us);
        self.took.add(at_us - newcomer.asked_us);
        let took = self.clock.span(at_us - newcomer.asked_us);
        self.join_row(who, &newcomer, took);
    }

    fn join_row(&mut self, who: HostId, newcomer: &Newcomer, took: f64) {
        let asked = self.clock.seconds(newcomer.asked_us);
        let failures = newcomer.failures.into();
        self.joins.push(&[who.into(), newcomer.via.into(), Cell::Real(asked), Cell::Real(took), failures]);
    }

    /// A member shows somebody as joined. Only those count who were members when the newcomer asked.
    pub(super) fn shown(&mut self, at_us: u64, by: HostId, who: HostId) {
        let Some(since) = self.asked.get(&who) else { return };
        let newer = |joined: Option<&u64>| joined.is_some_and(|at| at > since);
        if !newer(self.joined.get(&by)) && (!self.asked.contains_key(&by) || self.joined.contains_key(&by)) {
            self.known.add(at_us.saturating_sub(*since));
        }
    }

    /// A host entered an epoch.
    pub(super) fn entered(&mut self, at_us: u64, host: HostId, epoch: EpochId, devices: u32) {
        self.changes += 1;
        if self.epochs.len() >= EPOCHS_MAX && !self.epochs.contains_key(&epoch) {
            return;
        }
        let (first_us, hosts) = self.epochs.entry(epoch).or_insert((at_us, BTreeSet::new()));
        let after = at_us - *first_us;
        if !hosts.insert(host) {
            return;
        }
        if hosts.len() > 1 {
            self.spreading.add(after);
        }
        let nearly_all = (f64::from(devices) * NEARLY_ALL).ceil() as usize;
        if hosts.len() == nearly_all.max(2) {
            self.nearly_all.add(after);
        }
        self.entries.push(&[
            Cell::Real(self.clock.seconds(at_us)),
            host.into(),
            Cell::Text(&epoch.to_string()),
            devices.into(),
            Cell::Real(after as f64 / 1e3),
        ]);
    }

    /// The end: those who never came in have a row too.
    pub(super) fn end(&mut self) {
        for (who, newcomer) in std::mem::take(&mut self.newcomers) {
            self.join_row(who, &newcomer, f64::NAN);
        }
    }

    pub(super) fn figures(&self, figures: &mut super::Figures) {
        let asked = self.joins.rows() as f64 + self.joins.left_out as f64;
        figures.put("joins.asked", asked);
        figures.share("joins.done_share", self.took.count() as f64, asked);
        figures.spread("joins.took", "s", 1e6, &self.took);
        figures.spread("joins.known", "s", 1e6, &self.known);
        figures.put("epochs.distinct", self.epochs.len() as f64);
        figures.put("epochs.changes", self.changes as f64);
        figures.spread("epochs.reached", "ms", 1e3, &self.spreading);
        figures.spread("epochs.nearly_all", "ms", 1e3, &self.nearly_all);
    }

    pub(super) fn into_rows(self) -> [Table; 2] {
        [self.joins, self.entries]
    }
}
