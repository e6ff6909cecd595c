//! The door: what each kind of visitor is told, frame by frame.

use super::*;
use crate::input::{Command, Input};
use crate::lane::Lane;
use crate::rig::{Rig, identity};
use halloo_crypto::identity::DeviceSecret;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

const STRANGER: PeerKey = PeerKey([77; 32]);

fn kinds(rig: &Rig, who: usize, from: usize) -> Vec<u8> {
    let to_stranger = rig.members[who].sent[from..].iter().filter(|(to, _)| *to == Some(STRANGER));
    to_stranger.map(|(_, bytes)| bytes[9]).collect()
}

fn nonce_of(rig: &Rig, who: usize) -> [u8; 32] {
    let hello =
        rig.members[who].sent.iter().rev().find(|(to, bytes)| *to == Some(STRANGER) && bytes[9] == 32);
    hello.expect("a hello").1[10..42].try_into().expect("a nonce")
}

/// A proof to member 0 by this device over the stranger's transport.
fn proof(rig: &mut Rig, device: &DeviceSecret) -> DirectFrame {
    let context = ProofContext {
        group: rig.engine(0).group(),
        prover: STRANGER,
        verifier: rig.peer(0),
        nonce: nonce_of(rig, 0),
    };
    DirectFrame::Proof(context.prove(device))
}

fn visitor(rig: &mut Rig) -> usize {
    let before = rig.members[0].sent.len();
    rig.hand(0, Input::PeerUp(STRANGER));
    before
}

#[test]
fn a_stranger_gets_a_hello_a_proof_and_an_unknown() {
    let mut rig = Rig::group(2, 20);
    let before = visitor(&mut rig);
    assert_eq!(kinds(&rig, 0, before), [32]);
    rig.hand_direct(0, STRANGER, &DirectFrame::Hello { nonce: [1; 32] });
    assert_eq!(kinds(&rig, 0, before), [32, 32, 33]);
    let stranger = identity(&mut ChaCha20Rng::seed_from_u64(5), "Eve", 77);
    let proof = proof(&mut rig, &stranger.device);
    rig.hand_direct(0, STRANGER, &proof);
    assert_eq!(kinds(&rig, 0, before), [32, 32, 33, 34]);
    assert!(rig.engine(0).state.peers.member(&STRANGER).is_none());
}

#[test]
fn a_hello_is_repeated_until_it_is_answered_or_enough() {
    let mut rig = Rig::group(1, 21);
    let before = visitor(&mut rig);
    rig.pass(core::time::Duration::from_secs(60));
    assert_eq!(kinds(&rig, 0, before), [32; HELLOS_MAX as usize]);
}

#[test]
fn a_member_proves_itself_over_a_second_connection_too() {
    let mut rig = Rig::group(2, 22);
    visitor(&mut rig);
    let ben = rig.members[1].identity.device.clone();
    let proof = proof(&mut rig, &ben);
    rig.hand_direct(0, STRANGER, &proof);
    assert_eq!(rig.engine(0).state.peers.member(&STRANGER), Some(ben.id()));
}

#[test]
fn a_proof_to_another_nonce_or_by_ourselves_is_dropped() {
    let mut rig = Rig::group(2, 23);
    visitor(&mut rig);
    let ben = rig.members[1].identity.device.clone();
    let context = ProofContext {
        group: rig.engine(0).group(),
        prover: STRANGER,
        verifier: rig.peer(0),
        nonce: [9; 32],
    };
    rig.hand_direct(0, STRANGER, &DirectFrame::Proof(context.prove(&ben)));
    assert_eq!(rig.dropped(0, "bad membership proof"), 1);
    let ada = rig.members[0].identity.device.clone();
    let own = proof(&mut rig, &ada);
    rig.hand_direct(0, STRANGER, &own);
    assert_eq!(rig.dropped(0, "proof by our own device"), 1);
    assert!(rig.engine(0).state.peers.member(&STRANGER).is_none());
}

#[test]
fn a_removed_device_is_told_its_removal_and_nothing_later() {
    let mut rig = Rig::group(3, 24);
    let (cleo, device) = (rig.members[2].identity.account(), rig.members[2].identity.device.clone());
    rig.cut = true;
    rig.command(0, Command::Remove(cleo)).expect("removed");
    let account = rig.members[1].identity.account();
    let role = halloo_crdt::log::Role::Admin;
    rig.command(0, Command::SetRole { account, role }).expect("appointed, after she was gone");
    let before = visitor(&mut rig);
    let proof = proof(&mut rig, &device);
    rig.hand_direct(0, STRANGER, &proof);
    let frames = &rig.members[0].sent[before..];
    let farewell =
        frames.iter().find(|(to, bytes)| *to == Some(STRANGER) && bytes[9] == 36).expect("a farewell");
    let route = rig.members[0].engine.route_tag();
    let Ok(DirectFrame::Farewell { operations, .. }) = DirectFrame::parse(&farewell.1, route) else {
        panic!("a farewell")
    };
    let told: Vec<SignedOp> =
        operations.iter().map(|bytes| SignedOp::from_bytes(bytes).expect("whole")).collect();
    assert!(matches!(told.last().expect("something").kind(), OpKind::Remove { account } if *account == cleo));
    assert!(!told.iter().any(|op| matches!(op.kind(), OpKind::SetRole { .. })), "nothing later");
    assert!(kinds(&rig, 0, before).iter().all(|kind| [32, 33, 36].contains(kind)));
}

