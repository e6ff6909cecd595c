//! The detector tells a voice from silence and from a steady tone.

use super::*;

fn tone(hz: f32, at: usize) -> Frame {
    core::array::from_fn(|n| 0.3 * (core::f32::consts::TAU * hz * (at * FRAME + n) as f32 / 48_000.0).sin())
}

#[test]
fn silence_is_not_speech() {
    let mut speech = Speech::new();
    for _ in 0..50 {
        assert!(speech.probability(&[0.0; FRAME]) < 0.3);
    }
}

#[test]
fn the_low_pass_keeps_speech_and_stops_what_would_fold_down() {
    let gain = |hz: f32| {
        let mut speech = Speech::new();
        let mut energy = 0.0_f32;
        for at in 0..4 {
            let before = speech.waiting.len();
            speech.probability(&tone(hz, at));
            energy = speech
                .waiting
                .iter()
                .skip(before.min(speech.waiting.len()))
                .fold(energy, |e, x| e.max(x.abs()));
        }
        energy / 0.3
    };
    assert!(gain(1_000.0) > 0.9, "{}", gain(1_000.0));
    assert!(gain(12_000.0) < 0.02, "{}", gain(12_000.0));
}

#[test]
fn recorded_speech_is_speech() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("demo-data");
    let Some(clip) = first_wav(&dir) else { panic!("the demo's speech is in the repository") };
    let mut source = crate::media::wave::WaveSource::open(&clip).expect("a clip");
    let mut speech = Speech::new();
    let mut likely = 0;
    let mut frame = [0.0; FRAME];
    for _ in 0..100 {
        crate::media::device::Source::read(&mut source, &mut frame);
        likely += usize::from(speech.probability(&frame) > 0.5);
    }
    assert!(likely > 40, "speech in {likely} of 100 frames");
}

fn first_wav(dir: &std::path::Path) -> Option<std::path::PathBuf> {
    let mut found: Vec<_> =
        std::fs::read_dir(dir).ok()?.filter_map(Result::ok).map(|entry| entry.path()).collect();
    found.sort();
    found.iter().find_map(|path| match path.is_dir() {
        true => first_wav(path),
        false => path.extension().is_some_and(|end| end == "wav").then(|| path.clone()),
    })
}
