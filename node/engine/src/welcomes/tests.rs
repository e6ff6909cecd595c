//! Welcomes: who gets one and when, and whom one moves.

use super::*;
use crate::input::{Command, Input, WakeReason};
use crate::rig::Rig;
use crate::wire::bundle::WelcomeBack;
use crate::wire::direct::DirectFrame;
use core::time::Duration;
use halloo_crypto::group::{CommitPlan, EpochTag, Prepared};
use halloo_crypto::sealed;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(5)
}

/// A commit of member 0, made behind its engine's back, that gives member 1 a fresh leaf; with the secret to join by.
fn fresh_leaf(rig: &mut Rig) -> (Prepared, KeyPackageSecret) {
    let device = rig.members[1].identity.device.clone();
    let group = rig.engine(0).group();
    let secret = KeyPackageSecret::generate(group, &device, &mut rng()).expect("a package");
    let state = &rig.engine(0).state;
    let plan = CommitPlan {
        add: vec![secret.key_package().to_vec()],
        remove: vec![device.id()],
        heads: state.heads(),
    };
    (state.epochs.tip().session.prepare(&plan, &mut rng()).expect("MLS takes it"), secret)
}

/// The frame that hands member 1 this welcome.
fn frame(rig: &mut Rig, back: &WelcomeBack) -> DirectFrame {
    let to = &rig.members[1].identity.certificate;
    let (device, box_key) = (to.device, to.box_key);
    let aad = [rig.engine(0).group().as_bytes().as_slice(), device.as_bytes()].concat();
    let seal = sealed::seal_to(&mut rng(), &box_key, b"halloo v1 welcome", &aad, &back.to_bytes());
    DirectFrame::Welcome(seal.expect("sealed"))
}

#[test]
fn a_welcome_that_nobody_asked_for_moves_nobody_unless_the_rule_decided() {
    let mut rig = Rig::group(3, 180);
    let (prepared, secret) = fresh_leaf(&mut rig);
    let from = rig.peer(0);
    let welcome = prepared.welcome.expect("somebody is added");
    let trail = vec![[prepared.next.tag().as_slice(), &9_u64.to_be_bytes(), &prepared.commit].concat()];
    let before = rig.engine(1).status().epoch;
    rig.engine(1).commits.welcomes.keep_package(secret, false);
    let undecided = frame(
        &mut rig,
        &WelcomeBack { decided: false, welcome: welcome.clone(), trail: Vec::new(), beacons: Vec::new() },
    );
    rig.hand_direct(1, from, &undecided);
    assert_eq!(rig.dropped(1, "welcome to a branch that has not won"), 1);
    assert_eq!(rig.engine(1).status().epoch, before, "INV-1: what it cannot compare decides nothing");
    let decided = frame(&mut rig, &WelcomeBack { decided: true, welcome, trail, beacons: Vec::new() });
    rig.hand_direct(1, from, &decided);
    assert_eq!(rig.engine(1).status().epoch, prepared.next.epoch_id());
    let handed = rig.engine(1).state.epochs.trail();
    assert!(handed[0].ends_with(&prepared.commit), "it can tell others how it came there");
    let stored = rig.members[1].disk.table(crate::snapshot::Table::Trail);
    assert!(stored.into_iter().any(|(tag, _)| tag == prepared.next.tag()), "also after a restart");
    // A second copy, late, is no second move.
    rig.hand_direct(1, from, &decided);
    assert_eq!(rig.dropped(1, "welcome to an epoch that is here"), 1);
}

#[test]
fn one_that_was_asked_for_is_taken() {
    let mut rig = Rig::group(2, 181);
    let (prepared, secret) = fresh_leaf(&mut rig);
    let from = rig.peer(0);
    rig.engine(1).commits.welcomes.keep_package(secret, true);
    let welcome = prepared.welcome.expect("somebody is added");
    let back = frame(
        &mut rig,
        &WelcomeBack { decided: false, welcome, trail: vec![vec![1; 5], vec![2; 40]], beacons: Vec::new() },
    );
    rig.hand_direct(1, from, &back);
    assert_eq!(rig.engine(1).status().epoch, prepared.next.epoch_id());
}

#[test]
fn inv_1_a_welcome_to_a_lighter_branch_moves_nobody_though_it_was_asked_for() {
    let mut rig = Rig::group(2, 184);
    let (prepared, secret) = fresh_leaf(&mut rig);
    rig.engine(1).commits.welcomes.keep_package(secret, true);
    // Meanwhile the log grows and a commit names it.
    let role = halloo_crdt::log::Role::Member;
    let invite = Command::Invite { max_uses: 1, expiry: Duration::from_secs(600), role };
    rig.command(0, invite).expect("an invite");
    let engine = rig.engine(0);
    crate::commits::commit_now(&mut engine.commits, &mut engine.state, true);
    rig.hand(0, Input::Wake(WakeReason::Deadline));
    rig.pass(Duration::from_secs(1));
    let before = rig.engine(1).status().epoch;
    assert_eq!(before, rig.engine(0).status().epoch, "both are on the heavier branch");
    let (from, welcome) = (rig.peer(0), prepared.welcome.expect("somebody is added"));
    let back =
        frame(&mut rig, &WelcomeBack { decided: true, welcome, trail: Vec::new(), beacons: Vec::new() });
    rig.hand_direct(1, from, &back);
    assert_eq!(rig.engine(1).status().epoch, before);
    assert_eq!(rig.dropped(1, "welcome that does not follow the log"), 1);
}

