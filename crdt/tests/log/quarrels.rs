//! Who wins when Removes meet what is concurrent with them.

use halloo_crdt::log::{Fact, LogError, OpKind, Role, Row, VoidReason};

use crate::kit::{Invitation, act, act_at, group, heads, meet, people};

#[test]
fn a_remove_beats_what_the_removed_did_meanwhile() {
    let p = people(4);
    let mut left = group(&p[..3], &[Role::Admin, Role::Member]);
    let mut right = left.clone();
    let remove = act(&mut left, p[0].device(), p[1].remove());
    let add = act(&mut right, p[1].device(), p[3].add(Role::Member));
    let then = act(&mut right, p[3].device(), p[3].remove());
    meet(&mut left, &mut right);
    assert_eq!(left.view(), right.view());
    assert!(!left.view().is_member(&p[1].id()));
    assert!(!left.view().is_member(&p[3].id()));
    assert_eq!(left.void(&add.id()), Some(VoidReason::Beaten { by: remove.id() }));
    assert_eq!(left.void(&then.id()), Some(VoidReason::NotAMember));
    assert!(left.contains(&add.id()), "void is kept");
}

#[test]
fn what_the_removed_did_before_stays() {
    let p = people(4);
    let mut log = group(&p[..3], &[Role::Admin, Role::Member]);
    let add = act(&mut log, p[1].device(), p[3].add(Role::Member));
    act(&mut log, p[0].device(), p[1].remove());
    assert_eq!(log.void(&add.id()), None);
    assert!(log.view().is_member(&p[3].id()));
}

#[test]
fn of_two_who_remove_each_other_the_senior_stays() {
    let p = people(4);
    let mut left = group(&p, &[Role::Admin, Role::Admin, Role::Member]);
    let mut right = left.clone();
    let senior = act(&mut left, p[1].device(), p[2].remove());
    let junior = act(&mut right, p[2].device(), p[1].remove());
    meet(&mut left, &mut right);
    assert!(left.view().is_member(&p[1].id()));
    assert!(!left.view().is_member(&p[2].id()));
    let beaten = VoidReason::Beaten { by: senior.id() };
    assert_eq!(left.void(&junior.id()), Some(beaten));
    assert_eq!(right.void(&junior.id()), Some(beaten));
}

#[test]
fn in_a_ring_of_removes_the_senior_stays() {
    let p = people(4);
    let start = group(&p, &[Role::Admin, Role::Admin, Role::Admin]);
    let mut logs = [start.clone(), start.clone(), start];
    act(&mut logs[0], p[1].device(), p[2].remove());
    act(&mut logs[1], p[2].device(), p[3].remove());
    act(&mut logs[2], p[3].device(), p[1].remove());
    let [a, b, c] = &mut logs;
    meet(a, b);
    meet(b, c);
    meet(a, c);
    // 1 removes 2, so 2 never removed 3, and 3's Remove of the senior is what had to give way.
    for log in [a, b, c] {
        assert!(log.view().is_member(&p[1].id()));
        assert!(!log.view().is_member(&p[2].id()));
        assert!(log.view().is_member(&p[3].id()));
    }
}

#[test]
fn a_senior_act_yields_to_a_remove_of_its_author_that_is_no_answer_to_it() {
    let p = people(4);
    let mut left = group(&p, &[Role::Admin, Role::Admin, Role::Member]);
    let mut right = left.clone();
    let act_of_senior = act(&mut left, p[1].device(), p[3].remove());
    let remove = act(&mut right, p[2].device(), p[1].remove());
    meet(&mut left, &mut right);
    assert_eq!(left.void(&act_of_senior.id()), Some(VoidReason::Beaten { by: remove.id() }));
    assert!(left.view().is_member(&p[3].id()));
}

#[test]
fn a_puppet_made_powerful_meanwhile_does_not_outrank_the_remover() {
    let p = people(4);
    let mut left = group(&p[..3], &[Role::Owner, Role::Member]);
    let mut right = left.clone();
    act(&mut left, p[0].device(), p[1].remove());
    act(&mut right, p[1].device(), p[3].add(Role::Owner));
    let strike = act(&mut right, p[3].device(), p[0].remove());
    meet(&mut left, &mut right);
    assert!(left.view().is_member(&p[0].id()));
    assert!(!left.view().is_member(&p[1].id()));
    assert!(!left.view().is_member(&p[3].id()));
    assert_eq!(left.void(&strike.id()), Some(VoidReason::NotAMember));
}

