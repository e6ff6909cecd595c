//! Frame lengths agree with themselves in every unit.

use super::*;

const ALL: [FrameLength; 4] = [FrameLength::Ms10, FrameLength::Ms20, FrameLength::Ms40, FrameLength::Ms60];

#[test]
fn ticks_samples_and_microseconds_tell_the_same_length() {
    for length in ALL {
        assert_eq!(length.samples(), usize::from(length.ticks()) * TICK_SAMPLES);
        assert_eq!(length.micros(), length.samples() as u64 * 1_000_000 / u64::from(SAMPLE_RATE_HZ));
        assert_eq!(FrameLength::from_ticks(length.ticks()), Some(length));
        assert!(length.samples() <= MAX_FRAME_SAMPLES);
    }
    assert_eq!(FrameLength::default(), FrameLength::Ms20);
}

#[test]
fn there_are_no_other_lengths() {
    for ticks in [0, 3, 5, 7, 8, 12, 255] {
        assert_eq!(FrameLength::from_ticks(ticks), None, "{ticks}");
    }
}

#[test]
fn gaps_are_filled_by_the_longest_frames_that_fit() {
    for length in ALL {
        for gap in 1..40_u32 {
            let mut left = gap;
            let mut pieces = 0;
            while left > 0 {
                let piece = length.within(left);
                assert!(piece <= length || piece == FrameLength::Ms10);
                let ticks = u32::from(piece.ticks());
                assert!(ticks <= left, "{length:?} in {gap}: {piece:?} is longer than what is left");
                left -= ticks;
                pieces += 1;
            }
            assert!(
                pieces <= gap.div_ceil(u32::from(length.ticks())) + 2,
                "{length:?} in {gap}: {pieces} pieces"
            );
        }
    }
}

#[test]
fn errors_say_whose_fault_they_are() {
    for (error, words) in [
        (CodecError::Malformed, "no frame"),
        (CodecError::Length, "sample buffer"),
        (CodecError::Absent, "no such redundancy"),
        (CodecError::Internal(-3), "code -3"),
    ] {
        assert!(error.to_string().contains(words), "{error}");
    }
}
