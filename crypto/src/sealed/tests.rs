//! Tests: HPKE: RFC 9180 and Wycheproof X25519 vectors, hostile keys and bytes.

use std::convert::Infallible;

use proptest::prelude::*;
use rand_core::{SeedableRng as _, TryCryptoRng, TryRng};
use serde_json::Value;

use super::*;

fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

/// Gives the ephemeral input of a published vector, once.
struct Fixed(Vec<u8>);

impl TryRng for Fixed {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        panic!("the ephemeral key is drawn as bytes")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        panic!("the ephemeral key is drawn as bytes")
    }

    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), Infallible> {
        to.copy_from_slice(&self.0);
        self.0.clear();
        Ok(())
    }
}

impl TryCryptoRng for Fixed {}

fn field<const N: usize>(test: &Value, name: &str) -> [u8; N] {
    bytes(test, name).try_into().expect("the length of the field")
}

fn bytes(test: &Value, name: &str) -> Vec<u8> {
    hex::decode(test[name].as_str().expect("hex text")).expect("hex")
}

#[test]
fn rfc_9180_base_mode_vector_holds_both_ways() {
    let file: Value = serde_json::from_str(include_str!("../../vectors/rfc9180_base.json")).expect("JSON");
    let test = &file["tests"][0];
    let to = BoxPublic(field(test, "pk_r"));
    let (info, aad, plain) = (bytes(test, "info"), bytes(test, "aad"), bytes(test, "pt"));
    let frame = seal_with(&mut Fixed(bytes(test, "ikm_e")), &to, &info, &aad, &plain).expect("seals");
    let expected = [vec![VERSION], bytes(test, "enc"), bytes(test, "ct")].concat();
    assert_eq!(hex::encode(&frame), hex::encode(expected));
    let secret = BoxSecret(Box::new(x25519_dalek::StaticSecret::from(field::<32>(test, "sk_r"))));
    assert_eq!(secret.public(), to);
    assert_eq!(secret.open(&info, &aad, &frame).expect("opens").expose(), &plain);
}

#[test]
fn wycheproof_x25519_vectors_hold_and_points_of_small_order_are_refused() {
    let file: Value =
        serde_json::from_str(include_str!("../../vectors/wycheproof_x25519.json")).expect("JSON");
    let tests = file["tests"].as_array().expect("tests");
    let mut zero = 0;
    for test in tests {
        let secret = x25519_dalek::StaticSecret::from(field::<32>(test, "private"));
        let public = BoxPublic(field(test, "public"));
        let shared = secret.diffie_hellman(&x25519_dalek::PublicKey::from(public.0));
        assert_eq!(shared.as_bytes(), &field(test, "shared"), "test {}", test["id"]);
        assert_eq!(Value::Bool(!shared.was_contributory()), test["zero"], "test {}", test["id"]);
        let sealed = seal_to(&mut rng(1), &public, b"", b"", b"text");
        if test["zero"] == true {
            zero += 1;
            assert_eq!(sealed, Err(SealedError::BadKey), "test {}", test["id"]);
            // The same point as the encapsulated key of somebody's frame.
            let mut frame = vec![VERSION];
            frame.extend_from_slice(&public.0);
            frame.extend_from_slice(&[0; 20]);
            assert!(open_with(&secret, b"", b"", &frame).is_err());
        } else {
            assert!(sealed.is_ok(), "test {}", test["id"]);
        }
    }
    assert!(tests.len() > 150 && zero > 20, "{} tests, {zero} with a zero secret", tests.len());
}

#[test]
fn only_the_owner_with_the_same_purpose_and_context_opens() {
    let mut rng = rng(2);
    let (owner, other) = (DeviceSecret::generate(&mut rng), DeviceSecret::generate(&mut rng));
    let frame = seal_to(&mut rng, &owner.box_public(), b"purpose", b"context", b"text").expect("seals");
    assert_eq!(frame.len(), 4 + SEALED_OVERHEAD_BYTES);
    assert_eq!(owner.open_sealed(b"purpose", b"context", &frame).expect("opens").expose(), b"text");
    let refused = Err(SealedError::DoesNotOpen);
    assert_eq!(other.open_sealed(b"purpose", b"context", &frame), refused);
    assert_eq!(owner.open_sealed(b"other", b"context", &frame), refused);
    assert_eq!(owner.open_sealed(b"purpose", b"other", &frame), refused);
    let again = seal_to(&mut rng, &owner.box_public(), b"purpose", b"context", b"text").expect("seals");
    assert_ne!(frame, again, "each seal has its own ephemeral key");
}

#[test]
fn lengths_and_versions_are_checked_before_anything_is_computed() {
    let owner = DeviceSecret::generate(&mut rng(3));
    let mut frame = seal_to(&mut rng(4), &owner.box_public(), b"", b"", b"").expect("seals");
    assert_eq!(owner.open_sealed(b"", b"", &frame[..SEALED_OVERHEAD_BYTES - 1]), Err(SealedError::Malformed));
    frame[0] = 2;
    assert_eq!(owner.open_sealed(b"", b"", &frame), Err(SealedError::Malformed));
    let long = vec![1; SEALED_OVERHEAD_BYTES + SEALED_PLAINTEXT_MAX_BYTES + 1];
    assert_eq!(owner.open_sealed(b"", b"", &long), Err(SealedError::Malformed));
    let long = vec![0; SEALED_PLAINTEXT_MAX_BYTES + 1];
    assert_eq!(seal_to(&mut rng(5), &owner.box_public(), b"", b"", &long), Err(SealedError::TooLong));
}

#[test]
fn changed_frames_and_noise_never_open() {
    let mut rng = rng(6);
    let owner = DeviceSecret::generate(&mut rng);
    let frame = seal_to(&mut rng, &owner.box_public(), b"i", b"a", b"some text").expect("seals");
    for _ in 0..200 {
        let mut changed = frame.clone();
        let at = rng.next_u32() as usize % changed.len();
        // X25519 ignores the top bit of a public key, but the key schedule hashes it.
        changed[at] ^= 1 << (rng.next_u32() % 8);
        assert!(owner.open_sealed(b"i", b"a", &changed).is_err(), "byte {at}");
        let mut noise = vec![0; rng.next_u32() as usize % 120];
        rng.fill_bytes(&mut noise);
        assert!(owner.open_sealed(b"i", b"a", &noise).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_sealed_opens_once_with_a_one_use_key(seed in any::<u8>(), text in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut rng = rng(seed);
        let secret = BoxSecret::generate(&mut rng);
        let frame = seal_to(&mut rng, &secret.public(), b"info", b"aad", &text).expect("seals");
        let opened = secret.open(b"info", b"aad", &frame).expect("opens");
        prop_assert_eq!(opened.expose(), &text);
    }
}
