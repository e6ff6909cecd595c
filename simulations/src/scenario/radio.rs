//! Which links are cut when: by hand, and by radio range. A link that is cut for two reasons comes back when both are gone.

use super::clock::us;
use super::gpx::Place;
use super::mobility::{Radio, distance};
use crate::net::links::HostId;
use crate::plan::Act;
use std::collections::BTreeMap;

/// Reasons to cut links, by time.
#[derive(Debug, Default)]
pub(super) struct CutBook {
    changes: Vec<(u64, (HostId, HostId), i32)>,
}

impl CutBook {
    /// One reason more from here to there.
    pub(super) fn cut(&mut self, from_us: u64, to_us: Option<u64>, a: HostId, b: HostId) {
        if a == b {
            return;
        }
        let pair = (a.min(b), a.max(b));
        self.changes.push((from_us, pair, 1));
        self.changes.extend(to_us.map(|to| (to, pair, -1)));
    }

    /// Cuts the links of those who are too far from each other. `ways` has a place for each whole second.
    pub(super) fn range(&mut self, radio: Radio, ways: &BTreeMap<HostId, Vec<Place>>) {
        let all: Vec<_> = ways.iter().collect();
        for (number, (a, way_a)) in all.iter().enumerate() {
            for (b, way_b) in &all[number + 1..] {
                let mut apart_since = None;
                let mut joined = false;
                for (second, (here, there)) in way_a.iter().zip(way_b.iter()).enumerate() {
                    let reach = if joined { radio.range_m * (1.0 + radio.hold) } else { radio.range_m };
                    joined = distance(*here, *there) <= reach;
                    let now = us(second as f64);
                    match apart_since {
                        None if !joined => apart_since = Some(now),
                        Some(since) if joined => {
                            self.cut(since, Some(now), **a, **b);
                            apart_since = None;
                        }
                        _ => {}
                    }
                }
                if let Some(since) = apart_since {
                    self.cut(since, None, **a, **b);
                }
            }
        }
    }

    /// The acts, in order.
    pub(super) fn acts(mut self) -> Vec<(u64, Act)> {
        self.changes.sort_unstable_by_key(|(at, pair, change)| (*at, *pair, *change));
        let mut reasons: BTreeMap<(HostId, HostId), i32> = BTreeMap::new();
        let mut acts = Vec::new();
        let mut rest = self.changes.as_slice();
        while let Some((at, pair, _)) = rest.first().copied() {
            let same = rest.iter().take_while(|(t, p, _)| (*t, *p) == (at, pair)).count();
            let change: i32 = rest[..same].iter().map(|(_, _, change)| change).sum();
            rest = &rest[same..];
            let count = reasons.entry(pair).or_default();
            let before = *count > 0;
            *count += change;
            if before != (*count > 0) {
                acts.push((at, Act::Cut(pair.0, pair.1, *count > 0)));
            }
        }
        acts
    }
}

#[cfg(test)]
mod tests;
