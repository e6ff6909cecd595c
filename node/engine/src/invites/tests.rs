//! Invites as the inviter sees them, and what the pairing lane gets for nonsense.

use super::*;
use crate::input::{Command, Input};
use crate::rig::{Rig, identity};
use core::time::Duration;
use halloo_crdt::log::op::{DeviceGrant, InviteUse};
use halloo_crdt::log::{Author, Log};

fn open_one(rig: &mut Rig, max_uses: u16, seconds: u64) -> InviteView {
    let command = Command::Invite { max_uses, expiry: Duration::from_secs(seconds), role: Role::Member };
    match rig.command(0, command) {
        Ok(Reply::Invite(view)) => view,
        other => panic!("no invite: {other:?}"),
    }
}

#[test]
fn the_maker_has_code_link_and_qr_the_others_see_that_it_is_open() {
    let mut rig = Rig::group(2, 100);
    let view = open_one(&mut rig, 3, 60);
    assert!(view.code.is_some() && view.link.is_some() && view.qr.is_some() && view.open);
    rig.pass(Duration::from_secs(2));
    let theirs = rig.engine(1).invites();
    assert_eq!(theirs.len(), 1);
    assert_eq!((theirs[0].invite, theirs[0].max_uses, theirs[0].uses), (view.invite, 3, 0));
    assert_eq!((&theirs[0].code, &theirs[0].link, &theirs[0].qr), (&None, &None, &None));
}

#[test]
fn the_secret_is_stored_while_it_is_of_use_and_no_longer() {
    let mut rig = Rig::group(1, 101);
    let view = open_one(&mut rig, 1, 30);
    let stored = |rig: &Rig| rig.members[0].disk.table(Table::Invite).count();
    assert_eq!(stored(&rig), 1);
    rig.command(0, Command::CloseInvite(view.invite)).expect("closed");
    assert_eq!(stored(&rig), 0);
    open_one(&mut rig, 1, 30);
    rig.pass(Duration::from_secs(40));
    assert_eq!(stored(&rig), 0, "it ended by itself");
    let closed = rig.members[0].events.iter().filter(|event| matches!(event, Event::InviteClosed { .. }));
    assert_eq!(closed.count(), 2, "each end is told once");
}

#[test]
fn open_invites_of_one_device_are_bounded() {
    let mut rig = Rig::group(1, 102);
    let mut opened = 0;
    for _ in 0..INVITES_MAX + 8 {
        let command = Command::Invite { max_uses: 1, expiry: Duration::from_secs(6_000), role: Role::Member };
        match rig.command(0, command) {
            Ok(_) => opened += 1,
            Err(refusal) => {
                assert!(matches!(refusal, Refusal::Invalid(_) | Refusal::NotAllowed), "{refusal}")
            }
        }
        // Operations are capped per author and minute by the log itself.
        rig.pass(Duration::from_secs(61));
    }
    assert!(opened <= INVITES_MAX, "{opened}");
    assert!(opened >= INVITES_MAX / 4, "{opened}");
}

/// Somebody comes in by an invite of member 0; nothing of the newcomer runs.
fn use_up(rig: &mut Rig, view: &InviteView) {
    let mut rng = ChaCha20Rng::seed_from_u64(rig.now.wall_ms);
    let newcomer = identity(&mut rng, "N", 9);
    let secret = view.link.as_ref().expect("it is ours").parse::<Link>().expect("our own link").secret;
    let engine = rig.engine(0);
    let (group, op) = (engine.group(), engine.invites.op_of(&secret.id()).expect("it is open"));
    let message = InviteUse::message(&group, &newcomer.account(), &newcomer.device.id());
    let used = InviteUse { invite: op, proof: secret.prove(&message) };
    let grant = DeviceGrant { certificate: newcomer.certificate, key_package: vec![] };
    let add = |log: &mut Log, by: Author<'_>| log.author_add(by, Role::Member, vec![grant], Some(used));
    membership::author(&mut engine.state, add).expect("added");
}

#[test]
fn invites_that_are_used_up_do_not_keep_the_door_shut() {
    let mut rig = Rig::group(1, 104);
    let stored = |rig: &Rig| rig.members[0].disk.table(Table::Invite).count();
    for n in 0..INVITES_MAX + 3 {
        let view = open_one(&mut rig, 1, 366 * 24 * 3_600);
        use_up(&mut rig, &view);
        rig.pass(Duration::from_secs(61));
        assert_eq!(stored(&rig), (n + 1).min(INVITES_MAX), "the one that was used up first makes room");
    }
    assert_eq!(rig.engine(0).members().len(), INVITES_MAX + 4);
}

#[test]
fn every_pairing_frame_has_exactly_one_answer() {
    let mut rig = Rig::group(1, 103);
    open_one(&mut rig, 1, 60);
    let asker = PeerKey([50; 32]);
    for bytes in [vec![], vec![0], vec![1, 1, 1], vec![1; 60], vec![9; 300]] {
        let before = rig.members[0].sent.len();
        rig.hand(0, Input::Frame { from: asker, lane: Lane::Pair, bytes });
        let answers = rig.members[0].sent[before..].iter().filter(|(to, _)| *to == Some(asker)).count();
        assert_eq!(answers, 1);
    }
}

#[test]
fn refusals_are_told_to_the_joiner_as_what_they_are() {
    assert_eq!(why(&Refusal::Busy), RefusedWhy::Busy);
    assert_eq!(why(&Refusal::Unknown("invite")), RefusedWhy::Closed);
    assert_eq!(why(&Refusal::Invalid("x")), RefusedWhy::NotAdmitted);
}

#[test]
fn an_invite_is_named_alike_by_everybody() {
    let op = OpId::from_bytes([7; 32]);
    assert_eq!(invite_name(&op), InviteId([7; 16]));
}
