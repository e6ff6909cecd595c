//! Tests: derivation, tags and hashes keep their purposes apart.

use super::*;

#[test]
fn hmac_is_that_of_rfc_4231() {
    // RFC 4231, test case 6 has a longer key than ours; case 3's key is padded by zeros, which HMAC does itself.
    let mut key = [0_u8; 32];
    key[..20].copy_from_slice(&[0xaa; 20]);
    let expected = "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe";
    assert_eq!(hex::encode(mac(&key, &[&[0xdd; 50]])), expected);
    assert_eq!(mac(&key, &[&[0xdd; 20], &[0xdd; 30]]), mac(&key, &[&[0xdd; 50]]));
}

#[test]
fn derive_is_hkdf_with_the_documented_info() {
    let hkdf = Hkdf::<Sha256>::new(None, b"secret");
    let mut expected = [0_u8; 32];
    hkdf.expand(b"halloo v1 \x05labelcontext", &mut expected).expect("32 bytes");
    assert_eq!(derive(b"secret", "label", b"context").expose(), &expected);
}

#[test]
fn labels_and_contexts_do_not_run_into_each_other() {
    let all = [
        derive(b"s", "ab", b"c"),
        derive(b"s", "a", b"bc"),
        derive(b"s", "abc", b""),
        derive(b"t", "ab", b"c"),
    ];
    for (at, one) in all.iter().enumerate() {
        assert!(all[at + 1..].iter().all(|other| other != one));
    }
    assert_ne!(hash("ab", &[b"c"]), hash("a", &[b"bc"]));
    assert_eq!(hash("a", &[b"b", b"c"]), hash("a", &[b"bc"]));
}

#[test]
fn equality_needs_every_byte() {
    assert!(equal(b"same", b"same"));
    assert!(!equal(b"same", b"sane"));
    assert!(!equal(b"same", b"sam"));
}
