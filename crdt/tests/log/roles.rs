//! Who may do what: the permission table, line by line.

use halloo_crdt::log::{
    Action, History, LogError, MAX_HISTORY_DAYS, MAX_HISTORY_LINES, OpKind, Role, VoidReason,
};
use halloo_crypto::id::OpId;

use crate::kit::{Invitation, NOW_MS, act, act_at, denied, group, heads, people, sign_at};

const ALL: [Role; 4] = [Role::Member, Role::Moderator, Role::Admin, Role::Owner];

/// Owner 0 founds; 1 has the role in question, 2 the role of the other, 3 is outside.
#[test]
fn the_log_allows_what_the_permission_table_allows() {
    let p = people(4);
    for own in ALL {
        for other in ALL {
            let log = group(&p[..3], &[own, other]);
            for to in ALL {
                check(
                    &log,
                    &p,
                    own,
                    Action::Add(to),
                    p[3].add(to),
                    match own {
                        Role::Owner => true,
                        Role::Admin => to <= Role::Moderator,
                        Role::Moderator => to == Role::Member,
                        Role::Member => false,
                    },
                );
                let invite = Invitation::new(9).opens(to, 2);
                let may = log.view().may(&p[1].id(), Action::Add(to));
                check(&log, &p, own, Action::Invite(to), invite, may);
                let set = Action::SetRole(p[2].id(), to);
                check(
                    &log,
                    &p,
                    own,
                    set,
                    p[2].set_role(to),
                    match own {
                        Role::Owner => true,
                        Role::Admin => other < Role::Admin && to < Role::Admin,
                        Role::Moderator | Role::Member => false,
                    },
                );
                let set = Action::SetRole(p[1].id(), to);
                let may = own == Role::Owner || to < own;
                check(&log, &p, own, set, p[1].set_role(to), may);
            }
            let remove = Action::Remove(p[2].id());
            check(
                &log,
                &p,
                own,
                remove,
                p[2].remove(),
                match own {
                    Role::Owner => true,
                    Role::Admin => other <= Role::Admin,
                    Role::Moderator => other == Role::Member,
                    Role::Member => false,
                },
            );
            let history = OpKind::SetHistory { history: History::last(3) };
            check(&log, &p, own, Action::SetHistory, history, own >= Role::Admin);
            let leave = Action::Remove(p[1].id());
            check(&log, &p, own, leave, p[1].remove(), true);
            let device = OpKind::DeviceAdd { device: p[1].grant(1) };
            check(&log, &p, own, Action::AddDevice, device, true);
        }
    }
}

/// The answer of the roster, of the author's helper and of the evaluation are one.
fn check(
    log: &halloo_crdt::log::Log,
    p: &[crate::kit::Person],
    own: Role,
    action: Action,
    kind: OpKind,
    may: bool,
) {
    assert_eq!(log.view().may(&p[1].id(), action), may, "{own:?} {action:?}");
    assert_eq!(log.may(&p[1].device_id(), action), may);
    let mut log = log.clone();
    let heads: Vec<OpId> = log.heads().iter().copied().collect();
    let forged = sign_at(&log, p[1].device(), &heads, NOW_MS, kind.clone());
    match log.clone().insert(forged.clone()) {
        // What nobody of that role could ever sign does not even come in.
        Err(LogError::Powerless) => assert!(!may, "{own:?} {action:?}"),
        Err(other) => panic!("{other}"),
        Ok(_) => {
            let mut log = log.clone();
            log.insert(forged.clone()).expect("accepted before");
            assert_eq!(log.void(&forged.id()).is_none(), may, "{own:?} {action:?}");
        }
    }
    let before = log.len();
    let authored = log.author(p[1].now(), kind);
    assert_eq!(authored.is_ok(), may, "{own:?} {action:?}");
    assert_eq!(log.len(), before + usize::from(may));
}

#[test]
fn a_forged_role_is_rejected_by_every_peer() {
    let p = people(3);
    let mut log = group(&p, &[Role::Member, Role::Member]);
    let heads: Vec<OpId> = log.heads().iter().copied().collect();
    let forged = sign_at(&log, p[1].device(), &heads, NOW_MS, p[1].set_role(Role::Owner));
    assert_eq!(log.insert(forged), Err(LogError::Powerless));
    assert_eq!(log.view().role(&p[1].id()), Some(Role::Member));
}