#[test]
fn inv_5_an_evicted_senior_cannot_answer_once_most_have_acknowledged() {
    let p = people(5);
    let roles = [Role::Admin, Role::Admin, Role::Member, Role::Member];
    let mut log = group(&p, &roles);
    let before = heads(&log);
    let remove = act(&mut log, p[2].device(), p[1].remove());
    let mut unsettled = log.clone();
    for person in [&p[0], &p[3]] {
        assert_eq!(log.unacknowledged(&person.device_id()), vec![remove.id()]);
        log.author_acknowledge(person.device(), Fact::Remove(remove.id()), vec![])
            .expect("members may acknowledge");
        assert_eq!(log.unacknowledged(&person.device_id()), vec![]);
    }
    // p[1] is senior to p[2]: backdated before the Remove, his answer would win if nothing were settled.
    let answer = act_at(&mut unsettled, p[1].device(), &before, p[2].remove());
    assert!(unsettled.view().is_member(&p[1].id()));
    assert!(!unsettled.view().is_member(&p[2].id()));

    log.insert(answer.clone()).expect("acceptable");
    assert!(!log.view().is_member(&p[1].id()));
    assert!(log.view().is_member(&p[2].id()));
    assert_eq!(log.void(&answer.id()), Some(VoidReason::Settled { by: remove.id() }));
    // And with the acknowledgements the other replica comes back from its error.
    meet(&mut log, &mut unsettled);
    assert_eq!(log.view(), unsettled.view());
}

#[test]
fn half_of_the_accounts_settle_nothing() {
    let p = people(4);
    let mut log = group(&p, &[Role::Admin, Role::Admin, Role::Member]);
    let before = heads(&log);
    let remove = act(&mut log, p[2].device(), p[1].remove());
    log.author_acknowledge(p[0].device(), Fact::Remove(remove.id()), vec![])
        .expect("members may acknowledge");
    // The author and one more: two of four.
    act_at(&mut log, p[1].device(), &before, p[2].remove());
    assert!(log.view().is_member(&p[1].id()));
    assert!(!log.view().is_member(&p[2].id()));
}

#[test]
fn the_removed_has_no_voice_in_his_own_removal() {
    let p = people(4);
    let mut log = group(&p, &[Role::Admin, Role::Admin, Role::Member]);
    let before = heads(&log);
    let remove = act(&mut log, p[2].device(), p[1].remove());
    log.author_acknowledge(p[0].device(), Fact::Remove(remove.id()), vec![])
        .expect("members may acknowledge");
    log.author_acknowledge(p[1].device(), Fact::Remove(remove.id()), vec![]).expect("his word is kept");
    act_at(&mut log, p[1].device(), &before, p[2].remove());
    assert!(log.view().is_member(&p[1].id()), "two of four are not most");
}

#[test]
fn what_most_had_seen_before_they_acknowledged_still_competes() {
    let p = people(5);
    let roles = [Role::Admin, Role::Admin, Role::Member, Role::Member];
    let mut left = group(&p, &roles);
    let mut right = left.clone();
    let remove = act(&mut left, p[2].device(), p[1].remove());
    let answer = act(&mut right, p[1].device(), p[2].remove());
    meet(&mut left, &mut right);
    // Everybody saw the senior answer before he acknowledged the junior Remove, which a lying device does.
    for person in [&p[0], &p[3], &p[4]] {
        left.author_acknowledge(person.device(), Fact::Remove(remove.id()), vec![])
            .expect("accepted, whatever it means");
    }
    assert!(left.view().is_member(&p[1].id()));
    assert_eq!(left.void(&answer.id()), None);
}

#[test]
fn an_anchored_remove_withstands_a_later_removal_of_its_author() {
    let p = people(5);
    let roles = [Role::Admin, Role::Admin, Role::Member, Role::Member];
    let mut log = group(&p, &roles);
    let before = heads(&log);
    let remove = act(&mut log, p[2].device(), p[1].remove());
    for person in [&p[3], &p[4]] {
        log.author_acknowledge(person.device(), Fact::Remove(remove.id()), vec![])
            .expect("members may acknowledge");
    }
    // The owner, who had not heard of it, removes its author beside it.
    act_at(&mut log, p[0].device(), &before, p[2].remove());
    assert!(!log.view().is_member(&p[2].id()));
    assert!(!log.view().is_member(&p[1].id()), "settled is settled");
}

#[test]
fn a_removed_who_is_added_again_keeps_his_first_seniority_and_none_of_his_void_acts() {
    let p = people(4);
    let mut left = group(&p[..3], &[Role::Admin, Role::Member]);
    let mut right = left.clone();
    let first = left.view().member(&p[1].id()).expect("a member").first_grant;
    act(&mut left, p[0].device(), p[1].remove());
    let add = act(&mut left, p[0].device(), p[1].add(Role::Member));
    let meanwhile = act(&mut right, p[1].device(), p[3].add(Role::Member));
    meet(&mut left, &mut right);
    let member = left.view().member(&p[1].id()).expect("back again");
    assert_eq!(left.void(&add.id()), None);
    assert_eq!((member.role, member.first_grant), (Role::Member, first));
    assert!(left.void(&meanwhile.id()).is_some());
}

