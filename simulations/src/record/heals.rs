//! Healing: how long after the last return of a link, a process or a sleeper all views agree again.
//!
//! ```text
//!   islands meet, a link is mended,    every 100 ms: members, roles, name and epoch of all who can reach each
//!   a sleeper wakes, a process is      other are equal, and nobody lacks a message that was written before?
//!   back: an episode begins (again) -> yes: the episode ends with this time
//!                                      only the former: the views agree, told as a figure of its own
//! ```

use super::schemas;
use super::table::{Cell, Table};
use super::{Clock, Look};
use crate::net::links::HostId;
use halloo_crypto::id::MessageId;
use halloo_engine::Engine;
use std::collections::{BTreeMap, BTreeSet};

/// How often views are compared while an episode is open, microseconds.
pub(super) const CHECK_EVERY_US: u64 = 100_000;
/// An episode that has not ended by then never does, microseconds: comparing costs time.
const GIVE_UP_US: u64 = 600_000_000;

#[derive(Debug)]
struct Episode {
    cause: &'static str,
    since_us: u64,
    returns: u64,
    /// When all views agreed for the first time, whatever messages were still on their way.
    agreed_us: Option<u64>,
    behind: Vec<MessageId>,
    behind_first: usize,
}

/// All episodes.
#[derive(Debug)]
pub(super) struct Heals {
    clock: Clock,
    open: Option<Episode>,
    /// Pairs of hosts that can reach each other, directly or by others; worked out when links have changed.
    parts: Option<Vec<u32>>,
    prints: BTreeMap<HostId, u64>,
    changed: BTreeSet<HostId>,
    took: super::spread::Spread,
    agreed: super::spread::Spread,
    count: u64,
    rows: Table,
}

impl Heals {
    pub(super) fn new(clock: Clock) -> Self {
        Heals {
            clock,
            open: None,
            parts: None,
            prints: BTreeMap::new(),
            changed: BTreeSet::new(),
            took: super::spread::Spread::default(),
            agreed: super::spread::Spread::default(),
            count: 0,
            rows: Table::new(&schemas::HEALS),
        }
    }

    /// Links changed.
    pub(super) fn links_changed(&mut self) {
        self.parts = None;
    }

    /// The view of a host changed, or may have.
    pub(super) fn view_changed(&mut self, host: HostId) {
        self.changed.insert(host);
    }

    /// Something returned; `behind` are the messages that somebody lacks now.
    pub(super) fn returned(&mut self, at_us: u64, cause: &'static str, behind: Vec<MessageId>) {
        let returns = self.open.take().map_or(0, |open| open.returns) + 1;
        let behind_first = behind.len();
        let agreed_us = None;
        self.open = Some(Episode { cause, since_us: at_us, returns, agreed_us, behind, behind_first });
    }

    /// When views are compared next.
    pub(super) fn due_us(&self, now_us: u64) -> Option<u64> {
        let open = self.open.as_ref()?;
        let passed = now_us.saturating_sub(open.since_us) / CHECK_EVERY_US;
        Some(open.since_us + (passed + 1) * CHECK_EVERY_US)
    }