#[test]
fn a_former_admin_is_heard_and_void() {
    let p = people(3);
    let mut log = group(&p, &[Role::Admin, Role::Member]);
    act(&mut log, p[0].device(), p[1].set_role(Role::Member));
    let late = act(&mut log, p[1].device(), p[2].remove());
    assert_eq!(log.void(&late.id()), Some(VoidReason::NotEntitled));
    assert!(log.view().is_member(&p[2].id()));
    assert_eq!(denied(log.author_remove(p[1].now(), p[2].id())), VoidReason::NotEntitled);
}

#[test]
fn nobody_is_added_twice_or_removed_when_absent() {
    let p = people(3);
    let mut log = group(&p[..2], &[Role::Member]);
    let again = log.author_add(p[0].now(), Role::Admin, vec![p[1].grant(0)], None);
    assert_eq!(denied(again), VoidReason::AlreadyAMember);
    let absent = log.author_remove(p[0].now(), p[2].id());
    assert_eq!(denied(absent), VoidReason::NoSuchMember);
    let absent = log.author_set_role(p[0].now(), p[2].id(), Role::Admin);
    assert_eq!(denied(absent), VoidReason::NoSuchMember);
}

#[test]
fn seniority_is_role_then_first_grant() {
    let p = people(4);
    let log = group(&p, &[Role::Member, Role::Admin, Role::Member]);
    let order: Vec<_> = [0, 2, 1, 3].map(|n: usize| p[n].id()).to_vec();
    assert_eq!(log.view().by_seniority(), order);
}

#[test]
fn two_who_add_the_same_person_meanwhile_agree() {
    let p = people(4);
    let mut left = group(&p[..3], &[Role::Admin, Role::Admin]);
    let mut right = left.clone();
    let a = act(&mut left, p[1].device(), p[3].add(Role::Member));
    let b = act(&mut right, p[2].device(), p[3].add(Role::Moderator));
    crate::kit::meet(&mut left, &mut right);
    assert_eq!((left.void(&a.id()), left.void(&b.id())), (None, None));
    assert_eq!(left.view().role(&p[3].id()), Some(Role::Member));
    assert_eq!(left.view(), right.view());
}

#[test]
fn of_what_is_said_of_the_past_the_last_word_counts_and_of_several_what_all_allow() {
    let p = people(2);
    let mut log = group(&p, &[Role::Admin]);
    let says = |history| OpKind::SetHistory { history };
    assert_eq!(log.history_at(&heads(&log)), History::NONE);
    let first = act(&mut log, p[0].device(), says(History::last(9)));
    let (old, parents) = (vec![first.id()], heads(&log));
    let second = act(&mut log, p[1].device(), says(History::of_days(7)));
    assert_eq!(log.history_at(&[second.id()]), History::of_days(7), "the last word");
    let beside = act_at(&mut log, p[0].device(), &parents, says(History { lines: 4, days: 30 }));
    assert_eq!(log.history_at(&heads(&log)), History { lines: 4, days: 7 });
    assert_eq!(log.history_at(&[beside.id()]), History { lines: 4, days: 30 });
    assert_eq!(log.history_at(&old), History::last(9), "what was said then stays said");
    act(&mut log, p[0].device(), says(History::NONE));
    assert_eq!(log.history_at(&heads(&log)), History::NONE);
}

#[test]
fn a_word_on_the_past_of_somebody_who_was_put_out_beside_it_counts_for_nothing() {
    let p = people(2);
    let mut log = group(&p, &[Role::Admin]);
    let before = heads(&log);
    let says = OpKind::SetHistory { history: History::last(9) };
    act_at(&mut log, p[1].device(), &before, says);
    assert_eq!(log.history_at(&heads(&log)), History::last(9));
    act_at(&mut log, p[0].device(), &before, p[1].remove());
    assert_eq!(log.history_at(&heads(&log)), History::NONE);
}

#[test]
fn a_word_on_the_past_outside_the_limits_is_refused() {
    let p = people(1);
    let log = group(&p, &[]);
    for history in [
        History { lines: MAX_HISTORY_LINES + 1, days: 0 },
        History { lines: 1, days: MAX_HISTORY_DAYS + 1 },
        History { lines: 0, days: 1 },
    ] {
        let op = sign_at(&log, p[0].device(), &heads(&log), NOW_MS, OpKind::SetHistory { history });
        assert_eq!(log.clone().insert(op), Err(LogError::Malformed), "{history:?}");
    }
}
