//! Beacons of members, of the removed, and of nobody.

use super::*;
use crate::beacons::MAX_BEACONS;
use crate::input::{Command, Input, WakeReason};
use crate::lane::Lane;
use crate::output::Verdict;
use crate::rig::Rig;
use crate::wire::direct::DirectFrame;
use crate::wire::parcel::Parcel;
use core::time::Duration;

fn hand(rig: &mut Rig, kind: ParcelKind, items: Vec<Vec<u8>>) {
    let from = rig.peer(1);
    rig.hand_direct(0, from, &DirectFrame::Parcel(Parcel::new(kind, items)));
    rig.settle();
}

#[test]
fn a_removal_replaces_the_beacon_for_the_remaining_only() {
    let mut rig = Rig::group(3, 70);
    let before = rig.engine(0).state.beacons.best().expect("one").id();
    let cleo = rig.members[2].identity.account();
    rig.command(0, Command::Remove(cleo)).expect("removed");
    rig.pass(Duration::from_secs(5));
    let after = rig.engine(0).state.beacons.best().expect("one").id();
    assert_ne!(after, before);
    assert_eq!(rig.engine(1).state.beacons.best().expect("one").id(), after);
    assert!(rig.engine(2).state.beacons.all().all(|beacon| beacon.id() != after), "she never hears of it");
    assert_eq!(rig.engine(2).state.beacons.topics().count(), 0, "and follows nothing any more");
}

#[test]
fn only_one_beacon_is_made_for_one_removal() {
    let mut rig = Rig::group(4, 71);
    let known = rig.engine(0).state.beacons.all().count();
    let dan = rig.members[3].identity.account();
    rig.command(0, Command::Remove(dan)).expect("removed");
    rig.pass(Duration::from_secs(20));
    for who in 0..3 {
        assert_eq!(rig.engine(who).state.beacons.all().count(), known + 1, "{who}");
    }
}

#[test]
fn a_beacon_under_an_epoch_of_the_removed_is_not_believed() {
    let mut rig = Rig::group(3, 72);
    let old = rig.engine(2).state.epochs.tip().keys.clone();
    let cleo = rig.members[2].identity.account();
    rig.command(0, Command::Remove(cleo)).expect("removed");
    rig.pass(Duration::from_secs(5));
    let heads = rig.engine(0).state.heads();
    let trap = Beacon::new(Secret::new([6; 32]), heads);
    let seal = rig.engine(2).state.sealer.seal(&old, AAD, &trap.to_bytes()).expect("sealed");
    hand(&mut rig, ParcelKind::Beacons, vec![seal]);
    assert_eq!(rig.dropped(0, "beacon under a tainted epoch"), 1);
    assert!(rig.engine(0).state.beacons.all().all(|beacon| beacon.id() != trap.id()));
}

#[test]
fn a_member_that_makes_beacons_without_end_costs_its_bound() {
    let mut rig = Rig::group(2, 73);
    let heads = rig.engine(1).state.heads();
    let keys = rig.engine(1).state.epochs.tip().keys.clone();
    for n in 0..60_u8 {
        let beacon = Beacon::new(Secret::new([n; 32]), heads.clone());
        let seal = rig.engine(1).state.sealer.seal(&keys, AAD, &beacon.to_bytes()).expect("sealed");
        hand(&mut rig, ParcelKind::Beacons, vec![seal]);
    }
    assert!(rig.engine(0).state.beacons.all().count() <= MAX_BEACONS);
    assert!(rig.engine(0).state.beacons.topics().count() <= 3 * MAX_BEACONS);
    rig.say(0, "still heard");
    rig.pass(Duration::from_secs(40));
    assert_eq!(rig.texts(1), ["still heard"]);
}

