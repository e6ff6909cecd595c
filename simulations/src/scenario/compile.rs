//! From a scenario and a seed to a plan. Every line of the scenario draws from a generator of its own, so that a line more moves nothing in
//! another.

mod faults;
mod hosts;
mod motion;
mod people;

use super::clock::{Span, When, us};
use super::crowd::{Crowd, Person, Who};
use super::radio::CutBook;
use super::{Fidelity, Scenario, ScenarioError};
use crate::chance::generator;
use crate::net::links::HostId;
use crate::plan::{Act, Costs, DiskSpec, HostPlan, Plan, Stack};
use rand_chacha::ChaCha20Rng;
use std::collections::BTreeMap;

/// Most members of the abstract tier: about a gigabyte at eight dials each.
pub(super) const MEMBERS_MAX: usize = 1_000_000;

/// The plan of one seed.
pub(super) fn plan(
    scenario: &Scenario,
    files: &BTreeMap<String, String>,
    seed: u64,
) -> Result<Plan, ScenarioError> {
    let scenario = &scenario.drawn(seed);
    let mut work = Work::new(scenario, seed);
    work.bring_hosts();
    work.motion(files)?;
    work.people()?;
    work.faults()?;
    Ok(work.finish())
}

impl Scenario {
    /// The same scenario with the sizes that this seed draws.
    fn drawn(&self, seed: u64) -> Self {
        let mut rng = generator(seed, "scenario sizes");
        let groups = self.groups.iter().map(|group| group.drawn(&mut rng)).collect();
        Self { groups, ..self.clone() }
    }
}

/// A plan in the making.
struct Work<'a> {
    scenario: &'a Scenario,
    seed: u64,
    people: Vec<Person<'a>>,
    /// The founder of each member's group.
    founders: Vec<HostId>,
    hosts: Vec<HostPlan>,
    /// When its founder begins a group, and when a member first asks to come in.
    arrivals_us: Vec<u64>,
    acts: Vec<(u64, Act)>,
    cuts: CutBook,
}

/// Times of one member or of all.
struct Turn {
    at_us: u64,
    who: HostId,
}

impl<'a> Work<'a> {
    fn new(scenario: &'a Scenario, seed: u64) -> Self {
        let mut work = Work {
            scenario,
            seed,
            people: Vec::new(),
            founders: Vec::new(),
            hosts: Vec::new(),
            arrivals_us: Vec::new(),
            acts: Vec::new(),
            cuts: CutBook::default(),
        };
        for group in &scenario.groups {
            for _ in 0..group.copies {
                let founder = u32::try_from(work.people.len()).expect("members are counted in 32 bits");
                for number in 0..group.members {
                    let outside = number >= group.members - group.outside;
                    work.people.push(Person { group: &group.name, founder: number == 0, outside });
                    work.founders.push(founder);
                }
            }
        }
        work
    }

    fn rng(&self, purpose: &str) -> ChaCha20Rng {
        generator(self.seed, &format!("scenario {purpose}"))
    }

    /// When random things end.
    fn calm_s(&self) -> f64 {
        (self.scenario.seconds - self.scenario.settle_s).max(0.0)
    }

    fn find(&self, key: &str, who: &Who) -> Result<Crowd, ScenarioError> {
        who.find(&self.people, &mut self.rng(&format!("{key} who")))
            .map_err(|what| ScenarioError::Key { key: key.to_owned(), what })
    }

    /// When who does something: everybody of the crowd by own draws, or at each time another one.
    fn turns(&self, key: &str, who: &Who, when: &When) -> Result<Vec<Turn>, ScenarioError> {
        let crowd = self.find(&format!("{key}.who"), who)?;
        let mut rng = self.rng(&format!("{key} when"));
        let mut turns = Vec::new();
        if crowd.one {
            for at_us in when.times(self.calm_s(), &mut rng) {
                turns.extend(crowd.pick(&mut rng).map(|who| Turn { at_us, who }));
            }
        } else {
            for who in crowd.hosts {
                turns
                    .extend(when.times(self.calm_s(), &mut rng).into_iter().map(|at_us| Turn { at_us, who }));
            }
            turns.sort_by_key(|turn| turn.at_us);
        }
        Ok(turns)
    }

    /// At each time the next of the crowd, in order; a crowd of `somebody` is shuffled by its draws.
    fn one_by_one(&self, key: &str, who: &Who, when: &When) -> Result<Vec<Turn>, ScenarioError> {
        let crowd = self.find(key, who)?;
        let mut rng = self.rng(&format!("{key} when"));
        let times = when.times(self.calm_s(), &mut rng);
        let mut left = crowd.hosts.clone();
        let mut turns = Vec::new();
        for at_us in times {
            if left.is_empty() {
                break;
            }
            let place = if crowd.one {
                let last = left.len() as u64 - 1;
                usize::try_from(crate::chance::between(&mut rng, 0, last)).expect("a place in a list")
            } else {
                0
            };
            turns.push(Turn { at_us, who: left.remove(place) });
        }
        Ok(turns)
    }

    /// Somebody of the same group: of the named, or its founder.
    fn mate(
        &self,
        key: &str,
        of: HostId,
        who: Option<&Who>,
        rng: &mut ChaCha20Rng,
    ) -> Result<HostId, ScenarioError> {
        let founder = self.founders[of as usize];
        let Some(who) = who else { return Ok(founder) };
        let mut crowd = self.find(key, who)?;
        crowd.hosts.retain(|host| self.founders[*host as usize] == founder && *host != of);
        crowd.pick(rng).ok_or_else(|| ScenarioError::Key {
            key: key.to_owned(),
            what: format!("nobody of it is in the group of member {of}, apart from member {of}"),
        })
    }

    /// When something that began ends: random ones end before the time to settle.
    fn end_us(&self, at_us: u64, when: &When, lasts: Span, rng: &mut ChaCha20Rng) -> u64 {
        let end = at_us + us(lasts.draw(rng));
        if when.every_s.is_some() { end.min(us(self.calm_s()).max(at_us)) } else { end }
    }

    fn act(&mut self, at_us: u64, act: Act) {
        self.acts.push((at_us, act));
    }

    fn finish(self) -> Plan {
        let Work { scenario, seed, hosts, acts, cuts, .. } = self;
        // First what the network does, then what people do at the same moment.
        let mut all = cuts.acts();
        all.extend(acts);
        all.sort_by_key(|(at, _)| *at);
        let end_us = us(scenario.seconds);
        let rest_us = us((scenario.seconds - scenario.settle_s).max(0.0));
        all.retain(|(at, _)| *at <= end_us);
        let disk = scenario.disk.map_or_else(DiskSpec::default, |disk| {
            let (low, high) = disk.write_ms.ends();
            DiskSpec { low_us: us(low / 1e3), high_us: us(high / 1e3), torn: disk.torn }
        });
        let mut places = generator(seed, "scenario places");
        Plan {
            seed,
            stack: if scenario.fidelity == Fidelity::RealNoise { Stack::Noise } else { Stack::Plain },
            links: scenario.links.spec(hosts.len(), &mut places),
            hosts,
            disk,
            costs: if scenario.cpu { Costs::default() } else { Costs::NONE },
            config: halloo_engine::start::Config::default(),
            acts: all,
            rest_us,
            end_us,
            must_converge: scenario.must.converge,
        }
    }
}
