//! The sum of many stays below full scale and a single voice is untouched.

use proptest::prelude::*;

use super::*;

#[test]
fn a_quiet_voice_passes_unchanged() {
    let mut pcm: Vec<f32> = (0..960).map(|i| 0.5 * (i as f32 / 20.0).sin()).collect();
    let before = pcm.clone();
    let mut limiter = Limiter::new();
    limiter.limit(&mut pcm);
    assert_eq!(pcm, before);
    assert_eq!(limiter.gain(), 1.0);
}

#[test]
fn gain_comes_back_after_a_peak() {
    let mut limiter = Limiter::new();
    limiter.limit(&mut [4.0]);
    assert!(limiter.gain() < 0.25);
    for _ in 0..50 {
        limiter.limit(&mut [0.0; 960]);
    }
    assert!(limiter.gain() > 0.99);
}

#[test]
fn parts_add_up_with_their_gains() {
    let mut sum = vec![0.1; 4];
    add(&mut sum, &[0.2; 4], 0.5);
    assert!(sum.iter().all(|s| (s - 0.2).abs() < 1e-6));
}

proptest! {
    #[test]
    fn nothing_leaves_above_the_ceiling(mut pcm in prop::collection::vec(-16.0_f32..16.0, 1..2_000)) {
        Limiter::new().limit(&mut pcm);
        prop_assert!(pcm.iter().all(|s| s.abs() <= CEILING + 1e-5));
    }
}
