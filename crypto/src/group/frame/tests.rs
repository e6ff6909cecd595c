//! Tests of the outer frame.

use super::*;
use crate::secret::Secret;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

const EPOCH: EpochId = EpochId([3; 32]);

fn exports(byte: u8) -> Exports {
    Exports([(Export::Outer, Secret::new([byte; 32]))].into())
}

#[test]
fn a_frame_opens_for_its_epoch_key_and_kind_only() {
    let frame = wrap(&exports(1), &EPOCH, Kind::Commit, b"message").unwrap();
    assert_eq!(frame.len(), FRAME_OVERHEAD + 7);
    assert_eq!(peek_epoch(&frame), Some(tag_of(&EPOCH)));
    assert_eq!(unwrap(&exports(1), &EPOCH, Kind::Commit, &frame), Ok(b"message".as_slice()));
    let refused = unwrap(&exports(1), &EPOCH, Kind::Application, &frame);
    assert_eq!(refused, Err(PeerFault::Forged));
    assert_eq!(unwrap(&exports(2), &EPOCH, Kind::Commit, &frame), Err(PeerFault::Forged));
    let elsewhere = unwrap(&exports(1), &EpochId([4; 32]), Kind::Commit, &frame);
    assert_eq!(elsewhere, Err(PeerFault::OtherEpoch));
}

#[test]
fn no_altered_or_cut_frame_is_accepted() {
    let frame = wrap(&exports(1), &EPOCH, Kind::Commit, b"message").unwrap();
    for at in 0..frame.len() {
        let mut altered = frame.clone();
        altered[at] ^= 1;
        assert!(unwrap(&exports(1), &EPOCH, Kind::Commit, &altered).is_err(), "byte {at}");
        assert!(unwrap(&exports(1), &EPOCH, Kind::Commit, &frame[..at]).is_err(), "cut {at}");
    }
}

#[test]
fn random_bytes_are_never_a_frame() {
    let mut rng = ChaCha20Rng::from_seed([8; 32]);
    for _ in 0..2_000 {
        let mut bytes = vec![0; (rng.next_u32() % 80) as usize];
        rng.fill_bytes(&mut bytes);
        if let Some(first) = bytes.first_mut() {
            *first = 1;
        }
        assert!(unwrap(&exports(1), &EPOCH, Kind::Application, &bytes).is_err());
    }
}

#[test]
fn the_limits_hold_on_both_ends() {
    for kind in [Kind::Commit, Kind::Application] {
        let longest = vec![0; kind.max_bytes() - FRAME_OVERHEAD];
        let frame = wrap(&exports(1), &EPOCH, kind, &longest).unwrap();
        assert!(unwrap(&exports(1), &EPOCH, kind, &frame).is_ok());
        let over = vec![0; longest.len() + 1];
        assert!(wrap(&exports(1), &EPOCH, kind, &over).is_none());
        let long = [frame, vec![0]].concat();
        assert_eq!(unwrap(&exports(1), &EPOCH, kind, &long), Err(PeerFault::TooLong));
    }
}
