//! What `statistics` promises, tried.

use super::*;
use crate::chance::{generator, unit};

#[test]
fn points_of_t_are_those_of_the_tables() {
    for (degrees, point) in
        [(1.0, 12.706), (9.0, 2.262), (30.0, 2.042), (40.0, 2.0211), (100.0, 1.984), (1e6, 1.96)]
    {
        assert!((t95(degrees) - point).abs() < 0.001, "{degrees}: {}", t95(degrees));
    }
    assert!(t95(31.0) < t95(30.0));
}

#[test]
fn a_worked_example_of_pairs() {
    // Differences 1, 2, 3: mean 2, deviation 1, t(2) = 4.303, half = 4.303 / sqrt 3.
    let difference = paired(&[(1.0, 2.0), (1.0, 3.0), (1.0, 4.0)]);
    let (low, high) = difference.interval.expect("three pairs are enough");
    assert!(
        (difference.mean - 2.0).abs() < 1e-12 && (high - low - 2.0 * 4.303 / 3.0_f64.sqrt()).abs() < 1e-9
    );
    assert_eq!(paired(&[(1.0, 2.0)]).interval, None, "one seed says nothing of chance");
}

#[test]
fn nineteen_of_twenty_intervals_hold_the_truth() {
    let mut rng = generator(1, "statistics");
    // The sum of twelve uniform draws is nearly normal.
    let mut draw = move || (0..12).map(|_| unit(&mut rng)).sum::<f64>() - 6.0;
    let (mut held_paired, mut held_welch) = (0, 0);
    for _ in 0..2_000 {
        let base: Vec<f64> = (0..8).map(|_| draw()).collect();
        let new: Vec<f64> = base.iter().map(|value| value + 0.5 + 0.3 * draw()).collect();
        let apart: Vec<f64> = (0..5).map(|_| 0.5 + 2.0 * draw()).collect();
        let pairs: Vec<(f64, f64)> = base.iter().copied().zip(new).collect();
        let holds = |d: Difference| d.interval.is_some_and(|(low, high)| low <= 0.5 && 0.5 <= high);
        held_paired += u32::from(holds(paired(&pairs)));
        held_welch += u32::from(holds(unpaired(&base, &apart)));
    }
    // 1,900 expected, standard deviation 10; Welch with whole degrees errs towards more.
    assert!((1_860..=1_940).contains(&held_paired), "{held_paired}");
    assert!((1_860..=1_975).contains(&held_welch), "{held_welch}");
}

#[test]
fn medians() {
    assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
    assert_eq!(median(&[4.0, 1.0]), 2.5);
    assert!(median(&[]).is_nan());
}
