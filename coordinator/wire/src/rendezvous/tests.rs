//! Tests: who reads a meeting, and what a place gives.

use proptest::prelude::*;
use rand_chacha::rand_core::SeedableRng as _;

use super::*;

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::from_seed([1; 32])
}

fn meeting(addresses: &[&str]) -> Meeting {
    Meeting { peer: [9; 32], addresses: addresses.iter().map(ToString::to_string).collect() }
}

#[test]
fn who_knows_the_place_reads_who_waits_there_and_nobody_else_does() {
    let (place, other) = (Place::of_nameplate(7), Place::of_nameplate(8));
    let here = meeting(&["/ip4/10.0.0.1/udp/7750/quic-v1", "/ip6/::1/tcp/7750"]);
    let record = here.seal(&place, &mut rng());
    assert_eq!(record.len(), RECORD_BYTES);
    assert_eq!(Meeting::open(&place, &record), Some(here));
    assert_eq!(Meeting::open(&other, &record), None);
    let moved = Place { id: other.id, key: place.key.clone() };
    assert_eq!(Meeting::open(&moved, &record), None, "a record is good at its own place only");
}

#[test]
fn a_record_is_as_long_whatever_is_in_it_and_addresses_that_do_not_fit_are_left_out() {
    let place = Place::of_nameplate(7);
    let long = "x".repeat(ADDRESS_BYTES_MAX + 1);
    let full = "y".repeat(ADDRESS_BYTES_MAX);
    for (given, kept) in
        [(vec![], 0), (vec![long.as_str(), "/ip4/1.2.3.4/tcp/1"], 1), (vec![full.as_str(); 20], 8)]
    {
        let record = meeting(&given).seal(&place, &mut rng());
        assert_eq!(record.len(), RECORD_BYTES);
        assert_eq!(Meeting::open(&place, &record).unwrap().addresses.len(), kept);
    }
}

#[test]
fn every_changed_bit_of_a_record_is_refused() {
    let place = Place::of_nameplate(7);
    let record = meeting(&["/ip4/10.0.0.1/tcp/1"]).seal(&place, &mut rng());
    for bit in 0..8 * record.len() {
        let mut changed = record.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(Meeting::open(&place, &changed), None, "bit {bit}");
    }
}

#[test]
fn what_lies_at_a_place_reads_back() {
    let record = vec![3; RECORD_BYTES];
    let bytes = write_records(&[&record, &record]);
    assert_eq!(read_records(&bytes), Ok(vec![record.clone(), record]));
    assert_eq!(read_records(&write_records(&[])), Ok(vec![]));
    assert_eq!(read_records(&bytes[..bytes.len() - 1]), Err(Malformed::Short));
}

proptest! {
    #[test]
    fn any_bytes_are_no_record_and_no_list(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
        prop_assert_eq!(Meeting::open(&Place::of_nameplate(1), &bytes), None);
        if let Ok(records) = read_records(&bytes) {
            let parts: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
            prop_assert_eq!(write_records(&parts), bytes);
        }
    }

    #[test]
    fn any_plaintext_under_the_right_key_is_refused_or_read(plain in proptest::collection::vec(any::<u8>(), PLAIN_BYTES)) {
        let place = Place::of_nameplate(7);
        let nonce = [0; NONCE_BYTES];
        let mut record = vec![VERSION];
        record.extend_from_slice(&nonce);
        record.extend(AeadKey::new(place.key.expose()).seal(&nonce, &place.aad(), &plain));
        if let Some(read) = Meeting::open(&place, &record) {
            prop_assert!(read.addresses.len() <= ADDRESSES_MAX);
        }
    }
}
