//! A loudspeaker beside a microphone, made of numbers.

use super::*;
use crate::media::device::{Read, Source as _};
use crate::media::wave::WaveSource;
use std::path::Path;

fn clip(name: &str) -> Vec<f32> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo-data/speech").join(name);
    let mut source = WaveSource::open(&path).expect("clip");
    let mut all = Vec::new();
    let mut frame = [0.0; FRAME];
    while source.read(&mut frame) == Read::Sound {
        all.extend_from_slice(&frame);
    }
    all
}

fn energy(sound: &[f32]) -> f32 {
    sound.iter().map(|sample| sample * sample).sum::<f32>() + 1e-9
}

/// The far voice is played and comes back 40 ms later at a third of its level; the near one speaks from `near_from` on.
fn room(near_from: usize) -> (Vec<f32>, Vec<f32>, u64) {
    let (far, near) = (clip("1-austen-0870.wav"), clip("2-austen-0890.wav"));
    let frames = far.len() / FRAME;
    let mut treatment = Treatment::new();
    let (mut heard, mut sent) = (Vec::new(), Vec::new());
    for n in 0..frames {
        let start = n * FRAME;
        let mut played = [0.0; FRAME];
        played.copy_from_slice(&far[start..start + FRAME]);
        let mut mouth = [0.0; FRAME];
        for (at, sample) in mouth.iter_mut().enumerate() {
            let echo = (start + at).checked_sub(1_920).map_or(0.0, |back| 0.33 * far[back]);
            let speech =
                (start + at).checked_sub(near_from).and_then(|at| near.get(at)).copied().unwrap_or(0.0);
            *sample = echo + speech;
        }
        treatment.played(&played);
        heard.extend_from_slice(&mouth);
        treatment.captured(&mut mouth, 40.0);
        sent.extend_from_slice(&mouth);
    }
    (heard, sent, treatment.failures())
}

#[test]
fn the_loudspeaker_is_not_sent_back_to_those_who_spoke() {
    let (heard, sent, failures) = room(usize::MAX);
    assert_eq!(failures, 0);
    let learnt = heard.len() / 2;
    let reduction_db = 10.0 * (energy(&heard[learnt..]) / energy(&sent[learnt..])).log10();
    assert!(reduction_db > 20.0, "the echo falls by {reduction_db} dB only");
}

#[test]
fn the_near_voice_gets_through_while_the_loudspeaker_is_silent() {
    let near = clip("2-austen-0890.wav");
    let mut treatment = Treatment::new();
    let mut sent = Vec::new();
    for chunk in near.chunks_exact(FRAME) {
        let mut mouth: Frame = chunk.try_into().expect("a frame");
        treatment.played(&[0.0; FRAME]);
        treatment.captured(&mut mouth, 20.0);
        sent.extend_from_slice(&mouth);
    }
    let change_db = 10.0 * (energy(&sent) / energy(&near)).log10();
    assert!((-6.0..30.0).contains(&change_db), "the voice changes by {change_db} dB");
    assert!(sent.iter().all(|sample| sample.is_finite() && sample.abs() <= 1.0));
}
