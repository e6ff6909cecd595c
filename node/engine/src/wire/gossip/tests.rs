//! The outer seal, whole and damaged.

use super::*;
use crate::wire::parcel::ParcelKind;
use halloo_crypto::id::{EpochId, Incarnation};
use halloo_crypto::secret::Secret;

fn keys(seed: u8) -> DataKeys {
    DataKeys::new(Secret::new([seed; 32]), EpochId::from_bytes([seed; 32]))
}

fn sealer() -> DataSealer {
    DataSealer::new(Incarnation::from_bytes([3; 16]))
}

const TOPIC: [u8; 32] = [4; 32];

#[test]
fn a_parcel_goes_through_and_names_nothing_in_clear() {
    let parcel = Parcel::new(ParcelKind::Operations, vec![b"Sunday ride".to_vec()]);
    let frame = seal(&mut sealer(), &keys(1), &TOPIC, &parcel).unwrap();
    assert_eq!(frame.len(), parcel.to_bytes().len() + GOSSIP_OVERHEAD_BYTES);
    assert!(!frame.windows(6).any(|window| window == b"Sunday"));
    assert_eq!(GossipFrame::parse(&frame).unwrap().open(&keys(1), &TOPIC), Ok(parcel));
}

#[test]
fn another_beacon_another_topic_or_one_bit_does_not_open() {
    let parcel = Parcel::new(ParcelKind::Live, vec![vec![1; 30]]);
    let frame = seal(&mut sealer(), &keys(1), &TOPIC, &parcel).unwrap();
    assert_eq!(GossipFrame::parse(&frame).unwrap().open(&keys(2), &TOPIC), Err(WireError::UnknownKey));
    assert_eq!(GossipFrame::parse(&frame).unwrap().open(&keys(1), &[5; 32]), Err(WireError::BrokenSeal));
    for bit in 0..frame.len() * 8 {
        let mut forged = frame.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        let opened = GossipFrame::parse(&forged).and_then(|frame| frame.open(&keys(1), &TOPIC));
        assert!(opened.is_err(), "bit {bit}");
    }
}

#[test]
fn short_long_and_foreign_frames_are_told_apart() {
    assert!(matches!(GossipFrame::parse(&[]), Err(WireError::Short)));
    assert!(matches!(GossipFrame::parse(&[VERSION; 10]), Err(WireError::Short)));
    assert!(matches!(GossipFrame::parse(&[7; 200]), Err(WireError::Version(7))));
    assert!(matches!(GossipFrame::parse(&vec![VERSION; MAX_GOSSIP_BYTES + 1]), Err(WireError::TooLong)));
    let large = Parcel::new(ParcelKind::Operations, vec![vec![0; MAX_GOSSIP_BYTES]]);
    assert_eq!(seal(&mut sealer(), &keys(1), &TOPIC, &large), Err(WireError::TooLong));
}

#[test]
fn a_boxed_parcel_inside_is_refused_whoever_sealed_it() {
    let boxed = Parcel::new(ParcelKind::BoxedBeacons, vec![vec![1]]).to_bytes();
    let inner = sealer().seal(&keys(1), &associated(&TOPIC), &boxed).unwrap();
    let frame = [&[VERSION], inner.as_slice()].concat();
    assert_eq!(GossipFrame::parse(&frame).unwrap().open(&keys(1), &TOPIC), Err(WireError::Kind(8)));
}
