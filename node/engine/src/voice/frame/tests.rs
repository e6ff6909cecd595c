//! Frames survive the way there and back, and no bytes break the parser.

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use super::*;

fn bytes_of(frame: &VoiceFrame<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    frame.write(&mut out);
    out
}

#[test]
fn a_voice_frame_is_written_as_drawn() {
    let mut frame = VoiceFrame::new(0x0102, 0x0304_0506, FrameLength::Ms20, &[0xaa, 0xbb]);
    frame.last = true;
    frame.stream = 5;
    frame.push(Coded { back: 1, bytes: &[0xcc] });
    assert_eq!(
        bytes_of(&frame),
        [0x10, 0x16, 1, 2, 3, 4, 5, 6, 0x12, 0, 2, 0xaa, 0xbb, 1, 0, 1, 0xcc],
        "changed bytes need a new version"
    );
}

#[test]
fn a_report_is_written_as_drawn() {
    let mut report = Report::default();
    report.push(ReportEntry { who: [1, 2, 3, 4], loss: 5, burst: 6, jitter: 7 });
    let mut out = Vec::new();
    report.write(&mut out);
    assert_eq!(out, [0x11, 1, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(Frame::parse(&out), Ok(Frame::Report(report)));
}

#[test]
fn a_checkpoint_is_carried_whole() {
    let mut out = Vec::new();
    write_checkpoint(&[9; 200], &mut out);
    assert_eq!(Frame::parse(&out), Ok(Frame::Checkpoint(&[9; 200])));
}

#[test]
fn a_report_takes_no_more_entries_than_it_may() {
    let mut report = Report::default();
    for _ in 0..MAX_REPORT_ENTRIES + 5 {
        report.push(ReportEntry::default());
    }
    assert_eq!(report.entries().len(), MAX_REPORT_ENTRIES);
}

#[test]
fn what_is_not_as_drawn_is_refused() {
    let good = bytes_of(&VoiceFrame::new(1, 2, FrameLength::Ms20, &[1, 2, 3]));
    let with = |at: usize, byte: u8| {
        let mut bad = good.clone();
        bad[at] = byte;
        bad
    };
    assert_eq!(Frame::parse(&with(0, 0x20)), Err(FrameError::Unknown("version")));
    assert_eq!(Frame::parse(&with(0, 0x13)), Err(FrameError::Unknown("kind")));
    assert_eq!(Frame::parse(&with(8, 3)), Err(FrameError::Unknown("frame length")));
    assert_eq!(Frame::parse(&with(8, 0x52)), Err(FrameError::TooMuch("redundancy")));
    assert_eq!(Frame::parse(&with(9, 2)), Err(FrameError::TooMuch("coded sound")));
    assert_eq!(Frame::parse(&with(10, 0)), Err(FrameError::TooMuch("coded sound")));
    assert_eq!(Frame::parse(&good[..good.len() - 1]), Err(FrameError::Short));
    assert_eq!(Frame::parse(&[&good[..], &[0]].concat()), Err(FrameError::Trailing));
    assert_eq!(Frame::parse(&[]), Err(FrameError::Short));
    assert_eq!(Frame::parse(&[0x11, 13]), Err(FrameError::TooMuch("report")));
    assert_eq!(Frame::parse(&vec![0x10; MAX_FRAME_BYTES + 1]), Err(FrameError::TooMuch("length")));
}

#[test]
fn list_entries_must_ascend_within_reach() {
    let mut frame = VoiceFrame::new(1, 2, FrameLength::Ms20, &[1]);
    frame.push(Coded { back: 1, bytes: &[2] });
    frame.push(Coded { back: 2, bytes: &[3] });
    let good = bytes_of(&frame);
    let second = good.len() - 4;
    for back in [0, 1, 16] {
        let mut bad = good.clone();
        bad[second] = back;
        assert_eq!(Frame::parse(&bad), Err(FrameError::Unknown("place in the list")), "back {back}");
    }
}

proptest! {
    #[test]
    fn every_frame_comes_back_as_it_went(
        seq in any::<u16>(),
        tick in any::<u32>(),
        ticks in prop::sample::select(vec![1_u8, 2, 4, 6]),
        flags in any::<(bool, bool)>(),
        stream in 0..STREAMS,
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..MAX_CODED_BYTES), 1..=MAX_LIST + 1),
    ) {
        let length = FrameLength::from_ticks(ticks).expect("chosen from those that exist");
        let mut frame = VoiceFrame::new(seq, tick, length, &parts[0]);
        (frame.opening, frame.last) = flags;
        frame.stream = stream;
        let mut left = MAX_FRAME_BYTES - HEADER_BYTES - parts[0].len();
        for (i, part) in parts[1..].iter().enumerate() {
            if part.len() + ENTRY_BYTES <= left {
                left -= part.len() + ENTRY_BYTES;
                frame.push(Coded { back: 2 * i as u8 + 1, bytes: part });
            }
        }
        let bytes = bytes_of(&frame);
        prop_assert!(bytes.len() <= MAX_FRAME_BYTES);
        prop_assert_eq!(Frame::parse(&bytes), Ok(Frame::Voice(frame)));
    }
}

#[test]
fn no_bytes_break_the_parser_and_what_parses_is_canonical() {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let mut frame = VoiceFrame::new(1, 2, FrameLength::Ms20, &[7; 60]);
    frame.push(Coded { back: 1, bytes: &[8; 60] });
    let valid = bytes_of(&frame);
    let mut parsed = 0;
    for round in 0..20_000_u32 {
        let mut bytes = if round.is_multiple_of(2) {
            valid.clone()
        } else {
            let mut any = vec![0; rng.next_u32() as usize % 300];
            rng.fill_bytes(&mut any);
            any
        };
        for _ in 0..rng.next_u32() % 3 {
            if !bytes.is_empty() {
                let at = rng.next_u32() as usize % bytes.len();
                bytes[at] = rng.next_u32() as u8;
            }
        }
        if let Ok(frame) = Frame::parse(&bytes) {
            parsed += 1;
            let mut again = Vec::new();
            match &frame {
                Frame::Voice(v) => v.write(&mut again),
                Frame::Report(r) => r.write(&mut again),
                Frame::Checkpoint(c) => write_checkpoint(c, &mut again),
            }
            assert_eq!(again, bytes, "one spelling for each frame");
        }
    }
    assert!(parsed > 1_000, "mutations that still parse are part of the test: {parsed}");
}
