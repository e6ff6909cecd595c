//! Tests: signatures and their domains, certificates, revocations, safety numbers; Wycheproof Ed25519.

use proptest::prelude::*;
use rand_core::SeedableRng as _;
use serde_json::Value;

use super::*;

fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

const DOMAINS: [Domain; 21] = [
    Domain::Certificate,
    Domain::DeviceConsent,
    Domain::Revocation,
    Domain::LogOperation,
    Domain::Acknowledgement,
    Domain::Content,
    Domain::LiveCell,
    Domain::GroupLeaf,
    Domain::Nack,
    Domain::MembershipProof,
    Domain::MediaCheckpoint,
    Domain::MediaAnnouncement,
    Domain::Mailbox,
    Domain::TicketRequest,
    Domain::Ticket,
    Domain::InviteProof,
    Domain::JoinRequest,
    Domain::CallSignal,
    Domain::Readmission,
    Domain::Login,
    Domain::Voucher,
];

#[test]
fn wycheproof_ed25519_vectors_hold_but_for_what_strictness_refuses() {
    let file: Value =
        serde_json::from_str(include_str!("../../vectors/wycheproof_ed25519.json")).expect("JSON");
    let tests = file["tests"].as_array().expect("tests");
    assert_eq!(tests.len(), 151);
    for test in tests {
        let field = |name: &str| hex::decode(test[name].as_str().expect("hex")).expect("hex");
        let key: [u8; 32] = field("pk").try_into().expect("32 bytes");
        let verified = match <[u8; 64]>::try_from(field("sig")) {
            Ok(signature) => verify_raw(&key, &field("msg"), &Signature(signature)).is_ok(),
            Err(_) => false,
        };
        assert_eq!(Value::Bool(verified), test["valid"], "test {}", test["id"]);
    }
}

#[test]
fn weak_keys_verify_nothing() {
    // The neutral point as key and R, S = 0: plain verification accepts it for every message.
    let mut key = [0_u8; 32];
    key[0] = 1;
    let mut signature = [0_u8; 64];
    signature[0] = 1;
    let verified = verify(&DeviceId(key), Domain::Content, b"anything", &Signature(signature));
    assert_eq!(verified, Err(IdentityError::BadSignature));
    assert_eq!(
        verify(&DeviceId([0xff; 32]), Domain::Content, b"", &Signature(signature)),
        Err(IdentityError::BadSignature)
    );
}

#[test]
fn a_signature_counts_in_its_own_domain_only() {
    let device = DeviceSecret::generate(&mut rng(1));
    for signed in DOMAINS {
        let signature = device.sign(signed, b"message");
        for checked in DOMAINS {
            let verified = verify(&device.id(), checked, b"message", &signature).is_ok();
            assert_eq!(verified, signed == checked, "{signed:?} as {checked:?}");
        }
    }
    let contexts: std::collections::BTreeSet<&str> = DOMAINS.iter().map(|domain| domain.context()).collect();
    assert_eq!(contexts.len(), DOMAINS.len());
}

#[test]
fn an_account_signs_too_and_is_not_a_device() {
    let account = AccountSecret::generate(&mut rng(2));
    let signature = account.sign(Domain::Revocation, b"m");
    assert_eq!(verify_account(&account.id(), Domain::Revocation, b"m", &signature), Ok(()));
    assert!(verify_account(&account.id(), Domain::Revocation, b"n", &signature).is_err());
}

#[test]
fn secrets_survive_storage_and_refuse_other_bytes() {
    let account = AccountSecret::generate(&mut rng(3));
    let device = DeviceSecret::generate(&mut rng(4));
    let stored = account.to_bytes();
    assert_eq!(AccountSecret::from_bytes(stored.expose()).expect("reads").id(), account.id());
    let stored = device.to_bytes();
    let read = DeviceSecret::from_bytes(stored.expose()).expect("reads");
    assert_eq!((read.id(), read.box_public()), (device.id(), device.box_public()));
    for bytes in [&[][..], &[1], &[2; 33], &[1; 34], &stored.expose()[..64]] {
        assert!(AccountSecret::from_bytes(bytes).is_err());
        assert!(DeviceSecret::from_bytes(bytes).is_err());
    }
    assert!(!format!("{device:?} {account:?}").contains(&hex::encode(&stored.expose()[1..5])));
}

