//! Invites: who opens them, whom they admit, when they close.

use halloo_crdt::log::{InviteTerms, LogError, Role, VoidReason};

use crate::kit::{Invitation, NOW_MS, act, denied, group, heads, meet, people, sign_at};

const TERMS: InviteTerms = InviteTerms { expires_ms: NOW_MS + 1_000, max_uses: 2, role: Role::Member };

#[test]
fn any_member_lets_in_the_holder_of_an_open_invite() {
    let p = people(4);
    let mut log = group(&p[..2], &[Role::Member]);
    let invitation = Invitation::new(1);
    let op = log.author_invite(p[0].now(), invitation.key(), TERMS).expect("an owner may invite");
    let (id, open) = log.view().invite_by_key(&invitation.key()).expect("it is open");
    assert_eq!((id, open.maker, open.uses_left), (op.id(), p[0].id(), 2));
    let add = invitation.admits(log.group(), op.id(), &p[2], Role::Member);
    log.author(p[1].now(), add).expect("a member may admit");
    assert!(log.view().is_member(&p[2].id()));
    assert_eq!(log.view().invites()[&op.id()].uses_left, 1);
    let add = invitation.admits(log.group(), op.id(), &p[3], Role::Member);
    log.author(p[2].now(), add).expect("and a newcomer too");
    assert!(log.view().invites().is_empty(), "used up");
}

#[test]
fn without_the_secret_nobody_comes_in() {
    let p = people(3);
    let mut log = group(&p[..2], &[Role::Member]);
    let op = act(&mut log, p[0].device(), Invitation::new(1).opens(Role::Member, 1));
    let wrong = Invitation::new(2).admits(log.group(), op.id(), &p[2], Role::Member);
    assert_eq!(log.author(p[1].now(), wrong), Err(LogError::BadSignature));
    let higher = Invitation::new(1).admits(log.group(), op.id(), &p[2], Role::Owner);
    assert_eq!(log.author(p[1].now(), higher), Err(LogError::Malformed));
    let no_invite = Invitation::new(1).admits(log.group(), heads(&log)[0], &p[2], Role::Member);
    log.author(p[1].now(), no_invite).expect("that is the invite");
}

#[test]
fn an_expired_invite_admits_nobody() {
    let p = people(3);
    let mut log = group(&p[..2], &[Role::Member]);
    let invitation = Invitation::new(1);
    let op = log.author_invite(p[0].now(), invitation.key(), TERMS).expect("an owner may invite");
    let add = invitation.admits(log.group(), op.id(), &p[2], Role::Member);
    let late = log.author(p[1].at(NOW_MS + 1_001), add.clone());
    assert_eq!(denied(late), VoidReason::InviteExpired);
    log.author(p[1].at(NOW_MS + 1_000), add).expect("just in time");
}

#[test]
fn an_invite_used_up_on_both_sides_admits_the_first_by_rank_everywhere() {
    let p = people(4);
    let mut left = group(&p[..2], &[Role::Member]);
    let invitation = Invitation::new(1);
    let op = act(&mut left, p[0].device(), invitation.opens(Role::Member, 1));
    let mut right = left.clone();
    let admits =
        |log: &halloo_crdt::log::Log, who| invitation.admits(log.group(), op.id(), who, Role::Member);
    let kind = admits(&left, &p[2]);
    let a = act(&mut left, p[0].device(), kind);
    let kind = admits(&right, &p[3]);
    let b = act(&mut right, p[1].device(), kind);
    meet(&mut left, &mut right);
    let void: Vec<_> = [&a, &b].iter().filter_map(|op| left.void(&op.id())).collect();
    assert_eq!(void, vec![VoidReason::InviteUsedUp]);
    assert_eq!(left.view(), right.view());
}

#[test]
fn a_remove_revokes_the_invites_made_by_and_used_by_the_removed() {
    let p = people(5);
    let mut log = group(&p[..2], &[Role::Admin]);
    let (own, used, other) = (Invitation::new(1), Invitation::new(2), Invitation::new(3));
    act(&mut log, p[1].device(), own.opens(Role::Member, 9));
    let link = act(&mut log, p[0].device(), used.opens(Role::Moderator, 9));
    let rest = act(&mut log, p[0].device(), other.opens(Role::Member, 9));
    let kind = used.admits(log.group(), link.id(), &p[2], Role::Moderator);
    act(&mut log, p[0].device(), kind);
    assert_eq!(log.view().invites().len(), 3);
    act(&mut log, p[0].device(), p[1].remove());
    assert_eq!(log.view().invites().len(), 2, "made by the removed");
    let mut elsewhere = log.clone();
    act(&mut log, p[0].device(), p[2].remove());
    let open: Vec<_> = log.view().invites().keys().copied().collect();
    assert_eq!(open, vec![rest.id()], "used by the removed");
    let kind = used.admits(log.group(), link.id(), &p[3], Role::Moderator);
    assert_eq!(denied(log.author(p[0].now(), kind.clone())), VoidReason::InviteClosed);
    // Beside the Remove the revoked invite admits nobody either: the removed knows its secret.
    let add = act(&mut elsewhere, p[0].device(), kind);
    meet(&mut log, &mut elsewhere);
    assert!(log.void(&add.id()).is_some());
    assert!(!log.view().is_member(&p[3].id()));
}

#[test]
fn who_leaves_by_himself_leaves_the_link_open() {
    let p = people(3);
    let mut log = group(&p[..2], &[Role::Member]);
    let invitation = Invitation::new(1);
    let op = act(&mut log, p[0].device(), invitation.opens(Role::Member, 9));
    let kind = invitation.admits(log.group(), op.id(), &p[2], Role::Member);
    act(&mut log, p[1].device(), kind);
    log.author_leave(p[2].now()).expect("anybody may leave");
    assert_eq!(log.view().invites()[&op.id()].uses_left, 8);
    let kind = invitation.admits(log.group(), op.id(), &p[2], Role::Member);
    log.author(p[1].now(), kind).expect("and may come back by it");
    assert_eq!(log.view().invites()[&op.id()].uses_left, 8, "one account, one use");
}

#[test]
fn an_invite_is_closed_by_its_maker_or_by_those_who_keep_order() {
    let p = people(4);
    let mut log = group(&p, &[Role::Moderator, Role::Moderator, Role::Member]);
    let op = act(&mut log, p[1].device(), Invitation::new(1).opens(Role::Member, 1));
    let by_member = log.author_invite_revoke(p[3].now(), op.id());
    assert_eq!(denied(by_member), VoidReason::NotEntitled);
    log.author_invite_revoke(p[2].now(), op.id()).expect("a moderator may");
    assert!(log.view().invites().is_empty());
    let twice = log.author_invite_revoke(p[1].now(), op.id());
    assert_eq!(denied(twice), VoidReason::InviteClosed);
}

#[test]
fn an_invite_that_is_not_in_the_past_proves_nothing() {
    let p = people(3);
    let mut log = group(&p[..2], &[Role::Member]);
    let before = heads(&log);
    let invitation = Invitation::new(1);
    let op = act(&mut log, p[0].device(), invitation.opens(Role::Member, 1));
    let kind = invitation.admits(log.group(), op.id(), &p[2], Role::Member);
    let beside = sign_at(&log, p[1].device(), &before, NOW_MS, kind);
    assert_eq!(log.insert(beside), Err(LogError::Malformed));
}
