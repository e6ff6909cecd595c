//! Calls as people live them: from the ring to the others' phones, from the answer to who rang, from the first word to the ears, from
//! hanging up to the last who learns of it.

use super::Figures;
use super::spread::Spread;
use crate::net::links::HostId;
use crate::plan::Plan;
use std::collections::{BTreeMap, BTreeSet};

/// Something that others learn of later: since when, and who knows.
#[derive(Debug, Default)]
struct Told {
    since: BTreeMap<HostId, u64>,
    known: BTreeSet<(HostId, HostId)>,
}

impl Told {
    fn begins(&mut self, us: u64, who: HostId) {
        self.since.insert(who, us);
        self.known.retain(|(of, _)| *of != who);
    }

    fn ends(&mut self, who: HostId) {
        self.since.remove(&who);
    }

    /// How long it took until `host` learned of it, if this is the first time; what happened before it began does not count.
    fn learned(&mut self, us: u64, of: HostId, host: HostId) -> Option<u64> {
        let since = self.since.get(&of).copied().filter(|since| *since <= us && of != host)?;
        self.known.insert((of, host)).then_some(us - since)
    }
}

/// All calls.
#[derive(Debug)]
pub(super) struct Calls {
    groups: Vec<u32>,
    inside: BTreeSet<HostId>,
    rang: Told,
    answered: Told,
    spoke: Told,
    left: Told,
    ring: Spread,
    answer: Spread,
    heard: Spread,
    hang_up: Spread,
}

impl Calls {
    pub(super) fn new(plan: &Plan) -> Self {
        Calls {
            groups: plan.hosts.iter().map(|host| host.group).collect(),
            inside: BTreeSet::new(),
            rang: Told::default(),
            answered: Told::default(),
            spoke: Told::default(),
            left: Told::default(),
            ring: Spread::default(),
            answer: Spread::default(),
            heard: Spread::default(),
            hang_up: Spread::default(),
        }
    }

    /// Somebody wants to be in the call of its group, or to be out of it.
    pub(super) fn asked(&mut self, us: u64, who: HostId, inside: bool) {
        let group = |host: HostId| self.groups[host as usize];
        if inside {
            let rings = !self.inside.iter().any(|other| group(*other) == group(who));
            let told = if rings { &mut self.rang } else { &mut self.answered };
            told.begins(us, who);
            self.left.ends(who);
            self.inside.insert(who);
        } else if self.inside.remove(&who) {
            self.rang.ends(who);
            self.answered.ends(who);
            self.left.begins(us, who);
        }
    }

    /// Somebody begins or ends to speak.
    pub(super) fn speaks(&mut self, us: u64, who: HostId, speaking: bool) {
        if speaking && self.inside.contains(&who) {
            self.spoke.begins(us, who);
        }
    }

    /// `host` is shown that `of` is in the call: a ring for everybody, an answer for those inside.
    pub(super) fn joined(&mut self, us: u64, of: HostId, host: HostId) {
        if let Some(took) = self.rang.learned(us, of, host) {
            self.ring.add(took);
        }
        if self.inside.contains(&host)
            && let Some(took) = self.answered.learned(us, of, host)
        {
            self.answer.add(took);
        }
    }

    /// `host` is shown that `of` is no longer in the call.
    pub(super) fn left(&mut self, us: u64, of: HostId, host: HostId) {
        if let Some(took) = self.left.learned(us, of, host) {
            self.hang_up.add(took);
        }
    }

    /// `host` hears what `of` said `after_us` ago.
    pub(super) fn heard(&mut self, us: u64, of: HostId, host: HostId, after_us: u64) {
        let said = us.saturating_sub(after_us);
        if self.spoke.since.get(&of).is_some_and(|since| *since <= said)
            && let Some(took) = self.spoke.learned(us, of, host)
        {
            self.heard.add(took);
        }
    }

    pub(super) fn figures(&self, figures: &mut Figures) {
        let all = [
            ("calls.ring", &self.ring),
            ("calls.answer", &self.answer),
            ("calls.heard", &self.heard),
            ("calls.hang_up", &self.hang_up),
        ];
        for (name, spread) in all {
            figures.spread(name, "ms", 1e3, spread);
        }
    }
}

#[cfg(test)]
mod tests;
