//! Tests: a vouch and a consent make the certificate that the account would have made itself.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use super::*;

#[test]
fn a_vouch_becomes_the_certificate_in_the_hands_of_its_device_only() {
    let mut rng = ChaCha20Rng::from_seed([1; 32]);
    let account = AccountSecret::generate(&mut rng);
    let (device, other) = (DeviceSecret::generate(&mut rng), DeviceSecret::generate(&mut rng));
    let vouch = Vouch::issue(&account, &device.id(), &device.box_public(), 7);
    assert_eq!(vouch.accept(&device), Ok(DeviceCertificate::issue(&account, &device, 7)));
    assert_eq!(vouch.accept(&other), Err(IdentityError::BadSignature));
    let mut later = vouch.clone();
    later.created_ms += 1;
    assert_eq!(later.accept(&device), Err(IdentityError::BadSignature));
    let mut stolen = vouch;
    stolen.account = AccountSecret::generate(&mut rng).id();
    assert_eq!(stolen.accept(&device), Err(IdentityError::BadSignature));
}

#[test]
fn no_changed_bit_of_a_vouch_makes_a_certificate() {
    let mut rng = ChaCha20Rng::from_seed([2; 32]);
    let (account, device) = (AccountSecret::generate(&mut rng), DeviceSecret::generate(&mut rng));
    let vouch = Vouch::issue(&account, &device.id(), &device.box_public(), 7);
    for bit in 0..8 * Signature::LEN {
        let mut changed = vouch.clone();
        changed.signature.0[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(changed.accept(&device), Err(IdentityError::BadSignature), "bit {bit}");
    }
}
