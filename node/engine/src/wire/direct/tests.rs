//! Every direct frame, whole and damaged.

use super::*;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

const ROUTE: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

fn samples() -> Vec<DirectFrame> {
    let sync = |step| {
        DirectFrame::Sync(SyncFrame { realm: Realm::Contents, step, session: 77, message: vec![1, 2, 3] })
    };
    vec![
        DirectFrame::Hello { nonce: [9; 32] },
        DirectFrame::Proof(ProofFrame {
            device: DeviceId::from_bytes([1; 32]),
            nonce: [2; 32],
            signature: Signature::from_bytes([3; 64]),
        }),
        DirectFrame::Unknown { heads: vec![OpId::from_bytes([4; 32]); 3] },
        DirectFrame::Introduce(vec![vec![5; 10], vec![6; 20]]),
        DirectFrame::Farewell { operations: vec![vec![1; 4]], acknowledgements: vec![vec![2; 5]] },
        DirectFrame::Parcel(Parcel::new(ParcelKind::BoxedContents, vec![vec![7; 9]])),
        sync(Step::Ask),
        sync(Step::Answer),
        sync(Step::Want),
        DirectFrame::Epochs(EpochsFrame { weight: 3, commit: [4; 32], tags: vec![[8; 8], [9; 8]] }),
        DirectFrame::Stranded,
        DirectFrame::Rejoin(vec![7; 300]),
        DirectFrame::Heads(HeadsFrame {
            operations: vec![OpId::from_bytes([5; 32]); 2],
            contents: vec![MessageId::from_bytes([6; 32]); 3],
        }),
        DirectFrame::Signal(vec![1; 60]),
        DirectFrame::Call(vec![2; 60]),
        DirectFrame::Welcome(vec![3; 60]),
    ]
}

#[test]
fn every_frame_round_trips() {
    for frame in samples() {
        let bytes = frame.to_bytes(ROUTE);
        assert_eq!(peek_route(&bytes), Some(ROUTE));
        assert_eq!(DirectFrame::parse(&bytes, ROUTE), Ok(frame));
    }
}

#[test]
fn only_the_handshake_precedes_the_proof() {
    let before: Vec<u8> =
        samples().iter().filter(|frame| frame.precedes_proof()).map(DirectFrame::kind).collect();
    assert_eq!(before, [32, 33, 34, 35, 36]);
}

#[test]
fn the_bytes_are_those_of_the_drawing() {
    let frame = EpochsFrame { weight: 7, commit: [0xdd; 32], tags: vec![[0xee; 8]] };
    let bytes = DirectFrame::Epochs(frame).to_bytes(ROUTE);
    assert_eq!(bytes[..18], [1, 2, 3, 4, 5, 6, 7, 8, 1, 41, 0, 0, 0, 0, 0, 0, 0, 7]);
    assert_eq!(bytes[18..50], [0xdd; 32]);
    assert_eq!(bytes[50..], [0, 1, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee]);
}

#[test]
fn another_route_version_or_kind_is_told_apart() {
    let bytes = DirectFrame::Hello { nonce: [0; 32] }.to_bytes(ROUTE);
    assert_eq!(DirectFrame::parse(&bytes, [0; 8]), Err(WireError::UnknownKey));
    let mut newer = bytes.clone();
    newer[8] = 2;
    assert_eq!(DirectFrame::parse(&newer, ROUTE), Err(WireError::Version(2)));
    let mut odd = bytes.clone();
    odd[9] = 99;
    assert_eq!(DirectFrame::parse(&odd, ROUTE), Err(WireError::Kind(99)));
    assert_eq!(DirectFrame::parse(&[bytes.as_slice(), &[0]].concat(), ROUTE), Err(WireError::NotCanonical));
    assert_eq!(DirectFrame::parse(&vec![0; MAX_DIRECT_BYTES + 1], ROUTE), Err(WireError::TooLong));
    let mut many = bytes[..10].to_vec();
    many[9] = 34;
    many.extend_from_slice(&[0xff, 0xff]);
    assert_eq!(DirectFrame::parse(&many, ROUTE), Err(WireError::TooLong));
}

#[test]
fn the_route_tag_depends_on_the_group_alone() {
    let (a, b) = (GroupId::from_bytes([1; 32]), GroupId::from_bytes([2; 32]));
    assert_eq!(route_tag(&a), route_tag(&a));
    assert_ne!(route_tag(&a), route_tag(&b));
}

#[test]
fn mutated_and_random_frames_are_refused_or_canonical() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let valid: Vec<Vec<u8>> = samples().iter().map(|frame| frame.to_bytes(ROUTE)).collect();
    for round in 0..40_000_usize {
        let mut bytes = valid[round % valid.len()].clone();
        match round % 3 {
            0 => {
                let from = HEAD_BYTES.min(bytes.len());
                rng.fill_bytes(&mut bytes[from..]);
            }
            1 => {
                let at = ROUTE_BYTES + rng.next_u32() as usize % (bytes.len() - ROUTE_BYTES);
                bytes[at] = rng.next_u32() as u8;
            }
            _ => bytes.truncate(rng.next_u32() as usize % bytes.len()),
        }
        if let Ok(frame) = DirectFrame::parse(&bytes, ROUTE) {
            assert_eq!(frame.to_bytes(ROUTE), bytes, "one spelling only");
        }
    }
}
