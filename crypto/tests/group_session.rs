//! Behaviour of MLS sessions: joining, leaving, restarting, staying a value.
#![cfg(feature = "group")]

mod group_support;

use group_support::*;
use halloo_crypto::group::*;
use halloo_crypto::id::*;

#[test]
fn two_members_agree_on_everything_after_a_welcome() {
    let mut world = World::new(1);
    let alice = world.device();
    let bob = world.device();
    let first = world.create(&alice);
    let secret = world.key_package(&bob);
    let plan = CommitPlan {
        add: vec![secret.key_package().to_vec()],
        heads: vec![OpId([7; 32]), OpId([3; 32]), OpId([7; 32])],
        ..CommitPlan::default()
    };
    let prepared = first.prepare(&plan, &mut world.rng).unwrap();
    let joined = GroupSession::join(prepared.welcome.as_deref().unwrap(), &secret).unwrap();
    assert_agree(&[&prepared.next, &joined]);
    assert_eq!(joined.heads(), vec![OpId([3; 32]), OpId([7; 32])]);
    assert_eq!(prepared.added, vec![bob.id()]);
    let roster: Vec<_> = joined.roster().into_keys().collect();
    assert_eq!(roster, sorted(vec![alice.id(), bob.id()]));
    assert_eq!(sorted(joined.devices()), roster);
    assert_ne!(first.epoch_id(), joined.epoch_id());
    assert!(!first.contains(&bob.id()));
    assert_eq!(first.member_count(), 1);
}

#[test]
fn a_message_is_opened_once_by_each_member_and_names_its_sender() {
    let mut world = World::new(2);
    let mut members = world.group_of(3);
    let sealed = world.seal(&mut members[0], b"hidden");
    assert!(!contains(&sealed, b"hidden"));
    assert_eq!(peek_epoch(&sealed), Some(members[1].tag()));
    let sender = members[0].device();
    for member in &mut members[1..] {
        let opened = member.open_application(&sealed).unwrap();
        assert_eq!(opened.plaintext, b"hidden");
        assert_eq!(opened.aad, b"clear");
        assert_eq!(opened.sender, sender);
        assert!(member.open_application(&sealed).is_err());
    }
    let own = members[0].open_application(&sealed);
    assert_eq!(own, Err(GroupError::Peer(PeerFault::Own)));
}

#[test]
fn messages_may_be_lost_and_come_in_any_order() {
    let mut world = World::new(3);
    let mut members = world.group_of(2);
    let sealed: Vec<_> = (0..20_u8).map(|at| world.seal(&mut members[0], &[at])).collect();
    for at in [19_u8, 3, 11, 0, 18] {
        let opened = members[1].open_application(&sealed[usize::from(at)]).unwrap();
        assert_eq!(opened.plaintext, [at]);
    }
}

#[test]
fn an_altered_copy_that_arrives_first_does_not_destroy_the_true_one() {
    let mut world = World::new(4);
    let mut members = world.group_of(2);
    let sealed = world.seal(&mut members[0], b"still here");
    let last = sealed.len() - 1;
    for at in [0, 5, 12, 30, last] {
        let mut altered = sealed.clone();
        altered[at] ^= 1;
        assert!(members[1].open_application(&altered).is_err());
    }
    let opened = members[1].open_application(&sealed).unwrap();
    assert_eq!(opened.plaintext, b"still here");
}

#[test]
fn an_update_renews_the_keys_and_everybody_follows() {
    let mut world = World::new(5);
    let members = world.group_of(4);
    let prepared = world.update(&members[2]);
    assert!(prepared.welcome.is_none());
    let mut next = vec![prepared.next.clone()];
    for at in [0, 1, 3] {
        let applied = members[at].apply(&prepared.commit).unwrap();
        assert_eq!(applied.committer, members[2].device());
        assert!(applied.added.is_empty() && applied.removed.is_empty());
        next.push(applied.next);
    }
    assert_agree(&next.iter().collect::<Vec<_>>());
    assert_ne!(next[0].epoch_id(), members[0].epoch_id());
    assert_eq!(next[0].depth(), members[0].depth() + 1);
}

