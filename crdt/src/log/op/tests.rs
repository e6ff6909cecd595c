//! The bytes of an operation, kind by kind.

use halloo_crypto::identity::AccountSecret;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use super::*;

fn person(seed: u64) -> (AccountSecret, DeviceSecret) {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    (AccountSecret::generate(&mut rng), DeviceSecret::generate(&mut rng))
}

fn grant(person: &(AccountSecret, DeviceSecret)) -> DeviceGrant {
    let certificate = DeviceCertificate::issue(&person.0, &person.1, 1_000);
    DeviceGrant { certificate, key_package: vec![1, 2, 3] }
}

fn genesis() -> SignedOp {
    let owner = person(1);
    let context = OpContext { group: GroupId([0; 32]), parents: vec![], seq: 0, at_ms: 2_000 };
    SignedOp::sign(context, OpKind::Genesis { salt: [9; 32], device: grant(&owner) }, &owner.1)
}

fn follow(kind: OpKind) -> SignedOp {
    let first = genesis();
    let context = OpContext { group: first.group(), parents: vec![first.id()], seq: 1, at_ms: 3_000 };
    SignedOp::sign(context, kind, &person(1).1)
}

fn every_kind() -> Vec<SignedOp> {
    let other = person(2);
    let (account, device) = (other.0.id(), other.1.id());
    let invite = OpId([4; 32]);
    let used = InviteUse { invite, proof: Signature([5; 64]) };
    let word = Revocation::issue(&other.0, device, 4_000);
    let add = |invite| OpKind::Add { account, role: Role::Admin, devices: vec![grant(&other)], invite };
    let invite_kind =
        OpKind::Invite { key: InvitePublic([6; 32]), expires_ms: 300, max_uses: 300, role: Role::Member };
    let kinds = [
        add(None),
        add(Some(used)),
        OpKind::Remove { account },
        OpKind::SetRole { account, role: Role::Owner },
        OpKind::DeviceAdd { device: grant(&other) },
        OpKind::DeviceRevoke { account, device, revocation: None },
        OpKind::DeviceRevoke { account, device, revocation: Some(word) },
        invite_kind,
        OpKind::InviteRevoke { invite },
    ];
    std::iter::once(genesis()).chain(kinds.map(follow)).collect()
}

/// Changed bytes change every id and every group: these lengths and ids move only with the version byte.
#[test]
fn the_bytes_of_every_kind_are_what_they_were() {
    let seen: Vec<String> =
        every_kind().iter().map(|op| format!("{} {:?}", op.to_bytes().len(), op.id())).collect();
    assert_eq!(seen, CONFORMANCE);
}

const CONFORMANCE: [&str; 10] = [
    "396 OpId(516614c7)",
    "431 OpId(e8ded853)",
    "527 OpId(4d839407)",
    "198 OpId(b4f51235)",
    "199 OpId(b2c17043)",
    "396 OpId(7426ff64)",
    "231 OpId(e690eccc)",
    "361 OpId(3f75b227)",
    "203 OpId(73ba2de5)",
    "198 OpId(9fd881c6)",
];

#[test]
fn the_drawing_at_the_top_is_what_stands_in_the_bytes() {
    let first = genesis();
    let op = follow(OpKind::Remove { account: person(2).0.id() });
    let bytes = op.to_bytes();
    assert_eq!(bytes[0], VERSION);
    assert_eq!(bytes[1..33], first.id().0);
    assert_eq!(bytes[33..65], person(1).1.id().0);
    assert_eq!(bytes[65], 1, "one parent");
    assert_eq!(bytes[66..98], first.id().0);
    assert_eq!(bytes[98], 1, "seq");
    assert_eq!(bytes[99..101], [0xB8, 0x17], "3,000 ms as a varint");
    assert_eq!(bytes[101], 2, "Remove");
    assert_eq!(bytes[102..134], person(2).0.id().0);
    assert_eq!(bytes[134..], op.signature().0);
}

#[test]
fn the_id_covers_everything_but_the_signature() {
    let op = follow(OpKind::Remove { account: person(2).0.id() });
    let bytes = op.to_bytes();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let Ok(other) = SignedOp::from_bytes(&changed) else { continue };
        assert_eq!(other.id() == op.id(), at >= bytes.len() - 64, "byte {at}");
    }
}

#[test]
fn a_genesis_names_the_group_that_it_makes() {
    let first = genesis();
    assert_eq!(first.group().0, first.id().0);
    assert_eq!(first.signed_group(), GroupId([0; 32]));
    assert_eq!(follow(OpKind::InviteRevoke { invite: OpId([1; 32]) }).group(), first.group());
}

#[test]
fn subjects_and_grants_are_those_of_the_kind() {
    let other = person(2).0.id();
    for op in every_kind() {
        let grants = op.grants().iter().map(|grant| grant.certificate.account);
        assert!(grants.clone().all(|account| Some(account) == op.subject()));
        let brings_in =
            matches!(op.kind(), OpKind::Genesis { .. } | OpKind::Add { .. } | OpKind::DeviceAdd { .. });
        assert_eq!(grants.count(), usize::from(brings_in));
        match op.kind() {
            OpKind::Genesis { .. } => assert_eq!(op.subject(), Some(person(1).0.id())),
            OpKind::Invite { .. } | OpKind::InviteRevoke { .. } => assert_eq!(op.subject(), None),
            _ => assert_eq!(op.subject(), Some(other)),
        }
    }
}

#[test]
fn an_unknown_version_role_or_kind_is_malformed() {
    let remove = follow(OpKind::Remove { account: person(2).0.id() }).to_bytes();
    for (at, value) in [(0, 2), (101, 8)] {
        let mut changed = remove.clone();
        changed[at] = value;
        assert_eq!(SignedOp::from_bytes(&changed), Err(LogError::Malformed));
    }
    let role = follow(OpKind::SetRole { account: person(2).0.id(), role: Role::Owner });
    let mut changed = role.to_bytes();
    assert_eq!(changed[134], 3);
    changed[134] = 4;
    assert_eq!(SignedOp::from_bytes(&changed), Err(LogError::Malformed));
}

#[test]
#[should_panic(expected = "parents ascend")]
fn unsorted_parents_are_a_bug_of_ours() {
    let context =
        OpContext { group: GroupId([1; 32]), parents: vec![OpId([2; 32]), OpId([1; 32])], seq: 1, at_ms: 0 };
    let _ = SignedOp::sign(context, OpKind::InviteRevoke { invite: OpId([1; 32]) }, &person(1).1);
}

#[test]
fn the_order_of_roles_is_the_order_of_power() {
    assert!(Role::Owner > Role::Admin && Role::Admin > Role::Moderator && Role::Moderator > Role::Member);
}
