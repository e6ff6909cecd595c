//! Contents of strangers, of the future, of liars, and twice.

use super::*;
use crate::input::Command;
use crate::rig::{Rig, identity};
use crate::wire::direct::DirectFrame;
use halloo_crdt::clock::Hlc;
use halloo_crypto::id::{GroupId, OpId};
use halloo_crypto::identity::DeviceSecret;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

/// A content by any device for any group, as a frame.
fn content(device: &DeviceSecret, group: GroupId, heads: Vec<OpId>, text: &str) -> VerifiedContent {
    let mut rng = ChaCha20Rng::seed_from_u64(text.len() as u64);
    let mut composer = Composer::new(group, device.id(), Incarnation::generate(&mut rng));
    let place = Place { hlc: Hlc { wall_ms: 1_790_000_000_000, counter: 0 }, deps: vec![], heads };
    composer
        .compose(device, &mut rng, place, Body::Chat { text: text.into(), reply_to: None })
        .expect("a content")
}

/// Hands frames to member 0 as a box of member 1.
fn hand_boxed(rig: &mut Rig, frames: Vec<Vec<u8>>) {
    let to = rig.peer(0);
    let before = rig.members[1].sent.len();
    rig.cut = true;
    rig.engine(1).state.send_boxed(to, ParcelKind::BoxedContents, frames);
    rig.pass(core::time::Duration::from_secs(40));
    rig.cut = false;
    let boxes: Vec<Vec<u8>> = rig.members[1].sent[before..]
        .iter()
        .filter(|(receiver, bytes)| *receiver == Some(to) && bytes[9] == ParcelKind::BoxedContents as u8)
        .map(|(_, bytes)| bytes.clone())
        .collect();
    assert!(!boxes.is_empty(), "they went out");
    let from = rig.peer(1);
    for bytes in boxes {
        rig.hand(0, crate::input::Input::Frame { from, lane: crate::lane::Lane::Direct, bytes });
    }
    rig.settle();
}

#[test]
fn a_content_by_who_was_never_in_is_dropped_whoever_hands_it_over() {
    let mut rig = Rig::group(2, 40);
    let eve = identity(&mut ChaCha20Rng::seed_from_u64(1), "Eve", 9);
    let (group, heads) = (rig.engine(0).group(), rig.engine(0).state.heads());
    let forged = content(&eve.device, group, heads, "I was always here");
    hand_boxed(&mut rig, vec![forged.to_bytes()]);
    assert!(rig.texts(0).is_empty());
    assert_eq!(rig.dropped(0, "content by somebody who was not a member"), 1);
}

#[test]
fn a_content_with_a_wrong_signature_or_group_is_dropped() {
    let mut rig = Rig::group(2, 41);
    let ben = rig.members[1].identity.device.clone();
    let (group, heads) = (rig.engine(0).group(), rig.engine(0).state.heads());
    let mut forged = content(&ben, group, heads.clone(), "signed").to_bytes();
    forged[10] ^= 1;
    let elsewhere = content(&ben, GroupId::from_bytes([9; 32]), heads, "elsewhere").to_bytes();
    hand_boxed(&mut rig, vec![forged, elsewhere, vec![7; 80]]);
    assert!(rig.texts(0).is_empty());
    assert_eq!(rig.dropped(0, "content with a bad signature"), 1);
    assert_eq!(rig.dropped(0, "content of another group"), 1);
    assert_eq!(rig.dropped(0, "malformed content"), 1);
}

#[test]
fn a_content_ahead_of_the_log_waits_for_it_within_its_bound() {
    let mut rig = Rig::group(2, 42);
    let ben = rig.members[1].identity.device.clone();
    let group = rig.engine(0).group();
    let mut frames = Vec::new();
    for n in 0..MAX_AHEAD + 30 {
        let future = vec![OpId::from_bytes([200; 32])];
        frames.push(content(&ben, group, future, &"x".repeat(n + 1)).to_bytes());
    }
    hand_boxed(&mut rig, frames);
    assert_eq!(rig.engine(0).chat.ahead.len(), MAX_AHEAD);
    assert!(rig.dropped(0, "content ahead of the log") >= 30);
    assert!(rig.texts(0).is_empty());
}

#[test]
fn two_contents_under_one_number_are_told_and_the_lower_stands() {
    let mut rig = Rig::group(2, 43);
    let ben = rig.members[1].identity.device.clone();
    let (group, heads) = (rig.engine(0).group(), rig.engine(0).state.heads());
    let incarnation = Incarnation::from_bytes([5; 16]);
    let lies: Vec<VerifiedContent> = ["yes", "no"]
        .iter()
        .map(|text| {
            let mut composer = Composer::new(group, ben.id(), incarnation);
            let place = Place { hlc: Hlc { wall_ms: 5, counter: 0 }, deps: vec![], heads: heads.clone() };
            let body = Body::Chat { text: (*text).into(), reply_to: None };
            let mut rng = ChaCha20Rng::seed_from_u64(text.len() as u64);
            composer.compose(&ben, &mut rng, place, body).expect("a content")
        })
        .collect();
    hand_boxed(&mut rig, lies.iter().map(VerifiedContent::to_bytes).collect());
    let told = rig.members[0].events.iter().filter(
        |event| matches!(event, Event::Warning(Warning::Equivocation { device }) if *device == ben.id()),
    );
    assert_eq!(told.count(), 1);
    assert_eq!(rig.engine(0).state.messages.equivocations().count(), 1);
}