#[test]
fn a_removed_member_reads_nothing_more_with_all_its_keys() {
    let mut world = World::new(6);
    let members = world.group_of(4);
    let mut gone = members[3].clone();
    let plan = CommitPlan { remove: vec![gone.device()], ..CommitPlan::default() };
    let prepared = members[0].prepare(&plan, &mut world.rng).unwrap();
    let applied = members[1].apply(&prepared.commit).unwrap();
    assert_eq!(applied.removed, vec![gone.device()]);
    assert!(!applied.next.contains(&gone.device()));
    let verdict = gone.apply(&prepared.commit).err();
    assert_eq!(verdict, Some(GroupError::Removed(members[0].device())));

    let mut speaker = prepared.next;
    let mut listener = applied.next;
    for round in 0..5_u8 {
        let sealed = world.seal(&mut speaker, &[round]);
        assert!(gone.open_application(&sealed).is_err());
        assert_eq!(listener.open_application(&sealed).unwrap().plaintext, [round]);
        let update = world.update(&listener);
        assert!(gone.apply(&update.commit).is_err());
        speaker = speaker.apply(&update.commit).unwrap().next;
        listener = update.next;
    }
    for export in Export::ALL {
        assert_ne!(gone.export(export, b"", 32).unwrap(), speaker.export(export, b"", 32).unwrap());
    }
}

#[test]
fn a_member_is_removed_and_added_afresh_in_one_commit() {
    let mut world = World::new(7);
    let alice = world.device();
    let bob = world.device();
    let first = world.create(&alice);
    let (alice_session, bob_session) = world.add(&first, &bob);
    let again = world.key_package(&bob);
    let plan = CommitPlan {
        add: vec![again.key_package().to_vec()],
        remove: vec![bob.id()],
        ..CommitPlan::default()
    };
    assert!(alice_session.clashes(again.key_package()));
    let prepared = alice_session.prepare(&plan, &mut world.rng).unwrap();
    assert!(prepared.skipped.is_empty());
    let fresh = GroupSession::join(prepared.welcome.as_deref().unwrap(), &again).unwrap();
    assert_agree(&[&prepared.next, &fresh]);
    let old_key = bob_session.roster()[&bob.id()].leaf_key;
    assert_ne!(fresh.roster()[&bob.id()].leaf_key, old_key);
    assert!(matches!(bob_session.apply(&prepared.commit), Err(GroupError::Removed(_))));
}

#[test]
fn nothing_changes_in_the_session_that_prepares_applies_or_refuses() {
    let mut world = World::new(8);
    let members = world.group_of(3);
    let before = members[1].to_bytes().unwrap();
    let prepared = world.update(&members[0]);
    members[1].apply(&prepared.commit).unwrap();
    world.update(&members[1]);
    let mut altered = prepared.commit.clone();
    let last = altered.len() - 1;
    altered[last] ^= 1;
    assert!(members[1].apply(&altered).is_err());
    assert_eq!(members[1].to_bytes().unwrap(), before);
}

#[test]
fn the_parent_of_a_commit_never_spends_the_same_generation_again() {
    let mut world = World::new(9);
    let members = world.group_of(3);
    let first = world.update(&members[0]);
    let second = world.update(&first.parent);
    assert_ne!(first.parent.to_bytes().unwrap(), members[0].to_bytes().unwrap());
    assert_eq!(first.parent.epoch_id(), members[0].epoch_id());
    for commit in [&first.commit, &second.commit] {
        members[1].apply(commit).unwrap();
    }
    assert_ne!(first.next.epoch_id(), second.next.epoch_id());
}

#[test]
fn a_stored_session_goes_on_exactly_where_it_was() {
    let mut world = World::new(10);
    let mut members = world.group_of(3);
    world.seal(&mut members[0], b"spends a generation");
    let bytes = members[0].to_bytes().unwrap();
    let mut restored = GroupSession::from_bytes(bytes.expose()).unwrap();
    assert_eq!(restored.to_bytes().unwrap(), bytes);
    assert_agree(&[&members[0], &restored]);
    let mut twin = world.rng.clone();
    let live = members[0].seal_application(b"", b"next", &mut world.rng);
    let stored = restored.seal_application(b"", b"next", &mut twin);
    assert_eq!(live, stored);
    let live = members[0].prepare(&CommitPlan::default(), &mut world.rng).unwrap();
    let stored = restored.prepare(&CommitPlan::default(), &mut twin).unwrap();
    assert_eq!(live.commit, stored.commit);
}

