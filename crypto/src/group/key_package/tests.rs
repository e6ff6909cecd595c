//! Tests of the static check, with key packages that their owner made by hand.

use super::*;
use mls_rs::time::MlsTime;
use mls_rs_core::extension::{Extension, ExtensionList, ExtensionType};
use rand_core::{Rng as _, SeedableRng as _};

pub(in crate::group) const GROUP: GroupId = GroupId([1; 32]);

fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

fn secret(seed: u8) -> KeyPackageSecret {
    let mut rng = rng(seed);
    let device = DeviceSecret::generate(&mut rng);
    KeyPackageSecret::generate(GROUP, &device, &mut rng).unwrap()
}

/// What a hostile owner may choose of a key package; signed again with the owner's own key.
pub(in crate::group) struct Forge {
    pub(in crate::group) init_key: Vec<u8>,
    pub(in crate::group) leaf: LeafNode,
    pub(in crate::group) extensions: ExtensionList,
    pub(in crate::group) suite: u16,
}

fn sign(signer: &SignatureSecretKey, label: &str, content: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    byte_vec::mls_encode(&[b"MLS 1.0 ", label.as_bytes()].concat(), &mut message).unwrap();
    byte_vec::mls_encode(&content, &mut message).unwrap();
    Suite.sign(signer, &message).unwrap()
}

/// A key package message that the owner of `secret` made by hand.
pub(in crate::group) fn forge(secret: &KeyPackageSecret, change: impl FnOnce(&mut Forge)) -> Vec<u8> {
    let Parsed { package, leaf } = decode(&secret.message).unwrap();
    let mut forge = Forge {
        init_key: package.hpke_init_key.to_vec(),
        leaf,
        extensions: package.extensions.clone(),
        suite: 1,
    };
    change(&mut forge);
    let unsigned_leaf = unsigned(&forge.leaf, &forge.leaf.signature).unwrap();
    forge.leaf.signature = sign(&secret.signer, "LeafNodeTBS", &unsigned_leaf);
    let mut bytes = vec![0, 1];
    bytes.extend_from_slice(&forge.suite.to_be_bytes());
    byte_vec::mls_encode(&forge.init_key, &mut bytes).unwrap();
    forge.leaf.mls_encode(&mut bytes).unwrap();
    forge.extensions.mls_encode(&mut bytes).unwrap();
    let signature = sign(&secret.signer, "KeyPackageTBS", &bytes);
    byte_vec::mls_encode(&signature, &mut bytes).unwrap();
    [&[0, 1, 0, 5], bytes.as_slice()].concat()
}

fn check_forged(change: impl FnOnce(&mut Forge)) -> Result<KeyPackageInfo, PeerFault> {
    check_key_package(&GROUP, &forge(&secret(3), change))
}

#[test]
fn what_is_generated_passes_and_names_its_device() {
    let secret = secret(1);
    let info = check_key_package(&GROUP, secret.key_package()).unwrap();
    assert_eq!(info.device, secret.device);
    assert_eq!(info.leaf_key, secret.identity.signature_key.as_bytes());
    assert!(secret.key_package().len() <= MAX_KEY_PACKAGE_BYTES);
    let other = check_key_package(&GROUP, super::tests::secret(2).key_package()).unwrap();
    assert_ne!(info.reference, other.reference);
}

#[test]
fn an_honest_forgery_is_the_same_package() {
    let secret = secret(3);
    assert_eq!(forge(&secret, |_| {}), secret.message);
}

