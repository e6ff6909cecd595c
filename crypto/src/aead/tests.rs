//! Tests: the published GCM vectors and the seal under a key.

use serde_json::Value;

use super::*;

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().expect("hex text")).expect("hex")
}

#[test]
fn wycheproof_aes_256_gcm_vectors_hold() {
    let file: Value =
        serde_json::from_str(include_str!("../../vectors/wycheproof_aes_256_gcm.json")).expect("JSON");
    let tests = file["tests"].as_array().expect("tests");
    let mut refused = 0;
    for test in tests {
        let key = AeadKey::new(&bytes(&test["key"]).try_into().expect("32 bytes"));
        let nonce: [u8; NONCE_BYTES] = bytes(&test["nonce"]).try_into().expect("12 bytes");
        let (aad, plaintext, sealed) = (bytes(&test["aad"]), bytes(&test["msg"]), bytes(&test["ct"]));
        if test["valid"] == true {
            assert_eq!(key.seal(&nonce, &aad, &plaintext), sealed, "test {}", test["id"]);
            assert_eq!(key.open(&nonce, &aad, &sealed), Ok(plaintext), "test {}", test["id"]);
        } else {
            refused += 1;
            assert_eq!(key.open(&nonce, &aad, &sealed), Err(DoesNotOpen), "test {}", test["id"]);
        }
    }
    assert!(tests.len() == 66 && refused > 20, "{} tests, {refused} refused", tests.len());
}

#[test]
fn another_key_nonce_or_context_does_not_open() {
    let key = AeadKey::new(&[1; 32]);
    let sealed = key.seal(&counter_nonce(5), b"aad", b"text");
    assert_eq!(sealed.len(), 4 + TAG_BYTES);
    assert_eq!(key.open(&counter_nonce(5), b"aad", &sealed).as_deref(), Ok(b"text".as_slice()));
    assert!(key.open(&counter_nonce(6), b"aad", &sealed).is_err());
    assert!(key.open(&counter_nonce(5), b"dad", &sealed).is_err());
    assert!(AeadKey::new(&[2; 32]).open(&counter_nonce(5), b"aad", &sealed).is_err());
    assert!(key.open(&counter_nonce(5), b"aad", &sealed[..TAG_BYTES - 1]).is_err());
    assert_eq!(format!("{key:?}"), "AeadKey(..)");
}

#[test]
fn a_counter_stands_at_the_end_of_its_nonce() {
    assert_eq!(counter_nonce(0x0102), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
    assert_eq!(counter_nonce(u64::MAX)[4..], [0xff; 8]);
}

#[test]
fn every_changed_or_missing_byte_is_seen() {
    let key = AeadKey::new(&[3; 32]);
    let sealed = key.seal(&counter_nonce(1), b"place", b"a stored value");
    for at in 0..sealed.len() {
        for bit in 0..8 {
            let mut bad = sealed.clone();
            bad[at] ^= 1 << bit;
            assert!(key.open(&counter_nonce(1), b"place", &bad).is_err(), "byte {at}, bit {bit}");
        }
        assert!(key.open(&counter_nonce(1), b"place", &sealed[..at]).is_err(), "cut at {at}");
    }
    let longer = [sealed.as_slice(), b"x"].concat();
    assert!(key.open(&counter_nonce(1), b"place", &longer).is_err());
}
