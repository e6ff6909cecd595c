//! Parcels, whole and damaged.

use super::*;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

#[test]
fn every_kind_round_trips() {
    for kind in ParcelKind::ALL {
        let parcel = Parcel::new(kind, vec![vec![1, 2, 3], vec![], vec![9; 300]]);
        assert_eq!(Parcel::parse(&parcel.to_bytes()), Ok(parcel));
        assert_eq!(ParcelKind::from_byte(kind as u8), Some(kind));
    }
    assert_eq!(ParcelKind::from_byte(0), None);
    assert_eq!(Parcel::parse(&[11, 0, 0]), Err(WireError::Kind(11)));
}

#[test]
fn the_bytes_are_those_of_the_drawing() {
    let parcel = Parcel::new(ParcelKind::Commits, vec![vec![0xaa, 0xbb]]);
    assert_eq!(parcel.to_bytes(), [2, 0, 1, 0, 0, 0, 2, 0xaa, 0xbb]);
}

#[test]
fn boxes_never_travel_by_gossip() {
    let gossip: Vec<_> = ParcelKind::ALL.into_iter().filter(|kind| !kind.may_gossip()).collect();
    assert_eq!(gossip, [ParcelKind::BoxedContents, ParcelKind::BoxedBeacons]);
}

#[test]
fn mutated_and_random_parcels_are_refused_or_canonical() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let valid = Parcel::new(ParcelKind::Operations, vec![vec![5; 40], vec![6; 3]]).to_bytes();
    for round in 0..20_000_u32 {
        let mut bytes = valid.clone();
        if round % 2 == 0 {
            bytes = vec![0; rng.next_u32() as usize % 60];
            rng.fill_bytes(&mut bytes);
        } else {
            let at = rng.next_u32() as usize % bytes.len();
            bytes[at] = rng.next_u32() as u8;
            bytes.truncate(1 + rng.next_u32() as usize % bytes.len());
        }
        if let Ok(parcel) = Parcel::parse(&bytes) {
            assert_eq!(parcel.to_bytes(), bytes, "one spelling only");
        }
    }
}
