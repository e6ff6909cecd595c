//! The bare codec brings slow sound back and refuses what it did not make.

use proptest::prelude::*;

use super::*;

const CODING: Coding = Coding { bytes: 84, loss_percent: 0, in_band: false, deep_ticks: 0 };

#[test]
fn slow_sound_comes_back_at_every_length() {
    for length in [FrameLength::Ms10, FrameLength::Ms20, FrameLength::Ms40, FrameLength::Ms60] {
        let coding = Coding { bytes: 42 * usize::from(length.ticks()), ..CODING };
        let pcm: Vec<f32> = (0..length.samples()).map(|i| 0.5 * (i as f32 / 200.0).sin()).collect();
        let mut coded = [0; 400];
        let len = BareEncoder.encode(&pcm, &coding, &mut coded).expect("fits");
        assert!(len <= coding.bytes);
        let mut decoder = BareFactory.decoder().expect("always");
        let mut out = vec![0.0; length.samples()];
        decoder.decode(&coded[..len], &mut out).expect("our own");
        let worst = pcm.iter().zip(&out).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 0.08, "{length:?}: off by {worst}");
    }
}

#[test]
fn concealment_repeats_ever_fainter_and_reset_forgets() {
    let mut decoder = BareFactory.decoder().expect("always");
    let mut coded = [0; 84];
    let len = BareEncoder.encode(&[0.5; 960], &CODING, &mut coded).expect("fits");
    let mut out = [0.0; 960];
    decoder.decode(&coded[..len], &mut out).expect("our own");
    decoder.conceal(&mut out).expect("always");
    assert!((out[0] - 0.25).abs() < 0.02);
    decoder.conceal(&mut out).expect("always");
    assert!((out[0] - 0.125).abs() < 0.02);
    decoder.reset();
    decoder.conceal(&mut out).expect("always");
    assert_eq!(out, [0.0; 960]);
}

#[test]
fn it_has_no_redundancy_inside() {
    let mut decoder = BareFactory.decoder().expect("always");
    assert!(!decoder.has_in_band(&[1]));
    assert_eq!(decoder.deep_reach(&[1]), 0);
    assert_eq!(decoder.decode_in_band(&[1], &mut [0.0]), Err(CodecError::Absent));
    assert_eq!(decoder.decode_deep(&[1], 1, &mut [0.0]), Err(CodecError::Absent));
}

#[test]
fn lengths_that_do_not_exist_are_refused() {
    assert_eq!(BareEncoder.encode(&[0.0; 1_440], &CODING, &mut [0; 84]), Err(CodecError::Length));
    assert_eq!(BareEncoder.encode(&[0.0; 100], &CODING, &mut [0; 84]), Err(CodecError::Length));
    assert_eq!(BareEncoder.encode(&[0.0; 960], &CODING, &mut [0; 3]), Err(CodecError::Length));
}

proptest! {
    #[test]
    fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..400), ticks in prop::sample::select(vec![1_usize, 2, 4, 6])) {
        let mut decoder = BareFactory.decoder().expect("always");
        let mut out = vec![0.0; ticks * 480];
        if decoder.decode(&bytes, &mut out).is_ok() {
            prop_assert!(out.iter().all(|s| s.abs() <= 1.1));
        }
    }
}