#[test]
fn malformed_records_and_seals_are_dropped() {
    let mut rig = Rig::group(2, 74);
    let keys = rig.engine(1).state.epochs.tip().keys.clone();
    let seal = rig.engine(1).state.sealer.seal(&keys, AAD, &[1, 2, 3]).expect("sealed");
    hand(&mut rig, ParcelKind::Beacons, vec![seal, vec![0; 100], vec![]]);
    assert_eq!(rig.dropped(0, "malformed beacon"), 1);
    assert_eq!(rig.dropped(0, "beacon of an epoch that is not known"), 2);
}

#[test]
fn a_beacon_whose_heads_are_not_known_waits_for_them() {
    let mut rig = Rig::group(2, 75);
    let future = Beacon::new(Secret::new([8; 32]), vec![halloo_crypto::id::OpId::from_bytes([250; 32])]);
    assert_eq!(standing(&rig.engine(0).state.log, &future), Standing::Unplaced);
    let heads = rig.engine(0).state.heads();
    let present = Beacon::new(Secret::new([8; 32]), heads);
    assert!(matches!(standing(&rig.engine(0).state.log, &present), Standing::Sound(_)));
}

#[test]
fn a_beacon_that_overtakes_the_commit_of_its_epoch_is_taken_when_that_comes() {
    let mut rig = Rig::group(3, 75);
    rig.cut = true;
    let cleo = rig.members[2].identity.account();
    rig.command(0, Command::Remove(cleo)).expect("removed");
    let sent: Vec<Parcel> = rig.members[0]
        .sent
        .iter()
        .filter_map(|(_, bytes)| bytes.get(9..).and_then(|bytes| Parcel::parse(bytes).ok()))
        .collect();
    let of =
        |kind: ParcelKind| sent.iter().rfind(|parcel| parcel.kind == kind).cloned().expect("it was sent");
    let from = rig.peer(0);
    for kind in [ParcelKind::Operations, ParcelKind::Beacons, ParcelKind::Commits] {
        assert!(rig.engine(1).state.beacons.best().is_none() || kind == ParcelKind::Operations);
        rig.hand_direct(1, from, &DirectFrame::Parcel(of(kind)));
    }
    let best = |rig: &mut Rig, who| rig.engine(who).state.beacons.best().map(|beacon| beacon.id());
    assert_eq!(best(&mut rig, 1), best(&mut rig, 0));
    assert!(best(&mut rig, 1).is_some());
}

/// The gossip of this kind that a member published since, each with its topic.
fn published(rig: &mut Rig, who: usize, since: usize, kind: ParcelKind) -> Vec<([u8; 32], Vec<u8>)> {
    let sent = rig.members[who].sent[since..].iter().filter(|(to, _)| to.is_none());
    let frames: Vec<Vec<u8>> = sent.map(|(_, bytes)| bytes.clone()).collect();
    let engine = rig.engine(who);
    let topics: Vec<[u8; 32]> = engine.state.beacons.topics().copied().collect();
    let read = |bytes: &Vec<u8>| {
        let on =
            |topic: &&[u8; 32]| engine.reads_gossip(topic, bytes).is_some_and(|parcel| parcel.kind == kind);
        topics.iter().find(on).map(|topic| (*topic, bytes.clone()))
    };
    frames.iter().filter_map(read).collect()
}

/// A member renews its leaf and nobody hears of it; gives the commit.
fn part(rig: &mut Rig, who: usize) -> Vec<u8> {
    let since = rig.members[who].sent.len();
    let engine = rig.engine(who);
    crate::commits::commit_now(&mut engine.commits, &mut engine.state, true);
    rig.hand(who, Input::Wake(WakeReason::Outside));
    rig.settle();
    let (topic, frame) =
        published(rig, who, since, ParcelKind::Commits).pop().expect("a commit is published");
    rig.engine(who).reads_gossip(&topic, &frame).expect("its own").items.remove(0)
}

