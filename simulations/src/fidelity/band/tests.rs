//! What `band` promises, tried.

use super::*;

#[test]
fn the_band_of_a_known_sample() {
    // Mean 3, sample variance 2.5, t(4) = 2.776, sqrt(2.5 * 1.2) = 1.7320.
    let band = Band::of(&[1.0, 2.0, 3.0, 4.0, 5.0]);
    assert!((band.mean - 3.0).abs() < 1e-9);
    assert!((band.high - (3.0 + 2.776 * 3.0_f64.sqrt())).abs() < 1e-9);
    assert!(band.holds(7.8) && !band.holds(7.9) && !band.holds(-1.9));
}

#[test]
fn one_run_shows_nothing() {
    assert!(Band::of(&[3.0]).holds(1e9), "a single run has no spread");
}
