//! Published MLS vectors (RFC 9420) through our cipher suite provider.
#![cfg(feature = "group")]
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

use halloo_crypto::group::provider::{Crypto, SUITE, Suite};
use mls_rs::identity::basic::BasicIdentityProvider;
use mls_rs::mls_rs_codec::MlsEncode as _;
use mls_rs::storage_provider::in_memory::InMemoryKeyPackageStorage;
use mls_rs::{Client, MlsMessage};
use mls_rs_core::crypto::{CipherSuiteProvider as _, HpkeCiphertext};
use mls_rs_core::key_package::KeyPackageData;
use serde_json::Value;

fn vectors(name: &str) -> Value {
    let path = format!("{}/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn bytes(value: &Value, key: &str) -> Vec<u8> {
    hex::decode(value[key].as_str().unwrap()).unwrap()
}

fn length(value: &Value) -> usize {
    usize::try_from(value["length"].as_u64().unwrap()).unwrap()
}

/// A vector with the variable-size length of RFC 9420, section 2.1.2; all of these are short.
fn opaque(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match bytes.len() {
        len @ 0..64 => out.push(u8::try_from(len).unwrap()),
        len => out.extend_from_slice(&(0x4000 | u16::try_from(len).unwrap()).to_be_bytes()),
    }
    out.extend_from_slice(bytes);
    out
}

fn labelled(label: &str, content: &[u8]) -> Vec<u8> {
    [opaque(format!("MLS 1.0 {label}").as_bytes()), opaque(content)].concat()
}

fn expand_with_label(secret: &[u8], label: &str, context: &[u8], len: usize) -> Vec<u8> {
    let length = u16::try_from(len).unwrap().to_be_bytes();
    let info = [length.as_slice(), &labelled(label, context)].concat();
    Suite.kdf_expand(secret, &info, len).unwrap().to_vec()
}

fn derive_secret(secret: &[u8], label: &str) -> Vec<u8> {
    expand_with_label(secret, label, b"", 32)
}

#[test]
fn the_labelled_functions_give_the_published_values() {
    let all = vectors("mls-crypto-basics.json");
    let case = &all["ref_hash"];
    let input = [opaque(case["label"].as_str().unwrap().as_bytes()), opaque(&bytes(case, "value"))].concat();
    assert_eq!(Suite.hash(&input).unwrap(), bytes(case, "out"));

    let case = &all["expand_with_label"];
    let label = case["label"].as_str().unwrap();
    let context = bytes(case, "context");
    assert_eq!(expand_with_label(&bytes(case, "secret"), label, &context, length(case)), bytes(case, "out"));

    let case = &all["derive_secret"];
    let label = case["label"].as_str().unwrap();
    assert_eq!(derive_secret(&bytes(case, "secret"), label), bytes(case, "out"));

    let case = &all["derive_tree_secret"];
    let label = case["label"].as_str().unwrap();
    let generation = u32::try_from(case["generation"].as_u64().unwrap()).unwrap();
    assert_eq!(
        expand_with_label(&bytes(case, "secret"), label, &generation.to_be_bytes(), length(case)),
        bytes(case, "out")
    );
}

#[test]
fn signatures_with_a_label_are_the_published_ones_and_no_other_verifies() {
    let case = &vectors("mls-crypto-basics.json")["sign_with_label"];
    let content = labelled(case["label"].as_str().unwrap(), &bytes(case, "content"));
    let public = bytes(case, "pub").into();
    let mut signature = bytes(case, "signature");
    Suite.verify(&public, &signature, &content).unwrap();
    let secret = bytes(case, "priv").into();
    assert_eq!(Suite.sign(&secret, &content).unwrap(), signature);
    let derived = Suite.signature_key_derive_public(&secret).unwrap();
    assert_eq!(derived, public);
    signature[3] ^= 1;
    assert!(Suite.verify(&public, &signature, &content).is_err());
}

#[test]
fn the_published_ciphertext_opens() {
    let case = &vectors("mls-crypto-basics.json")["encrypt_with_label"];
    let info = labelled(case["label"].as_str().unwrap(), &bytes(case, "context"));
    let mut sealed =
        HpkeCiphertext { kem_output: bytes(case, "kem_output"), ciphertext: bytes(case, "ciphertext") };
    let (secret, public) = (bytes(case, "priv").into(), bytes(case, "pub").into());
    let opened = Suite.hpke_open(&sealed, &secret, &public, &info, None).unwrap();
    assert_eq!(opened.to_vec(), bytes(case, "plaintext"));
    sealed.ciphertext[0] ^= 1;
    assert!(Suite.hpke_open(&sealed, &secret, &public, &info, None).is_err());
}

#[test]
fn the_key_schedule_gives_the_published_secrets_over_two_epochs() {
    let all = vectors("mls-key-schedule.json");
    let mut init = bytes(&all, "initial_init_secret");
    for epoch in all["epochs"].as_array().unwrap() {
        let context = bytes(epoch, "group_context");
        let extracted = Suite.kdf_extract(&init, &bytes(epoch, "commit_secret")).unwrap();
        let joiner = expand_with_label(&extracted, "joiner", &context, 32);
        assert_eq!(joiner, bytes(epoch, "joiner_secret"));
        let member = Suite.kdf_extract(&joiner, &bytes(epoch, "psk_secret")).unwrap();
        assert_eq!(derive_secret(&member, "welcome"), bytes(epoch, "welcome_secret"));
        let secret = expand_with_label(&member, "epoch", &context, 32);
        for (label, name) in [
            ("sender data", "sender_data_secret"),
            ("encryption", "encryption_secret"),
            ("exporter", "exporter_secret"),
            ("external", "external_secret"),
            ("confirm", "confirmation_key"),
            ("membership", "membership_key"),
            ("resumption", "resumption_psk"),
            ("authentication", "epoch_authenticator"),
        ] {
            assert_eq!(derive_secret(&secret, label), bytes(epoch, name), "{label}");
        }
        let (_, external) = Suite.kem_derive(&bytes(epoch, "external_secret")).unwrap();
        assert_eq!(external.to_vec(), bytes(epoch, "external_pub"));
        init = derive_secret(&secret, "init");
        assert_eq!(init, bytes(epoch, "init_secret"));
    }
}

/// A welcome that another implementation made, joined by mls-rs on our provider: the whole of sections 7, 8, 10 and
/// 12.4.3 of the RFC at once.
#[test]
fn the_published_welcome_is_joined_and_gives_the_published_epoch() {
    let case = vectors("mls-passive-client-welcome.json");
    let message = MlsMessage::from_bytes(&bytes(&case, "key_package")).unwrap();
    let package = message.as_key_package().unwrap();
    let id = package.to_reference(&Suite).unwrap().to_vec();
    let data = KeyPackageData::new(
        package.mls_encode_to_vec().unwrap(),
        bytes(&case, "init_priv").into(),
        bytes(&case, "encryption_priv").into(),
        0,
    );
    let packages = InMemoryKeyPackageStorage::default();
    packages.insert(id, data);
    let client = Client::builder()
        .key_package_repo(packages)
        .crypto_provider(Crypto)
        .identity_provider(BasicIdentityProvider::new())
        .signing_identity(package.signing_identity().clone(), bytes(&case, "signature_priv").into(), SUITE)
        .build();
    let welcome = MlsMessage::from_bytes(&bytes(&case, "welcome")).unwrap();
    let (group, _) = client.join_group(None, &welcome, None).unwrap();
    let authenticator = group.epoch_authenticator().unwrap();
    assert_eq!(authenticator.as_bytes(), bytes(&case, "initial_epoch_authenticator"));
    assert_eq!(client.key_package_store().key_packages().len(), 1);
}
