//! Reconciliation with a neighbour that breaks off, lies, or asks for what it may not have.

use super::gap::GAP_DELAY;
use super::*;
use crate::engine::Engine;
use crate::input::{Command, Input, WakeReason};
use crate::rig::Rig;
use core::time::Duration;

fn sync(realm: Realm, step: Step, session: u32, message: &[u8]) -> DirectFrame {
    DirectFrame::Sync(SyncFrame { realm, step, session, message: message.to_vec() })
}

#[test]
fn garbage_in_every_step_is_dropped_and_the_next_session_works() {
    let mut rig = Rig::group(2, 80);
    let from = rig.peer(1);
    for realm in Realm::ALL {
        for step in [Step::Ask, Step::Answer, Step::Want] {
            for message in [&b""[..], b"\x01", b"\x01\x61\xff\xff\xff", b"\x02abc", &[0; 33]] {
                rig.hand_direct(0, from, &sync(realm, step, 4_000_000, message));
                rig.settle();
            }
        }
    }
    assert!(rig.dropped(0, "bad reconciliation frame") >= 6);
    rig.cut = true;
    rig.say(1, "said while cut");
    rig.cut = false;
    rig.pass(Duration::from_secs(90));
    assert_eq!(rig.texts(0), ["said while cut"]);
}

#[test]
fn answers_and_wants_of_sessions_that_are_over_are_counted_and_dropped() {
    let mut rig = Rig::group(2, 81);
    let from = rig.peer(1);
    rig.hand_direct(0, from, &sync(Realm::Contents, Step::Answer, 9_999, b"\x01abc"));
    rig.hand_direct(0, from, &sync(Realm::Contents, Step::Want, 9_999, &[0; 32]));
    assert_eq!(rig.dropped(0, "answer of a reconciliation that is over"), 1);
    assert_eq!(rig.dropped(0, "want of a reconciliation that is over"), 1);
}

#[test]
fn what_was_named_to_an_asker_is_kept_for_a_while_and_no_longer() {
    let mut rig = Rig::group(2, 87);
    let (now, from, asker) = (rig.now, rig.peer(1), rig.members[1].identity.device.id());
    let Engine { state, chat, .. } = rig.engine(0);
    state.now = now;
    let key = session_key(state, &from, Realm::Contents, 7, &asker).expect("both are proven");
    let (_, message) = Session::initiate(&key, []).expect("begun");
    let mut room = Reconcile::default();
    let ask = SyncFrame { realm: Realm::Contents, step: Step::Ask, session: 7, message };
    on_ask(&mut room, state, from, &ask);
    for (waited, kept) in [(WANTED_WITHIN - Duration::from_millis(1), true), (WANTED_WITHIN, false)] {
        state.now = now.after(waited);
        on_timer(&mut room, chat, state);
        assert_eq!(room.peers[&from].answering.is_some(), kept);
    }
    let want = SyncFrame { step: Step::Want, message: vec![0; 32], ..ask };
    on_want(&mut room, state, from, &want);
    assert_eq!(rig.dropped(0, "want of a reconciliation that is over"), 1);
}

#[test]
fn both_sides_name_items_alike_and_sessions_differ() {
    let mut rig = Rig::group(2, 83);
    let (a, b) = (rig.peer(0), rig.peer(1));
    let asker = rig.members[0].identity.device.id();
    let ours = session_key(&rig.engine(0).state, &b, Realm::Contents, 5, &asker);
    let theirs = session_key(&rig.engine(1).state, &a, Realm::Contents, 5, &asker);
    assert!(ours.is_some());
    assert_eq!(ours, theirs);
    assert_ne!(ours, session_key(&rig.engine(0).state, &b, Realm::Contents, 6, &asker));
    assert_ne!(ours, session_key(&rig.engine(0).state, &b, Realm::Operations, 5, &asker));
    assert_eq!(session_key(&rig.engine(0).state, &PeerKey([99; 32]), Realm::Contents, 5, &asker), None);
}

#[test]
fn a_session_that_nobody_answers_is_begun_again() {
    let mut rig = Rig::group(2, 84);
    rig.cut = true;
    let before = rig.members[0].sent.len();
    let peer = rig.peer(1);
    let now = rig.now;
    let engine = rig.engine(0);
    engine.state.now = now;
    rig.pass(ROUTINE + PATIENCE * 4);
    let asks = rig.members[0].sent[before..].iter().filter(|(to, bytes)| *to == Some(peer) && bytes[9] == 40);
    assert!(asks.count() >= 3);
}