#[test]
fn a_farewell_from_a_stranger_or_about_nothing_ends_nothing() {
    let mut rig = Rig::group(2, 25);
    visitor(&mut rig);
    let farewell =
        DirectFrame::Farewell { operations: vec![vec![1; 100]], acknowledgements: vec![vec![2; 50]] };
    rig.hand_direct(0, STRANGER, &farewell);
    assert_eq!(rig.dropped(0, "farewell without a proof, or one too many"), 1);
    let ben = rig.peer(1);
    rig.hand_direct(0, ben, &farewell);
    assert!(rig.engine(0).status().member);
}

#[test]
fn an_introduction_that_makes_nobody_a_member_is_dropped_and_bounded() {
    let mut rig = Rig::group(2, 26);
    visitor(&mut rig);
    rig.hand_direct(0, STRANGER, &DirectFrame::Introduce(vec![]));
    assert_eq!(rig.dropped(0, "introduction without a proof, or one too many"), 1);
    let stranger = identity(&mut ChaCha20Rng::seed_from_u64(5), "Eve", 77);
    let proof = proof(&mut rig, &stranger.device);
    rig.hand_direct(0, STRANGER, &proof);
    let operations = rig.engine(0).state.log.len();
    for _ in 0..10 {
        rig.hand_direct(0, STRANGER, &DirectFrame::Introduce(vec![vec![0; 500]; 20]));
    }
    assert_eq!(rig.engine(0).state.log.len(), operations);
    assert_eq!(rig.dropped(0, "introduction that makes nobody a member"), u64::from(INTRODUCTIONS_MAX) - 1);
}

#[test]
fn an_unknown_from_a_stranger_brings_no_operation_out() {
    let mut rig = Rig::group(2, 27);
    let before = visitor(&mut rig);
    rig.hand_direct(0, STRANGER, &DirectFrame::Unknown { heads: vec![] });
    assert_eq!(kinds(&rig, 0, before), [32]);
    let ben = rig.peer(1);
    let sent = rig.members[0].sent.len();
    rig.hand_direct(0, ben, &DirectFrame::Unknown { heads: vec![] });
    let kinds: Vec<u8> = rig.members[0].sent[sent..].iter().map(|(_, bytes)| bytes[9]).collect();
    assert!(kinds.contains(&35), "a proven member is introduced to: {kinds:?}");
}

#[test]
fn frames_of_every_other_kind_are_not_looked_at_before_the_proof() {
    let mut rig = Rig::group(2, 28);
    visitor(&mut rig);
    let before = rig.engine(0).status();
    for kind in (1..=8).chain(40..=44) {
        let mut bytes = rig.engine(0).route_tag().to_vec();
        bytes.extend_from_slice(&[1, kind]);
        bytes.extend_from_slice(&[0; 40]);
        rig.hand(0, Input::Frame { from: STRANGER, lane: Lane::Direct, bytes });
    }
    let after = rig.engine(0).status();
    assert_eq!(
        (before.operations, before.contents, before.epoch),
        (after.operations, after.contents, after.epoch)
    );
    assert!(rig.dropped(0, "frame before the proof") > 0);
}

#[test]
fn the_past_of_a_head_is_all_that_it_follows() {
    let mut rig = Rig::group(3, 29);
    let log = &rig.engine(0).state.log;
    let heads: Vec<OpId> = log.heads().iter().copied().collect();
    assert_eq!(past_of(log, &heads).len(), log.len());
    assert!(past_of(log, &[]).is_empty());
    assert_eq!(past_of(log, &[OpId::from_bytes([9; 32])]).len(), 1, "an unknown head has no known past");
}

#[test]
fn a_neighbour_that_begins_anew_behind_the_same_connection_proves_itself_again() {
    let mut rig = Rig::group(2, 30);
    let ben = rig.peer(1);
    assert!(rig.engine(0).state.peers.member(&ben).is_some());
    rig.cut = true;
    let before = rig.members[0].events.len();
    rig.hand_direct(0, ben, &DirectFrame::Hello { nonce: [42; 32] });
    assert!(rig.engine(0).state.peers.member(&ben).is_none(), "who forgot everything is a stranger");
    let nonce = rig.engine(0).state.peers.get(&ben).expect("up").nonce;
    let context = ProofContext { group: rig.engine(0).group(), prover: ben, verifier: rig.peer(0), nonce };
    let device = rig.members[1].identity.device.clone();
    rig.hand_direct(0, ben, &DirectFrame::Proof(context.prove(&device)));
    assert!(rig.engine(0).state.peers.member(&ben).is_some());
    let proven =
        rig.members[0].events[before..].iter().filter(|event| matches!(event, Event::PeerProven { .. }));
    assert_eq!(proven.count(), 1);
    // The same hello again, late, changes nothing.
    rig.hand_direct(0, ben, &DirectFrame::Hello { nonce: [42; 32] });
    assert!(rig.engine(0).state.peers.member(&ben).is_some());
}

#[test]
fn a_second_up_without_a_down_begins_anew() {
    let mut rig = Rig::group(2, 31);
    let ben = rig.peer(1);
    for _ in 0..3 {
        rig.hand(0, Input::PeerUp(ben));
        rig.settle();
        rig.pass(core::time::Duration::from_secs(5));
        assert!(rig.engine(0).state.peers.member(&ben).is_some());
    }
    rig.say(0, "still together");
    rig.pass(core::time::Duration::from_secs(2));
    assert_eq!(rig.texts(1), ["still together"]);
}
