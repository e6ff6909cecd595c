//! Bounds: what one member can cost the others (INV-6), what is held, what is refused.

use halloo_crdt::log::{
    DeviceGrant, Inserted, Log, LogError, MAX_DEVICES_PER_ACCOUNT, MAX_OPS_PER_MINUTE, MAX_PENDING,
    MAX_PENDING_PER_AUTHOR, OpContext, OpKind, Role, SignedOp, VoidReason,
};
use halloo_crypto::id::{GroupId, OpId};
use halloo_crypto::identity::{DeviceCertificate, DeviceSecret};

use crate::kit::{Invitation, NOW_MS, Person, act, group, heads, people, rng, sign_at, tell};

#[test]
fn inv_6_what_one_device_signs_in_a_minute_is_capped() {
    let p = people(1);
    let mut log = group(&p, &[]);
    let opens = |n: usize| Invitation::new(n as u64).opens(Role::Member, 1);
    // The Genesis was in this minute too.
    for n in 1..MAX_OPS_PER_MINUTE {
        log.author(p[0].now(), opens(n)).expect("within the cap");
    }
    let denied = log.author(p[0].now(), opens(999));
    assert_eq!(denied, Err(LogError::Denied(VoidReason::TooFast)));
    log.author(p[0].at(NOW_MS + 60_000), opens(999)).expect("a minute later");
    let flood = act(&mut log, p[0].device(), opens(1_000));
    assert_eq!(log.void(&flood.id()), Some(VoidReason::TooFast));
}

