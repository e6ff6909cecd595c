//! Tests of the checks: each can fail, and says by which name.

use super::*;
use proptest::prelude::*;

fn device(byte: u8) -> DeviceId {
    DeviceId([byte; 32])
}

fn devices(bytes: &[u8]) -> BTreeSet<DeviceId> {
    bytes.iter().copied().map(device).collect()
}

fn commit(byte: u8) -> CommitId {
    CommitId([byte; 32])
}

fn broken(check: Check) -> &'static str {
    check.expect_err("the facts break the invariant").name
}

fn removing(bytes: &[u8]) -> CommitPlan {
    CommitPlan { remove: bytes.iter().copied().map(device).collect(), ..CommitPlan::default() }
}

#[test]
#[should_panic(expected = "INV-4 broken")]
fn a_broken_invariant_panics_with_its_name() {
    uphold(inv_4_shown_once(&BTreeSet::from([MessageId([1; 32])]), &MessageId([1; 32])));
}

#[test]
fn inv_1_tells_two_verdicts_on_one_set_apart() {
    assert_eq!(inv_1_function_of_the_set(&devices(&[1, 2]), &devices(&[2, 1])), Ok(()));
    assert_eq!(broken(inv_1_function_of_the_set(&devices(&[1]), &devices(&[1, 2]))), "INV-1");
}

#[test]
fn inv_1_allows_one_switch_and_a_return_only_to_an_anchor() {
    let mut trail = BranchTrail::default();
    assert_eq!(broken(trail.inv_1_no_return(commit(1), commit(1), true)), "INV-1");
    assert_eq!(trail.inv_1_no_return(commit(1), commit(2), false), Ok(()));
    assert_eq!(broken(trail.inv_1_no_return(commit(2), commit(1), false)), "INV-1");
    assert_eq!(trail.left(), [commit(1)]);
    assert_eq!(trail.inv_1_no_return(commit(2), commit(1), true), Ok(()));
    assert_eq!(trail.left(), [commit(2)]);
    assert_eq!(broken(trail.inv_1_no_return(commit(1), commit(2), false)), "INV-1");
}

#[test]
fn the_trail_is_bounded_and_survives_a_snapshot() {
    let mut trail = BranchTrail::default();
    for at in 0..200_u8 {
        assert_eq!(trail.inv_1_no_return(commit(at), commit(at + 1), false), Ok(()));
        assert!(trail.left().len() <= TRAIL_MAX);
    }
    assert_eq!(BranchTrail::from_left(trail.left().to_vec()), trail);
    let long: Vec<_> = (0..200).map(commit).collect();
    let restored = BranchTrail::from_left(long.clone());
    assert_eq!(restored.left(), &long[200 - TRAIL_MAX..]);
}

#[test]
fn inv_2_names_the_leaf_that_must_not_read() {
    let authorised = devices(&[1, 2, 3]);
    assert_eq!(inv_2_seal_to_authorised(&devices(&[1, 3]), &authorised), Ok(()));
    let check = inv_2_seal_to_authorised(&devices(&[1, 9]), &authorised);
    assert!(check.unwrap_err().facts.contains("09090909"));
}

#[test]
fn inv_2_wants_every_taint_gone_and_the_committer_kept() {
    let (leaves, authorised) = (devices(&[1, 2, 8, 9]), devices(&[1, 2, 3]));
    let ends = |plan: &CommitPlan| inv_2_ends_alone(&leaves, &authorised, &device(1), plan);
    assert_eq!(ends(&removing(&[8, 9])), Ok(()));
    assert_eq!(broken(ends(&removing(&[8]))), "INV-2");
    assert_eq!(broken(ends(&removing(&[1, 8, 9]))), "INV-2");
    let removed_myself = inv_2_ends_alone(&leaves, &authorised, &device(9), &removing(&[]));
    assert_eq!(removed_myself, Ok(()));
}

