//! What `calls` promises, tried.

use super::*;
use crate::net::links::LinkSpec;

fn calls() -> Calls {
    Calls::new(&Plan::quiet(1, 3, LinkSpec::constant(1_000), 1_000_000))
}

fn figures(calls: &Calls) -> BTreeMap<String, f64> {
    let mut figures = Figures::default();
    calls.figures(&mut figures);
    figures.0
}

#[test]
fn every_step_of_a_call_is_timed_once_for_each_who_learns_of_it() {
    let mut calls = calls();
    calls.asked(1_000_000, 0, true);
    calls.joined(1_020_000, 0, 1);
    calls.joined(1_040_000, 0, 2);
    calls.joined(9_000_000, 0, 2);
    calls.asked(3_000_000, 1, true);
    calls.joined(3_030_000, 1, 0);
    calls.joined(3_900_000, 1, 2);
    calls.speaks(4_000_000, 1, true);
    calls.heard(4_050_000, 1, 0, 70_000);
    calls.heard(4_100_000, 1, 0, 70_000);
    calls.asked(5_000_000, 1, false);
    calls.left(5_010_000, 1, 0);
    let found = figures(&calls);
    assert_eq!(found["calls.ring.max_ms"], 40.0, "told again is not told later");
    assert_eq!(found["calls.ring.mean_ms"], 30.0);
    assert_eq!(found["calls.answer.max_ms"], 30.0, "who is outside the call waits for no answer");
    assert_eq!(found["calls.heard.max_ms"], 100.0, "what was said before does not count");
    assert_eq!(found["calls.hang_up.max_ms"], 10.0);
}

#[test]
fn a_second_call_is_timed_anew() {
    let mut calls = calls();
    for begin in [1_000_000, 50_000_000] {
        calls.asked(begin, 0, true);
        calls.joined(begin + 5_000, 0, 1);
        calls.asked(begin + 10_000_000, 0, false);
        calls.left(begin + 10_007_000, 0, 1);
    }
    let found = figures(&calls);
    assert_eq!(calls.ring.count(), 2);
    assert_eq!(found["calls.ring.max_ms"], 5.0);
    assert_eq!(found["calls.hang_up.max_ms"], 7.0);
}

#[test]
fn without_a_call_there_is_no_figure() {
    assert!(figures(&calls()).is_empty());
}
