//! Devices: siblings, retirement, the account key.

use halloo_crdt::log::{LogError, OpKind, Role, VoidReason};
use halloo_crypto::identity::Revocation;

use crate::kit::{NOW_MS, act, denied, group, heads, meet, people, sign_at};

#[test]
fn a_sibling_brings_in_a_device_that_then_acts() {
    let p = people(3);
    let mut log = group(&p[..2], &[Role::Admin]);
    log.author_device_add(p[1].now(), p[1].grant(1)).expect("one's own");
    let second = p[1].devices[1].id();
    assert_eq!(log.view().account_of(&second), Some(p[1].id()));
    assert_eq!(log.view().device(&second).expect("it is in").grant, p[1].grant(1));
    act(&mut log, &p[1].devices[1], p[2].add(Role::Member));
    assert!(log.view().is_member(&p[2].id()));
    let again = log.author_device_add(p[1].now(), p[1].grant(1));
    assert_eq!(denied(again), VoidReason::DeviceSpent);
}

#[test]
fn a_device_of_somebody_else_is_not_mine_to_bring() {
    let p = people(3);
    let mut log = group(&p, &[Role::Admin, Role::Member]);
    let other = log.author_device_add(p[0].now(), p[1].grant(1));
    assert_eq!(other, Err(LogError::Powerless));
    let mut stolen = p[1].grant(1);
    stolen.certificate.account = p[2].id();
    let forged = log.author_device_add(p[2].now(), stolen);
    assert_eq!(forged, Err(LogError::BadSignature));
}

#[test]
fn a_device_certified_by_the_account_key_introduces_itself() {
    let p = people(3);
    let mut log = group(&p[..2], &[Role::Member]);
    let spare = &p[1].devices[2];
    let kind = OpKind::DeviceAdd { device: p[1].grant(2) };
    act(&mut log, spare, kind);
    assert!(log.view().device(&spare.id()).is_some());
    let stranger =
        sign_at(&log, p[2].device(), &heads(&log), NOW_MS, OpKind::DeviceAdd { device: p[2].grant(0) });
    assert_eq!(log.insert(stranger), Err(LogError::Powerless));
}

#[test]
fn a_retired_device_never_comes_back_and_its_concurrent_acts_are_void() {
    let p = people(3);
    let mut left = group(&p[..2], &[Role::Admin]);
    act(&mut left, p[1].device(), OpKind::DeviceAdd { device: p[1].grant(1) });
    let mut right = left.clone();
    let revoke = left.author_device_revoke(p[1].now(), p[1].devices[1].id(), None).expect("one's own");
    let theft = act(&mut right, &p[1].devices[1], p[2].add(Role::Member));
    meet(&mut left, &mut right);
    assert_eq!(left.void(&theft.id()), Some(VoidReason::Beaten { by: revoke.id() }));
    let back = left.author_device_add(p[1].now(), p[1].grant(1));
    assert_eq!(denied(back), VoidReason::DeviceSpent);
    assert_eq!(left.removed_after(&p[1].devices[1].id(), &heads(&right)[..0]), vec![revoke.id()]);
}

#[test]
fn the_word_of_the_account_key_outranks_a_thief() {
    let p = people(2);
    let mut left = group(&p, &[Role::Member]);
    act(&mut left, p[1].device(), OpKind::DeviceAdd { device: p[1].grant(1) });
    let mut right = left.clone();
    let (own, thief) = (p[1].device_id(), &p[1].devices[1]);
    let word = Revocation::issue(&p[1].account, thief.id(), NOW_MS);
    left.author_device_revoke(p[1].now(), thief.id(), Some(word)).expect("with the account key");
    // Beside it the stolen sibling retires the honest device.
    let theft =
        act(&mut right, thief, OpKind::DeviceRevoke { account: p[1].id(), device: own, revocation: None });
    meet(&mut left, &mut right);
    assert!(left.void(&theft.id()).is_some());
    assert!(left.view().device(&own).is_some());
    assert!(left.view().device(&thief.id()).is_none());
}

#[test]
fn anybody_carries_the_word_of_an_account_key_but_nobody_invents_one() {
    let p = people(3);
    let mut log = group(&p, &[Role::Member, Role::Member]);
    let lost = p[1].device_id();
    let without = log.author_device_revoke(p[0].now(), lost, None);
    assert_eq!(without, Err(LogError::Powerless));
    let invented = Revocation::issue(&p[2].account, lost, NOW_MS);
    let invented = log.author_device_revoke(p[2].now(), lost, Some(invented));
    assert_eq!(invented, Err(LogError::Malformed));
    let word = Revocation::issue(&p[1].account, lost, NOW_MS);
    log.author_device_revoke(p[2].now(), lost, Some(word)).expect("carried by a friend");
    let member = log.view().member(&p[1].id()).expect("the account stays");
    assert!(member.devices.is_empty());
    // And with a new device it goes on.
    act(&mut log, &p[1].devices[1], OpKind::DeviceAdd { device: p[1].grant(1) });
    assert!(log.view().device(&p[1].devices[1].id()).is_some());
}

#[test]
fn added_again_after_a_remove_only_the_devices_of_the_new_add_are_in() {
    let p = people(2);
    let mut log = group(&p, &[Role::Member]);
    act(&mut log, p[1].device(), OpKind::DeviceAdd { device: p[1].grant(1) });
    act(&mut log, p[0].device(), p[1].remove());
    assert!(log.view().account_of(&p[1].device_id()).is_none());
    act(&mut log, p[0].device(), p[1].add(Role::Member));
    let member = log.view().member(&p[1].id()).expect("back");
    let devices: Vec<_> = member.devices.keys().copied().collect();
    assert_eq!(devices, vec![p[1].device_id()]);
    log.author_device_revoke(p[1].now(), p[1].device_id(), None).expect("the last device may be retired");
}

#[test]
fn retiring_a_device_that_is_not_in_is_refused() {
    let p = people(2);
    let mut log = group(&p, &[Role::Member]);
    let unknown = log.author_device_revoke(p[1].now(), p[1].devices[2].id(), None);
    assert_eq!(denied(unknown), VoidReason::NoSuchMember);
}
