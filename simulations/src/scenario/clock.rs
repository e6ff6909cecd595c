//! When things happen: at given times, at a steady beat, or at random.

use crate::chance::unit;
use rand_chacha::ChaCha20Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Times that one entry may give; more is a beat that was meant in seconds and written in something else.
pub const TIMES_MAX: usize = 1_000_000;

/// When: `{ at_s = [10, 20] }`, `{ every_s = 5 }` or `{ every_s = 5, random = true }`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// At these seconds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at_s: Vec<f64>,
    /// Again and again after this many seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_s: Option<f64>,
    /// The gaps are drawn (exponentially, with `every_s` as their mean), for each person anew.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub random: bool,
    /// Not before this second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_s: Option<f64>,
    /// Not after this second; without it, until the time to settle begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_s: Option<f64>,
}

/// A span in seconds: `5` or `[2, 8]`, drawn uniformly each time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "give a number such as 5, or two such as [2, 8]")]
pub enum Span {
    /// Always this much.
    Fixed(f64),
    /// Between the two.
    Between([f64; 2]),
}

impl Span {
    /// Least and most.
    #[must_use]
    pub fn ends(self) -> (f64, f64) {
        match self {
            Span::Fixed(value) => (value, value),
            Span::Between([low, high]) => (low, high),
        }
    }

    /// One draw.
    pub fn draw(self, rng: &mut ChaCha20Rng) -> f64 {
        match self {
            Span::Fixed(value) => value,
            Span::Between([low, high]) => low + (high - low) * unit(rng),
        }
    }

    /// Why it cannot be, if it cannot.
    pub(super) fn wrong(self, least: f64) -> Option<String> {
        let (low, high) = self.ends();
        let sound = low.is_finite() && high.is_finite() && low >= least && low <= high;
        (!sound).then(|| format!("must be at least {least}, the smaller number first"))
    }
}

/// Seconds as microseconds.
#[must_use]
pub fn us(seconds: f64) -> u64 {
    (seconds.max(0.0) * 1e6).round() as u64
}

/// A draw from the exponential distribution of this mean.
pub fn exponential(rng: &mut ChaCha20Rng, mean: f64) -> f64 {
    -mean * (1.0 - unit(rng)).ln()
}

impl When {
    /// The times, microseconds, in order; `until_s` bounds those that have no end of their own.
    pub fn times(&self, until_s: f64, rng: &mut ChaCha20Rng) -> Vec<u64> {
        let mut times: Vec<u64> = self.at_s.iter().map(|at| us(*at)).collect();
        if let Some(every) = self.every_s {
            let to = self.to_s.unwrap_or(until_s);
            let mut at = self.from_s.unwrap_or(0.0);
            if self.random {
                at += exponential(rng, every);
            }
            while at <= to && times.len() < TIMES_MAX {
                times.push(us(at));
                at += if self.random { exponential(rng, every) } else { every };
            }
        }
        times.sort_unstable();
        times
    }

    /// Why it cannot be, if it cannot: the key below and what to write.
    pub(super) fn wrong(&self, seconds: f64) -> Option<(&'static str, String)> {
        let inside = |at: &f64| (0.0..=seconds).contains(at);
        if self.at_s.is_empty() && self.every_s.is_none() {
            return Some(("", "never happens; write { at_s = [10] } or { every_s = 5 }".into()));
        }
        if let Some(at) = self.at_s.iter().find(|at| !inside(at)) {
            return Some((".at_s", format!("{at} is outside the run; it lasts from 0 to {seconds} seconds")));
        }
        if let Some(every) = self.every_s
            && !(every.is_finite() && every > 0.0 && seconds / every < TIMES_MAX as f64)
        {
            return Some((".every_s", format!("must be above 0 and give at most {TIMES_MAX} times")));
        }
        if self.random && self.every_s.is_none() {
            return Some((".random", "needs every_s, the mean gap".into()));
        }
        for (key, at) in [(".from_s", self.from_s), (".to_s", self.to_s)] {
            if at.is_some() && self.every_s.is_none() {
                return Some((key, "belongs to every_s; leave it out, or add every_s".into()));
            }
            if at.is_some_and(|at| !inside(&at)) {
                return Some((key, format!("is outside the run; it lasts from 0 to {seconds} seconds")));
            }
        }
        let from = self.from_s.unwrap_or(0.0);
        (from > self.to_s.unwrap_or(seconds)).then(|| (".to_s", format!("is before from_s = {from}")))
    }
}

#[cfg(test)]
mod tests;
