//! Wakes without a reason and storms are found, honest ones are not.

use super::*;
use crate::checks::tests::{at, texts};

#[test]
fn a_wake_that_fires_a_timer_has_a_reason_and_one_that_fires_none_has_not() {
    let (mut wakes, mut findings) = (Wakes::default(), Findings::default());
    wakes.wakes(at(0, 1), 5, &mut findings);
    wakes.drained(at(0, 1), &|| 6, &mut findings);
    wakes.drained(at(0, 2), &|| 6, &mut findings);
    assert_eq!(findings.count, 0, "other inputs need no timer");
    wakes.wakes(at(0, 3), 6, &mut findings);
    wakes.drained(at(0, 3), &|| 6, &mut findings);
    assert!(texts(&findings)[0].contains("no reason"), "{:?}", texts(&findings));
}

#[test]
fn a_storm_of_wakes_is_noticed() {
    let calm_us = SPAN_US / u64::from(WAKES_MAX) + 1;
    let (mut wakes, mut findings) = (Wakes::default(), Findings::default());
    for wake in 0..10 * u64::from(WAKES_MAX) {
        wakes.wakes(at(0, wake * calm_us), wake, &mut findings);
    }
    assert_eq!(findings.count, 0);
    for wake in 0..=u64::from(WAKES_MAX) {
        wakes.wakes(at(1, wake * calm_us / 2), wake, &mut findings);
    }
    assert_eq!(findings.count, 1, "{:?}", texts(&findings));
}

#[test]
fn a_loop_at_one_moment_is_noticed() {
    let (mut wakes, mut findings) = (Wakes::default(), Findings::default());
    for wake in 0..u64::from(AT_ONCE_MAX) {
        wakes.wakes(at(0, 7), wake, &mut findings);
    }
    assert_eq!(findings.count, 0);
    wakes.wakes(at(0, 7), 99, &mut findings);
    assert!(texts(&findings)[0].contains("one moment"), "{:?}", texts(&findings));
}
