//! The published vectors through our wrappers, and what is refused.

use super::*;
use proptest::prelude::*;

/// RFC 8037, A.1.
const D: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
/// RFC 8037, A.4.
const SIGNED: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

fn signing() -> SigningKey {
    SigningKey::from_bytes(&from_text(D).unwrap().try_into().unwrap())
}

#[test]
fn the_key_and_the_thumbprint_of_rfc_8037_are_ours() {
    let key = signing().verifying_key().to_bytes();
    assert_eq!(Jwk::of(&key).x, X);
    assert_eq!(thumbprint(&key), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn the_signature_of_rfc_8037_is_made_and_verified() {
    let text = sign(&signing(), br#"{"alg":"EdDSA"}"#, b"Example of Ed25519 signing");
    assert_eq!(text, SIGNED);
    let jws = Jws::read(SIGNED).unwrap();
    assert_eq!(jws.payload, b"Example of Ed25519 signing");
    assert!(jws.is_by(&signing().verifying_key().to_bytes()));
    assert!(!jws.is_by(&[0; 32]), "a key of small order signs nothing");
}

#[test]
fn the_thumbprint_of_rfc_7638_comes_out() {
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let print = thumbprint_of(&BTreeMap::from([("kty", "RSA"), ("n", n), ("e", "AQAB")]));
    assert_eq!(to_text(&print), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

#[test]
fn other_algorithms_types_and_extensions_are_no_header_and_private_keys_no_key() {
    let read = |text: &str| Header::read(text.as_bytes(), "at+jwt").is_some();
    assert!(read(r#"{"alg":"EdDSA","typ":"at+jwt","other":1}"#));
    for bad in [
        r#"{"alg":"none","typ":"at+jwt"}"#,
        r#"{"alg":"HS256","typ":"at+jwt"}"#,
        r#"{"alg":"EdDSA","typ":"dpop+jwt"}"#,
        r#"{"alg":"EdDSA"}"#,
        r#"{"alg":"EdDSA","typ":"at+jwt","crit":["b64"]}"#,
        r#"{"alg":"EdDSA","alg":"none","typ":"at+jwt"}"#,
    ] {
        assert!(!read(bad), "{bad}");
    }
    let key = |text: &str| serde_json::from_str::<Jwk>(text).unwrap().key();
    assert!(key(&format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{X}"}}"#)).is_some());
    assert!(key(&format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{X}","d":"{D}"}}"#)).is_none());
    assert!(key(&format!(r#"{{"kty":"OKP","crv":"X25519","x":"{X}"}}"#)).is_none());
    assert!(key(&format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{X}="}}"#)).is_none());
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_fall_over(text in "[A-Za-z0-9_.=-]{0,300}") {
        if let Some(jws) = Jws::read(&text) {
            prop_assert!(!jws.is_by(&signing().verifying_key().to_bytes()));
            drop(Header::read(&jws.header, "at+jwt"));
        }
    }

    #[test]
    fn a_changed_letter_is_another_text_and_signed_by_nobody(at in 0..SIGNED.len(), letter in "[A-Za-z0-9_-]") {
        let mut text = SIGNED.to_owned();
        text.replace_range(at..=at, &letter);
        if text != SIGNED && let Some(jws) = Jws::read(&text) {
            prop_assert!(!jws.is_by(&signing().verifying_key().to_bytes()));
        }
    }
}
