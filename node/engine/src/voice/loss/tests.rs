//! Loss is counted once, in order or not, over wraps and restarts.

use proptest::prelude::*;

use super::*;

fn run(from: u16, came: impl IntoIterator<Item = bool>) -> LossMeter {
    let mut meter = LossMeter::default();
    meter.arrive(from);
    let mut seq = from;
    for c in came {
        seq = seq.wrapping_add(1);
        if c {
            meter.arrive(seq);
        }
    }
    meter
}

#[test]
fn nothing_lost_is_nothing_counted() {
    let meter = run(10, vec![true; 500]);
    assert_eq!((meter.lost(), meter.loss()), (0, 0.0));
    assert_eq!(meter.burst(), 1.0);
    assert_eq!(meter.settled(), 501 - PATIENCE);
}

#[test]
fn single_gaps_and_runs_are_told_apart() {
    let singles = run(0, (0..1_000).map(|i| i % 10 != 5));
    assert!((singles.loss() - 0.1).abs() < 0.04, "{}", singles.loss());
    assert!((singles.burst() - 1.0).abs() < 0.1, "{}", singles.burst());
    let runs = run(0, (0..1_000).map(|i| i % 30 >= 3));
    assert!((runs.loss() - 0.1).abs() < 0.06, "{}", runs.loss());
    assert!((runs.burst() - 3.0).abs() < 0.6, "{}", runs.burst());
}

#[test]
fn numbers_wrap() {
    let meter = run(u16::MAX - 20, (0..100).map(|i| i != 19));
    assert_eq!(meter.lost(), 1);
}

#[test]
fn what_comes_late_within_patience_is_not_lost() {
    let mut meter = LossMeter::default();
    for seq in [0, 1, 2, 4, 5, 6, 3, 7, 8, 9, 10, 11, 12, 13, 14, 15] {
        meter.arrive(seq);
    }
    assert_eq!(meter.lost(), 0);
}

#[test]
fn repeats_and_ancient_numbers_change_nothing() {
    let mut meter = run(0, vec![true; 200]);
    let before = (meter.lost(), meter.settled());
    for seq in [200, 199, 100, 0] {
        meter.arrive(seq);
    }
    assert_eq!((meter.lost(), meter.settled()), before);
}

#[test]
fn a_far_jump_is_a_new_stream() {
    let mut meter = run(0, vec![true; 20]);
    meter.arrive(30_000);
    for seq in 30_001..30_050 {
        meter.arrive(seq);
    }
    assert_eq!(meter.lost(), 0);
}

proptest! {
    #[test]
    fn any_order_counts_exactly_what_is_missing(start in any::<u16>(), came in prop::collection::vec(any::<bool>(), 0..300)) {
        let meter = run(start, came.iter().copied().chain([true; 20]));
        let missing = came.iter().filter(|c| !**c).count() as u64;
        prop_assert_eq!(meter.lost(), missing);
        prop_assert!((0.0..=1.0).contains(&meter.loss()));
        prop_assert!(meter.burst() >= 1.0);
    }

    #[test]
    fn no_numbers_break_it(seqs in prop::collection::vec(any::<u16>(), 0..500)) {
        let mut meter = LossMeter::default();
        for seq in seqs {
            meter.arrive(seq);
            prop_assert!(meter.lost() <= meter.settled());
        }
    }
}
