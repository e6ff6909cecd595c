//! Only the work itself is in a tally.

use super::*;

/// Burns so much CPU time of this thread.
fn burn(ns: u64) {
    let until = cpu_ns() + ns;
    while cpu_ns() < until {}
}

#[test]
fn what_is_aside_is_not_in_the_tally() {
    begin();
    work("frame", || {
        burn(1_000_000);
        aside(|| burn(50_000_000));
        ((), 1)
    });
    work("frame", || ((), 2));
    let tallies = end();
    assert_eq!(tallies["frame"].count, 3);
    assert!(tallies["frame"].ns >= 1_000_000, "{tallies:?}");
    assert!(tallies["frame"].ns < 50_000_000, "the judge's time is in it: {tallies:?}");
}

#[test]
fn nothing_is_measured_unasked() {
    work("frame", || ((), 1));
    assert!(end().is_empty());
    begin();
    let _ended = end();
    aside(|| work("frame", || ((), 1)));
    assert!(end().is_empty());
}
