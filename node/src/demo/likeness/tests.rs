//! The measure praises the same words, also late and quieter, and nothing else.

use super::*;

fn clip(name: &str) -> Vec<f32> {
    let path = format!("{}/demo-data/speech/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut reader = hound::WavReader::open(path).unwrap();
    // 16 kHz to 48 kHz by repetition: the envelope does not care.
    reader.samples::<i16>().flat_map(|s| [f32::from(s.unwrap()) / 32_768.0; 3]).collect()
}

#[test]
fn the_same_words_later_and_quieter_are_alike() {
    let said = clip("1-austen-0870.wav");
    let mut heard = vec![0.0; 48 * 130];
    heard.extend(said.iter().map(|s| s * 0.3));
    let (alike, delay) = likeness(&said, &heard);
    assert!(alike > 0.97, "{alike}");
    assert!((120..=140).contains(&delay), "{delay}");
}

#[test]
fn other_words_silence_and_half_the_words_are_not() {
    let said = clip("1-austen-0870.wav");
    let other = clip("2-austen-0890.wav");
    assert!(likeness(&said, &other).0 < 0.8);
    assert_eq!(likeness(&said, &vec![0.0; said.len()]).0, 0.0);
    assert_eq!(likeness(&[0.0; 9_600], &said).0, 0.0);
    let mut half = said.clone();
    let middle = half.len() / 2;
    half[middle..].fill(0.0);
    assert!(likeness(&said, &half).0 < 0.9);
}

#[test]
fn a_hole_of_a_fifth_is_noticed() {
    let said = clip("3-austen-0920.wav");
    let mut holed = said.clone();
    for chunk in holed.chunks_mut(960).step_by(5) {
        chunk.fill(0.0);
    }
    let (alike, _) = likeness(&said, &holed);
    assert!(alike < 0.95, "{alike}");
}

#[test]
fn rumble_below_speech_changes_nothing_and_a_missing_voice_everything() {
    let said = clip("1-austen-0870.wav");
    let rumble = |n: usize| (n as f32 * 20.0 * std::f32::consts::TAU / 48_000.0).sin() * 0.05;
    let heard: Vec<f32> = said.iter().enumerate().map(|(n, s)| s + rumble(n)).collect();
    assert!(likeness(&said, &heard).0 > 0.97);
    let only: Vec<f32> = (0..said.len()).map(rumble).collect();
    assert!(likeness(&said, &only).0 < 0.5);
}
