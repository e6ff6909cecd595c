//! What `emodel` promises, tried.

use super::*;

#[test]
fn the_published_points_are_met() {
    // G.107 Annex B: R = 93.2 is an opinion of 4.41, R = 80 of 4.03, R = 70 of 3.60, R = 60 of 3.10, R = 50 of 2.58.
    for (r, mos) in [(93.2, 4.41), (80.0, 4.03), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58)] {
        assert!((opinion(r) - mos).abs() < 0.01, "{r}: {}", opinion(r));
    }
    assert!((opinion(0.0) - 1.0).abs() < 1e-9 && opinion(120.0) <= 4.5);
}

#[test]
fn delay_and_loss_only_ever_make_it_worse() {
    let mut before = f64::INFINITY;
    for ms in (0..1_000).step_by(10) {
        let r = rating(f64::from(ms), 0.0, 1.0);
        assert!(r <= before);
        before = r;
    }
    assert!(rating(50.0, 0.0, 1.0) > rating(50.0, 0.05, 1.0));
    assert!(rating(50.0, 0.05, 1.0) > rating(50.0, 0.05, 3.0), "runs are worse than single losses");
    assert_eq!(rating(10_000.0, 1.0, 1.0), 0.0);
}
