//! Branches: concurrent commits of one parent, followed and abandoned as values.
#![cfg(feature = "group")]

mod group_support;

use group_support::*;
use halloo_crypto::group::*;

/// The rule that this crate offers to the engine for a race without other weights: the lower commit id.
fn winner<'a>(one: &'a Prepared, two: &'a Prepared) -> (&'a Prepared, &'a Prepared) {
    if one.next.commit_id() < two.next.commit_id() { (one, two) } else { (two, one) }
}

#[test]
fn after_a_race_all_members_clone_the_parent_and_follow_the_same_commit() {
    for seed in 20..30 {
        let mut world = World::new(seed);
        let members = world.group_of(5);
        let one = world.update(&members[0]);
        let two = world.update(&members[1]);
        let (won, lost) = winner(&one, &two);
        let mut followed = vec![won.next.clone()];
        for member in &members {
            if member.device() == won.next.device() {
                continue;
            }
            let on_lost = member.apply(&lost.commit).ok();
            let on_won = member.apply(&won.commit).unwrap().next;
            if let Some(on_lost) = on_lost {
                assert_eq!(on_lost.next.commit_id(), lost.next.commit_id());
                assert_eq!(on_lost.next.depth(), on_won.depth());
                assert_ne!(on_lost.next.epoch_id(), on_won.epoch_id());
                assert_ne!(on_lost.next.tag(), on_won.tag());
            }
            followed.push(on_won);
        }
        assert_agree(&followed.iter().collect::<Vec<_>>());
    }
}

#[test]
fn both_branches_are_read_while_they_are_kept() {
    let mut world = World::new(31);
    let members = world.group_of(3);
    let one = world.update(&members[0]);
    let two = world.update(&members[1]);
    let mut branches =
        [members[2].apply(&one.commit).unwrap().next, members[2].apply(&two.commit).unwrap().next];
    let (mut left, mut right) = (one.next, two.next);
    for round in 0..4_u8 {
        for (at, speaker) in [&mut left, &mut right].into_iter().enumerate() {
            let sealed = world.seal(speaker, &[round]);
            let tag = peek_epoch(&sealed).unwrap();
            let branch = branches.iter_mut().find(|branch| branch.tag() == tag);
            let opened = branch.unwrap().open_application(&sealed).unwrap();
            assert_eq!(opened.plaintext, [round]);
            let wrong = branches[1 - at].open_application(&sealed);
            assert_eq!(wrong.err(), Some(GroupError::Peer(PeerFault::OtherEpoch)));
        }
    }
}

#[test]
fn a_branch_is_replayed_from_a_retained_ancestor_over_several_commits() {
    let mut world = World::new(32);
    let members = world.group_of(4);
    let ancestor = members[3].clone();
    let mut ours = members[3].clone();
    let own_side = world.update(&ours);
    ours = own_side.next;
    let (mut one, mut two) = (members[0].clone(), members[1].clone());
    let mut commits = Vec::new();
    for _ in 0..5 {
        let prepared = world.update(&one);
        two = two.apply(&prepared.commit).unwrap().next;
        commits.push(prepared.commit);
        (one, two) = (two, prepared.next);
    }
    let replayed = commits.iter().fold(ancestor, |session, commit| session.apply(commit).unwrap().next);
    assert_agree(&[&one, &two, &replayed]);
    assert_ne!(ours.epoch_id(), replayed.epoch_id());
}

#[test]
fn one_merge_commit_brings_the_other_half_of_a_partition_back() {
    let mut world = World::new(33);
    let members = world.group_of(6);
    let won = world.update(&members[0]);
    let returning: Vec<_> = (0..3).map(|_| world.device()).collect();
    let lost_members: Vec<_> = members[3..].iter().map(GroupSession::device).collect();
    let packages: Vec<_> = returning.iter().map(|device| world.key_package(device)).collect();
    let plan = CommitPlan {
        add: packages.iter().map(|p| p.key_package().to_vec()).collect(),
        remove: lost_members.clone(),
        ..CommitPlan::default()
    };
    let merge = won.next.prepare(&plan, &mut world.rng).unwrap();
    let follower = members[1].apply(&won.commit).unwrap().next;
    let applied = follower.apply(&merge.commit).unwrap();
    assert_eq!(sorted(applied.removed.clone()), sorted(lost_members));
    assert_eq!(applied.added.len(), 3);
    let welcome = merge.welcome.unwrap();
    let mut all = vec![merge.next, applied.next];
    all.extend(packages.iter().map(|secret| GroupSession::join(&welcome, secret).unwrap()));
    assert_agree(&all.iter().collect::<Vec<_>>());
}

#[test]
fn sessions_of_two_branches_are_stored_side_by_side_under_their_epoch_ids() {
    let mut world = World::new(34);
    let members = world.group_of(3);
    let one = world.update(&members[0]);
    let two = world.update(&members[1]);
    let mut store = std::collections::BTreeMap::new();
    for commit in [&one.commit, &two.commit] {
        let next = members[2].apply(commit).unwrap().next;
        store.insert(next.epoch_id(), next.to_bytes().unwrap());
    }
    assert_eq!(store.len(), 2);
    for (epoch, bytes) in &store {
        let restored = GroupSession::from_bytes(bytes.expose()).unwrap();
        assert_eq!(restored.epoch_id(), *epoch);
    }
    let restored = GroupSession::from_bytes(store[&two.next.epoch_id()].expose()).unwrap();
    assert_agree(&[&restored, &two.next]);
}
