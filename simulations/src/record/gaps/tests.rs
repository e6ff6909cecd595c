//! What `gaps` promises, tried.

use super::*;

const MS: u64 = 1_000;

/// Two who are connected speak for `frames`; of what 0 says, 1 does not hear `missing`.
fn talk(gaps: &mut Gaps, from: u64, frames: u64, missing: std::ops::Range<u64>) {
    for n in from..from + frames {
        let (us, media) = (n * 20 * MS, n as u32 * 960);
        gaps.spoke(us, 0, Some(media), &[1]);
        gaps.spoke(us, 1, Some(media), &[0]);
        if !missing.contains(&n) {
            // A step of the ear that begins a third of a frame later.
            gaps.heard(1, 0, media + 320);
        }
        gaps.heard(0, 1, media);
    }
}

fn told(gaps: &Gaps) -> Figures {
    let mut figures = Figures::default();
    gaps.figures(&mut figures);
    figures
}

#[test]
fn a_run_that_was_not_heard_around_a_heal_is_as_long_as_it_was() {
    let mut gaps = Gaps::default();
    talk(&mut gaps, 0, 200, 0..0);
    gaps.healed(200 * 20 * MS);
    talk(&mut gaps, 200, 300, 230..237);
    gaps.end();
    let figures = told(&gaps);
    assert_eq!(figures.0["voice.gap.max_ms"], 140.0);
    assert_eq!(figures.0["voice.gap.heal.max_ms"], 140.0);
    assert_eq!(figures.0["voice.gap.pairs"], 2.0);
    assert!(!figures.0.contains_key("voice.gap.removal.max_ms"));
}

#[test]
fn far_from_every_moment_it_counts_for_the_whole_run_alone() {
    let mut gaps = Gaps::default();
    talk(&mut gaps, 0, 300, 100..103);
    gaps.healed(300 * 20 * MS);
    talk(&mut gaps, 300, 300, 0..0);
    gaps.end();
    let figures = told(&gaps);
    assert_eq!((figures.0["voice.gap.max_ms"], figures.0["voice.gap.any.max_ms"]), (0.0, 60.0));
}

#[test]
fn silence_between_two_talks_makes_no_gap_longer() {
    let mut gaps = Gaps::default();
    gaps.healed(0);
    talk(&mut gaps, 0, 10, 8..10);
    // Two seconds of silence.
    talk(&mut gaps, 110, 200, 110..113);
    gaps.end();
    assert_eq!(told(&gaps).0["voice.gap.max_ms"], 60.0);
}

#[test]
fn who_is_parted_is_owed_nothing_until_both_are_connected_again() {
    let mut gaps = Gaps::default();
    talk(&mut gaps, 0, 100, 0..0);
    gaps.split(&[0, 1]);
    for n in 100..300_u64 {
        gaps.spoke(n * 20 * MS, 0, Some(n as u32 * 960), &[1]);
        gaps.spoke(n * 20 * MS, 1, Some(n as u32 * 960), &[0]);
    }
    gaps.split(&[0, 0]);
    gaps.healed(300 * 20 * MS);
    talk(&mut gaps, 300, 300, 301..304);
    gaps.end();
    assert_eq!(told(&gaps).0["voice.gap.any.max_ms"], 60.0);
}

#[test]
fn a_speaker_that_falls_silent_though_it_speaks_makes_a_gap_when_it_is_heard_again() {
    let mut gaps = Gaps::default();
    talk(&mut gaps, 0, 100, 0..0);
    gaps.put_out(100 * 20 * MS, 9);
    // It may seal nothing for a while, and its plan has lost the other.
    for n in 100..130_u64 {
        gaps.spoke(n * 20 * MS, 0, Some(n as u32 * 960), &[]);
    }
    talk(&mut gaps, 130, 300, 0..0);
    gaps.end();
    assert_eq!(told(&gaps).0["voice.gap.removal.max_ms"], 600.0);
    assert_eq!(told(&gaps).0["voice.gap.long"], 1.0);
}
