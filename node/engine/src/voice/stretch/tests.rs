//! Pieces change length by one period, without clicks, and only where nobody hears it.

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use super::*;

fn tone(hz: f32, len: usize) -> Vec<f32> {
    (0..len).map(|i| 0.4 * (std::f32::consts::TAU * hz * i as f32 / 48_000.0).sin()).collect()
}

fn noise(len: usize) -> Vec<f32> {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    (0..len).map(|_| 0.3 * (rng.next_u32() as i32 as f32 / 2_147_483_648.0)).collect()
}

fn steepest(pcm: &[f32]) -> f32 {
    pcm.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max)
}

#[test]
fn a_tone_loses_whole_periods_and_stays_a_tone() {
    for hz in [110.0, 150.0, 220.0, 300.0] {
        let whole = tone(hz, 960);
        let mut pcm = whole.clone();
        let len = shorten(&mut pcm, 960, ALIKE);
        let lost = 960 - len;
        let periods = lost as f32 * hz / 48_000.0;
        assert!(lost >= MIN_PERIOD, "{hz} Hz: {lost} samples");
        assert!((periods - periods.round()).abs() < 0.06, "{hz} Hz: {periods} periods");
        assert!(steepest(&pcm[..len]) < 1.3 * steepest(&whole), "{hz} Hz clicks");
    }
}

#[test]
fn a_tone_gains_whole_periods_and_stays_a_tone() {
    for hz in [110.0, 150.0, 220.0, 300.0] {
        let whole = tone(hz, 960);
        let mut pcm = [whole.clone(), vec![0.0; MAX_PERIOD]].concat();
        let len = lengthen(&mut pcm, 960);
        let periods = (len - 960) as f32 * hz / 48_000.0;
        assert!(len > 960 && (periods - periods.round()).abs() < 0.06, "{hz} Hz: {periods} periods");
        assert!(steepest(&pcm[..len]) < 1.3 * steepest(&whole), "{hz} Hz clicks");
        assert!((pcm[len - 1] - whole[959]).abs() < 1e-6, "the end is the end");
        assert!((pcm[0] - whole[0]).abs() < 1e-6, "the beginning is the beginning");
    }
}

#[test]
fn noise_is_left_alone() {
    let mut pcm = noise(960);
    let before = pcm.clone();
    assert_eq!(shorten(&mut pcm, 960, ALIKE), 960);
    assert_eq!(pcm, before);
    pcm.resize(960 + MAX_PERIOD, 0.0);
    assert_eq!(lengthen(&mut pcm, 960), 960);
}

#[test]
fn at_any_price_noise_is_cut_too() {
    let mut pcm = noise(960);
    let len = shorten(&mut pcm, 960, AT_ANY_PRICE);
    assert!((480..=840).contains(&len), "{len}");
}

#[test]
fn silence_gives_way_to_both() {
    let mut pcm = vec![0.0; 960 + MAX_PERIOD];
    assert_eq!(shorten(&mut pcm, 960, ALIKE), 480);
    assert_eq!(lengthen(&mut pcm, 960), 1_440);
}

#[test]
fn pieces_too_short_or_without_room_are_left_alone() {
    let mut pcm = vec![0.0; 200];
    assert_eq!(shorten(&mut pcm, 200, ALIKE), 200);
    assert_eq!(lengthen(&mut pcm, 200), 200);
    let mut full = vec![0.0; 960];
    assert_eq!(lengthen(&mut full, 960), 960);
}

proptest! {
    #[test]
    fn lengths_stay_within_one_period(seed in any::<u64>(), ticks in prop::sample::select(vec![1_usize, 2, 4, 6]), hz in 60.0_f32..500.0) {
        let n = ticks * 480;
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut pcm = tone(hz, n);
        for s in &mut pcm {
            *s += 0.02 * (rng.next_u32() as i32 as f32 / 2_147_483_648.0);
        }
        let mut short = pcm.clone();
        let len = shorten(&mut short, n, ALIKE);
        prop_assert!(len <= n && n - len <= MAX_PERIOD);
        prop_assert!(short[..len].iter().all(|s| s.abs() <= 0.5));
        pcm.resize(n + MAX_PERIOD, 0.0);
        let len = lengthen(&mut pcm, n);
        prop_assert!(len >= n && len - n <= MAX_PERIOD);
        prop_assert!(pcm[..len].iter().all(|s| s.abs() <= 0.5));
    }
}
