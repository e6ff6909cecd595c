//! The delay follows the jitter: none on a steady path, the quantile on a jittery one, at once after a change.

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use super::*;

/// Feeds frame k of 20 ms at `delay_us(k)` after its capture.
fn feed(timing: &mut Timing, frames: std::ops::Range<u64>, mut delay_us: impl FnMut(u64) -> u64) -> Time {
    let mut now = Time::ZERO;
    for k in frames {
        now = Time::from_micros(1_000_000 + k * 20_000 + delay_us(k));
        timing.arrive(now, k as i64 * 960, false);
    }
    now
}

fn ms(samples: i64) -> i64 {
    samples / 48
}

#[test]
fn a_steady_path_needs_no_delay() {
    let mut timing = Timing::new();
    let now = feed(&mut timing, 0..500, |_| 70_000);
    assert_eq!(timing.delay(now), 0);
}

#[test]
fn jitter_is_provided_for_by_its_quantile() {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let mut timing = Timing::new();
    let now = feed(&mut timing, 0..2_000, |_| 30_000 + u64::from(rng.next_u32()) % 40_000);
    assert!((36..=42).contains(&ms(timing.delay(now))), "{} ms", ms(timing.delay(now)));
}

#[test]
fn calm_after_jitter_is_believed_within_twenty_seconds() {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let mut timing = Timing::new();
    feed(&mut timing, 0..1_000, |_| 30_000 + u64::from(rng.next_u32()) % 40_000);
    let now = feed(&mut timing, 1_000..3_000, |_| 30_000);
    assert!(ms(timing.delay(now)) <= 10, "{} ms", ms(timing.delay(now)));
}

#[test]
fn three_late_frames_in_a_row_raise_the_delay_at_once() {
    let mut timing = Timing::new();
    feed(&mut timing, 0..500, |_| 30_000);
    for k in 500..503_u64 {
        let now = Time::from_micros(1_000_000 + k * 20_000 + 90_000);
        timing.arrive(now, k as i64 * 960, true);
    }
    let now = Time::from_micros(1_000_000 + 502 * 20_000 + 90_000);
    assert!((55..=61).contains(&ms(timing.delay(now))), "{} ms", ms(timing.delay(now)));
    let later = Time::from_micros(now.as_micros() + 10_000_000);
    assert_eq!(ms(timing.delay(later)), 0, "the raise decays");
}

#[test]
fn a_burst_after_a_stall_is_one_sample_of_jitter() {
    let mut timing = Timing::new();
    feed(&mut timing, 0..500, |_| 30_000);
    let now = feed(&mut timing, 500..520, |k| 30_000 + (520 - k) * 20_000);
    assert_eq!(timing.delay(now), 0);
}

#[test]
fn a_longer_path_becomes_the_new_base() {
    let mut timing = Timing::new();
    feed(&mut timing, 0..500, |_| 30_000);
    let before = timing.base();
    feed(&mut timing, 500..1_100, |_| 90_000);
    assert_eq!(ms(timing.base() - before), 60);
    let now = Time::from_micros(1_000_000 + 1_099 * 20_000 + 90_000);
    assert!(
        ms(timing.delay(now)) <= 2,
        "what was late on the old road is in time on the new: {}",
        timing.delay(now)
    );
}

#[test]
fn a_shorter_path_is_believed_at_once() {
    let mut timing = Timing::new();
    feed(&mut timing, 0..500, |_| 90_000);
    let before = timing.base();
    feed(&mut timing, 500..501, |_| 30_000);
    assert_eq!(ms(timing.base() - before), -60);
}

#[test]
fn a_pause_keeps_the_way_and_a_long_one_forgets_it() {
    let mut timing = Timing::new();
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    feed(&mut timing, 0..500, |_| 30_000 + u64::from(rng.next_u32()) % 40_000);
    let after_pause = feed(&mut timing, 1_500..1_501, |_| 50_000);
    assert!(ms(timing.delay(after_pause)) > 30, "twenty seconds: the jitter is remembered");
    let anew = feed(&mut timing, 9_000..9_001, |_| 50_000);
    assert_eq!(timing.delay(anew), 0, "minutes: nothing is");
}

proptest! {
    #[test]
    fn the_delay_keeps_its_bounds(events in prop::collection::vec((any::<u32>(), any::<i32>(), any::<bool>()), 1..200)) {
        let mut timing = Timing::new();
        let mut now = 0_u64;
        for (step, media, late) in events {
            now += u64::from(step);
            let at = Time::from_micros(now);
            timing.arrive(at, i64::from(media) * 480, late);
            prop_assert!((0..=MAX_DELAY_SAMPLES).contains(&timing.delay(at)));
        }
    }
}

/// The quantile as it would be computed with all time in the world: weighted, over everything that ever came.
fn plain_quantile(above: &[i64]) -> i64 {
    let mut weighted: Vec<(i64, f64)> = Vec::new();
    for (k, a) in above.iter().enumerate() {
        let weight = 1.0 / (k as f64 + 1.0).min(f64::from(MEMORY_FRAMES));
        for w in &mut weighted {
            w.1 *= 1.0 - weight;
        }
        weighted.push((a / BIN_SAMPLES, weight));
    }
    weighted.sort_by_key(|w| w.0);
    let mut sum = 0.0;
    for (bin, weight) in &weighted {
        sum += weight;
        if sum >= f64::from(IN_TIME) {
            return *bin;
        }
    }
    BINS as i64 - 1
}

#[test]
fn the_histogram_agrees_with_the_plain_definition_to_a_bin() {
    for seed in 0..20 {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let spread = 2_000 + u64::from(rng.next_u32() % 60_000);
        let mut timing = Timing::new();
        let mut above = Vec::new();
        let mut now = Time::ZERO;
        for k in 0..400_u64 {
            // The first frame comes the shortest way, so that the base never moves.
            let late = if k == 0 { 0 } else { u64::from(rng.next_u32()) % spread };
            let next = Time::from_micros(1_000_000 + k * 40_000 + late);
            now = next.max(now);
            timing.arrive(now, k as i64 * 1_920, false);
            above.push(samples_at(now) - k as i64 * 1_920 - 48_000);
        }
        let bins = timing.delay(now) / BIN_SAMPLES;
        assert!(
            (bins - plain_quantile(&above)).abs() <= 1,
            "seed {seed}: {bins} and {}",
            plain_quantile(&above)
        );
    }
}

#[test]
fn samples_follow_microseconds_without_drift() {
    for (micros, samples) in
        [(0, 0), (1_000, 48), (20_833, 999), (1_000_000, 48_000), (86_400_000_000, 4_147_200_000)]
    {
        assert_eq!(samples_at(Time::from_micros(micros)), samples);
    }
    assert!(samples_at(Time::from_micros(u64::MAX)) > 0);
}
