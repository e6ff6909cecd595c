//! The vectors of RFC 8291, and that what is sealed is opened by nobody but its subscription.

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    URL_SAFE_NO_PAD.decode(text).unwrap().try_into().unwrap()
}

/// Opens as a browser does, from the other side of the exchange.
fn opened(to: &SecretKey, secret: &[u8; 16], body: &[u8]) -> Option<Vec<u8>> {
    let (salt, rest) = body.split_first_chunk::<16>()?;
    let (size, rest) = rest.split_first_chunk::<4>()?;
    assert_eq!(u32::from_be_bytes(*size), 4_096);
    let (length, rest) = rest.split_first()?;
    let (sender, sealed) = rest.split_at(usize::from(*length));
    let sender_key = PublicKey::from_sec1_bytes(sender).ok()?;
    let shared = p256::ecdh::diffie_hellman(to.to_nonzero_scalar(), sender_key.as_affine());
    let key = es256::point(&to.public_key());
    let of = Subscription { key: &key, secret };
    let (key, nonce) = keys(&of, sender, shared.raw_secret_bytes().as_slice(), salt);
    let mut record = Aes128Gcm::new(&key.into()).decrypt(&Nonce::from(nonce), sealed).ok()?;
    while record.last() == Some(&0) {
        record.pop();
    }
    (record.pop() == Some(LAST)).then_some(record)
}

#[test]
fn the_example_of_rfc_8291_comes_out_byte_by_byte() {
    // Section 5 and appendix A.
    let sender = SecretKey::from_slice(&bytes::<32>("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")).unwrap();
    let key =
        bytes("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4");
    let secret = bytes("BTBZMqHH6r4Tts7J_aSIgg");
    let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw");
    let to = Subscription { key: &key, secret: &secret };
    let body = seal_with(&to, b"When I grow up, I want to be a watermelon", &sender, &salt).unwrap();
    assert_eq!(
        URL_SAFE_NO_PAD.encode(&body),
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    );
    let private = SecretKey::from_slice(&bytes::<32>("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94")).unwrap();
    assert_eq!(opened(&private, &secret, &body).unwrap(), b"When I grow up, I want to be a watermelon");
}

#[test]
fn a_key_that_is_no_point_is_refused() {
    for key in [[0; 65], [4; 65], [0xFF; 65]] {
        let to = Subscription { key: &key, secret: &[1; 16] };
        assert_eq!(seal(&to, b"wake", &mut ChaCha20Rng::from_seed([1; 32])), Err(NoPoint));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_sealed_is_opened_by_its_subscription_and_by_no_other(
        seed in any::<[u8; 32]>(), secret in any::<[u8; 16]>(), plaintext in proptest::collection::vec(1..=255_u8, 0..64),
    ) {
        let mut rng = ChaCha20Rng::from_seed(seed);
        let (mine, other) = (es256::generate(&mut rng), es256::generate(&mut rng));
        let key = es256::point(&mine.public_key());
        let to = Subscription { key: &key, secret: &secret };
        let body = seal(&to, &plaintext, &mut rng).unwrap();
        prop_assert_ne!(&body, &seal(&to, &plaintext, &mut rng).unwrap(), "drawn anew");
        prop_assert_eq!(opened(&mine, &secret, &body), Some(plaintext));
        prop_assert_eq!(opened(&other, &secret, &body), None);
    }
}
