//! What can be taken from a scenario: the largest parts first, so that the fewest runs are needed.

use crate::scenario::clock::When;
use crate::scenario::links::{Delay, LinksSpec, LossSpec};
use crate::scenario::people::Finds;
use crate::scenario::{Fidelity, Scenario};

/// Shortest run worth making shorter, seconds.
const SECONDS_MIN: f64 = 20.0;
/// A beat slower than this gives no fewer events worth mentioning, seconds.
const EVERY_MAX_S: f64 = 300.0;

/// Scenarios with one part less each. None of them is the scenario itself.
#[must_use]
pub fn smaller(scenario: &Scenario) -> Vec<Scenario> {
    let mut all = Vec::new();
    without_sections(scenario, &mut all);
    fewer_members(scenario, &mut all);
    shorter(scenario, &mut all);
    without_entries(scenario, &mut all);
    plainer(scenario, &mut all);
    rarer(scenario, &mut all);
    all.retain(|candidate| candidate != scenario);
    all
}

fn push(scenario: &Scenario, all: &mut Vec<Scenario>, change: impl FnOnce(&mut Scenario)) {
    let mut candidate = scenario.clone();
    change(&mut candidate);
    all.push(candidate);
}

/// Calls a macro with every list of a scenario.
macro_rules! lists {
    ($with:ident, $($rest:tt)*) => {
        $with!($($rest)* joins says moves calls removes leaves roles histories renames partitions cuts churn crashes sleeps skews stuck_disks weather adversaries)
    };
}

fn without_sections(scenario: &Scenario, all: &mut Vec<Scenario>) {
    macro_rules! clear {
        ($($list:ident)*) => { $( push(scenario, all, |s| s.$list.clear()); )* };
    }
    lists!(clear,);
    push(scenario, all, |s| (s.radio, s.moves) = (None, Vec::new()));
    push(scenario, all, |s| s.groups.truncate(1));
}

fn without_entries(scenario: &Scenario, all: &mut Vec<Scenario>) {
    macro_rules! one_less {
        ($($list:ident)*) => { $(
            if scenario.$list.len() > 1 {
                for place in 0..scenario.$list.len() {
                    push(scenario, all, |s| { s.$list.remove(place); });
                }
            }
        )* };
    }
    lists!(one_less,);
}

fn fewer_members(scenario: &Scenario, all: &mut Vec<Scenario>) {
    for place in 0..scenario.groups.len() {
        let members = scenario.groups[place].members;
        push(scenario, all, |s| s.groups[place].copies = 1);
        push(scenario, all, |s| s.groups[place].most = None);
        push(scenario, all, |s| s.groups[place].members = (members / 2).max(2));
        push(scenario, all, |s| s.groups[place].members = members.saturating_sub(1).max(2));
        push(scenario, all, |s| s.groups[place].finds = Finds::Everybody);
        push(scenario, all, |s| (s.groups[place].nat, s.groups[place].sites) = (0.0, Vec::new()));
    }
}

fn shorter(scenario: &Scenario, all: &mut Vec<Scenario>) {
    for share in [0.5, 0.75, 0.9] {
        let seconds = (scenario.seconds * share).round();
        if seconds < SECONDS_MIN {
            continue;
        }
        push(scenario, all, |s| {
            s.seconds = seconds;
            // The time to settle is what a failure to heal is measured by: it stays as long as it fits.
            s.settle_s = s.settle_s.min(seconds);
            for when in whens(s) {
                when.at_s.retain(|at| *at <= seconds);
                when.to_s = when.to_s.filter(|to| *to <= seconds);
                when.from_s = when.from_s.map(|from| from.min(seconds));
            }
        });
    }
}

fn plainer(scenario: &Scenario, all: &mut Vec<Scenario>) {
    push(scenario, all, |s| s.links = LinksSpec { delay: Delay::ConstantMs(20.0), ..LinksSpec::default() });
    push(scenario, all, |s| s.links.loss = LossSpec::None);
    push(scenario, all, |s| (s.links.corrupt, s.links.duplicate) = (0.0, 0.0));
    push(scenario, all, |s| (s.links.jitter_ms, s.links.jitter_share, s.links.reorder) = (0.0, 0.0, false));
    push(scenario, all, |s| s.links.uplink_kbps = None);
    push(scenario, all, |s| s.disk = None);
    push(scenario, all, |s| s.fidelity = Fidelity::Real);
}

fn rarer(scenario: &Scenario, all: &mut Vec<Scenario>) {
    let count = whens(&mut scenario.clone()).len();
    for place in 0..count {
        push(scenario, all, |s| {
            if let Some(every) = whens(s).swap_remove(place).every_s.as_mut()
                && *every < EVERY_MAX_S
            {
                *every *= 2.0;
            }
        });
        push(scenario, all, |s| {
            let when = whens(s).swap_remove(place);
            let keep = when.at_s.len().div_ceil(2);
            when.at_s.truncate(keep);
        });
    }
}

/// Every time in a scenario.
fn whens(scenario: &mut Scenario) -> Vec<&mut When> {
    let mut all: Vec<&mut When> = Vec::new();
    macro_rules! gather {
        ($($list:ident)*) => { $( all.extend(scenario.$list.iter_mut().map(|entry| &mut entry.when)); )* };
    }
    gather!(joins says calls removes leaves roles histories renames partitions cuts crashes sleeps stuck_disks weather);
    all.extend(scenario.skews.iter_mut().filter_map(|skews| skews.when.as_mut()));
    all
}