#[test]
fn a_certificate_needs_both_words_about_the_same_fields() {
    let account = AccountSecret::generate(&mut rng(5));
    let device = DeviceSecret::generate(&mut rng(6));
    let good = DeviceCertificate::issue(&account, &device, 1_700_000_000_000);
    assert_eq!(good.verify(), Ok(()));
    let thief = AccountSecret::generate(&mut rng(7));
    let bytes = certified(&thief.id(), &good.device, &good.box_key, good.created_ms);
    let signature = thief.sign(Domain::Certificate, &bytes);
    let claimed = DeviceCertificate { account: thief.id(), signature, ..good.clone() };
    assert_eq!(claimed.verify(), Err(IdentityError::BadSignature), "a device taken without its consent");
    let changed = [
        DeviceCertificate { created_ms: 0, ..good.clone() },
        DeviceCertificate { box_key: BoxPublic([1; 32]), ..good.clone() },
        DeviceCertificate { device: DeviceSecret::generate(&mut rng(8)).id(), ..good.clone() },
        DeviceCertificate { consent: good.signature, ..good.clone() },
    ];
    assert!(changed.iter().all(|certificate| certificate.verify().is_err()));
}

#[test]
fn a_revocation_binds_account_device_and_time() {
    let account = AccountSecret::generate(&mut rng(9));
    let good = Revocation::issue(&account, DeviceId([1; 32]), 5);
    assert_eq!(good.verify(), Ok(()));
    assert!(Revocation { device: DeviceId([2; 32]), ..good.clone() }.verify().is_err());
    assert!(Revocation { revoked_ms: 6, ..good.clone() }.verify().is_err());
    assert!(Revocation { account: AccountId([3; 32]), ..good }.verify().is_err());
}

#[test]
fn a_safety_number_is_the_same_from_both_sides_and_changes_with_either() {
    let [a, b, c] = [1_u8, 2, 3].map(|seed| AccountSecret::generate(&mut rng(seed)).id());
    let number = safety_number(&a, &b);
    assert_eq!(number, safety_number(&b, &a));
    assert_ne!(number, safety_number(&a, &c));
    let groups: Vec<&str> = number.split(' ').collect();
    assert_eq!(groups.len(), 12);
    assert!(groups.iter().all(|group| group.len() == 5 && group.bytes().all(|digit| digit.is_ascii_digit())));
    assert!(number.contains(&safety_half(&a)[..5]));
}

proptest! {
    #[test]
    fn certificates_survive_their_bytes(seed in any::<u8>(), at_ms in any::<u64>()) {
        let mut rng = rng(seed);
        let account = AccountSecret::generate(&mut rng);
        let certificate = DeviceCertificate::issue(&account, &DeviceSecret::generate(&mut rng), at_ms);
        let bytes = certificate.to_bytes();
        prop_assert_eq!(bytes.len(), DeviceCertificate::LEN);
        prop_assert_eq!(DeviceCertificate::from_bytes(&bytes), Ok(certificate));
    }
}

#[test]
fn mutated_certificates_are_refused_or_do_not_verify() {
    let mut rng = rng(10);
    let account = AccountSecret::generate(&mut rng);
    let good = DeviceCertificate::issue(&account, &DeviceSecret::generate(&mut rng), 77);
    for _ in 0..300 {
        let mut bytes = good.to_bytes();
        let at = rng.next_u32() as usize % bytes.len();
        bytes[at] ^= 1 << (rng.next_u32() % 8);
        if let Ok(certificate) = DeviceCertificate::from_bytes(&bytes) {
            assert!(certificate.verify().is_err(), "byte {at}");
        }
        let mut noise = vec![1_u8; rng.next_u32() as usize % 300];
        rng.fill_bytes(&mut noise);
        let _ = DeviceCertificate::from_bytes(&noise);
        let _ = DeviceSecret::from_bytes(&noise);
    }
}
