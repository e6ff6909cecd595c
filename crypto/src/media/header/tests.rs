//! Tests: SFrame headers against RFC 9605 and against the crate.

use proptest::prelude::*;
use serde_json::Value;
use sframe::header::SframeHeader;

use super::*;

#[test]
fn rfc_9605_header_vectors_hold_both_ways() {
    let file: Value =
        serde_json::from_str(include_str!("../../../vectors/rfc9605_header.json")).expect("JSON");
    let tests = file["tests"].as_array().expect("tests");
    assert_eq!(tests.len(), 289);
    for test in tests {
        let encoded = hex::decode(test["encoded"].as_str().expect("hex text")).expect("hex");
        let (kid, counter) = (test["kid"].as_u64().expect("kid"), test["ctr"].as_u64().expect("ctr"));
        let mut written = vec![];
        Header::write(kid, counter, &mut written);
        assert_eq!(hex::encode(&written), hex::encode(&encoded));
        let with_payload = [encoded.as_slice(), b"payload"].concat();
        assert_eq!(Header::parse(&with_payload), Some(Header { kid, counter, len: encoded.len() }));
        for cut in 0..encoded.len() {
            assert_eq!(Header::parse(&encoded[..cut]), None, "cut to {cut}");
        }
    }
}

#[test]
fn a_header_is_appended_to_what_stands_before() {
    let mut out = vec![0xaa];
    Header::write(0x1234, 0, &mut out);
    assert_eq!(out, [0xaa, 0x90, 0x12, 0x34]);
}

proptest! {
    #[test]
    fn any_bytes_are_read_as_the_crate_reads_them(bytes in prop::collection::vec(any::<u8>(), 0..24)) {
        let theirs = SframeHeader::deserialize(&bytes).ok();
        let ours = Header::parse(&bytes);
        prop_assert_eq!(ours.is_some(), theirs.is_some());
        if let (Some(ours), Some(theirs)) = (ours, theirs) {
            prop_assert_eq!((ours.kid, ours.counter), (theirs.key_id(), theirs.counter()));
        }
    }

    #[test]
    fn any_values_survive(kid in any::<u64>(), shift in 0_u32..64, counter in any::<u64>()) {
        let (kid, counter) = (kid >> shift, counter >> (63 - shift));
        let mut bytes = vec![];
        Header::write(kid, counter, &mut bytes);
        prop_assert!(bytes.len() <= HEADER_MAX_BYTES);
        prop_assert_eq!(Header::parse(&bytes), Some(Header { kid, counter, len: bytes.len() }));
    }
}