#[test]
fn after_a_restart_a_device_enters_its_own_commit_again_but_only_reads() {
    let mut world = World::new(11);
    let members = world.group_of(3);
    let prepared = world.update(&members[0]);
    let parent = prepared.parent.to_bytes().unwrap();
    let secrets = prepared.secrets.to_bytes();
    let mut other = members[1].apply(&prepared.commit).unwrap().next;
    drop(prepared.next);

    let parent = GroupSession::from_bytes(parent.expose()).unwrap();
    let secrets = CommitSecrets::from_bytes(secrets.expose()).unwrap();
    let own = parent.apply(&prepared.commit).err();
    assert_eq!(own, Some(GroupError::Peer(PeerFault::Own)));
    let mut again = parent.apply_own(&secrets).unwrap();
    assert_agree(&[&again, &other]);
    assert_eq!(secrets.child(), again.epoch_id());
    assert!(again.is_read_only());
    let sealed = world.seal(&mut other, b"to the restarted");
    assert_eq!(again.open_application(&sealed).unwrap().plaintext, b"to the restarted");
    let refused = again.seal_application(b"", b"", &mut world.rng);
    assert_eq!(refused, Err(GroupError::Caller(CallerFault::ReadOnly)));
    let kept = GroupSession::from_bytes(again.to_bytes().unwrap().expose()).unwrap();
    assert!(kept.is_read_only());
    let speaks = world.update(&kept);
    assert!(!speaks.next.is_read_only());
    assert_agree(&[&speaks.next, &other.apply(&speaks.commit).unwrap().next]);
    let wrong = other.apply_own(&secrets).err();
    assert_eq!(wrong, Some(GroupError::Caller(CallerFault::NotTheParent)));
}

#[test]
fn a_deleted_export_is_gone_for_good_and_the_others_stay() {
    let mut world = World::new(12);
    let mut members = world.group_of(2);
    let call = members[0].export(Export::Call, b"x", 48).unwrap();
    assert_ne!(call, members[0].export(Export::Call, b"y", 48).unwrap());
    assert_ne!(call, members[0].export(Export::Data, b"x", 48).unwrap());
    members[0].delete_export(Export::Call).unwrap();
    let gone = Err(GroupError::Caller(CallerFault::ExportUsed));
    assert_eq!(members[0].export(Export::Call, b"x", 48), gone);
    let restored = GroupSession::from_bytes(members[0].to_bytes().unwrap().expose()).unwrap();
    assert_eq!(restored.export(Export::Call, b"x", 48), gone);
    assert!(restored.export_secret(Export::Data).is_ok());
    assert_eq!(members[1].export(Export::Call, b"x", 48).unwrap(), call);
    assert!(members[0].delete_export(Export::Outer).is_err());
    let next = world.update(&members[0]).next;
    assert!(next.export(Export::Call, b"x", 48).is_ok());
}

#[test]
fn a_wrong_plan_is_the_callers_fault() {
    let mut world = World::new(13);
    let members = world.group_of(2);
    let stranger = world.device();
    let mut prepare = |plan: CommitPlan| members[0].prepare(&plan, &mut world.rng).err();
    let remove = |device| CommitPlan { remove: vec![device], ..CommitPlan::default() };
    assert_eq!(prepare(remove(members[0].device())), Some(GroupError::Caller(CallerFault::OwnLeaf)));
    assert_eq!(prepare(remove(stranger.id())), Some(GroupError::Caller(CallerFault::NotAMember)));
    let heads = vec![OpId([0; 32]); MAX_HEADS + 1];
    let plan = CommitPlan { heads, ..CommitPlan::default() };
    assert_eq!(prepare(plan), Some(GroupError::Caller(CallerFault::OverLimit(MAX_HEADS))));
}

