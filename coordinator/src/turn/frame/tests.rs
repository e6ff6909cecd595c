//! Channel data and streams, cut anywhere.

use super::*;
use proptest::prelude::*;

fn channel_data(number: u16, payload: &[u8], pad: bool) -> Vec<u8> {
    let mut out = Vec::new();
    assert!(write_channel(number, payload, pad, &mut out));
    out
}

#[test]
fn channel_data_is_read_as_it_was_written_with_and_without_pad() {
    for length in 0..9 {
        let payload = vec![7; length];
        for pad in [false, true] {
            let bytes = channel_data(0x4001, &payload, pad);
            let (number, range) = channel(&bytes).unwrap();
            assert_eq!((number, &bytes[range]), (0x4001, &payload[..]));
            assert!(!pad || bytes.len().is_multiple_of(4));
        }
    }
}

#[test]
fn channel_data_that_are_cut_short_or_of_a_number_outside_the_range_are_nothing() {
    let bytes = channel_data(0x4000, &[1; 160], false);
    for cut in 0..bytes.len() {
        assert_eq!(channel(&bytes[..cut]), None, "{cut}");
    }
    assert_eq!(channel(&[0x3f, 0xff, 0, 0]), None);
    assert_eq!(channel(&[0x80, 0x00, 0, 0]), None);
}

#[test]
fn a_stream_gives_the_same_frames_wherever_it_is_split() {
    let mut stun = vec![0x00, 0x01, 0x00, 0x04];
    stun.extend([0; 16 + 4]);
    let frames = [stun, channel_data(0x4000, b"hello", true), channel_data(0x7fff, &[], true)];
    let stream = frames.concat();
    for split in 0..=stream.len() {
        let mut cutter = Frames::default();
        let mut found = Vec::new();
        for part in [&stream[..split], &stream[split..]] {
            cutter.push(part);
            while let Some(frame) = cutter.cut().unwrap() {
                found.push(frame.to_vec());
            }
        }
        assert_eq!(found, frames, "split at {split}");
    }
}

#[test]
fn a_stream_that_comes_byte_by_byte_gives_every_frame() {
    let frame = channel_data(0x4000, b"hello", true);
    let mut cutter = Frames::default();
    let mut found = 0;
    for byte in frame.iter().chain(&frame) {
        cutter.push(std::slice::from_ref(byte));
        while let Some(got) = cutter.cut().unwrap() {
            assert_eq!(got, frame);
            found += 1;
        }
    }
    assert_eq!(found, 2);
}

#[test]
fn a_stream_of_something_else_is_given_up_at_its_first_byte() {
    let mut cutter = Frames::default();
    cutter.push(&[0x80]);
    assert_eq!(cutter.cut(), Err(Astray));
    assert_eq!(length(&[0, 1, 0, 3]), Err(Astray), "STUN is a multiple of four long");
}

proptest! {
    #[test]
    fn whatever_comes_is_cut_or_given_up_and_never_held_beyond_a_frame(
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..600), 0..40)
    ) {
        let mut cutter = Frames::default();
        'stream: for part in parts {
            cutter.push(&part);
            loop {
                match cutter.cut() {
                    Ok(Some(frame)) => prop_assert!(frame.len() >= 4 && frame.len() <= MAX_FRAME),
                    Ok(None) => break,
                    Err(Astray) => break 'stream,
                }
            }
            prop_assert!(cutter.held.len() - cutter.taken <= MAX_FRAME);
        }
    }

    #[test]
    fn whatever_comes_as_channel_data_is_read_within_its_bytes(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Some((_, range)) = channel(&bytes) {
            prop_assert!(range.end <= bytes.len());
        }
    }
}
