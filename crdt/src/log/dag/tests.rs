//! The index against plain closures.

use std::collections::{BTreeMap, BTreeSet};

use halloo_crypto::id::{AccountId, GroupId, InvitePublic};
use halloo_crypto::identity::DeviceSecret;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::*;
use crate::log::op::{OpContext, Role};

fn op(device: &DeviceSecret, parents: &[OpId], seq: u64, number: u64) -> SignedOp {
    let mut parents = parents.to_vec();
    parents.sort_unstable();
    let context = OpContext { group: GroupId([1; 32]), parents, seq, at_ms: number };
    let kind = OpKind::Invite { key: InvitePublic([2; 32]), expires_ms: 0, max_uses: 1, role: Role::Member };
    SignedOp::sign(context, kind, device)
}

/// A random graph beside its closures as plain sets.
fn random(seed: u64, count: u64) -> (Dag, BTreeMap<OpId, BTreeSet<OpId>>) {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let device = DeviceSecret::generate(&mut rng);
    let mut dag = Dag::default();
    let mut closures: BTreeMap<OpId, BTreeSet<OpId>> = BTreeMap::new();
    for number in 0..count {
        let known: Vec<OpId> = closures.keys().copied().collect();
        let mut parents = BTreeSet::new();
        for _ in 0..1 + rng.next_u64() % 3 {
            if let Some(parent) = known.get(rng.next_u64() as usize % known.len().max(1)) {
                parents.insert(*parent);
            }
        }
        let parents: Vec<OpId> = parents.into_iter().collect();
        let heights = parents.iter().map(|id| dag.op(dag.node(id).expect("known")).seq() + 1);
        let op = op(&device, &parents, heights.max().unwrap_or(0), number);
        let mut closure = BTreeSet::from([op.id()]);
        closure.extend(parents.iter().flat_map(|parent| closures[parent].iter().copied()));
        closures.insert(op.id(), closure);
        dag.push(op, AccountId([3; 32]));
    }
    (dag, closures)
}

#[test]
fn the_index_says_what_plain_closures_say() {
    for seed in 0..8 {
        let (dag, closures) = random(seed, 60);
        for (a, above) in &closures {
            let node = dag.node(a).expect("pushed");
            let related = closures.values().filter(|all| all.contains(a)).count() + above.len() - 1;
            assert_eq!(dag.disputed(node), related < closures.len());
            assert_eq!(dag.closure(node).len(), above.len());
            for b in closures.keys() {
                let other = dag.node(b).expect("pushed");
                assert_eq!(dag.precedes(other, node), a != b && above.contains(b));
                let beside = a != b && !above.contains(b) && !closures[b].contains(a);
                assert_eq!(dag.concurrent(node, other), beside);
                if dag.precedes(other, node) {
                    assert!(dag.rank(other) < dag.rank(node), "rank respects ancestry");
                }
            }
        }
    }
}

#[test]
fn heads_are_what_nothing_follows_and_their_closure_is_everything() {
    for seed in 0..8 {
        let (dag, closures) = random(seed, 40);
        let followed: BTreeSet<OpId> = closures
            .iter()
            .flat_map(|(id, all)| all.iter().filter(move |other| *other != id))
            .copied()
            .collect();
        let heads: BTreeSet<OpId> = closures.keys().filter(|id| !followed.contains(id)).copied().collect();
        assert_eq!(dag.heads(), &heads);
        let heads: Vec<OpId> = heads.into_iter().collect();
        assert_eq!(dag.closure_of(&heads), Ok(dag.everything()));
        assert_eq!(dag.everything().len(), dag.len());
        assert_eq!(dag.closure_of(&[OpId([0; 32])]), Err(OpId([0; 32])));
    }
}

#[test]
fn a_history_in_turn_needs_one_chain() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let device = DeviceSecret::generate(&mut rng);
    let mut dag = Dag::default();
    let mut last = Vec::new();
    for number in 0..20 {
        let next = op(&device, &last, number, number);
        last = vec![next.id()];
        dag.push(next, AccountId([3; 32]));
    }
    assert_eq!(dag.chains, vec![20]);
}

#[test]
#[should_panic(expected = "each operation once")]
fn the_same_operation_twice_is_a_bug() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let op = op(&DeviceSecret::generate(&mut rng), &[], 0, 0);
    let mut dag = Dag::default();
    dag.push(op.clone(), AccountId([3; 32]));
    dag.push(op, AccountId([3; 32]));
}