#[test]
fn a_neighbour_that_is_busy_when_there_are_news_is_told_when_it_is_not() {
    let mut rig = Rig::group(3, 87);
    rig.cut = true;
    rig.command(0, Command::Say { text: "news".into(), reply_to: None }).expect("said");
    let peer = rig.peer(1);
    let told = |rig: &Rig| {
        rig.members[0].sent.iter().filter(|(to, bytes)| *to == Some(peer) && bytes[9] == 47).count()
    };
    let (now, before) = (rig.now, told(&rig));
    let engine = rig.engine(0);
    engine.state.now = now;
    begin(&mut engine.reconcile, &mut engine.state, peer, Realm::Operations);
    on_brought(&mut engine.reconcile, &mut engine.state);
    rig.hand(0, Input::Wake(WakeReason::Deadline));
    rig.pass(Duration::from_secs(1));
    assert_eq!(told(&rig), before, "what it is being asked may say nothing of the news");
    let engine = rig.engine(0);
    let talk = engine.reconcile.peers.get_mut(&peer).expect("a neighbour");
    (talk.asking, talk.begin_at) = (None, None);
    rig.pass(Duration::from_secs(2));
    assert_eq!(told(&rig), before + 1);
}

#[test]
fn a_neighbour_that_goes_is_forgotten() {
    let mut rig = Rig::group(2, 85);
    let peer = rig.peer(1);
    rig.hand(0, Input::PeerDown(peer));
    rig.settle();
    rig.cut = true;
    assert_eq!(rig.engine(0).status().peers, 0);
    rig.command(0, Command::Say { text: "alone".into(), reply_to: None }).expect("said");
    rig.pass(Duration::from_secs(120));
    assert_eq!(rig.engine(0).status().undelivered, 1, "nobody else is known to hold it");
}

#[test]
fn everybody_has_a_turn_whoever_begins_anew_meanwhile() {
    let mut room = Reconcile::default();
    let keys = [1, 2, 3].map(|number| PeerKey([number; 32]));
    for key in keys {
        room.peers.insert(key, Talk::default());
    }
    let mut turns = Vec::new();
    for second in 0..6 {
        let next = next_in_turn(&room).expect("somebody is free");
        had_its_turn(&mut room, next, Time::from_micros(second * 1_000_000));
        turns.push(next);
        // The last of them is gone and back in between, every time.
        on_gone(&mut room, &keys[2]);
        room.peers.insert(keys[2], Talk::default());
    }
    assert_eq!(turns, [keys, keys].concat());
    room.peers.clear();
    assert_eq!(next_in_turn(&room), None);
}

#[test]
fn turns_of_those_who_are_gone_are_forgotten_oldest_first() {
    let mut room = Reconcile::default();
    let key = |number: usize| {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&(number as u64).to_be_bytes());
        PeerKey(key)
    };
    room.peers.insert(key(0), Talk::default());
    for number in 0..MAX_TURNS + 10 {
        had_its_turn(&mut room, key(number), Time::from_micros(number as u64));
    }
    assert_eq!(room.turns.len(), MAX_TURNS);
    assert!(room.turns.contains_key(&key(0)), "it is a neighbour still");
    assert!(!room.turns.contains_key(&key(10)) && room.turns.contains_key(&key(11)));
}

#[test]
fn a_gap_that_only_one_neighbour_can_fill_is_filled_at_once_whoever_is_asked_first() {
    let mut rig = Rig::group(5, 86);
    rig.cut = true;
    rig.say(4, "first");
    rig.say(4, "then");
    rig.cut = false;
    let author = rig.peer(4);
    let known = rig.engine(4);
    let then = known.state.messages.frontier()[0];
    let frame = known.state.messages.get(&then).expect("it wrote it").to_bytes();
    for who in 0..4 {
        let engine = rig.engine(who);
        chat::on_content(&mut engine.chat, &mut engine.state, &author, &frame);
        // What it noticed is acted on with the next input.
        rig.hand(who, Input::Wake(WakeReason::Outside));
        rig.settle();
    }
    rig.pass((GAP_DELAY + Duration::from_millis(100)) * 5);
    for who in 0..4 {
        assert_eq!(rig.texts(who), ["first", "then"], "{who}");
    }
}
