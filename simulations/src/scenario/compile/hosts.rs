//! Members of groups: their devices, whom they find, when they come.

use super::Work;
use crate::chance::{between, happens};
use crate::net::links::{HostId, Nat};
use crate::plan::{Act, HostPlan};
use crate::scenario::clock::us;
use crate::scenario::people::{Finds, GroupSpec};
use std::collections::BTreeSet;

/// From a group's beginning until its first newcomer asks, seconds.
const FIRST_NEWCOMER_S: f64 = 1.0;

impl Work<'_> {
    /// Brings every group with its members.
    pub(super) fn bring_hosts(&mut self) {
        let scenario = self.scenario;
        let mut number = 0;
        for group in &scenario.groups {
            for _ in 0..group.copies {
                self.bring_group(number, group);
                number += 1;
            }
        }
    }

    fn bring_group(&mut self, number: u32, group: &GroupSpec) {
        let first = u32::try_from(self.hosts.len()).expect("members are counted in 32 bits");
        let mut rng = self.rng(&format!("group {number}"));
        let mut at_s = group.found_s.map_or(0.0, |span| span.draw(&mut rng));
        let own_way = group.members - group.outside;
        for n in 0..group.members {
            let who = first + n;
            let sites = &group.sites;
            let site = sites.get(n as usize % sites.len().max(1)).copied().unwrap_or(0);
            let nat = if happens(&mut rng, group.nat) && n > 0 { Nat::Closed } else { Nat::Open };
            let at_us = us(at_s);
            self.arrivals_us.push(at_us);
            self.hosts.push(HostPlan {
                name: format!("{}-{n}", group.name),
                group: number,
                site,
                nat,
                ..HostPlan::default()
            });
            if n == 0 {
                self.act(at_us, Act::Found(who));
                at_s += FIRST_NEWCOMER_S;
            } else if n < own_way {
                self.act(at_us, Act::Join { who, via: first });
                at_s += group.join_every_s.draw(&mut rng);
            }
        }
        for n in 0..group.members {
            let who = first + n;
            let arrival = self.arrivals_us[who as usize];
            let others = others(group, first, who, &mut rng);
            let mut finds = Vec::with_capacity(others.len());
            for other in others {
                finds.push((arrival + us(group.find_s.draw(&mut rng)), other));
            }
            self.hosts[who as usize].finds = finds;
        }
    }
}

fn others(
    group: &GroupSpec,
    first: HostId,
    who: HostId,
    rng: &mut rand_chacha::ChaCha20Rng,
) -> BTreeSet<HostId> {
    let last = first + group.members - 1;
    match group.finds {
        Finds::Everybody => (first..=last).filter(|other| *other != who).collect(),
        Finds::Dials(count) => {
            let most = (count as usize).min(group.members as usize - 1);
            let mut others = BTreeSet::new();
            while others.len() < most {
                let other = u32::try_from(between(rng, first.into(), last.into())).expect("a member");
                if other != who {
                    others.insert(other);
                }
            }
            // Whoever comes in finds whom it comes in by: they stand beside each other.
            if who != first {
                others.insert(first);
            }
            others
        }
    }
}
