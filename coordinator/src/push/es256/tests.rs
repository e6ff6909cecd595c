//! Tokens hold for whoever checks them by the public key.

use super::*;
use p256::ecdsa::VerifyingKey;
use p256::ecdsa::signature::Verifier as _;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use serde_json::json;

#[test]
fn a_token_holds_by_its_key_and_for_nothing_else() {
    let secret = generate(&mut ChaCha20Rng::from_seed([1; 32]));
    let text = token(&SigningKey::from(&secret), &json!({"alg": "ES256"}), &json!({"aud": "x"}));
    let (signed, signature) = text.rsplit_once('.').unwrap();
    let signature = Signature::from_slice(&URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
    let by = VerifyingKey::from_sec1_bytes(&point(&secret.public_key())).unwrap();
    by.verify(signed.as_bytes(), &signature).unwrap();
    by.verify(b"something else", &signature).unwrap_err();
    let (header, claims) = signed.split_once('.').unwrap();
    assert_eq!(URL_SAFE_NO_PAD.decode(header).unwrap(), br#"{"alg":"ES256"}"#);
    assert_eq!(URL_SAFE_NO_PAD.decode(claims).unwrap(), br#"{"aud":"x"}"#);
}
