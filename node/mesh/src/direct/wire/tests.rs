//! The bytes of the direct lane: as drawn, bounded, and no fault of a peer goes unnoticed.

use super::*;
use futures::executor::block_on;
use futures::io::Cursor;
use proptest::prelude::*;

fn frame(bytes: &[u8]) -> Arc<[u8]> {
    Arc::from(bytes)
}

#[test]
fn the_bytes_are_as_drawn() {
    let mut waiting = VecDeque::from([frame(b"hey"), frame(b"")]);
    let head = Head { session: 0x0102_0304_0506_0708, first: 9 };
    let bytes = take_batch(Some(head), &mut waiting);
    let expected =
        [&[1u8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 3][..], b"hey", &[0; 4]].concat();
    assert_eq!(bytes, expected);
    assert!(waiting.is_empty());
}

#[test]
fn a_batch_stops_after_its_limit_but_carries_at_least_one_frame() {
    let large: Arc<[u8]> = vec![7; DIRECT_WRITE_MAX].into();
    let mut waiting = VecDeque::from([Arc::clone(&large), Arc::clone(&large)]);
    assert_eq!(take_batch(None, &mut waiting).len(), 4 + DIRECT_WRITE_MAX);
    assert_eq!(waiting.len(), 1);
}

#[test]
fn an_unknown_version_is_refused() {
    let mut bytes = Vec::new();
    Head { session: 1, first: 2 }.write(&mut bytes);
    bytes[0] = 2;
    let fault = block_on(Head::read(&mut Cursor::new(bytes))).expect_err("version 2 is unknown");
    assert_eq!(fault.kind(), io::ErrorKind::InvalidData);
}

#[test]
fn a_frame_over_the_limit_is_refused_before_memory_is_taken() {
    let length = (DIRECT_FRAME_MAX as u32 + 1).to_be_bytes();
    let fault = block_on(read_frame(&mut Cursor::new(length))).expect_err("too large");
    assert_eq!(fault.kind(), io::ErrorKind::InvalidData);
    let fault = block_on(read_frame(&mut Cursor::new([0xff; 4]))).expect_err("4 GiB");
    assert_eq!(fault.kind(), io::ErrorKind::InvalidData);
}

#[test]
fn an_end_between_frames_is_an_end_and_inside_one_is_a_fault() {
    assert_eq!(block_on(read_frame(&mut Cursor::new([]))).expect("an end"), None);
    for cut in [&[0, 0][..], &[0, 0, 0, 3], &[0, 0, 0, 3, 1, 2]] {
        let fault = block_on(read_frame(&mut Cursor::new(cut))).expect_err("cut short");
        assert_eq!(fault.kind(), io::ErrorKind::UnexpectedEof);
    }
}

proptest! {
    #[test]
    fn frames_survive_the_wire(
        session in any::<u64>(),
        first in any::<u64>(),
        frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..20),
    ) {
        let mut waiting: VecDeque<Arc<[u8]>> = frames.iter().map(|bytes| frame(bytes)).collect();
        let head = Head { session, first };
        let mut stream = Cursor::new(take_batch(Some(head), &mut waiting));
        prop_assert_eq!(block_on(Head::read(&mut stream)).expect("own head"), head);
        for sent in &frames {
            let got = block_on(read_frame(&mut stream)).expect("own frame");
            prop_assert_eq!(got.as_ref(), Some(sent));
        }
        prop_assert_eq!(block_on(read_frame(&mut stream)).expect("the end"), None);
    }

    #[test]
    fn any_bytes_are_frames_or_a_fault(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let mut stream = Cursor::new(&bytes);
        if block_on(Head::read(&mut stream)).is_ok() {
            while let Ok(Some(payload)) = block_on(read_frame(&mut stream)) {
                prop_assert!(payload.len() <= bytes.len());
            }
        }
        let _ = block_on(read_ack(&mut Cursor::new(&bytes)));
    }
}
