//! What `table` promises, tried.

use super::*;

#[test]
fn the_published_bins_hold_every_delivery() {
    for published in &PUBLISHED {
        assert_eq!(published.bins.iter().sum::<u32>(), MESSAGES * (published.nodes - 1));
    }
}

#[test]
fn a_run_delivers_everything_with_one_copy_less_than_the_degree() {
    let found = run(3, 100);
    assert_eq!(found.bins.iter().sum::<u64>(), u64::from(MESSAGES * 99));
    assert!((found.copies / (found.degree - 1.0) - 1.0).abs() < 0.05, "{found:?}");
}

#[test]
fn what_lies_outside_the_band_is_a_miss() {
    let run = |seed, near| Run {
        seed,
        nodes: 250,
        bins: [near, 10_000, 3_000, 40, 0],
        data: 96_000 + seed * 300,
        degree: 5.5,
        one_sided: 0.0,
        copies: 6.4,
    };
    let rows = rows(&PUBLISHED[0], &[run(1, 100), run(2, 110), run(3, 120)]);
    let of = |name| rows.iter().find(|row| row.figure == name).map(|row| row.holds);
    assert_eq!((of("0-100 ms"), of("data messages")), (Some(false), Some(true)));
}