#[test]
fn an_add_beside_a_remove_does_not_undo_it() {
    let p = people(4);
    let mut left = group(&p, &[Role::Admin, Role::Admin, Role::Member]);
    let mut right = left.clone();
    act(&mut left, p[1].device(), p[3].remove());
    act(&mut right, p[2].device(), p[3].remove());
    act(&mut right, p[2].device(), p[3].add(Role::Member));
    meet(&mut left, &mut right);
    assert!(!left.view().is_member(&p[3].id()));
    act(&mut left, p[0].device(), p[3].add(Role::Member));
    assert!(left.view().is_member(&p[3].id()), "after both, an Add counts");
}

#[test]
fn a_demotion_beats_only_what_the_lower_role_may_not() {
    let p = people(5);
    let mut left = group(&p[..4], &[Role::Admin, Role::Member, Role::Member]);
    let mut right = left.clone();
    let demotion = act(&mut left, p[0].device(), p[1].set_role(Role::Moderator));
    let small = act(&mut right, p[1].device(), p[4].add(Role::Member));
    let large = act(&mut right, p[1].device(), p[2].set_role(Role::Moderator));
    meet(&mut left, &mut right);
    assert_eq!(left.void(&small.id()), None);
    let by = demotion.id();
    assert_eq!(left.void(&large.id()), Some(VoidReason::Beaten { by }));
}

#[test]
fn of_two_concurrent_roles_the_lower_stands() {
    let p = people(3);
    let mut left = group(&p, &[Role::Owner, Role::Member]);
    let mut right = left.clone();
    act(&mut left, p[0].device(), p[2].set_role(Role::Admin));
    act(&mut right, p[1].device(), p[2].set_role(Role::Moderator));
    meet(&mut left, &mut right);
    assert_eq!(left.view().role(&p[2].id()), Some(Role::Moderator));
    act(&mut left, p[0].device(), p[2].set_role(Role::Admin));
    assert_eq!(left.view().role(&p[2].id()), Some(Role::Admin));
}

#[test]
fn leaving_strikes_nothing() {
    let p = people(4);
    let mut left = group(&p[..3], &[Role::Admin, Role::Member]);
    let mut right = left.clone();
    left.author_leave(p[1].now()).expect("anybody may leave");
    let add = act(&mut right, p[1].device(), p[3].add(Role::Member));
    meet(&mut left, &mut right);
    assert!(!left.view().is_member(&p[1].id()));
    assert_eq!(left.void(&add.id()), None);
}

#[test]
fn the_only_owner_does_not_leave_others_behind() {
    let p = people(2);
    let mut log = group(&p, &[Role::Admin]);
    assert_eq!(log.author_leave(p[0].now()), Err(LogError::LastOwner));
    log.author_set_role(p[0].now(), p[1].id(), Role::Owner).expect("an owner may");
    log.author_leave(p[0].now()).expect("there is another owner");
    log.author_leave(p[1].now()).expect("nobody is left behind");
    assert!(log.view().members().is_empty());
}

#[test]
fn content_signed_beside_a_remove_is_known_as_such() {
    let p = people(3);
    let mut log = group(&p, &[Role::Member, Role::Member]);
    let before = heads(&log);
    let device = p[1].device_id();
    assert!(log.author_entitled_at(&device, &before));
    assert!(log.removed_after(&device, &before).is_empty());
    let remove = act(&mut log, p[0].device(), p[1].remove());
    assert!(log.author_entitled_at(&device, &before));
    assert_eq!(log.removed_after(&device, &before), vec![remove.id()]);
    assert!(!log.author_entitled_at(&device, &heads(&log)));
    assert!(log.removed_after(&device, &heads(&log)).is_empty());
    assert_eq!(log.account_of(&device), Some(p[1].id()));
    assert!(!log.author_entitled_at(&device, &[halloo_crypto::id::OpId([9; 32])]));
    assert!(!log.author_entitled_at(&p[2].devices[1].id(), &before));
}