#[test]
fn bad_key_packages_keep_only_their_owners_outside() {
    let mut world = World::new(14);
    let alice = world.device();
    let bob = world.device();
    let first = world.create(&alice);
    let good = world.key_package(&bob);
    let twice = world.key_package(&bob);
    let mine = world.key_package(&alice);
    let elsewhere = KeyPackageSecret::generate(GroupId([9; 32]), &bob, &mut world.rng).unwrap();
    let mut broken = good.key_package().to_vec();
    broken[60] ^= 1;
    let add =
        [elsewhere.key_package(), &broken, mine.key_package(), good.key_package(), twice.key_package(), b""];
    let plan = CommitPlan { add: add.map(<[u8]>::to_vec).to_vec(), ..CommitPlan::default() };
    let prepared = first.prepare(&plan, &mut world.rng).unwrap();
    assert_eq!(prepared.added, vec![bob.id()]);
    let skipped: Vec<_> = prepared.skipped.iter().map(|skipped| skipped.at).collect();
    assert_eq!(skipped, [0, 1, 2, 4, 5]);
    let welcome = prepared.welcome.unwrap();
    let joined = GroupSession::join(&welcome, &good).unwrap();
    assert_agree(&[&prepared.next, &joined]);
    for secret in [&twice, &elsewhere, &mine] {
        let refused = GroupSession::join(&welcome, secret).err();
        assert_eq!(refused, Some(GroupError::Peer(PeerFault::NotForUs)));
    }
}

#[test]
fn the_secret_half_of_a_key_package_survives_storage() {
    let mut world = World::new(15);
    let alice = world.device();
    let bob = world.device();
    let first = world.create(&alice);
    let secret = world.key_package(&bob);
    let stored = KeyPackageSecret::from_bytes(secret.to_bytes().expose()).unwrap();
    assert_eq!(stored.key_package(), secret.key_package());
    assert_eq!(stored.group(), GROUP);
    let plan = CommitPlan { add: vec![secret.key_package().to_vec()], ..CommitPlan::default() };
    let prepared = first.prepare(&plan, &mut world.rng).unwrap();
    let joined = GroupSession::join(prepared.welcome.as_deref().unwrap(), &stored).unwrap();
    assert_agree(&[&prepared.next, &joined]);
    assert!(KeyPackageSecret::from_bytes(b"").is_err());
    assert!(KeyPackageSecret::from_bytes(&[1, 2, 3]).is_err());
}

#[test]
fn what_is_for_another_epoch_or_group_is_told_apart_from_a_forgery() {
    let mut world = World::new(16);
    let members = world.group_of(2);
    let prepared = world.update(&members[0]);
    let next = members[1].apply(&prepared.commit).unwrap().next;
    let refuse = |session: &GroupSession, commit: &[u8]| session.apply(commit).err();
    let peer = |fault| Some(GroupError::Peer(fault));
    assert_eq!(refuse(&next, &prepared.commit), peer(PeerFault::OtherEpoch));
    let mut forged = prepared.commit.clone();
    forged[40] ^= 1;
    assert_eq!(refuse(&members[1], &forged), peer(PeerFault::Forged));
    assert_eq!(refuse(&members[1], &forged[..9]), peer(PeerFault::Malformed));
    assert_eq!(refuse(&members[1], b""), peer(PeerFault::Malformed));
    let long = vec![1; MAX_COMMIT_BYTES + 1];
    assert_eq!(refuse(&members[1], &long), peer(PeerFault::TooLong));
    let mut listener = members[1].clone();
    let as_message = listener.open_application(&prepared.commit);
    assert_eq!(as_message.err(), peer(PeerFault::Forged));
}

#[test]
fn the_same_seed_gives_the_same_bytes_twice() {
    let run = || {
        let mut world = World::new(17);
        let mut members = world.group_of(5);
        let mut bytes = vec![world.seal(&mut members[0], b"one")];
        let prepared = world.update(&members[1]);
        bytes.push(prepared.commit.clone());
        let mut next = members[2].apply(&prepared.commit).unwrap().next;
        bytes.push(world.seal(&mut next, b"two"));
        bytes.push(next.to_bytes().unwrap().expose().clone());
        bytes.push(prepared.secrets.to_bytes().expose().clone());
        bytes
    };
    assert_eq!(run(), run());
}
