//! Tests of the certification of leaves.

use super::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

const GROUP: GroupId = GroupId([1; 32]);

fn device(seed: u8) -> DeviceSecret {
    DeviceSecret::generate(&mut ChaCha20Rng::from_seed([seed; 32]))
}

fn leaf_key(byte: u8) -> SignaturePublicKey {
    SignaturePublicKey::new_slice(&[byte; 32])
}

fn altered(identity: &SigningIdentity, alter: impl FnOnce(&mut Vec<u8>)) -> SigningIdentity {
    let mut data = identity.credential.as_custom().unwrap().data().to_vec();
    alter(&mut data);
    let credential = Credential::Custom(CustomCredential::new(CREDENTIAL, data));
    SigningIdentity::new(credential, identity.signature_key.clone())
}

#[test]
fn a_leaf_is_certified_for_one_key_in_one_group() {
    let device = device(1);
    let identity = certify(&GROUP, &device, leaf_key(5));
    assert_eq!(check(&GROUP, &identity), Ok(device.id()));
    assert_eq!(device_of(&identity), Some(device.id()));
    let uncertified = Err(PeerFault::Uncertified);
    assert_eq!(check(&GroupId([2; 32]), &identity), uncertified);
    let mut moved = identity.clone();
    moved.signature_key = leaf_key(6);
    assert_eq!(check(&GROUP, &moved), uncertified);
}

#[test]
fn every_altered_byte_and_length_is_refused() {
    let identity = certify(&GROUP, &device(2), leaf_key(5));
    for at in 0..CREDENTIAL_LEN {
        let altered = altered(&identity, |data| data[at] ^= 1);
        assert_eq!(check(&GROUP, &altered), Err(PeerFault::Uncertified), "byte {at}");
    }
    for cut in [0, 1, CREDENTIAL_LEN - 1] {
        let altered = altered(&identity, |data| data.truncate(cut));
        assert_eq!(device_of(&altered), None);
    }
    assert_eq!(device_of(&altered(&identity, |data| data.push(0))), None);
}

#[test]
fn a_basic_credential_is_nobody() {
    let basic = mls_rs_core::identity::BasicCredential::new(b"alice".to_vec());
    let identity = SigningIdentity::new(basic.into_credential(), leaf_key(5));
    assert_eq!(check(&GROUP, &identity), Err(PeerFault::Uncertified));
    assert!(Leaves(GROUP).identity(&identity, &ExtensionList::new()).is_err());
}

#[test]
fn the_provider_allows_no_external_sender_and_no_change_of_key() {
    let device = device(3);
    let one = certify(&GROUP, &device, leaf_key(5));
    let two = certify(&GROUP, &device, leaf_key(6));
    let leaves = Leaves(GROUP);
    let none = ExtensionList::new();
    assert!(leaves.validate_external_sender(&one, None, None).is_err());
    assert_eq!(leaves.valid_successor(&one, &two, &none), Ok(false));
    assert_eq!(leaves.valid_successor(&one, &one, &none), Ok(true));
    assert_eq!(leaves.identity(&two, &none), Ok(device.id().as_bytes().to_vec()));
    assert_eq!(leaves.supported_types(), vec![CREDENTIAL]);
    assert_eq!(leaves.validate_member(&one, None, MemberValidationContext::None), Ok(()));
}
