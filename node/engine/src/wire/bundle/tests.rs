//! Join requests and bundles: who can make, open and forge them.

use super::*;
use halloo_crypto::identity::AccountSecret;
use rand_core::{Rng as _, SeedableRng as _};

fn person(seed: u64) -> (DeviceSecret, DeviceCertificate) {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let account = AccountSecret::generate(&mut rng);
    let device = DeviceSecret::generate(&mut rng);
    let certificate = DeviceCertificate::issue(&account, &device, 5);
    (device, certificate)
}

const GROUP: GroupId = GroupId([1; 32]);

fn request(certificate: DeviceCertificate) -> JoinRequest {
    JoinRequest {
        certificate,
        invite: OpId::from_bytes([2; 32]),
        invite_proof: Signature::from_bytes([3; 64]),
        key_package: vec![4; 300],
        name: "Ben".into(),
    }
}

fn bundle() -> Bundle {
    Bundle {
        group: GROUP,
        welcome: vec![1; 100],
        operations: vec![vec![2; 50], vec![3; 60]],
        acknowledgements: vec![vec![4; 20]],
        beacons: vec![vec![5; 67]],
        cells: vec![6; 30],
        trail: vec![vec![7; 40]],
    }
}

#[test]
fn a_request_is_verified_whole() {
    let (device, certificate) = person(1);
    let asked = request(certificate);
    let bytes = asked.to_bytes(&GROUP, &device);
    assert_eq!(JoinRequest::verify(&bytes, &GROUP).unwrap().request(), &asked);
    assert_eq!(JoinRequest::verify(&bytes, &GroupId::from_bytes([9; 32])), Err(WireError::BadSignature));
    for at in 0..bytes.len() {
        let mut forged = bytes.clone();
        forged[at] ^= 0x40;
        assert!(JoinRequest::verify(&forged, &GROUP).is_err(), "byte {at}");
        assert!(JoinRequest::verify(&bytes[..at], &GROUP).is_err(), "cut at {at}");
    }
    assert_eq!(JoinRequest::verify(&vec![1; MAX_REQUEST_BYTES + 1], &GROUP), Err(WireError::TooLong));
}

#[test]
fn a_request_is_signed_by_the_certified_device() {
    let (_, certificate) = person(1);
    let (other, _) = person(2);
    let bytes = request(certificate).to_bytes(&GROUP, &other);
    assert_eq!(JoinRequest::verify(&bytes, &GROUP), Err(WireError::BadSignature));
}

#[test]
fn a_bundle_reaches_its_newcomer_and_nobody_else() {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let (device, certificate) = person(1);
    let sealed = bundle().seal(&mut rng, &certificate).unwrap();
    let plain = Bundle::open(&GROUP, &device, &sealed).unwrap();
    assert_eq!(Bundle::parse(&plain), Ok(bundle()));
    let (other, _) = person(2);
    assert_eq!(Bundle::open(&GROUP, &other, &sealed), Err(WireError::BrokenSeal));
    assert_eq!(Bundle::open(&GroupId::from_bytes([9; 32]), &device, &sealed), Err(WireError::BrokenSeal));
}

#[test]
fn mutated_and_random_bundles_are_refused_or_canonical() {
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let valid = bundle().to_bytes();
    for round in 0..20_000_u32 {
        let mut bytes = valid.clone();
        let at = rng.next_u32() as usize % bytes.len();
        match round % 3 {
            0 => bytes[at] = rng.next_u32() as u8,
            1 => bytes.truncate(at),
            _ => rng.fill_bytes(&mut bytes[at..]),
        }
        if let Ok(bundle) = Bundle::parse(&bytes) {
            assert_eq!(bundle.to_bytes(), bytes, "one spelling only");
        }
    }
}

#[test]
fn a_welcome_back_is_read_as_it_was_written_and_refused_when_cut_or_long() {
    for decided in [false, true] {
        let back = WelcomeBack {
            decided,
            welcome: vec![1; 30],
            trail: vec![vec![2; 20], vec![3; 25]],
            beacons: vec![vec![4; 9]],
        };
        let bytes = back.to_bytes();
        assert_eq!(WelcomeBack::parse(&bytes), Ok(back));
        for cut in 0..bytes.len() {
            assert!(WelcomeBack::parse(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        assert_eq!(WelcomeBack::parse(&[bytes.as_slice(), &[0]].concat()), Err(WireError::NotCanonical));
    }
    assert_eq!(WelcomeBack::parse(&[1, 2, 0, 0, 0, 0, 0, 0]), Err(WireError::NotCanonical));
    assert_eq!(WelcomeBack::parse(&[2, 0, 0, 0, 0, 0, 0, 0]), Err(WireError::Version(2)));
    let long = WelcomeBack {
        decided: true,
        welcome: vec![1],
        trail: vec![vec![2; 20]; TRAIL_HANDED + 1],
        beacons: Vec::new(),
    };
    assert_eq!(WelcomeBack::parse(&long.to_bytes()), Err(WireError::TooLong));
}