#[test]
fn a_welcome_to_somebody_else_or_of_nonsense_is_dropped() {
    let mut rig = Rig::group(2, 182);
    let (prepared, _) = fresh_leaf(&mut rig);
    let from = rig.peer(0);
    let before = rig.engine(1).status().epoch;
    let welcome = prepared.welcome.expect("somebody is added");
    let other =
        frame(&mut rig, &WelcomeBack { decided: true, welcome, trail: Vec::new(), beacons: Vec::new() });
    let nonsense = frame(
        &mut rig,
        &WelcomeBack { decided: true, welcome: vec![7; 90], trail: Vec::new(), beacons: Vec::new() },
    );
    for frame in [other, nonsense, DirectFrame::Welcome(vec![9; 300]), DirectFrame::Welcome(Vec::new())] {
        rig.hand_direct(1, from, &frame);
    }
    assert_eq!(rig.dropped(1, "welcome that does not open"), 4);
    assert_eq!(rig.engine(1).status().epoch, before);
}

/// Lets member 0 think that member 1 told these epochs, and hands what waits for it; gives the welcome if one went out.
fn hand_to(rig: &mut Rig, tags: &[EpochTag], asked: bool) -> usize {
    let peer = rig.peer(1);
    let before = rig.members[0].sent.len();
    let engine = rig.engine(0);
    engine.state.peers.get_mut(&peer).expect("up").epochs = tags.to_vec();
    hand(&mut engine.commits.welcomes, &mut engine.state, peer, asked);
    // Any input drains what was said.
    rig.hand(0, crate::input::Input::Wake(crate::input::WakeReason::Outside));
    rig.members[0].sent[before..].iter().filter(|(to, bytes)| *to == Some(peer) && bytes[9] == 44).count()
}

#[test]
fn a_welcome_waits_until_the_branch_of_its_device_is_known_to_have_lost() {
    let mut rig = Rig::group(2, 183);
    rig.cut = true;
    let device = rig.members[1].identity.device.id();
    let tip = rig.engine(0).state.epochs.tip();
    let (tip, tag) = (tip.id(), tip.session.tag());
    let keep = |rig: &mut Rig| rig.engine(0).commits.welcomes.keep_for(device, tip, vec![1; 50]);
    keep(&mut rig);
    assert_eq!(hand_to(&mut rig, &[], false), 0, "it has not said where it stands");
    assert_eq!(hand_to(&mut rig, &[[9; 8]], false), 0, "nobody here knows that epoch");
    assert_eq!(rig.engine(0).commits.welcomes.waiting.len(), 1);
    assert_eq!(hand_to(&mut rig, &[tag], false), 0);
    assert!(rig.engine(0).commits.welcomes.waiting.is_empty(), "who can follow needs none");
    keep(&mut rig);
    assert_eq!(hand_to(&mut rig, &[[9; 8]], true), 1, "it asked");
    // A rival of the current epoch that the rule did not choose: member 1 stands on it.
    let parent = rig.engine(0).state.epochs.tip().parent.expect("not the first epoch");
    let session = rig.engine(0).state.epochs.get(&parent).expect("kept").session.clone();
    let rival = session.prepare(&CommitPlan::default(), &mut rng()).expect("a rival").next;
    let node = crate::epochs::Node::new(rival.clone(), Some(parent), 0, rig.now.wall_ms).expect("an epoch");
    rig.engine(0).state.epochs.insert(node, vec![1; 40]);
    assert_eq!(rig.engine(0).state.epochs.chosen(), tip, "it weighs nothing");
    keep(&mut rig);
    assert_eq!(hand_to(&mut rig, &[rival.tag()], false), 1, "the rule decided");
    rig.engine(0).commits.welcomes.keep_for(device, rival.epoch_id(), vec![1; 50]);
    assert_eq!(hand_to(&mut rig, &[rival.tag()], false), 0, "a welcome to a branch that we left is no help");
    assert!(rig.engine(0).commits.welcomes.waiting.is_empty());
}

#[test]
fn what_is_kept_is_bounded() {
    let mut rig = Rig::group(1, 184);
    let group = rig.engine(0).group();
    let device = rig.members[0].identity.device.clone();
    let tip = rig.engine(0).state.epochs.tip().id();
    let mut room = Welcomes::default();
    for n in 0..=MAX_WELCOMES {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&(n as u64).to_be_bytes());
        room.keep_for(DeviceId::from_bytes(id), tip, vec![1]);
    }
    assert_eq!(room.waiting.len(), MAX_WELCOMES);
    room.keep_for(DeviceId::from_bytes([0; 32]), tip, vec![2]);
    assert_eq!(room.waiting[&DeviceId::from_bytes([0; 32])].1, [2], "the newer one replaces the older");
    for _ in 0..MAX_KEY_PACKAGES + 3 {
        let secret = KeyPackageSecret::generate(group, &device, &mut rng()).expect("a package");
        room.keep_package(secret, true);
    }
    assert_eq!(room.packages.len(), MAX_KEY_PACKAGES);
    room.forget_packages();
    assert!(room.packages.is_empty() && room.join(&[1, 2, 3]).is_none());
}

#[test]
fn what_was_asked_for_long_ago_is_forgotten_with_the_hour() {
    let mut rig = Rig::group(2, 185);
    let (_, secret) = fresh_leaf(&mut rig);
    rig.engine(1).commits.welcomes.keep_package(secret, true);
    rig.pass(Duration::from_secs(3_700));
    assert!(rig.engine(1).commits.welcomes.packages.is_empty());
}