fn tell(rig: &mut Rig, to: usize, from: usize, commit: &[u8]) {
    let from = rig.peer(from);
    let parcel = Parcel::new(ParcelKind::Commits, vec![commit.to_vec()]);
    rig.hand_direct(to, from, &DirectFrame::Parcel(parcel));
    rig.settle();
}

#[test]
fn who_stands_between_two_branches_passes_on_the_words_of_both() {
    // 0 - 1 - 2, where 0 and 2 cannot reach each other: 1 holds no key of the branch of 0, and passes on what comes from there.
    let mut rig = Rig::group(3, 75);
    rig.cut = true;
    let (one, other) = (part(&mut rig, 0), part(&mut rig, 2));
    tell(&mut rig, 1, 2, &other);
    let epoch = |rig: &mut Rig, who: usize| rig.engine(who).state.epochs.tip().id();
    assert_ne!(epoch(&mut rig, 0), epoch(&mut rig, 1), "two branches");
    assert_eq!(epoch(&mut rig, 1), epoch(&mut rig, 2));
    for (from, to, text, commit) in [(0, 2, "from one branch", &one), (2, 0, "from the other", &other)] {
        let since = rig.members[from].sent.len();
        rig.say(from, text);
        let frames = published(&mut rig, from, since, ParcelKind::Contents);
        assert!(!frames.is_empty(), "it goes on writing");
        let (peer, before) = (rig.peer(from), rig.members[1].verdicts.len());
        for (topic, bytes) in &frames {
            rig.hand(1, Input::Frame { from: peer, lane: Lane::Gossip(*topic), bytes: bytes.clone() });
        }
        let verdicts = &rig.members[1].verdicts[before..];
        assert!(verdicts.len() == frames.len() && verdicts.iter().all(|verdict| *verdict == Verdict::Accept));
        // Who is on the far side reads it once the commit comes, as every commit does, by gossip or by comparison.
        tell(&mut rig, to, 1, commit);
        let peer = rig.peer(1);
        for (topic, bytes) in frames {
            rig.hand(to, Input::Frame { from: peer, lane: Lane::Gossip(topic), bytes });
        }
        assert!(rig.texts(to).iter().any(|shown| shown == text), "whichever branch wins");
    }
    assert_eq!(epoch(&mut rig, 0), epoch(&mut rig, 2), "with both commits they are on one branch");
}

#[test]
fn a_branch_that_has_not_heard_of_a_removal_is_passed_on_too() {
    // 0 removed 3 and 1 knows it; 2 does not, and writes on under the beacon that 3 has.
    let mut rig = Rig::group(4, 76);
    rig.cut = true;
    let since = rig.members[0].sent.len();
    let dan = rig.members[3].identity.account();
    rig.command(0, Command::Remove(dan)).expect("removed");
    let sent: Vec<Vec<u8>> = rig.members[0].sent[since..].iter().map(|(_, bytes)| bytes.clone()).collect();
    for bytes in sent.iter().filter(|bytes| bytes.get(9..).is_some_and(|bytes| Parcel::parse(bytes).is_ok()))
    {
        let from = rig.peer(0);
        rig.hand(1, Input::Frame { from, lane: Lane::Direct, bytes: bytes.clone() });
    }
    let beacon = |rig: &mut Rig, who: usize| rig.engine(who).state.beacons.best().map(Beacon::id);
    assert_eq!(beacon(&mut rig, 1), beacon(&mut rig, 0));
    assert_ne!(beacon(&mut rig, 2), beacon(&mut rig, 0));
    let since = rig.members[2].sent.len();
    rig.say(2, "who is not here?");
    let (topic, bytes) = published(&mut rig, 2, since, ParcelKind::Contents).pop().expect("published");
    let from = rig.peer(2);
    rig.hand(1, Input::Frame { from, lane: Lane::Gossip(topic), bytes });
    assert_eq!(rig.members[1].verdicts.last(), Some(&Verdict::Accept));
    assert_eq!(rig.texts(1), ["who is not here?"]);
}
