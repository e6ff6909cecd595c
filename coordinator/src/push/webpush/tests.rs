//! What every push has, and what is made of each answer.

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

const NOW: u64 = 1_800_000_000_000;

fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

fn post(seed: u8, url: &str, contact: Option<&str>) -> Post {
    let device = es256::point(&es256::generate(&mut rng(seed)).public_key());
    let to = Subscription { key: &device, secret: &[seed; 16] };
    let vapid = Vapid::new(&es256::generate(&mut rng(9)), contact.map(str::to_owned));
    vapid.post((url.parse().unwrap(), &to), NOW, &mut rng(seed)).unwrap()
}

fn header<'a>(post: &'a Post, name: &str) -> &'a str {
    &post.headers.iter().find(|(header, _)| *header == name).unwrap().1
}

#[test]
fn every_push_to_whomever_has_the_same_headers_and_the_same_number_of_bytes() {
    let (one, two) = (post(1, "https://a.example/x", None), post(2, "https://b.example/yy", None));
    assert_eq!(one.body.len(), two.body.len());
    assert_ne!(one.body, two.body);
    for name in ["content-encoding", "content-type", "ttl", "urgency", "topic"] {
        assert_eq!(header(&one, name), header(&two, name));
    }
    assert_eq!((header(&one, "ttl"), header(&one, "content-encoding")), ("1209600", "aes128gcm"));
}

#[test]
fn a_push_service_can_check_who_sends() {
    let post = post(1, "https://push.example:8443/x?y=z", Some("mailto:me@halloo.example"));
    let rest = header(&post, "authorization").strip_prefix("vapid t=").unwrap();
    let (token, key) = rest.split_once(", k=").unwrap();
    let key = VerifyingKey::from_sec1_bytes(&URL_SAFE_NO_PAD.decode(key).unwrap()).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = Signature::from_slice(&URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
    key.verify(signed.as_bytes(), &signature).unwrap();
    let claims = URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().1).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["aud"], "https://push.example:8443");
    assert_eq!(claims["sub"], "mailto:me@halloo.example");
    assert_eq!(claims["exp"], NOW / 1_000 + 12 * 3_600);
}

#[test]
fn what_is_made_of_each_answer() {
    let said = |status, retry_ms| verdict(&Answer { status, retry_ms, body: Vec::new() });
    for status in [200, 201, 202, 204] {
        assert_eq!(said(status, None), Verdict::Taken);
    }
    for status in [404, 410] {
        assert_eq!(said(status, Some(1_000)), Verdict::Gone);
    }
    for status in [408, 429, 500, 502, 503, 507] {
        assert_eq!(said(status, Some(7_000)), Verdict::Later(Some(7_000)));
        assert_eq!(said(status, None), Verdict::Later(None));
    }
    for status in [301, 307, 308, 400, 401, 403, 405, 413] {
        assert_eq!(said(status, None), Verdict::Refused);
    }
}
