//! Tests: what a device signs, and what no other key, purpose, challenge or origin verifies.

use halloo_crypto::secret::Secret;
use proptest::prelude::*;

use super::*;

fn proof() -> (LoginProof, ClientSecret) {
    let client = ClientSecret::derive(&Secret::new([1; 32]), "https://halloo.example");
    let origin = "https://halloo.example".parse().unwrap();
    (LoginProof { purpose: Purpose::Login, device: client.id(), challenge: [7; 40], origin }, client)
}

#[test]
fn a_proof_holds_for_its_purpose_key_challenge_and_origin_only() {
    let (proof, client) = proof();
    let signature = proof.sign(&client);
    assert!(proof.is_signed(&signature));
    let other = ClientSecret::derive(&Secret::new([2; 32]), "https://halloo.example").id();
    let origin = "https://other.example".parse().unwrap();
    assert!(!LoginProof { purpose: Purpose::Register, ..proof.clone() }.is_signed(&signature));
    assert!(!LoginProof { device: other, ..proof.clone() }.is_signed(&signature));
    assert!(!LoginProof { challenge: [8; 40], ..proof.clone() }.is_signed(&signature));
    assert!(!LoginProof { origin, ..proof }.is_signed(&signature));
}

#[test]
fn the_bytes_are_the_drawn_ones() {
    let (proof, client) = proof();
    let bytes = proof.signed();
    assert_eq!((bytes[0], bytes[1], bytes.len()), (1, 2, 76 + 22));
    assert_eq!((&bytes[2..34], &bytes[34..74]), (&client.id().0[..], &[7; 40][..]));
    assert_eq!((&bytes[74..76], &bytes[76..]), (&[0, 22][..], &b"https://halloo.example"[..]));
    assert_eq!(LoginProof::read(&bytes), Ok(proof));
    assert_eq!(LoginProof::read(&bytes[..bytes.len() - 1]), Err(Malformed::Short));
}

proptest! {
    #[test]
    fn any_bytes_are_refused_or_are_the_only_spelling(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(proof) = LoginProof::read(&bytes) {
            prop_assert_eq!(proof.signed(), bytes);
        }
    }

    #[test]
    fn changed_bytes_are_refused_or_are_the_only_spelling(at in 0_usize..98, byte in any::<u8>()) {
        let mut bytes = proof().0.signed();
        bytes[at] = byte;
        if let Ok(proof) = LoginProof::read(&bytes) {
            prop_assert_eq!(proof.signed(), bytes);
        }
    }
}
