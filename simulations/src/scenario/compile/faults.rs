//! What breaks: links, processes, disks, clocks, members who break the rules.

use super::{Turn, Work};
use crate::chance::{between, generator, unit};
use crate::plan::{Act, End};
use crate::scenario::ScenarioError;
use crate::scenario::clock::{exponential, us};
use crate::scenario::faults::{Churn, Partitions};
use rand_chacha::ChaCha20Rng;

impl Work<'_> {
    /// Everything that breaks.
    pub(super) fn faults(&mut self) -> Result<(), ScenarioError> {
        self.partitions()?;
        self.cuts_by_hand()?;
        self.churn()?;
        self.crashes()?;
        self.rests()?;
        self.weather();
        for (n, adversaries) in self.scenario.adversaries.iter().enumerate() {
            for host in self.find(&format!("adversaries[{n}].who"), &adversaries.who)?.hosts {
                self.hosts[host as usize].adversary = Some(adversaries.adversary());
            }
        }
        Ok(())
    }

    fn partitions(&mut self) -> Result<(), ScenarioError> {
        let mut spans: Vec<(u64, u64, Vec<u32>)> = Vec::new();
        for (n, partitions) in self.scenario.partitions.iter().enumerate() {
            let key = format!("partitions[{n}]");
            let mut rng = self.rng(&key);
            for at_us in partitions.when.times(self.calm_s(), &mut rng) {
                let end = self.end_us(at_us, &partitions.when, partitions.lasts_s, &mut rng);
                spans.push((at_us, end, self.islands(&key, partitions, &mut rng)?));
            }
        }
        spans.sort_by_key(|(at, _, _)| *at);
        // A partition that begins while another lasts takes its place, and the links are back when the later one ends.
        let mut over = 0;
        for (number, (at_us, end, islands)) in spans.iter().enumerate() {
            self.act(*at_us, Act::Partition(islands.clone()));
            over = over.max(*end);
            let next = spans.get(number + 1).map(|(at, _, _)| *at);
            if next.is_none_or(|next| next > over) {
                self.act(over, Act::Partition(vec![0; self.hosts.len()]));
            }
        }
        Ok(())
    }

    fn islands(
        &self,
        key: &str,
        partitions: &Partitions,
        rng: &mut ChaCha20Rng,
    ) -> Result<Vec<u32>, ScenarioError> {
        let mut islands = vec![0; self.hosts.len()];
        let Some([low, high]) = partitions.random_islands else {
            for (number, who) in (0..).zip(&partitions.islands) {
                for host in self.find(&format!("{key}.islands[{number}]"), who)?.hosts {
                    islands[host as usize] = number;
                }
            }
            return Ok(islands);
        };
        let count = u32::try_from(between(rng, low.into(), high.into())).expect("at most eight");
        let weights: Vec<f64> = (1..=count).map(|n| f64::from(n).powf(-partitions.skew)).collect();
        let whole: f64 = weights.iter().sum();
        for island in &mut islands {
            let mut left = unit(rng) * whole;
            let place = weights.iter().position(|weight| {
                left -= weight;
                left < 0.0
            });
            *island = u32::try_from(place.unwrap_or(0)).expect("at most eight");
        }
        // No island is empty where there are members enough.
        let mut order: Vec<_> = (0..islands.len()).map(|host| (unit(rng), host)).collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (number, (_, host)) in (0..count).zip(order) {
            islands[host] = number;
        }
        Ok(islands)
    }

    fn cuts_by_hand(&mut self) -> Result<(), ScenarioError> {
        for (n, cuts) in self.scenario.cuts.iter().enumerate() {
            let key = format!("cuts[{n}]");
            let from = self.find(&format!("{key}.from"), &cuts.from)?;
            let to = self.find(&format!("{key}.to"), &cuts.to)?;
            let mut rng = self.rng(&key);
            for at_us in cuts.when.times(self.calm_s(), &mut rng) {
                let end = self.end_us(at_us, &cuts.when, cuts.lasts_s, &mut rng);
                let (from, to) = (from.draw(&mut rng), to.draw(&mut rng));
                for a in &from {
                    for b in to.iter().filter(|b| *b != a) {
                        self.cuts.cut(at_us, Some(end), *a, *b);
                    }
                }
            }
        }
        Ok(())
    }

    fn churn(&mut self) -> Result<(), ScenarioError> {
        for (n, churn) in self.scenario.churn.iter().enumerate() {
            let Churn { who, on_s, off_s, from_s } = churn;
            let key = format!("churn[{n}]");
            let mut rng = self.rng(&key);
            for host in self.find(&format!("{key}.who"), who)?.hosts {
                let mut at = from_s + exponential(&mut rng, *on_s);
                while at < self.calm_s() {
                    let back = (at + exponential(&mut rng, *off_s)).min(self.calm_s());
                    self.act(us(at), Act::Stop(host, End::Kill));
                    self.act(us(back), Act::Start(host));
                    at = back + exponential(&mut rng, *on_s);
                }
            }
        }
        Ok(())
    }

    fn crashes(&mut self) -> Result<(), ScenarioError> {
        for (n, crashes) in self.scenario.crashes.iter().enumerate() {
            let key = format!("crashes[{n}]");
            let mut rng = self.rng(&key);
            for Turn { at_us, who } in self.turns(&key, &crashes.who, &crashes.when)? {
                self.act(at_us, Act::Stop(who, crashes.how.into()));
                if let Some(lasts) = crashes.lasts_s {
                    let end = self.end_us(at_us, &crashes.when, lasts, &mut rng);
                    self.act(end, Act::Start(who));
                }
            }
        }
        Ok(())
    }

    /// Devices that sleep, disks that hang, clocks that are wrong.
    fn rests(&mut self) -> Result<(), ScenarioError> {
        for (n, sleeps) in self.scenario.sleeps.iter().enumerate() {
            let key = format!("sleeps[{n}]");
            let mut rng = self.rng(&key);
            for Turn { at_us, who } in self.turns(&key, &sleeps.who, &sleeps.when)? {
                let end = self.end_us(at_us, &sleeps.when, sleeps.lasts_s, &mut rng);
                self.act(at_us, Act::Sleep(who, true));
                self.act(end, Act::Sleep(who, false));
            }
        }
        for (n, stuck) in self.scenario.stuck_disks.iter().enumerate() {
            let key = format!("stuck_disks[{n}]");
            let mut rng = self.rng(&key);
            for Turn { at_us, who } in self.turns(&key, &stuck.who, &stuck.when)? {
                let end = self.end_us(at_us, &stuck.when, stuck.lasts_s, &mut rng);
                self.act(at_us, Act::DiskStuck(who, true));
                self.act(end, Act::DiskStuck(who, false));
            }
        }
        for (n, skews) in self.scenario.skews.iter().enumerate() {
            let key = format!("skews[{n}]");
            let mut rng = self.rng(&key);
            let Some(when) = &skews.when else {
                for host in self.find(&format!("{key}.who"), &skews.who)?.hosts {
                    self.hosts[host as usize].skew_ms += (skews.by_s.draw(&mut rng) * 1e3) as i64;
                }
                continue;
            };
            for Turn { at_us, who } in self.turns(&key, &skews.who, when)? {
                self.act(at_us, Act::Skew(who, (skews.by_s.draw(&mut rng) * 1e3) as i64));
            }
        }
        Ok(())
    }

    fn weather(&mut self) {
        let spec = |work: &Self, links: &crate::scenario::links::LinksSpec| {
            let mut places = generator(work.seed, "scenario places");
            Box::new(links.spec(work.hosts.len(), &mut places))
        };
        for (n, weather) in self.scenario.weather.iter().enumerate() {
            let mut rng = self.rng(&format!("weather[{n}]"));
            for at_us in weather.when.times(self.calm_s(), &mut rng) {
                let end = self.end_us(at_us, &weather.when, weather.lasts_s, &mut rng);
                self.act(at_us, Act::Links(spec(self, &weather.links)));
                self.act(end, Act::Links(spec(self, &self.scenario.links)));
            }
        }
    }
}
