//! Tests of the primitives: agreement, refusal, no chance without a loan.

use super::*;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

fn keys(rng: &mut ChaCha20Rng) -> (HpkeSecretKey, HpkePublicKey) {
    desk::lend(rng, || Suite.kem_generate()).unwrap()
}

/// The judge of the table: the exchange itself.
fn exchange_contributes(key: [u8; 32]) -> bool {
    let secret = x25519_dalek::StaticSecret::from([7; 32]);
    secret.diffie_hellman(&x25519_dalek::PublicKey::from(key)).was_contributory()
}

#[test]
fn the_table_of_small_orders_is_what_the_exchange_says() {
    for key in SMALL_ORDER {
        for top in [0, 0x80] {
            let mut key = key;
            key[31] |= top;
            assert!(!exchange_contributes(key), "{key:?}");
            assert!(!contributory(&key), "{key:?}");
        }
        for bit in 0..255 {
            let mut near = key;
            near[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(contributory(&near), exchange_contributes(near), "{near:?}");
        }
    }
    let mut rng = rng(1);
    for _ in 0..64 {
        let mut key = [0; 32];
        rng.fill_bytes(&mut key);
        assert!(contributory(&key) && exchange_contributes(key));
    }
    assert!(!contributory(&[9; 31]) && !contributory(&[9; 33]) && !contributory(&[]));
}

#[test]
fn hpke_opens_what_it_sealed_and_nothing_else() {
    let mut rng = rng(2);
    let (secret, public) = keys(&mut rng);
    let (other, _) = keys(&mut rng);
    let sealed = desk::lend(&mut rng, || Suite.hpke_seal(&public, b"info", Some(b"aad"), b"text")).unwrap();
    let open = |key: &HpkeSecretKey, sealed: &HpkeCiphertext, info: &[u8], aad: &[u8]| {
        Suite.hpke_open(sealed, key, &public, info, Some(aad))
    };
    assert_eq!(open(&secret, &sealed, b"info", b"aad").unwrap().as_slice(), b"text");
    assert!(open(&other, &sealed, b"info", b"aad").is_err());
    assert!(open(&secret, &sealed, b"other", b"aad").is_err());
    assert!(open(&secret, &sealed, b"info", b"other").is_err());
    let mut cut = sealed.clone();
    cut.ciphertext.pop();
    assert!(open(&secret, &cut, b"info", b"aad").is_err());
    let mut weak = sealed.clone();
    weak.kem_output = vec![0; 32];
    assert!(open(&secret, &weak, b"info", b"aad").is_err());
    weak.kem_output = vec![];
    assert!(open(&secret, &weak, b"info", b"aad").is_err());
}

#[test]
fn hpke_with_a_shared_key_wants_the_same_one() {
    let mut rng = rng(3);
    let (secret, public) = keys(&mut rng);
    let (one, two) = (HpkePsk::new(b"id", &[1; 32]), HpkePsk::new(b"id", &[2; 32]));
    let sealed =
        desk::lend(&mut rng, || Suite.hpke_seal_psk(&public, b"", None, b"text", one.clone())).unwrap();
    let open = |psk| Suite.hpke_open_psk(&sealed, &secret, &public, b"", None, psk);
    assert_eq!(open(one).unwrap().as_slice(), b"text");
    assert!(open(two).is_err());
}

#[test]
fn hpke_contexts_agree_on_messages_and_exports() {
    let mut rng = rng(4);
    let (secret, public) = keys(&mut rng);
    let (kem, mut sender) = desk::lend(&mut rng, || Suite.hpke_setup_s(&public, b"i")).unwrap();
    let mut receiver = Suite.hpke_setup_r(&kem, &secret, &public, b"i").unwrap();
    for text in [b"one", b"two"] {
        let sealed = sender.seal(Some(b"a"), text).unwrap();
        assert_eq!(receiver.open(Some(b"a"), &sealed).unwrap().as_slice(), text);
    }
    assert_eq!(sender.export(b"c", 40).unwrap(), receiver.export(b"c", 40).unwrap());
    assert!(Suite.hpke_setup_r(&[0; 32], &secret, &public, b"i").is_err());
}

#[test]
fn nothing_is_sealed_to_a_key_of_small_order() {
    let mut rng = rng(5);
    let weak = HpkePublicKey::from(vec![0; 32]);
    assert!(Suite.kem_public_key_validate(&weak).is_err());
    let sealed = desk::lend(&mut rng, || Suite.hpke_seal(&weak, b"", None, b"text"));
    assert_eq!(sealed.err(), Some(ProviderError::WeakKey));
    let (_, strong) = keys(&mut rng);
    assert!(Suite.kem_public_key_validate(&strong).is_ok());
}

#[test]
fn without_a_lent_generator_every_draw_fails() {
    let key = HpkePublicKey::from(vec![9; 32]);
    assert_eq!(Suite.random_bytes(&mut [0; 4]), Err(ProviderError::NoChance));
    assert_eq!(Suite.kem_generate().err(), Some(ProviderError::NoChance));
    assert_eq!(Suite.signature_key_generate().err(), Some(ProviderError::NoChance));
    assert_eq!(Suite.hpke_seal(&key, b"", None, b"").err(), Some(ProviderError::NoChance));
    assert_eq!(Suite.hpke_setup_s(&key, b"").err(), Some(ProviderError::NoChance));
}

#[test]
fn aead_and_kdf_refuse_wrong_lengths_instead_of_panicking() {
    assert!(Suite.aead_seal(&[0; 15], b"", None, &[0; 12]).is_err());
    assert!(Suite.aead_seal(&[0; 16], b"", None, &[0; 11]).is_err());
    assert!(Suite.aead_open(&[0; 16], b"short", None, &[0; 12]).is_err());
    assert!(Suite.aead_open(&[0; 16], &[0; 40], None, &[0; 13]).is_err());
    assert!(Suite.kdf_expand(&[0; 31], b"", 32).is_err());
    assert!(Suite.kdf_expand(&[0; 32], b"", 255 * 32 + 1).is_err());
    let sealed = Suite.aead_seal(&[1; 16], b"text", Some(b"aad"), &[2; 12]).unwrap();
    let open = |aad| Suite.aead_open(&[1; 16], &sealed, aad, &[2; 12]);
    assert_eq!(open(Some(b"aad".as_slice())).unwrap().as_slice(), b"text");
    assert!(open(None).is_err());
}

#[test]
fn a_signature_of_a_weak_key_or_of_wrong_length_never_verifies() {
    let mut identity_point = [0; 32];
    identity_point[0] = 1;
    let weak = SignaturePublicKey::new_slice(&identity_point);
    let mut signature = [0; 64];
    signature[0] = 1;
    assert!(Suite.verify(&weak, &signature, b"anything").is_err());
    assert!(Suite.verify(&weak, &signature[..63], b"anything").is_err());
    let short = SignaturePublicKey::new_slice(&[1; 31]);
    assert!(Suite.verify(&short, &signature, b"anything").is_err());
    assert!(Suite.sign(&SignatureSecretKey::new_slice(&[1; 31]), b"").is_err());
}

#[test]
fn only_the_one_suite_is_given_out() {
    assert_eq!(Crypto.supported_cipher_suites(), vec![SUITE]);
    assert!(Crypto.cipher_suite_provider(SUITE).is_some());
    for other in (0..=7).filter(|suite| *suite != SUITE.raw_value()) {
        assert!(Crypto.cipher_suite_provider(CipherSuite::new(other)).is_none());
    }
    assert_eq!(Suite.cipher_suite().raw_value(), 1);
}
