//! All files of a recording begin together and stay together.

use super::*;
use crate::media::stamps;

fn id(n: u8) -> DeviceId {
    DeviceId::from_bytes([n; 32])
}

fn page(step: u64, stems: Vec<(DeviceId, Frame)>) -> Page {
    let stamps = vec![Stamp::Captured { media_time: step as u32 * 960, mono_ns: step }];
    Page {
        step,
        mono_ns: 1_000 + step,
        mouth: [0.1; FRAME],
        mix: [0.2; FRAME],
        stems,
        stamps,
        plain: vec![[step as u8; PIECE]],
    }
}

fn samples(path: &Path) -> Vec<i16> {
    hound::WavReader::open(path)
        .expect("readable")
        .into_samples()
        .map(|sample| sample.expect("whole"))
        .collect()
}

#[test]
fn files_begin_together_and_gaps_are_silence() {
    let dir = tempfile::tempdir().expect("temp dir");
    let names = BTreeMap::from([(id(2), "m2".to_owned())]);
    let recording = Recording { dir: dir.path().join("demo"), me: "m1".into(), names };
    let mut recorder = Recorder::start(recording).expect("starts");
    recorder.note(page(100, vec![]));
    recorder.note(page(101, vec![(id(2), [0.5; FRAME])]));
    // Step 102 was lost on the way.
    recorder.note(page(103, vec![(id(3), [0.6; FRAME]), (id(2), [0.7; FRAME])]));
    assert_eq!(recorder.lost(), 0);
    drop(recorder);
    let at = |name: &str| samples(&dir.path().join("demo").join(name));
    let (mouth, mix, two, three) =
        (at("mouth-m1.wav"), at("ear-m1.wav"), at("ear-m1-m2.wav"), at("ear-m1-03030303.wav"));
    for file in [&mouth, &mix, &two, &three] {
        assert_eq!(file.len(), 4 * FRAME);
    }
    let shape = |file: &[i16]| file.chunks(FRAME).map(|chunk| chunk[7] != 0).collect::<Vec<_>>();
    assert_eq!(shape(&mouth), [true, true, false, true]);
    assert_eq!(shape(&two), [false, true, false, true]);
    assert_eq!(shape(&three), [false, false, false, true]);
    let log = std::fs::read_to_string(dir.path().join("demo/stamps-m1.log")).expect("log");
    let stamps = stamps::parse(&log);
    assert_eq!(stamps.len(), 4);
    let plain = std::fs::read(dir.path().join("demo/plain-m1.bin")).expect("pieces");
    assert_eq!(plain.len(), 3 * (1 + PIECE));
    assert_eq!((plain[0], plain[1]), (24, 100));
    assert_eq!(stamps[0], Stamp::Began { mono_ns: 1_100 });
}

#[test]
fn names_of_people_are_no_paths() {
    assert_eq!(safe("../../etc"), "______etc");
    assert_eq!(safe("Zoë 2"), "Zoë_2");
    assert_eq!(safe(""), "_");
    assert!(safe(&"x".repeat(500)).len() <= 40);
}
