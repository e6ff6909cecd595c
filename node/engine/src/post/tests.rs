//! Post: what is noted, for whom, how long, and what becomes of it.

use super::*;
use crate::input::{Command, Input};
use crate::rig::Rig;

fn with_coordinator(n: u8, seed: u64) -> Rig {
    let mut rig = Rig::group(n, seed);
    rig.command(0, Command::SetVia(Some("https://halloo.example".into()))).expect("an owner says so");
    rig.pass(Duration::from_secs(60));
    rig
}

/// The neighbour of the first is gone, and its presence with it.
fn goes(rig: &mut Rig, who: usize) {
    let peer = rig.peer(who);
    rig.cut = true;
    rig.hand(0, Input::PeerDown(peer));
    rig.pass(Duration::from_secs(30));
}

fn rows(rig: &Rig) -> usize {
    rig.members[0].disk.table(Table::Post).count()
}

#[test]
fn a_thing_is_read_as_it_was_stored() {
    let devices: BTreeSet<DeviceId> = [3, 5].map(|n| DeviceId::from_bytes([n; 32])).into();
    let owed = [None, Some(BTreeSet::new()), Some(devices)];
    let kinds = [(Kind::Commit, Vec::new()), (Kind::Receipt, Vec::new()), (Kind::Nack, vec![1, 2, 3])];
    for (owed, (kind, carried)) in owed.into_iter().zip(kinds) {
        let (due, late) = (Time::from_millis(1), Time::from_millis(2));
        let thing = Thing { kind, name: [9; 32], carried, day: Day(20_000), due, late, owed };
        let row = thing.to_bytes(77);
        let now = Time::from_millis(1_000);
        let post =
            Post::restore([(thing.name.as_slice(), row.as_slice())].into_iter(), now).expect("as written");
        let (order, read) = post.things.iter().next().expect("one");
        assert_eq!((*order, post.made), (77, 77));
        assert_eq!(
            (read.kind, read.name, &read.carried, read.day, &read.owed),
            (thing.kind, thing.name, &thing.carried, thing.day, &thing.owed)
        );
        assert!(read.due > now && read.late > read.due);
        for cut in 0..row.len() - thing.carried.len() {
            assert!(Post::restore([(thing.name.as_slice(), &row[..cut])].into_iter(), now).is_err(), "{cut}");
        }
    }
}

#[test]
fn who_is_here_is_left_nothing_and_nothing_is_kept_for_them() {
    let mut rig = with_coordinator(3, 200);
    rig.say(0, "all here");
    assert!(rows(&rig) > 0, "noted with the line itself");
    rig.pass(Duration::from_secs(60));
    assert_eq!((rows(&rig), rig.engine(0).mail.post.flying()), (0, 0));
    assert_eq!(rig.engine(0).mail.post.flights, 0);
}

#[test]
fn many_things_for_one_who_is_away_go_as_one_item() {
    let mut rig = with_coordinator(2, 201);
    goes(&mut rig, 1);
    let before = rig.engine(0).mail.post.flights;
    for n in 0..10 {
        rig.say(0, &format!("line {n}"));
    }
    rig.pass(Duration::from_secs(5));
    let post = &rig.engine(0).mail.post;
    assert_eq!(post.flights, before + 1);
    assert_eq!(post.flying.values().next().expect("one").things.len(), 10);
    let id = post.flights;
    rig.hand(0, Input::Deposited { id, outcome: DepositOutcome::Stored });
    rig.settle();
    assert_eq!(rows(&rig), 0);
}

#[test]
fn the_queue_has_an_end_and_the_oldest_make_room() {
    let mut rig = with_coordinator(2, 202);
    goes(&mut rig, 1);
    for n in 0..MAX_THINGS + 20 {
        rig.say(0, &format!("line {n}"));
    }
    assert_eq!(rows(&rig), MAX_THINGS);
    assert_eq!(rig.engine(0).mail.post.things.len(), MAX_THINGS);
    assert!(rig.dropped(0, "too much waits for members who are away") >= 20);
}

#[test]
fn a_deposit_that_failed_waits_longer_each_time() {
    let now = Time::from_millis(1_000);
    let mut wait = None;
    let mut spans = Vec::new();
    for _ in 0..12 {
        let next = Wait::longer(wait, now, CLOSED_LEAST, CLOSED_MOST);
        spans.push(next.until.since(now));
        wait = Some(next);
    }
    assert!(spans.is_sorted() && spans[0] == CLOSED_LEAST && spans[11] == CLOSED_MOST);
}

#[test]
fn who_was_removed_while_something_waited_is_left_nothing() {
    let mut rig = with_coordinator(3, 203);
    goes(&mut rig, 2);
    rig.say(0, "before");
    let cleo = rig.members[2].identity.account();
    rig.command(0, Command::Remove(cleo)).expect("removed");
    rig.pass(Duration::from_secs(60));
    let gone = rig.members[2].identity.device.id();
    let post = &rig.engine(0).mail.post;
    assert!(post.flying.values().all(|flight| flight.to != gone));
    assert!(post.things.values().all(|thing| thing.owed.as_ref().is_none_or(|owed| !owed.contains(&gone))));
}

#[test]
fn an_answer_that_nobody_waits_for_is_counted() {
    let mut rig = with_coordinator(1, 204);
    rig.hand(0, Input::Deposited { id: 99, outcome: DepositOutcome::Full });
    assert_eq!(rig.dropped(0, "answer to a deposit that is over"), 1);
}

#[test]
fn nobody_is_sent_to_a_coordinator_of_a_members_own_choice() {
    let mut rig = with_coordinator(2, 205);
    let told = halloo_crdt::document::Mailbox {
        record: halloo_crypto::mailbox::MailboxSecret::generate(&mut rig.rng).public().to_bytes().to_vec(),
        via: "http://10.0.0.1:80".into(),
    };
    // Its own program is bent: it says what it likes of its mailbox.
    let device = rig.members[1].identity.device.id();
    let edit = halloo_crdt::document::Edit::Mailbox { device, mailbox: Some(told.clone()) };
    let crate::engine::Engine { chat, state, .. } = &mut rig.members[1].engine;
    crate::names::edit_document(chat, state, &[edit]).expect("written");
    rig.command(1, Command::Say { text: "hello".into(), reply_to: None }).expect("said");
    let ben = rig.members[1].identity.account();
    assert_eq!(rig.engine(0).state.document.mailbox(&ben, &device), Some(told));
    goes(&mut rig, 1);
    rig.say(0, "for Ben");
    rig.pass(Duration::from_secs(60));
    assert_eq!(rig.engine(0).mail.post.flying(), 0);
}
