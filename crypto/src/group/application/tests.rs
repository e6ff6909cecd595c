//! Tests of ratcheted messages: sizes, padding, both directions.

use super::*;
use crate::group::{CommitPlan, KeyPackageSecret};
use crate::id::GroupId;
use crate::identity::DeviceSecret;
use rand_core::{Rng as _, SeedableRng as _};

fn pair() -> (GroupSession, GroupSession, ChaCha20Rng) {
    let mut rng = ChaCha20Rng::from_seed([10; 32]);
    let group = GroupId([1; 32]);
    let one = DeviceSecret::generate(&mut rng);
    let two = DeviceSecret::generate(&mut rng);
    let first = GroupSession::create(group, &one, &mut rng).unwrap();
    let secret = KeyPackageSecret::generate(group, &two, &mut rng).unwrap();
    let plan = CommitPlan { add: vec![secret.key_package().to_vec()], ..CommitPlan::default() };
    let prepared = first.prepare(&plan, &mut rng).unwrap();
    let joined = GroupSession::join(prepared.welcome.as_deref().unwrap(), &secret).unwrap();
    (prepared.next, joined, rng)
}

#[test]
fn messages_of_every_size_up_to_the_limit_pass() {
    let (mut one, mut two, mut rng) = pair();
    for len in [0, 1, 31, 200, 5_000, 200_000] {
        let plaintext = vec![7; len];
        let sealed = one.seal_application(b"", &plaintext, &mut rng).unwrap();
        assert_eq!(two.open_application(&sealed).unwrap().plaintext, plaintext);
    }
    let over = vec![0; MAX_APPLICATION_BYTES];
    let refused = one.seal_application(b"", &over, &mut rng);
    let limit = CallerFault::OverLimit(MAX_APPLICATION_BYTES);
    assert_eq!(refused, Err(GroupError::Caller(limit.clone())));
    let over = vec![0; MAX_APPLICATION_BYTES + 1];
    let refused = one.seal_application(&over, b"", &mut rng);
    assert_eq!(refused, Err(GroupError::Caller(limit)));
}

#[test]
fn equal_messages_are_sealed_to_different_bytes_of_padded_length() {
    let (mut one, _, mut rng) = pair();
    let mut seal = |text: &[u8]| one.seal_application(b"", text, &mut rng).unwrap();
    let (a, b) = (seal(b"same"), seal(b"same"));
    assert_ne!(a, b);
    assert_eq!(a.len(), b.len());
    assert_eq!(seal(&[1; 200]).len(), seal(&[1; 201]).len());
}

#[test]
fn a_conversation_goes_both_ways() {
    let (mut one, mut two, mut rng) = pair();
    for round in 0..50_u32 {
        let text = rng.next_u32().to_be_bytes();
        let sealed = one.seal_application(&round.to_be_bytes(), &text, &mut rng).unwrap();
        let opened = two.open_application(&sealed).unwrap();
        assert_eq!((opened.plaintext, opened.aad), (text.to_vec(), round.to_be_bytes().to_vec()));
        (one, two) = (two, one);
    }
}