#[test]
fn inv_6_an_account_cannot_fill_the_tree_with_devices() {
    let owner = Person::new(1);
    let mut log = group(std::slice::from_ref(&owner), &[]);
    let mut rng = rng(9);
    let mut granted = 1;
    loop {
        let device = DeviceSecret::generate(&mut rng);
        let grant = DeviceGrant {
            certificate: DeviceCertificate::issue(&owner.account, &device, NOW_MS),
            key_package: vec![],
        };
        match log.author_device_add(owner.now(), grant) {
            Ok(_) => granted += 1,
            Err(LogError::Denied(VoidReason::TooManyDevices)) => break,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(granted, MAX_DEVICES_PER_ACCOUNT);
}

#[test]
fn an_operation_waits_for_its_parents_and_says_which() {
    let p = people(3);
    let log = group(&p, &[Role::Member, Role::Member]);
    let ops: Vec<SignedOp> = log.ops().into_iter().cloned().collect();
    let mut other = Log::new(log.group());
    assert_eq!(other.insert(ops[2].clone()), Ok(Inserted::Missing(vec![ops[1].id()])));
    assert_eq!(other.insert(ops[2].clone()), Ok(Inserted::Known));
    assert_eq!(other.insert(ops[1].clone()), Ok(Inserted::Missing(vec![ops[0].id()])));
    let missing: Vec<OpId> = other.missing().copied().collect();
    assert_eq!(missing, vec![ops[0].id()], "what waits itself is not asked for");
    let all: Vec<OpId> = ops.iter().map(SignedOp::id).collect();
    assert_eq!(other.insert(ops[0].clone()), Ok(Inserted::New(all)));
    assert_eq!((other.waiting(), other.missing().count()), (0, 0));
    assert_eq!(other.view(), log.view());
    assert_eq!(other.insert(ops[0].clone()), Ok(Inserted::Known));
}

#[test]
fn inv_6_a_liar_who_names_parents_that_do_not_exist_fills_his_own_room_only() {
    let p = people(2);
    let mut log = group(&p, &[Role::Member]);
    let orphan = |device: &DeviceSecret, n: u64| {
        let mut parent = [0xEE; 32];
        parent[..8].copy_from_slice(&n.to_be_bytes());
        let context = OpContext { group: log.group(), parents: vec![OpId(parent)], seq: 5, at_ms: NOW_MS };
        SignedOp::sign(context, p[1].remove(), device)
    };
    let orphans: Vec<SignedOp> = (0..200).map(|n| orphan(p[1].device(), n)).collect();
    let honest = orphan(p[0].device(), 1_000);
    let mut rng = rng(3);
    let crowd: Vec<SignedOp> =
        (0..MAX_PENDING as u64).map(|n| orphan(&DeviceSecret::generate(&mut rng), n)).collect();
    for op in orphans {
        assert!(matches!(log.insert(op), Ok(Inserted::Missing(_))));
    }
    assert_eq!(log.waiting(), MAX_PENDING_PER_AUTHOR);
    log.insert(honest).expect("there is room for others");
    assert_eq!(log.waiting(), MAX_PENDING_PER_AUTHOR + 1);
    for op in crowd {
        log.insert(op).expect("no fault of the sender");
    }
    assert_eq!(log.waiting(), MAX_PENDING);
}

#[test]
fn what_is_no_operation_of_this_group_is_refused() {
    let p = people(2);
    let log = group(&p, &[Role::Member]);
    let (mut other, _) = Log::found(p[1].now(), [8; 32], p[1].grant(0)).expect("founding");
    let genesis = log.ops()[0].clone();
    assert_eq!(other.insert(genesis), Err(LogError::WrongGroup));
    let op = sign_at(&log, p[0].device(), &heads(&log), NOW_MS, p[1].remove());
    assert_eq!(other.insert(op), Err(LogError::WrongGroup));
}

#[test]
fn a_shape_that_breaks_the_rules_is_refused_by_every_peer() {
    let p = people(3);
    let mut log = group(&p[..2], &[Role::Member]);
    let parents = heads(&log);
    let sign = |group: GroupId, parents: Vec<OpId>, seq, kind| {
        let context = OpContext { group, parents, seq, at_ms: NOW_MS };
        SignedOp::sign(context, kind, p[0].device())
    };
    let here = log.group();
    let bad = [
        sign(here, vec![], 0, p[1].remove()),
        sign(here, parents.clone(), 0, p[1].remove()),
        sign(here, parents.clone(), 3, p[1].remove()),
        sign(here, parents.clone(), 2, Invitation::new(1).opens(Role::Member, 0)),
        sign(here, parents.clone(), 2, Invitation::new(1).opens(Role::Member, 1_001)),
        sign(here, parents.clone(), 2, add_of(&p[2], vec![])),
        sign(here, parents.clone(), 2, add_of(&p[2], vec![p[1].grant(1)])),
        sign(here, parents.clone(), 2, add_of(&p[2], vec![p[2].grant(0), p[2].grant(0)])),
        sign(here, parents.clone(), 2, add_of(&p[2], vec![fat(&p[2])])),
    ];
    for op in bad {
        assert_eq!(log.insert(op.clone()), Err(LogError::Malformed), "{op:?}");
        assert_eq!(log.insert_trusted(op), Err(LogError::Malformed));
    }
    assert_eq!(log.len(), 2);
}

fn add_of(who: &Person, devices: Vec<DeviceGrant>) -> OpKind {
    OpKind::Add { account: who.id(), role: Role::Member, devices, invite: None }
}

fn fat(who: &Person) -> DeviceGrant {
    DeviceGrant { key_package: vec![0; 3 * 1024 + 1], ..who.grant(0) }
}

#[test]
fn a_stranger_cannot_make_the_log_keep_anything() {
    let p = people(3);
    let mut log = group(&p[..2], &[Role::Admin]);
    let parents = heads(&log);
    for kind in
        [p[2].add(Role::Owner), p[1].remove(), p[2].remove(), Invitation::new(1).opens(Role::Member, 1)]
    {
        let op = sign_at(&log, p[2].device(), &parents, NOW_MS, kind);
        assert_eq!(log.insert(op), Err(LogError::Powerless));
    }
    assert_eq!(log.len(), 2);
}

#[test]
fn a_trusted_insert_wants_parents_first() {
    let p = people(2);
    let log = group(&p, &[Role::Member]);
    let ops = log.ops();
    let mut back = Log::new(log.group());
    assert_eq!(back.insert_trusted(ops[1].clone()), Err(LogError::Unknown(ops[0].id())));
    assert!(back.is_empty());
    for op in &ops {
        back.insert_trusted((*op).clone()).expect("parents first");
        back.insert_trusted((*op).clone()).expect("twice is fine");
    }
    assert_eq!(back.view(), log.view());
}

#[test]
fn questions_about_unknown_heads_have_clear_answers() {
    let p = people(2);
    let log = group(&p, &[Role::Member]);
    let nowhere = OpId([3; 32]);
    assert_eq!(log.view_at(&[nowhere]), Err(LogError::Unknown(nowhere)));
    assert_eq!(log.weight(&[nowhere]), Err(LogError::Unknown(nowhere)));
    assert_eq!(log.weight(&[]), Ok(0));
    assert!(log.view_at(&[]).expect("nothing is known").members().is_empty());
    assert!(!log.closure_contains(&[nowhere], &nowhere));
    assert_eq!(log.void(&nowhere), None);
    assert!(log.removed_after(&p[0].device_id(), &[nowhere]).is_empty());
}

#[test]
fn more_heads_than_an_operation_may_name_are_gathered_by_the_next() {
    let p = people(1);
    let start = group(&p, &[]);
    let mut log = start.clone();
    for n in 0..80 {
        let mut side = start.clone();
        act(&mut side, p[0].device(), Invitation::new(n).opens(Role::Member, 1));
        tell(&side, &mut log);
    }
    assert_eq!(log.heads().len(), 80);
    let later = p[0].at(NOW_MS + 60_000);
    log.author(later, Invitation::new(100).opens(Role::Member, 1)).expect("64 parents");
    assert_eq!(log.heads().len(), 17);
    log.author(later, Invitation::new(101).opens(Role::Member, 1)).expect("the rest");
    assert_eq!(log.heads().len(), 1);
    assert_eq!(log.view().invites().len(), 82);
}