    /// Compares. `behind` says whether somebody within reach lacks a message, given who reaches whom.
    pub(super) fn check(&mut self, at_us: u64, looks: &[Look<'_>], judge: &Judge<'_>) {
        let Some(open) = &mut self.open else { return };
        if at_us - open.since_us > GIVE_UP_US {
            self.close(None);
            return;
        }
        let parts = self.parts.get_or_insert_with(|| parts(looks.len(), judge.joined));
        for look in looks {
            let Some(engine) = look.engine else { continue };
            if self.changed.remove(&look.host) || !self.prints.contains_key(&look.host) {
                self.prints.insert(look.host, print(engine));
            }
        }
        let mut views: BTreeMap<(u32, u32), u64> = BTreeMap::new();
        let mut present = vec![false; looks.len()];
        let mut agree = true;
        for look in looks.iter().filter(|look| look.present()) {
            let place = look.host as usize;
            present[place] = true;
            let view = self.prints.get(&look.host).copied().unwrap_or_default();
            agree &= *views.entry((look.group, parts[place])).or_insert(view) == view;
        }
        let reach = |from: HostId, to: HostId| {
            let (from, to) = (from as usize, to as usize);
            present[from] && present[to] && parts[from] == parts[to]
        };
        if agree {
            open.agreed_us.get_or_insert(at_us);
        }
        open.behind.retain(|id| (judge.behind)(id, &reach));
        if agree && open.behind.is_empty() {
            self.close(Some(at_us));
        }
    }

    fn close(&mut self, at_us: Option<u64>) {
        let Some(open) = self.open.take() else { return };
        self.count += 1;
        if let Some(at) = open.agreed_us {
            self.agreed.add(at - open.since_us);
        }
        let took = at_us.map(|at| at - open.since_us);
        if let Some(took) = took {
            self.took.add(took);
        }
        self.rows.push(&[
            Cell::Real(self.clock.seconds(open.since_us)),
            Cell::Text(open.cause),
            open.returns.into(),
            open.behind_first.into(),
            Cell::Real(took.map_or(f64::NAN, |took| self.clock.span(took))),
        ]);
    }

    /// The end: an episode that is open has not healed.
    pub(super) fn end(&mut self) {
        self.close(None);
    }

    pub(super) fn figures(&self, figures: &mut super::Figures) {
        figures.put("heals.count", self.count as f64);
        figures.share("heals.done_share", self.took.count() as f64, self.count as f64);
        figures.spread("heals.took", "s", 1e6, &self.took);
        figures.share("heals.agreed_share", self.agreed.count() as f64, self.count as f64);
        figures.spread("heals.agreed", "s", 1e6, &self.agreed);
    }

    pub(super) fn into_rows(self) -> Table {
        self.rows
    }
}

/// Who reaches whom, directly or by others.
pub(super) type Reach<'a> = dyn Fn(HostId, HostId) -> bool + 'a;

/// What is asked of the rest of the record and of the links.
pub(super) struct Judge<'a> {
    /// Whether packets go between two hosts directly.
    pub joined: &'a dyn Fn(HostId, HostId) -> bool,
    /// Whether somebody lacks this message although somebody within reach has it.
    pub behind: &'a dyn Fn(&MessageId, &Reach<'_>) -> bool,
}

/// The number of the part that each host is in: hosts of one part can reach each other, directly or by others.
fn parts(hosts: usize, joined: &dyn Fn(HostId, HostId) -> bool) -> Vec<u32> {
    let all = u32::try_from(hosts).expect("hosts are counted in 32 bits");
    let mut parts: Vec<Vec<HostId>> = Vec::new();
    for host in 0..all {
        let (near, mut far): (Vec<_>, Vec<_>) =
            parts.into_iter().partition(|part| part.iter().any(|other| joined(*other, host)));
        let mut mine: Vec<HostId> = near.into_iter().flatten().collect();
        mine.push(host);
        far.push(mine);
        parts = far;
    }
    let mut number_of = vec![0; hosts];
    for (number, part) in (0..).zip(parts) {
        for host in part {
            number_of[host as usize] = number;
        }
    }
    number_of
}

/// A number that differs when members, roles, names, the group's name or the epoch do. No cryptography is meant.
fn print(engine: &Engine) -> u64 {
    let status = engine.status();
    let mut members: Vec<String> = engine
        .members()
        .into_iter()
        .map(|member| format!("{} {:?} {}", member.account, member.role, member.name))
        .collect();
    members.sort();
    members.push(format!("{} {:?} {}", status.member, status.epoch, status.group_name));
    let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    members.iter().flat_map(|line| line.bytes().chain([0])).fold(0xcbf2_9ce4_8422_2325, hash)
}

#[cfg(test)]
mod tests;