#[test]
fn whatever_would_spoil_later_commits_is_refused() {
    let not_allowed = |result: Result<_, _>| assert!(matches!(result, Err(PeerFault::NotAllowed(_))));
    let odd = || Extension::new(ExtensionType::new(0xF4FF), vec![]);
    not_allowed(check_forged(|forge| forge.extensions = vec![odd()].into()));
    not_allowed(check_forged(|forge| forge.leaf.extensions = vec![odd()].into()));
    not_allowed(check_forged(|forge| forge.leaf.capabilities.extensions.clear()));
    not_allowed(check_forged(|forge| forge.leaf.capabilities.credentials.clear()));
    not_allowed(check_forged(|forge| {
        forge.leaf.capabilities.extensions.push(ExtensionType::new(0xF4FF));
    }));
    not_allowed(check_forged(|forge| forge.suite = 3));
    not_allowed(check_forged(|forge| {
        forge.leaf.leaf_node_source = LeafNodeSource::Update;
    }));
    not_allowed(check_forged(|forge| {
        if let LeafNodeSource::KeyPackage(lifetime) = &mut forge.leaf.leaf_node_source {
            lifetime.not_after = MlsTime::from(1_700_000_000);
        }
    }));
    not_allowed(check_forged(|forge| {
        if let LeafNodeSource::KeyPackage(lifetime) = &mut forge.leaf.leaf_node_source {
            lifetime.not_before = MlsTime::from(1);
        }
    }));
}

#[test]
fn keys_that_nobody_can_seal_to_are_refused() {
    let weak = Err(PeerFault::WeakKey);
    assert_eq!(check_forged(|forge| forge.init_key = vec![0; 32]), weak);
    assert_eq!(check_forged(|forge| forge.init_key = vec![9; 31]), weak);
    assert_eq!(check_forged(|forge| forge.leaf.public_key = vec![0; 32].into()), weak);
    assert_eq!(check_forged(|forge| forge.init_key = forge.leaf.public_key.to_vec()), weak);
}

#[test]
fn a_leaf_key_without_its_devices_word_is_refused() {
    let other = secret(4);
    let check = check_forged(|forge| {
        let key = forge.leaf.signing_identity.signature_key.clone();
        forge.leaf.signing_identity = other.identity.clone();
        forge.leaf.signing_identity.signature_key = key;
    });
    assert_eq!(check, Err(PeerFault::Uncertified));
    let elsewhere = check_key_package(&GroupId([2; 32]), secret(3).key_package());
    assert_eq!(elsewhere, Err(PeerFault::Uncertified));
}

#[test]
fn every_altered_byte_and_every_cut_is_refused() {
    let secret = secret(5);
    let message = secret.key_package();
    for at in 0..message.len() {
        let mut altered = message.to_vec();
        altered[at] ^= 1 << (at % 8);
        assert!(check_key_package(&GROUP, &altered).is_err(), "byte {at}");
        assert!(check_key_package(&GROUP, &message[..at]).is_err(), "cut {at}");
    }
    let longer = [message, &[0]].concat();
    assert!(check_key_package(&GROUP, &longer).is_err());
    let long = vec![0; MAX_KEY_PACKAGE_BYTES + 1];
    assert_eq!(check_key_package(&GROUP, &long), Err(PeerFault::TooLong));
}

#[test]
fn random_bytes_are_no_key_package_and_no_secret() {
    let mut rng = rng(6);
    for _ in 0..3_000 {
        let mut bytes = vec![0; (rng.next_u32() % 500) as usize];
        rng.fill_bytes(&mut bytes);
        for (byte, header) in bytes.iter_mut().zip([0, 1, 0, 5, 0, 1, 0, 1, 32]) {
            *byte = header;
        }
        assert!(check_key_package(&GROUP, &bytes).is_err());
        assert!(KeyPackageSecret::from_bytes(&bytes).is_err());
    }
}

#[test]
fn damaged_secrets_are_refused_or_harmless() {
    let mut rng = rng(7);
    let bytes = secret(8).to_bytes().expose().clone();
    for _ in 0..500 {
        let mut altered = bytes.clone();
        let at = rng.next_u32() as usize % altered.len();
        altered[at] = altered[at].wrapping_add(1 + (rng.next_u32() % 255) as u8);
        let _ = KeyPackageSecret::from_bytes(&altered);
        assert!(KeyPackageSecret::from_bytes(&bytes[..at]).is_err());
    }
}
