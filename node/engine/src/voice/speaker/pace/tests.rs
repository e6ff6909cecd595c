//! A piece changes length only when the delay asks for it, and within words only when it must.

use proptest::prelude::*;

use super::*;
use crate::voice::stretch::MAX_PERIOD;

const N: usize = 960;

/// A voiced piece: periods of 5 ms, so that it can be cut and stretched at any time.
fn voiced(amplitude: f32) -> Vec<f32> {
    let tone = (0..N).map(|i| amplitude * (i as f32 * std::f32::consts::TAU / 240.0).sin());
    tone.chain(std::iter::repeat_n(0.0, MAX_PERIOD)).collect()
}

/// A pace in the middle of a talk of this loudness.
fn talking(amplitude: f32) -> Pace {
    let mut pace = Pace::new();
    pace.begin_talk();
    for _ in 0..2 * OPENING_PIECES {
        assert_eq!(pace.fit(&mut voiced(amplitude), N, 0, true), N);
    }
    pace
}

#[test]
fn within_the_band_nothing_is_touched() {
    let mut pace = talking(0.3);
    for excess in [-SLACK_SAMPLES, 0, 500, BAND_SAMPLES] {
        let mut piece = voiced(0.3);
        let before = piece.clone();
        assert_eq!(pace.fit(&mut piece, N, excess, true), N);
        assert_eq!(piece, before, "excess {excess}");
    }
}

#[test]
fn too_early_is_lengthened_at_once() {
    let mut pace = talking(0.3);
    assert!(pace.fit(&mut voiced(0.3), N, -SLACK_SAMPLES - 1, true) > N);
}

#[test]
fn a_little_too_late_waits_for_a_pause() {
    let mut pace = talking(0.3);
    for _ in 0..20 {
        assert_eq!(pace.fit(&mut voiced(0.3), N, BAND_SAMPLES + 500, true), N, "within a word");
    }
    assert!(pace.fit(&mut voiced(0.01), N, BAND_SAMPLES + 500, true) < N, "30 dB below: a pause");
}

#[test]
fn where_no_pause_comes_one_piece_in_two_seconds_is_shortened() {
    let mut pace = talking(0.3);
    let cut = (0..500).filter(|_| pace.fit(&mut voiced(0.3), N, BAND_SAMPLES + 500, true) < N).count();
    assert_eq!(cut, 5);
}

#[test]
fn much_too_late_is_shortened_every_other_piece_and_far_too_late_every_piece() {
    let mut pace = talking(0.3);
    let cut = (0..20).filter(|_| pace.fit(&mut voiced(0.3), N, EASE_SAMPLES + 1, true) < N).count();
    assert_eq!(cut, 10);
    let cut = (0..20).filter(|_| pace.fit(&mut voiced(0.3), N, HURRY_SAMPLES + 1, true) < N).count();
    assert_eq!(cut, 20);
}

#[test]
fn the_attack_of_a_talk_is_caught_up_at_any_price() {
    let mut pace = talking(0.3);
    pace.begin_talk();
    // A chirp repeats itself nowhere; only an attack may lose some of it.
    let chirp = || -> Vec<f32> {
        let c = (0..N).map(|i| 0.3 * (i as f32 * i as f32 / 2_000.0).sin());
        c.chain(std::iter::repeat_n(0.0, MAX_PERIOD)).collect()
    };
    for piece in 0..OPENING_PIECES {
        assert!(pace.fit(&mut chirp(), N, BAND_SAMPLES + 1, true) < N, "piece {piece}");
    }
    assert_eq!(pace.fit(&mut chirp(), N, HURRY_SAMPLES + 1, true), N, "later not even in a hurry");
}

#[test]
fn nothing_is_cut_unless_the_next_frame_is_here() {
    let mut pace = talking(0.3);
    assert_eq!(pace.fit(&mut voiced(0.3), N, 10 * HURRY_SAMPLES, false), N);
    pace.begin_talk();
    assert_eq!(pace.fit(&mut voiced(0.3), N, 10 * HURRY_SAMPLES, false), N);
}

proptest! {
    #[test]
    fn lengths_stay_within_a_period_whatever_comes(
        excesses in prop::collection::vec((-30_000_i64..60_000, any::<bool>(), 0.0_f32..1.0), 1..100),
        ticks in prop::sample::select(vec![1_usize, 2, 4, 6]),
    ) {
        let n = ticks * 480;
        let mut pace = Pace::new();
        for (excess, here, amplitude) in excesses {
            let mut piece: Vec<f32> =
                (0..n + MAX_PERIOD).map(|i| amplitude * (i as f32 * std::f32::consts::TAU / 240.0).sin()).collect();
            let len = pace.fit(&mut piece, n, excess, here);
            prop_assert!(len.abs_diff(n) <= MAX_PERIOD);
            prop_assert!(len <= n || excess < 0);
            prop_assert!(len >= n || excess > BAND_SAMPLES && here);
            prop_assert!(piece[..len].iter().all(|s| s.abs() <= amplitude + 1e-6));
        }
    }
}