#[test]
fn the_activity_log_shows_what_is_void_and_why() {
    let p = people(4);
    let mut left = group(&p[..3], &[Role::Admin, Role::Member]);
    let mut right = left.clone();
    let remove = act(&mut left, p[0].device(), p[1].remove());
    let invite = act(&mut right, p[1].device(), Invitation::new(1).opens(Role::Member, 3));
    meet(&mut left, &mut right);
    let activity = left.activity();
    assert_eq!(activity.len(), left.len());
    let line = activity.iter().find(|line| line.op == invite.id());
    let line = line.expect("void is shown");
    assert_eq!(line.void, Some(VoidReason::Beaten { by: remove.id() }));
    assert_eq!((line.account, line.device), (p[1].id(), p[1].device_id()));
    assert!(matches!(line.kind, OpKind::Invite { max_uses: 3, .. }));
    let places: Vec<_> = activity.iter().map(|line| line.op).collect();
    for (at, op) in places.iter().enumerate() {
        let parents = left.get(op).expect("listed").parents();
        assert!(parents.iter().all(|parent| places[..at].contains(parent)));
    }
}

#[test]
fn a_role_at_heads_is_the_one_that_was_held_there() {
    let p = people(3);
    let mut log = group(&p, &[Role::Admin, Role::Member]);
    let then = heads(&log);
    act(&mut log, p[0].device(), p[1].set_role(Role::Moderator));
    let between = heads(&log);
    act(&mut log, p[0].device(), p[1].remove());
    assert_eq!(log.role_at(&p[1].id(), &then), Some(Role::Admin));
    assert_eq!(log.role_at(&p[1].id(), &between), Some(Role::Moderator));
    assert_eq!(log.role_at(&p[1].id(), &heads(&log)), None);
    assert_eq!(log.role_at(&p[2].id(), &[halloo_crypto::id::OpId([9; 32])]), None);
}

#[test]
fn only_those_who_were_there_before_a_remove_are_asked_to_acknowledge_it() {
    let p = people(4);
    let mut log = group(&p[..3], &[Role::Admin, Role::Member]);
    let remove = act(&mut log, p[0].device(), p[2].remove());
    act(&mut log, p[0].device(), p[3].add(Role::Member));
    assert_eq!(log.unacknowledged(&p[1].device_id()), vec![remove.id()]);
    assert_eq!(log.unacknowledged(&p[2].device_id()), vec![], "the removed himself");
    assert_eq!(log.unacknowledged(&p[3].device_id()), vec![], "came later");
    assert_eq!(log.unacknowledged(&p[3].devices[1].id()), vec![], "not in the group");
}

#[test]
fn inv_5_puppets_have_no_voice_between_two_settled_removes() {
    let p = people(12);
    let roles = [Role::Owner, Role::Member, Role::Member, Role::Member];
    let mut log = group(&p[..5], &roles);
    let before = heads(&log);
    // The junior owner removes the founder, and most agree.
    let remove = act(&mut log, p[1].device(), p[0].remove());
    for person in &p[2..4] {
        log.author_acknowledge(person.device(), Fact::Remove(remove.id()), vec![]).expect("a member may");
    }
    // The founder backdates seven puppets who settle his answer by seven voices and his own of twelve.
    let mut last = before;
    for puppet in &p[5..] {
        last = vec![act_at(&mut log, p[0].device(), &last, puppet.add(Role::Member)).id()];
    }
    let answer = act_at(&mut log, p[0].device(), &last, p[1].remove());
    for puppet in &p[5..] {
        let seen = vec![answer.id()];
        let row = Row::sign(log.group(), Fact::Remove(answer.id()), seen, vec![], puppet.device());
        log.acknowledge(row).expect("kept");
    }
    assert_eq!(log.void(&answer.id()), Some(VoidReason::Settled { by: remove.id() }));
    assert!(!log.view().is_member(&p[0].id()));
    assert_eq!(log.view().members().len(), 4);
}

#[test]
fn of_two_devices_of_one_account_the_unaware_one_counts() {
    let p = people(4);
    let mut log = group(&p, &[Role::Admin, Role::Admin, Role::Member]);
    act(&mut log, p[3].device(), OpKind::DeviceAdd { device: p[3].grant(1) });
    let before = heads(&log);
    let remove = act(&mut log, p[2].device(), p[1].remove());
    let fact = Fact::Remove(remove.id());
    log.author_acknowledge(p[0].device(), fact, vec![]).expect("a member may");
    let unaware = Row::sign(log.group(), fact, heads(&log), vec![], &p[3].devices[1]);
    act_at(&mut log, p[1].device(), &before, p[2].remove());
    log.author_acknowledge(p[3].device(), fact, vec![]).expect("a member may");
    assert!(log.view().is_member(&p[1].id()), "two of four were unaware");
    log.acknowledge(unaware).expect("kept");
    assert!(!log.view().is_member(&p[1].id()), "three of four");
    assert!(log.view().is_member(&p[2].id()));
}
