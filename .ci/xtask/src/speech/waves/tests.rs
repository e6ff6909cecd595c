//! Joined clips are heard whole, and likeness tells speech from other speech.

use super::*;
use crate::prove::clip;

fn samples(path: impl AsRef<Path>) -> Vec<i16> {
    WavReader::open(path).unwrap().samples::<i16>().map(Result::unwrap).collect()
}

#[test]
fn clips_are_joined_in_order_and_end_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("speech.wav");
    join(&[clip(3), clip(4)], &file).unwrap();
    let rest = vec![0; 16_000 * REST_S as usize];
    assert_eq!(samples(&file), [samples(clip(3)), samples(clip(4)), rest].concat());
}

#[test]
fn a_later_and_quieter_copy_is_alike_and_other_speech_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let late = folder.path().join("late.wav");
    let mut writer = WavWriter::create(&late, WavReader::open(clip(0)).unwrap().spec()).unwrap();
    (0..12_345).for_each(|_| writer.write_sample(0_i16).unwrap());
    samples(clip(0)).iter().for_each(|sample| writer.write_sample(sample / 2).unwrap());
    (0..20_000).for_each(|_| writer.write_sample(0_i16).unwrap());
    writer.finalize().unwrap();
    let said = |number| std::path::PathBuf::from(clip(number));
    assert!(likeness(&said(0), &late).unwrap() > 0.95);
    let other = likeness(&said(1), &late).unwrap();
    assert!(other < 0.6, "{other}");
}