#[test]
fn inv_3_refuses_every_way_of_using_a_key_twice() {
    let (old, new) = (Incarnation([1; 16]), Incarnation([2; 16]));
    assert_eq!(inv_3_fresh_incarnation(&[old], &new), Ok(()));
    assert_eq!(broken(inv_3_fresh_incarnation(&[old, new], &new)), "INV-3");
    let (parent, child) = (EpochId([1; 32]), EpochId([2; 32]));
    assert_eq!(inv_3_only_current_seals(&child, &child, false), Ok(()));
    assert_eq!(broken(inv_3_only_current_seals(&parent, &child, false)), "INV-3");
    assert_eq!(broken(inv_3_only_current_seals(&child, &child, true)), "INV-3");
    assert_eq!(inv_3_counter_grows(None, 0), Ok(()));
    assert_eq!(inv_3_counter_grows(Some(4), 5), Ok(()));
    assert_eq!(broken(inv_3_counter_grows(Some(5), 5)), "INV-3");
    assert_eq!(inv_3_durable_before_sent(7, 7), Ok(()));
    assert_eq!(broken(inv_3_durable_before_sent(8, 7)), "INV-3");
}

#[test]
fn inv_4_keeps_identity_over_seals_and_readers_within_the_entitled() {
    let (id, other) = (MessageId([1; 32]), MessageId([2; 32]));
    let (signature, forged) = (Signature([1; 64]), Signature([2; 64]));
    assert_eq!(inv_4_reseal_changes_nothing((&id, &signature), (&id, &signature)), Ok(()));
    assert_eq!(broken(inv_4_reseal_changes_nothing((&id, &signature), (&other, &signature))), "INV-4");
    assert_eq!(broken(inv_4_reseal_changes_nothing((&id, &signature), (&id, &forged))), "INV-4");
    assert_eq!(inv_4_only_entitled_open(&devices(&[1]), &devices(&[1, 2])), Ok(()));
    assert_eq!(broken(inv_4_only_entitled_open(&devices(&[1, 3]), &devices(&[1, 2]))), "INV-4");
    assert_eq!(inv_4_shown_once(&BTreeSet::from([other]), &id), Ok(()));
    assert_eq!(broken(inv_4_shown_once(&BTreeSet::from([id]), &id)), "INV-4");
}

#[test]
fn inv_5_lets_only_the_entitled_move_the_evaluation() {
    let (before, after) = (devices(&[1]), devices(&[1, 2]));
    assert_eq!(inv_5_void_signer_changes_nothing(false, &before, &after), Ok(()));
    assert_eq!(inv_5_void_signer_changes_nothing(true, &before, &before), Ok(()));
    assert_eq!(broken(inv_5_void_signer_changes_nothing(true, &before, &after)), "INV-5");
}

#[test]
fn inv_6_wants_removals_made_and_only_bad_packages_left_out() {
    let check = |remove: &[u8], add: &[u8], after: &[u8], skipped: &[u8]| {
        inv_6_commit_realises_the_plan(&removing(remove), &devices(add), &devices(after), &devices(skipped))
    };
    assert_eq!(check(&[3], &[4], &[1, 2, 4], &[]), Ok(()));
    assert_eq!(check(&[3], &[4], &[1, 2], &[4]), Ok(()));
    assert_eq!(check(&[3], &[3], &[1, 3], &[]), Ok(()));
    assert_eq!(broken(check(&[3], &[4], &[1, 3, 4], &[])), "INV-6");
    assert_eq!(broken(check(&[], &[4], &[1], &[])), "INV-6");
    assert_eq!(inv_6_within_bound("HEADS", 64, 64), Ok(()));
    assert!(inv_6_within_bound("HEADS", 65, 64).unwrap_err().facts.contains("HEADS"));
}

proptest! {
    #[test]
    fn whoever_follows_one_order_never_breaks_inv_1(mut order in proptest::collection::vec(0_u8..20, 1..60)) {
        order.sort_unstable();
        order.dedup();
        let mut trail = BranchTrail::default();
        for pair in order.windows(2) {
            prop_assert_eq!(trail.inv_1_no_return(commit(pair[0]), commit(pair[1]), false), Ok(()));
        }
        for back in &order[..order.len() - 1] {
            let last = commit(order[order.len() - 1]);
            prop_assert!(trail.clone().inv_1_no_return(last, commit(*back), false).is_err());
        }
    }
}
