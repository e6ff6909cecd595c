//! What `spread` promises, tried.

use super::*;

#[test]
fn few_values_are_kept_exactly() {
    let mut spread = Spread::default();
    for value in [5, 1, 3] {
        spread.add(value);
    }
    assert_eq!(spread.sorted(), [1, 3, 5]);
    assert_eq!((spread.count(), spread.mean(), spread.max()), (3, Some(3.0), Some(5)));
    assert_eq!(Spread::default().mean(), None);
}

#[test]
fn beyond_the_bound_a_fair_sample_is_kept() {
    let many = 3 * VALUES_KEPT as u64;
    let mut spread = Spread::default();
    for value in 0..many {
        spread.add(value);
    }
    assert_eq!(spread.count(), many);
    assert_eq!(spread.max(), Some(many - 1));
    let sorted = spread.sorted();
    assert_eq!(sorted.len(), VALUES_KEPT);
    for share in [0.01, 0.5, 0.99] {
        let found = quantile(&sorted, share).expect("there are values") as f64 / many as f64;
        assert!((found - share).abs() < 0.005, "{share} lies at {found}");
    }
}

#[test]
fn quantiles_are_values_by_rank() {
    let values: Vec<u64> = (0..=100).collect();
    assert_eq!(quantile(&values, 0.5), Some(50));
    assert_eq!(quantile(&values, 0.99), Some(99));
    assert_eq!(quantile(&values, 1.0), Some(100));
    assert_eq!(quantile(&[], 0.5), None);
}