#[test]
fn the_same_content_again_changes_nothing() {
    let mut rig = Rig::group(2, 44);
    rig.say(1, "once");
    let id = rig.engine(0).timeline(None, 1).entries[0].id;
    let frame = rig.engine(1).state.messages.get(&id).expect("own").to_bytes();
    let contents = rig.engine(0).status().contents;
    hand_boxed(&mut rig, vec![frame.clone(), frame]);
    assert_eq!(rig.texts(0), ["once"]);
    assert!(rig.engine(0).status().contents <= contents + 2, "receipts apart, nothing is new");
}

#[test]
fn a_box_for_another_or_of_another_kind_does_not_open() {
    let mut rig = Rig::group(3, 45);
    let (from, cleo) = (rig.peer(1), rig.members[2].identity.clone());
    let ben = rig.members[1].identity.device.id();
    let group = rig.engine(0).group();
    let aad = crate::state::box_aad(&group, ParcelKind::BoxedContents, &ben, &cleo.device.id());
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let to_cleo = halloo_crypto::sealed::seal_to(
        &mut rng,
        &cleo.device.box_public(),
        b"halloo v1 boxed parcel",
        &aad,
        b"\0\0",
    );
    let parcel = Parcel::new(ParcelKind::BoxedContents, vec![to_cleo.expect("sealed"), vec![1; 60]]);
    rig.hand_direct(0, from, &DirectFrame::Parcel(parcel));
    assert_eq!(rig.dropped(0, "box that does not open"), 2);
}

#[test]
fn a_tainted_member_says_nothing_to_the_tainted_epoch_and_loses_no_word() {
    let mut rig = Rig::group(3, 46);
    // Ada cannot commit: she has committed from this epoch already, as far as she remembers.
    rig.cut = true;
    let cleo = rig.members[2].identity.account();
    rig.command(1, Command::Remove(cleo)).expect_err("a member removes nobody");
    let epoch = rig.engine(0).status().epoch;
    rig.command(0, Command::Remove(cleo)).expect("removed");
    let status = rig.engine(0).status();
    assert_ne!(status.epoch, epoch, "INV-2: ended alone, at once");
    assert!(!status.tainted);
    rig.say(0, "to the remaining");
    let last = rig.members[0].sent.iter().rev().find(|(to, _)| to.is_none()).expect("gossip").1.clone();
    assert!(!last.windows(9).any(|window| window == b"remaining"));
}

#[test]
fn inv_2_an_epoch_with_a_leaf_of_the_removed_is_tainted_until_it_is_ended() {
    let mut rig = Rig::group(3, 47);
    rig.cut = true;
    let cleo = rig.members[2].identity.account();
    rig.command(0, Command::Remove(cleo)).expect("removed");
    let state = &rig.engine(0).state;
    let removal =
        state.heads().iter().filter_map(|head| state.log.get(head)).map(|op| op.to_bytes()).collect();
    let (from, epoch) = (rig.peer(0), rig.engine(1).status().epoch);
    // Ben hears of the removal and not of the commit that followed it.
    rig.hand_direct(1, from, &DirectFrame::Parcel(Parcel::new(ParcelKind::Operations, removal)));
    let status = rig.engine(1).status();
    assert_eq!((status.epoch, status.tainted), (epoch, true));
    rig.pass(core::time::Duration::from_secs(5));
    let status = rig.engine(1).status();
    assert_ne!(status.epoch, epoch, "he ends it alone");
    assert_eq!((status.epoch_devices, status.tainted), (2, false));
}

#[test]
fn a_new_stream_begins_when_the_roster_grows_and_only_then() {
    let mut rig = Rig::group(2, 47);
    rig.say(0, "one");
    let first = rig.engine(0).state.composer.incarnation();
    rig.say(0, "two");
    assert_eq!(rig.engine(0).state.composer.incarnation(), first);
    rig.engine(0).chat.stream_for.clear();
    rig.say(0, "three");
    assert_ne!(rig.engine(0).state.composer.incarnation(), first);
    assert_eq!(rig.texts(1), ["one", "two", "three"]);
}

#[test]
fn random_frames_in_good_boxes_change_nothing() {
    let mut rig = Rig::group(2, 48);
    rig.say(0, "steady");
    let mut rng = ChaCha20Rng::seed_from_u64(48);
    let id = rig.engine(0).timeline(None, 1).entries[0].id;
    let valid = rig.engine(0).state.messages.get(&id).expect("own").to_bytes();
    let frames: Vec<Vec<u8>> = (0..800)
        .map(|round| {
            let mut bytes = valid.clone();
            let at = rng.next_u32() as usize % bytes.len();
            match round % 3 {
                0 => bytes[at] ^= 1 << (rng.next_u32() % 8),
                1 => bytes.truncate(at),
                _ => rng.fill_bytes(&mut bytes[at..]),
            }
            bytes
        })
        .collect();
    hand_boxed(&mut rig, frames);
    assert_eq!(rig.texts(0), ["steady"]);
}

#[test]
fn texts_and_reactions_are_checked() {
    assert!(check_text("x").is_ok());
    assert!(check_text("").is_err());
    assert!(check_text(&"x".repeat(MAX_TEXT_BYTES)).is_ok());
    assert!(check_text(&"x".repeat(MAX_TEXT_BYTES + 1)).is_err());
    assert!(notes::check_emoji("👩‍👩‍👧‍👦").is_ok());
    assert!(notes::check_emoji("").is_err());
    assert!(notes::check_emoji(&"x".repeat(halloo_crdt::content::MAX_REACTION_BYTES + 1)).is_err());
}
