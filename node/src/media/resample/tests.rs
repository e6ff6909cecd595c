//! Rates against tones that can be computed at both of them.

use super::*;

fn tone(rate: u32, hz: f64, count: usize) -> Vec<f32> {
    (0..count)
        .map(|n| (0.5 * (std::f64::consts::TAU * hz * n as f64 / f64::from(rate)).sin()) as f32)
        .collect()
}

fn convert(rate: u32, samples: &[f32], portion: usize) -> Vec<f32> {
    let mut converter = ToVoiceRate::new(rate).expect("a rate that is taken");
    let mut out = VecDeque::new();
    for part in samples.chunks(portion) {
        converter.push(part, &mut out);
    }
    converter.finish(&mut out);
    out.into()
}

#[test]
fn a_tone_keeps_its_pitch_level_and_place_at_every_rate() {
    for rate in [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000] {
        let second = convert(rate, &tone(rate, 1_000.0, rate as usize), 777);
        assert_eq!(second.len(), 48_000, "{rate}");
        let expected = tone(48_000, 1_000.0, 48_000);
        // Both ends ring against the silence beside them.
        let worst = (2_000..46_000).map(|n| (second[n] - expected[n]).abs()).fold(0.0_f32, f32::max);
        assert!(worst < 0.01, "{rate}: off by {worst}");
    }
}

#[test]
fn the_portions_do_not_matter() {
    let samples = tone(44_100, 440.0, 20_000);
    let whole = convert(44_100, &samples, 20_000);
    for portion in [1, 7, 441, 5_000] {
        assert_eq!(convert(44_100, &samples, portion), whole, "{portion}");
    }
}

#[test]
fn what_48_khz_cannot_hold_is_filtered_out() {
    let high = convert(192_000, &tone(192_000, 40_000.0, 192_000), 4_096);
    let loudest = high[2_000..46_000].iter().fold(0.0_f32, |max, x| max.max(x.abs()));
    assert!(loudest < 0.001, "folded down to {loudest}");
}

#[test]
fn rates_of_no_speech_are_refused() {
    assert!(ToVoiceRate::new(0).is_none());
    assert!(ToVoiceRate::new(3_999).is_none());
    assert!(ToVoiceRate::new(400_000).is_none());
}

#[test]
fn a_stream_of_nothing_gives_nothing() {
    assert!(convert(16_000, &[], 1).is_empty());
    assert_eq!(convert(16_000, &[0.5], 1).len(), 3);
}
