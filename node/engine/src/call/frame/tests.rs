//! Call frames survive the way there and back, and no bytes break the parser.

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use super::*;

fn here() -> Here {
    Here {
        incarnation: Incarnation([1; 16]),
        kid: Kid(0x1234),
        tag: [2; 8],
        place: Some(ChainPlace { chain: ChainId([3; 16]), index: 4, into_ms: 5 }),
        wants: Some(BoxPublic([6; 32])),
    }
}

#[test]
fn frames_are_written_as_drawn() {
    let bytes = CallFrame::Here(here()).to_bytes();
    assert_eq!(bytes.len(), 90);
    assert_eq!(bytes[..2], [1, 1]);
    assert_eq!(bytes[18..26], [0, 0, 0, 0, 0, 0, 0x12, 0x34]);
    assert_eq!(bytes[50..58], [0, 0, 0, 4, 0, 0, 0, 5]);
    assert_eq!(CallFrame::Gone.to_bytes(), [1, 2]);
    let step = CallFrame::Step { chain: ChainId([7; 16]), into_ms: 258, sealed: vec![8; 9] };
    assert_eq!(step.to_bytes()[18..], [0, 0, 1, 2, 8, 8, 8, 8, 8, 8, 8, 8, 8]);
}

#[test]
fn every_frame_comes_back() {
    let bare = Here { place: None, wants: None, ..here() };
    let step =
        CallFrame::Step { chain: ChainId([7; 16]), into_ms: 1, sealed: vec![8; MAX_SEALED_STEP_BYTES] };
    for frame in [CallFrame::Here(here()), CallFrame::Here(bare), CallFrame::Gone, step] {
        assert_eq!(CallFrame::parse(&frame.to_bytes()), Ok(frame));
    }
}

#[test]
fn what_is_not_as_drawn_is_refused() {
    let good = CallFrame::Here(here()).to_bytes();
    assert!(CallFrame::parse(&good[..89]).is_err());
    assert!(CallFrame::parse(&[&good[..], &[0]].concat()).is_err());
    assert!(CallFrame::parse(&[2, 2]).is_err());
    assert!(CallFrame::parse(&[1, 9]).is_err());
    assert!(CallFrame::parse(&[1, 2, 0]).is_err());
    assert!(CallFrame::parse(&[]).is_err());
    assert!(CallFrame::parse(&[1]).is_err());
    let empty = CallFrame::Step { chain: ChainId([7; 16]), into_ms: 1, sealed: Vec::new() };
    assert!(CallFrame::parse(&empty.to_bytes()).is_err());
    let mut placeless = CallFrame::Here(Here { place: None, ..here() }).to_bytes();
    placeless[53] = 1;
    assert!(CallFrame::parse(&placeless).is_err(), "one spelling for no chain");
}

proptest! {
    #[test]
    fn whatever_parses_is_canonical(bytes in prop::collection::vec(any::<u8>(), 0..400), kind in 1_u8..4) {
        let mut bytes = bytes;
        if bytes.len() >= 2 {
            (bytes[0], bytes[1]) = (1, kind);
        }
        if kind == 1 {
            bytes.resize(90, 7);
        }
        if let Ok(frame) = CallFrame::parse(&bytes) {
            prop_assert_eq!(frame.to_bytes(), bytes);
        }
    }
}

#[test]
fn mutations_of_valid_frames_are_survived() {
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let step = CallFrame::Step { chain: ChainId([7; 16]), into_ms: 1, sealed: vec![8; 90] };
    let valid = [CallFrame::Here(here()).to_bytes(), CallFrame::Gone.to_bytes(), step.to_bytes()];
    let mut parsed = 0;
    for round in 0..10_000_usize {
        let mut bytes = valid[round % 3].clone();
        for _ in 0..rng.next_u32() % 4 {
            let at = rng.next_u32() as usize % bytes.len();
            bytes[at] = rng.next_u32() as u8;
        }
        bytes.truncate(bytes.len() - (rng.next_u32() % 2 * (rng.next_u32() % 3)).min(1) as usize);
        parsed += usize::from(CallFrame::parse(&bytes).is_ok());
    }
    assert!(parsed > 1_000, "{parsed}");
}
