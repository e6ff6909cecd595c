//! Fields, their limits, and batches.

use super::*;
use proptest::prelude::*;

#[test]
fn a_reader_gives_fields_in_order_and_notices_what_is_left() {
    let mut reader = Reader::new(&[1, 0, 2, 0, 0, 0, 3, 9, 9]);
    assert_eq!(reader.u8(), Ok(1));
    assert_eq!(reader.u16(), Ok(2));
    assert_eq!(reader.u32(), Ok(3));
    assert_eq!(reader.clone().finish(), Err(WireError::NotCanonical));
    assert_eq!(reader.take(2), Ok(&[9, 9][..]));
    assert_eq!(reader.u8(), Err(WireError::Short));
    assert_eq!(reader.finish(), Ok(()));
}

#[test]
fn another_version_is_named_and_a_missing_one_is_short() {
    assert_eq!(Reader::new(&[1, 9]).version(1), Ok(()));
    assert_eq!(Reader::new(&[2, 9]).version(1), Err(WireError::Version(2)));
    assert_eq!(Reader::new(&[]).version(1), Err(WireError::Short));
}

#[test]
fn a_blob_longer_than_its_limit_is_refused_before_it_is_read() {
    let mut reader = Reader::new(&[0xff, 0xff, 0xff, 0xff]);
    assert_eq!(reader.blob(10), Err(WireError::TooLong));
    let mut reader = Reader::new(&[0, 0, 0, 5, 1]);
    assert_eq!(reader.blob(10), Err(WireError::Short));
    let mut reader = Reader::new(&[0xff, 0xff]);
    assert_eq!(reader.blobs(10, 10), Err(WireError::TooLong));
    // A count that the bytes cannot hold reserves nothing.
    let mut reader = Reader::new(&[0x03, 0xff, 0, 0, 0, 1, 7]);
    assert_eq!(reader.blobs(1_024, 10), Err(WireError::Short));
}

proptest! {
    #[test]
    fn lists_of_blobs_round_trip(items in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..20)) {
        let mut out = Vec::new();
        put_blobs(&mut out, &items);
        let mut reader = Reader::new(&out);
        prop_assert_eq!(reader.blobs(20, 50).unwrap(), items);
        prop_assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn batches_keep_every_item_in_order_and_within_limits(
        items in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..60),
        limit in 1..200_usize, max_items in 1..10_usize,
    ) {
        let cut = batches(items.clone(), limit, max_items);
        for batch in &cut {
            let size: usize = batch.iter().map(|item| item.len() + 4).sum();
            prop_assert!(!batch.is_empty() && batch.len() <= max_items);
            prop_assert!(size <= limit || batch.len() == 1);
        }
        prop_assert_eq!(cut.concat(), items);
    }
}
