//! Each shape and each signature that must be right, one broken at a time.

use halloo_crypto::id::{AccountId, InvitePublic, OpId, Signature};
use halloo_crypto::identity::{AccountSecret, DeviceCertificate, DeviceSecret, Revocation};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use super::*;
use crate::log::op::{OpContext, Role};

const GROUP: GroupId = GroupId([1; 32]);

fn person(seed: u64) -> (AccountSecret, DeviceSecret) {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    (AccountSecret::generate(&mut rng), DeviceSecret::generate(&mut rng))
}

fn grant(seed: u64) -> DeviceGrant {
    let (account, device) = person(seed);
    DeviceGrant { certificate: DeviceCertificate::issue(&account, &device, 5), key_package: vec![1; 8] }
}

fn op(kind: OpKind) -> SignedOp {
    let context = OpContext { group: GROUP, parents: vec![OpId([2; 32])], seq: 1, at_ms: 0 };
    SignedOp::sign(context, kind, &person(1).1)
}

fn add(devices: Vec<DeviceGrant>) -> OpKind {
    OpKind::Add { account: person(2).0.id(), role: Role::Member, devices, invite: None }
}

fn revoke(revocation: Option<Revocation>) -> OpKind {
    OpKind::DeviceRevoke { account: person(2).0.id(), device: person(2).1.id(), revocation }
}

#[test]
fn a_good_operation_passes() {
    let good = [
        add(vec![grant(2)]),
        OpKind::Remove { account: AccountId([1; 32]) },
        OpKind::DeviceAdd { device: grant(2) },
        revoke(None),
        revoke(Some(Revocation::issue(&person(2).0, person(2).1.id(), 9))),
    ];
    for kind in good {
        let op = op(kind);
        assert_eq!(shape(&op, &GROUP), Ok(()));
        assert_eq!(signatures(&op), Ok(()));
    }
}

#[test]
fn a_genesis_stands_alone_and_brings_its_author() {
    let genesis = |group: GroupId, parents: Vec<OpId>, seq, device| {
        let context = OpContext { group, parents, seq, at_ms: 0 };
        SignedOp::sign(context, OpKind::Genesis { salt: [0; 32], device }, &person(2).1)
    };
    let none = GroupId([0; 32]);
    let good = genesis(none, vec![], 0, grant(2));
    assert_eq!(shape(&good, &good.group()), Ok(()));
    let bad = [
        genesis(none, vec![OpId([1; 32])], 0, grant(2)),
        genesis(none, vec![], 1, grant(2)),
        genesis(GROUP, vec![], 0, grant(2)),
        genesis(none, vec![], 0, grant(3)),
    ];
    for op in bad {
        assert_eq!(shape(&op, &op.group()), Err(LogError::Malformed));
    }
    assert_eq!(shape(&good, &GROUP), Err(LogError::WrongGroup));
}

#[test]
fn limits_hold_at_their_edges() {
    let package =
        |bytes| OpKind::DeviceAdd { device: DeviceGrant { key_package: vec![0; bytes], ..grant(2) } };
    assert_eq!(shape(&op(package(MAX_KEY_PACKAGE_BYTES)), &GROUP), Ok(()));
    assert_eq!(shape(&op(package(MAX_KEY_PACKAGE_BYTES + 1)), &GROUP), Err(LogError::Malformed));
    let invite =
        |max_uses| OpKind::Invite { key: InvitePublic([1; 32]), expires_ms: 0, max_uses, role: Role::Member };
    for (max_uses, good) in [(0, false), (1, true), (MAX_INVITE_USES, true), (MAX_INVITE_USES + 1, false)] {
        assert_eq!(shape(&op(invite(max_uses)), &GROUP).is_ok(), good, "{max_uses} uses");
    }
    let parents = |count: usize| {
        let parents = (0..count).map(|n| OpId([n as u8; 32])).collect();
        let context = OpContext { group: GROUP, parents, seq: 1, at_ms: 0 };
        SignedOp::sign(context, revoke(None), &person(1).1)
    };
    assert_eq!(shape(&parents(MAX_PARENTS), &GROUP), Ok(()));
    assert_eq!(shape(&parents(MAX_PARENTS + 1), &GROUP), Err(LogError::Malformed));
}

#[test]
fn an_add_is_about_one_account_and_its_devices_in_order() {
    let (account, _) = person(2);
    let mut devices: Vec<DeviceGrant> = (0..=MAX_GRANTS as u64)
        .map(|n| {
            let device = person(100 + n).1;
            DeviceGrant { certificate: DeviceCertificate::issue(&account, &device, 5), key_package: vec![] }
        })
        .collect();
    devices.sort_by_key(|grant| grant.certificate.device);
    let check = |devices: &[DeviceGrant]| shape(&op(add(devices.to_vec())), &GROUP).is_ok();
    assert!(check(&devices[..MAX_GRANTS]));
    assert!(!check(&devices), "one too many");
    assert!(!check(&[]));
    assert!(!check(&[devices[1].clone(), devices[0].clone()]));
    assert!(!check(&[devices[0].clone(), devices[0].clone()]));
    assert!(!check(&[grant(3)]), "somebody else's");
}

#[test]
fn every_signature_in_it_must_verify() {
    let mut certificate = grant(2);
    certificate.certificate.signature = Signature([1; 64]);
    let mut consent = grant(2);
    consent.certificate.consent = consent.certificate.signature;
    let mut word = Revocation::issue(&person(2).0, person(2).1.id(), 9);
    word.revoked_ms += 1;
    let others = Revocation::issue(&person(3).0, person(2).1.id(), 9);
    for kind in [add(vec![certificate]), add(vec![consent]), revoke(Some(word))] {
        assert_eq!(signatures(&op(kind)), Err(LogError::BadSignature));
    }
    assert_eq!(shape(&op(revoke(Some(others))), &GROUP), Err(LogError::Malformed));
    let mut bytes = op(revoke(None)).to_bytes();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let forged = SignedOp::from_bytes(&bytes).expect("the shape is right");
    assert_eq!(signatures(&forged), Err(LogError::BadSignature));
}

#[test]
fn the_proof_of_an_invite_binds_group_account_and_device() {
    let secret = person(9).1;
    let invite = op(OpKind::Invite {
        key: InvitePublic(secret.id().0),
        expires_ms: 0,
        max_uses: 1,
        role: Role::Member,
    });
    let (account, device) = (person(2).0.id(), person(2).1.id());
    let admits = |role, message: Vec<u8>| {
        let proof = secret.sign(Domain::InviteProof, &message);
        let used = InviteUse { invite: invite.id(), proof };
        op(OpKind::Add { account, role, devices: vec![grant(2)], invite: Some(used) })
    };
    let right = InviteUse::message(&GROUP, &account, &device);
    let bad = Err(LogError::BadSignature);
    assert_eq!(invite_use(&admits(Role::Member, right.clone()), &invite), Ok(()));
    for wrong in [
        InviteUse::message(&GroupId([9; 32]), &account, &device),
        InviteUse::message(&GROUP, &AccountId([9; 32]), &device),
        InviteUse::message(&GROUP, &account, &DeviceId([9; 32])),
        vec![],
    ] {
        assert_eq!(invite_use(&admits(Role::Member, wrong), &invite), bad);
    }
    assert_eq!(invite_use(&admits(Role::Owner, right.clone()), &invite), Err(LogError::Malformed));
    let add = admits(Role::Member, right);
    assert_eq!(invite_use(&add, &add), Err(LogError::Malformed), "that is no Invite");
}
