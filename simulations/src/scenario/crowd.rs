//! Whom a line of a scenario means: numbers, ranges, groups by name, everybody, somebody, a share.

use crate::chance::{between, unit};
use crate::net::links::HostId;
use rand_chacha::ChaCha20Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Whom: `3`, `[0, 3]`, or words.
///
/// Words are `everybody`, `founders`, `newcomers` (everybody but the founders), `outside` (who does not come by itself), the name of a group, a number or a range such as
/// `4-7`, and several of these with commas. Before them may stand `somebody of` (another one each time) or `30% of` (chosen once a run).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "give a number such as 3, a list such as [0, 3], or words such as \"everybody\", \"4-7\" or \"somebody of riders\""
)]
pub enum Who {
    /// One member.
    Number(u32),
    /// These.
    List(Vec<u32>),
    /// In words.
    Words(String),
}

/// A member as crowds know it.
#[derive(Clone, Copy, Debug)]
pub struct Person<'a> {
    /// The name of its group in the scenario.
    pub group: &'a str,
    /// Whether it founded its group.
    pub founder: bool,
    /// Whether it does not come by itself.
    pub outside: bool,
}

/// Who is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crowd {
    /// Members in order.
    pub hosts: Vec<HostId>,
    /// One of them each time, not all.
    pub one: bool,
}

impl Crowd {
    /// Who does it this time.
    pub fn draw(&self, rng: &mut ChaCha20Rng) -> Vec<HostId> {
        if self.one { self.pick(rng).into_iter().collect() } else { self.hosts.clone() }
    }

    /// One of them.
    pub fn pick(&self, rng: &mut ChaCha20Rng) -> Option<HostId> {
        let last = self.hosts.len().checked_sub(1)?;
        let place = usize::try_from(between(rng, 0, last as u64)).expect("a place in a list");
        self.hosts.get(place).copied()
    }
}

impl Who {
    /// Finds them.
    ///
    /// # Errors
    /// Says which word or number means nobody.
    pub fn find(&self, people: &[Person<'_>], rng: &mut ChaCha20Rng) -> Result<Crowd, String> {
        let all =
            |numbers: &[u32]| numbers.iter().map(|n| number(*n, people)).collect::<Result<BTreeSet<_>, _>>();
        let (hosts, one) = match self {
            Who::Number(n) => (all(&[*n])?, false),
            Who::List(numbers) => (all(numbers)?, false),
            Who::Words(words) => words_mean(words, people, rng)?,
        };
        if hosts.is_empty() {
            return Err("means nobody; name at least one member".into());
        }
        Ok(Crowd { hosts: hosts.into_iter().collect(), one })
    }
}

fn number(n: u32, people: &[Person<'_>]) -> Result<HostId, String> {
    if (n as usize) < people.len() {
        return Ok(n);
    }
    Err(format!("there is no member {n}; they are numbered from 0 to {}", people.len().saturating_sub(1)))
}

fn words_mean(
    words: &str,
    people: &[Person<'_>],
    rng: &mut ChaCha20Rng,
) -> Result<(BTreeSet<HostId>, bool), String> {
    let words = words.trim();
    if words == "somebody" {
        return Ok((set("everybody", people)?, true));
    }
    if let Some(rest) = words.strip_prefix("somebody of ") {
        return Ok((set(rest, people)?, true));
    }
    let Some((share, rest)) = words.split_once("% of ") else { return Ok((set(words, people)?, false)) };
    let share: f64 = share.trim().parse().map_err(|_| format!("{share:?} is not a number of percent"))?;
    if !(0.0..=100.0).contains(&share) {
        return Err("percent go from 0 to 100".into());
    }
    let mut hosts: Vec<(f64, HostId)> = set(rest, people)?.into_iter().map(|h| (unit(rng), h)).collect();
    hosts.sort_by(|a, b| a.0.total_cmp(&b.0));
    let keep = ((hosts.len() as f64 * share / 100.0).round() as usize).max(1);
    Ok((hosts.into_iter().take(keep).map(|(_, host)| host).collect(), false))
}

fn set(words: &str, people: &[Person<'_>]) -> Result<BTreeSet<HostId>, String> {
    let mut hosts = BTreeSet::new();
    for word in words.split(',').map(str::trim) {
        let before = hosts.len();
        let named = (0..).zip(people).filter(|(_, person)| match word {
            "everybody" => true,
            "founders" => person.founder,
            "newcomers" => !person.founder,
            "outside" => person.outside,
            group => person.group == group,
        });
        hosts.extend(named.map(|(host, _)| host));
        if hosts.len() > before || matches!(word, "everybody" | "founders" | "newcomers" | "outside") {
            continue;
        }
        let (low, high) = word.split_once('-').unwrap_or((word, word));
        let ends = (low.trim().parse::<u32>(), high.trim().parse::<u32>());
        let (Ok(low), Ok(high)) = ends else {
            let known: BTreeSet<_> = people.iter().map(|person| person.group).collect();
            return Err(format!(
                "{word:?} means nobody; write a number, a range such as 4-7, everybody, founders, newcomers, outside, or a group of {known:?}"
            ));
        };
        number(high.max(low), people)?;
        hosts.extend(low..=high);
    }
    Ok(hosts)
}

#[cfg(test)]
mod tests;
