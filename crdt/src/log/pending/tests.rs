//! What waits, what is released, what is wanted.

use halloo_crypto::id::{AccountId, GroupId};
use halloo_crypto::identity::DeviceSecret;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use super::*;
use crate::log::op::{OpContext, OpKind};

fn device(seed: u64) -> DeviceSecret {
    DeviceSecret::generate(&mut ChaCha20Rng::seed_from_u64(seed))
}

fn op(device: &DeviceSecret, parents: &[u8], at_ms: u64) -> SignedOp {
    let parents = parents.iter().map(|byte| OpId([*byte; 32])).collect();
    let context = OpContext { group: GroupId([1; 32]), parents, seq: 1, at_ms };
    SignedOp::sign(context, OpKind::Remove { account: AccountId([1; 32]) }, device)
}

#[test]
fn what_waits_is_released_by_any_of_its_parents_and_forgotten() {
    let mut pending = Pending::default();
    let both = op(&device(1), &[1, 2], 0);
    let one = op(&device(1), &[2], 1);
    assert!(pending.hold(both.clone(), both.parents()));
    assert!(pending.hold(one.clone(), one.parents()));
    assert!(pending.hold(one.clone(), one.parents()), "twice is once");
    assert_eq!(pending.len(), 2);
    assert_eq!(pending.missing().count(), 2);
    let mut released = pending.release(&OpId([2; 32]));
    released.sort_by_key(SignedOp::at_ms);
    assert_eq!(released, vec![both, one]);
    assert_eq!((pending.len(), pending.missing().count()), (0, 0));
    assert!(pending.per_author.is_empty());
    assert!(pending.release(&OpId([1; 32])).is_empty());
}

#[test]
fn wanted_is_what_somebody_else_built_on() {
    let mut pending = Pending::default();
    let (own, other) = (device(1), device(2));
    let waits = op(&own, &[7], 0);
    pending.hold(waits.clone(), waits.parents());
    assert!(!pending.wanted(&OpId([7; 32]), &own.id()));
    assert!(pending.wanted(&OpId([7; 32]), &other.id()));
    assert!(!pending.wanted(&OpId([8; 32]), &other.id()));
    assert!(pending.contains(&waits.id()));
}

#[test]
fn an_author_without_room_leaves_no_trace() {
    let mut pending = Pending::default();
    let own = device(1);
    for at_ms in 0..MAX_PENDING_PER_AUTHOR as u64 {
        let op = op(&own, &[1], at_ms);
        assert!(pending.hold(op.clone(), op.parents()));
    }
    let more = op(&own, &[2], 10_000);
    assert!(!pending.hold(more.clone(), more.parents()));
    assert!(!pending.contains(&more.id()));
    assert_eq!(pending.missing().count(), 1);
    assert_eq!(pending.release(&OpId([1; 32])).len(), MAX_PENDING_PER_AUTHOR);
    assert!(pending.per_author.is_empty());
}
