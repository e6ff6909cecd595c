//! Every wake-up has a reason, and they are not too many: wakes are the battery.

use super::{Check, End, Findings};
use crate::book::Book;
use crate::net::links::HostId;
use crate::seen::{At, Seen};
use halloo_engine::input::{Input, WakeReason};
use std::collections::BTreeMap;

const NAME: &str = "wakes";
/// The span in which wakes are counted, microseconds.
const SPAN_US: u64 = 10_000_000;
/// Wakes in one span. Busiest are positions (ten reports a second at most) beside a call (keys, wishes and answers five times a second)
/// and reconciliation with many neighbours.
pub const WAKES_MAX: u32 = 600;
/// Wakes at one moment of virtual time: one for each reason is the most that can be due together, and work at a wake may make as many
/// due again.
pub const AT_ONCE_MAX: u32 = 32;

/// The judge.
#[derive(Default)]
pub struct Wakes {
    hosts: BTreeMap<HostId, Sleep>,
}

#[derive(Debug, Default)]
struct Sleep {
    /// Timers fired before the wake that is being judged.
    fired: Option<u64>,
    since_us: u64,
    wakes: u32,
    last_us: u64,
    at_once: u32,
}

impl Check for Wakes {
    fn name(&self) -> &'static str {
        NAME
    }

    fn see(&mut self, at: At, seen: &Seen<'_>, _: &Book, findings: &mut Findings) {
        match seen {
            Seen::Began { .. } => {
                self.hosts.insert(at.host, Sleep::default());
            }
            Seen::Input { input: Input::Wake(WakeReason::Deadline), engine } => {
                self.wakes(at, engine.wakes(), findings);
            }
            Seen::Drained { engine } => self.drained(at, &|| engine.wakes(), findings),
            _ => {}
        }
    }

    fn end(&mut self, _: &End<'_>, _: &mut Findings) {}
}

impl Wakes {
    /// A host is woken by its deadline; `fired` timers have fired so far.
    pub fn wakes(&mut self, at: At, fired: u64, findings: &mut Findings) {
        let sleep = self.hosts.entry(at.host).or_default();
        sleep.fired = Some(fired);
        if at.us >= sleep.since_us.saturating_add(SPAN_US) {
            (sleep.since_us, sleep.wakes) = (at.us, 0);
        }
        sleep.at_once = if at.us == sleep.last_us { sleep.at_once + 1 } else { 1 };
        sleep.last_us = at.us;
        sleep.wakes += 1;
        if sleep.wakes == WAKES_MAX + 1 {
            let what = format!("woken more than {WAKES_MAX} times in {} s", SPAN_US / 1_000_000);
            findings.add(NAME, at, what);
        }
        if sleep.at_once == AT_ONCE_MAX + 1 {
            findings.add(NAME, at, format!("woken more than {AT_ONCE_MAX} times at one moment"));
        }
    }

    /// The wake is over.
    pub fn drained(&mut self, at: At, fired: &dyn Fn() -> u64, findings: &mut Findings) {
        let Some(before) = self.hosts.get_mut(&at.host).and_then(|sleep| sleep.fired.take()) else { return };
        if fired() <= before {
            findings.add(NAME, at, "woken for no reason: no timer was due");
        }
    }
}

#[cfg(test)]
mod tests;
