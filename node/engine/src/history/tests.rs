//! Hands that give more than they may, and words that do not count.

use super::*;
use crate::input::{Command, Input, WakeReason};
use crate::rig::Rig;
use crate::wire::parcel::ParcelKind;
use core::time::Duration;
use halloo_crdt::content::{Composer, Place};
use halloo_crypto::id::{Incarnation, OpId};

/// Three in a group; the first two have written, and the third is made to have come after that: what it claims of older contents is
/// asked with log heads from before its Add.
fn older(rig: &mut Rig) -> (Vec<OpId>, OpId) {
    let newcomer = rig.members[2].identity.device.id();
    let log = &rig.engine(0).state.log;
    let add = log.ops().into_iter().find(|op| op.grants().iter().any(|g| g.certificate.device == newcomer));
    let add = add.expect("it was added");
    (add.parents().to_vec(), add.id())
}

/// A content by the founder with these heads.
fn by_founder(rig: &mut Rig, heads: Vec<OpId>, body: Body) -> VerifiedContent {
    let state = &mut rig.engine(0).state;
    let mut composer = Composer::new(state.group, state.me(), Incarnation::generate(&mut state.rng));
    let hlc = state.clock.tick(state.now.wall_ms);
    let place = Place { hlc, deps: Vec::new(), heads };
    composer.compose(&state.identity.device, &mut state.rng, place, body).expect("within limits")
}

fn chat(text: &str) -> Body {
    Body::Chat { text: text.into(), reply_to: None }
}

/// The founder hands it to the third over their lane, asked or not.
fn give(rig: &mut Rig, content: &VerifiedContent) {
    let to = rig.peer(2);
    rig.engine(0).state.send_boxed(to, ParcelKind::BoxedContents, vec![content.to_bytes()]);
    rig.hand(0, Input::Wake(WakeReason::Deadline));
    rig.settle();
}

#[test]
fn a_line_that_nobody_named_is_left_whoever_hands_it_over() {
    let mut rig = Rig::group(3, 420);
    let (before, add) = older(&mut rig);
    let unnamed = by_founder(&mut rig, before.clone(), chat("from before"));
    give(&mut rig, &unnamed);
    // A word of more than the group allows, which is nothing, counts for nothing.
    let heads = rig.engine(0).state.heads();
    let word = by_founder(&mut rig, heads, Body::History { add, lines: vec![unnamed.id()] });
    give(&mut rig, &word);
    give(&mut rig, &unnamed);
    assert!(rig.texts(2).is_empty());
    assert_eq!(rig.dropped(2, "older content that nobody named for this device"), 2);
}

#[test]
fn the_document_and_what_follows_the_add_are_ordinary() {
    let mut rig = Rig::group(3, 421);
    let (before, add) = older(&mut rig);
    let state = &rig.engine(2).state;
    let claims = |heads: Vec<OpId>, body| {
        let content = Content { heads, body, ..sample(state) };
        claim(state, &content.id(), &content)
    };
    assert_eq!(claims(before.clone(), chat("old")), Claim::Foreign);
    assert_eq!(claims(before, Body::Document(vec![1])), Claim::Ordinary);
    assert_eq!(claims(vec![add], chat("new")), Claim::Ordinary);
}

fn sample(state: &State) -> Content {
    Content {
        group: state.group,
        author: DeviceId::from_bytes([7; 32]),
        incarnation: Incarnation::from_bytes([1; 16]),
        seq: 1,
        hlc: halloo_crdt::clock::Hlc { wall_ms: 1, counter: 0 },
        deps: Vec::new(),
        heads: Vec::new(),
        salt: [0; 16],
        body: chat("sample"),
    }
}

#[test]
fn a_word_counts_only_from_who_added_and_within_what_was_allowed_then() {
    let mut rig = Rig::group(2, 422);
    rig.command(0, Command::SetHistory(History::last(2))).expect("an owner");
    for text in ["one", "two", "three"] {
        rig.say(0, text);
    }
    rig.pass(Duration::from_secs(1));
    rig.let_in("Cleo", 3);
    rig.pass(Duration::from_secs(30));
    assert_eq!(rig.texts(2), ["two", "three"]);
    let (_, add) = older(&mut rig);
    let named = |rig: &mut Rig| {
        let device = rig.members[2].identity.device.id();
        lines_for(&rig.engine(0).state, &device).0.into_keys().collect::<Vec<_>>()
    };
    let before = named(&mut rig);
    let first = rig.engine(0).timeline(None, 10).entries[0].id;
    // The second member names the first line too; so does the founder, with more lines than were allowed.
    let heads = rig.engine(0).state.heads();
    let mut all = before.clone();
    all.push(first);
    all.sort();
    let greedy = by_founder(&mut rig, heads.clone(), Body::History { add, lines: all });
    let state = &mut rig.engine(1).state;
    let mut composer = Composer::new(state.group, state.me(), Incarnation::generate(&mut state.rng));
    let place = Place { hlc: state.clock.tick(state.now.wall_ms), deps: Vec::new(), heads };
    let body = Body::History { add, lines: vec![first] };
    let meddling =
        composer.compose(&state.identity.device, &mut state.rng, place, body).expect("within limits");
    for word in [&greedy, &meddling] {
        let inserted = rig.engine(0).state.messages.insert(word.clone()).expect("well formed");
        assert_eq!(inserted.accepted.len(), 1);
        rig.engine(0).state.past.note_word(word);
    }
    assert_eq!(named(&mut rig), before);
}
