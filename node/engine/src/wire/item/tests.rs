//! Items: what one seals the other reads, nobody else does, and no bytes are more than an item or an error.

use super::*;
use proptest::prelude::*;
use rand_core::SeedableRng as _;

const GROUP: GroupId = GroupId::from_bytes([7; 32]);

fn device(seed: u64) -> DeviceSecret {
    DeviceSecret::generate(&mut ChaCha20Rng::seed_from_u64(seed))
}

fn sealed(item: &Item, to: &DeviceSecret) -> Vec<u8> {
    let mut rng = ChaCha20Rng::seed_from_u64(9);
    item.seal(&mut rng, &GROUP, (&to.id(), &to.box_public())).expect("sealed")
}

fn item(sizes: &[usize]) -> Item {
    let parcel = |size: &usize| Parcel::new(ParcelKind::BoxedContents, vec![vec![3; *size]]);
    Item { parcels: sizes.iter().map(parcel).collect() }
}

#[test]
fn an_item_is_read_by_the_device_that_it_is_for_and_by_nobody_else() {
    let (ada, ben) = (device(1), device(2));
    let item = item(&[10, 0, 300]);
    let bytes = sealed(&item, &ada);
    assert_eq!(Item::open(&bytes, &GROUP, &ada), Ok(item));
    assert_eq!(Item::open(&bytes, &GROUP, &ben), Err(WireError::BrokenSeal));
    assert_eq!(Item::open(&bytes, &GroupId::from_bytes([8; 32]), &ada), Err(WireError::BrokenSeal));
}

#[test]
fn an_item_has_one_of_four_sizes_whatever_is_inside() {
    let ada = device(1);
    for (inside, outside) in
        [(1, 1), (900, 1), (1_000, 4), (4_000, 4), (5_000, 16), (20_000, 48), (48_000, 48)]
    {
        assert_eq!(sealed(&item(&[inside]), &ada).len(), outside << 10, "{inside}");
    }
    let (empty, full) = (7 + 4, ITEM_ROOM - 7 - 4);
    assert_eq!(sealed(&item(&[full]), &ada).len(), 48 << 10);
    assert!(item(&[full + 1]).to_bytes().is_none() && item(&[full - empty, 1]).to_bytes().is_none());
}

#[test]
fn an_item_holds_something_and_not_too_much() {
    assert!(item(&[]).to_bytes().is_none());
    assert!(item(&[1; MAX_PARCELS]).to_bytes().is_some());
    assert!(item(&[1; MAX_PARCELS + 1]).to_bytes().is_none());
    assert_eq!(Item::parse(&[VERSION, 0]), Err(WireError::TooLong));
    assert_eq!(Item::parse(&[VERSION, 17]), Err(WireError::TooLong));
}

#[test]
fn what_needs_a_proven_neighbour_does_not_come_by_mail() {
    for kind in [ParcelKind::Live, ParcelKind::Contents, ParcelKind::BoxedBeacons] {
        let bytes = Item { parcels: vec![Parcel::new(kind, vec![vec![1]])] }.to_bytes().expect("bytes");
        assert_eq!(Item::parse(&bytes), Err(WireError::Kind(kind as u8)));
    }
}

#[test]
fn padding_is_nothing_but_zeros() {
    let mut bytes = item(&[5]).to_bytes().expect("bytes");
    *bytes.last_mut().expect("padded") = 1;
    assert_eq!(Item::parse(&bytes), Err(WireError::NotCanonical));
}

proptest! {
    #[test]
    fn no_bytes_are_more_than_an_item_or_an_error(seed in any::<u64>(), len in 0_usize..3_000) {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut noise = vec![0; len];
        rng.fill_bytes(&mut noise);
        if let [version, count, ..] = noise.as_mut_slice() {
            (*version, *count) = (VERSION, *count % 18);
        }
        drop(Item::parse(&noise));
        drop(Item::open(&noise, &GROUP, &device(1)));
    }

    #[test]
    fn a_bent_item_is_another_item_or_an_error(seed in any::<u64>(), sizes in proptest::collection::vec(0_usize..200, 1..6)) {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let whole = item(&sizes);
        let mut bytes = whole.to_bytes().expect("bytes");
        for _ in 0..1 + rng.next_u32() % 4 {
            let at = rng.next_u32() as usize % bytes.len();
            bytes[at] ^= 1 << (rng.next_u32() % 8);
        }
        if let Ok(read) = Item::parse(&bytes) {
            prop_assert_eq!(Item::parse(&read.to_bytes().expect("it was read")).expect("canonical"), read);
        }
        let ada = device(1);
        let mut shut = sealed(&whole, &ada);
        let at = rng.next_u32() as usize % shut.len();
        shut[at] ^= 1;
        prop_assert!(Item::open(&shut, &GROUP, &ada).is_err());
    }
}
