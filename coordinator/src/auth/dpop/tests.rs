//! Which proofs hold, and for which request.

use super::*;
use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: u64 = 1_800_000_000_000;

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn claims() -> Value {
    let ath = jose::to_text(&Sha256::digest(b"token"));
    json!({"jti": "1", "htm": "GET", "htu": "https://halloo.example/a", "iat": NOW / 1_000, "ath": ath})
}

fn header() -> Value {
    json!({"typ": "dpop+jwt", "alg": "EdDSA", "jwk": jose::Jwk::of(&key().verifying_key().to_bytes())})
}

fn signed(header: &Value, claims: &Value) -> String {
    jose::sign(&key(), header.to_string().as_bytes(), claims.to_string().as_bytes())
}

fn checked(proof: &str, now_ms: u64) -> Result<Proven, DpopError> {
    let origins = ["https://halloo.example".parse().unwrap()];
    check(proof, &Request { method: "GET", path: "/a", origins: &origins, token: Some("token") }, now_ms)
}

#[test]
fn a_proof_holds_for_its_request_and_names_its_key() {
    let proof = signed(&header(), &claims());
    let proven = checked(&proof, NOW).unwrap();
    assert_eq!((proven.key, proven.ends_ms), (key().verifying_key().to_bytes(), NOW + CLOCK_SKEW_MAX_MS));
    checked(&proof, NOW + CLOCK_SKEW_MAX_MS).unwrap();
    assert_eq!(checked(&proof, NOW + CLOCK_SKEW_MAX_MS + 1), Err(DpopError::ClockApart));
    let mut other = claims();
    other["jti"] = json!("2");
    assert_ne!(checked(&signed(&header(), &other), NOW).unwrap().name, proven.name);
}

#[test]
fn every_claim_that_disagrees_is_refused_by_its_own_name() {
    for (claim, value, refused) in [
        ("htm", json!("POST"), DpopError::OtherRequest),
        ("htu", json!("https://halloo.example/b"), DpopError::OtherRequest),
        ("htu", json!("https://halloo.example.org/a"), DpopError::OtherRequest),
        ("htu", json!("https://halloo.example/a?b"), DpopError::OtherRequest),
        ("iat", json!(0), DpopError::ClockApart),
        ("iat", json!(u64::MAX), DpopError::ClockApart),
        ("iat", json!("now"), DpopError::Malformed),
        ("ath", json!("x"), DpopError::OtherToken),
        ("ath", json!(null), DpopError::OtherToken),
        ("jti", json!(""), DpopError::Malformed),
        ("jti", json!("x".repeat(129)), DpopError::Malformed),
    ] {
        let mut claims = claims();
        claims[claim] = value.clone();
        assert_eq!(checked(&signed(&header(), &claims), NOW), Err(refused), "{claim} {value}");
    }
}

#[test]
fn another_key_type_or_algorithm_in_the_header_is_no_proof() {
    let other = jose::Jwk::of(&SigningKey::from_bytes(&[8; 32]).verifying_key().to_bytes());
    for (member, value) in
        [("jwk", json!(other)), ("jwk", json!(null)), ("alg", json!("none")), ("typ", json!("JWT"))]
    {
        let mut header = header();
        header[member] = value.clone();
        let refused = checked(&signed(&header, &claims()), NOW);
        assert_eq!(refused, Err(DpopError::Malformed), "{member} {value}");
    }
}

proptest! {
    #[test]
    fn any_payload_under_a_good_signature_is_refused_or_agrees(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
        let proof = jose::sign(&key(), header().to_string().as_bytes(), &payload);
        prop_assert!(checked(&proof, NOW).is_err());
    }

    #[test]
    fn no_text_makes_the_check_fall_over(text in ".{0,200}") {
        prop_assert_eq!(checked(&text, NOW), Err(DpopError::Malformed));
    }
}
