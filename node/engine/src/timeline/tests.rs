//! Who vouches for whom, and what is shown of the removed.

use super::*;
use crate::input::Command;
use crate::rig::Rig;
use core::time::Duration;

fn void_of(rig: &mut Rig, who: usize) -> Vec<(String, bool)> {
    let entries = rig.engine(who).timeline(None, 50).entries;
    entries.into_iter().map(|entry| (entry.text, entry.void)).collect()
}

#[test]
fn what_somebody_who_remains_has_seen_counts_and_the_rest_is_void() {
    let mut rig = Rig::group(3, 160);
    rig.say(2, "seen by all");
    rig.pass(Duration::from_secs(2));
    rig.cut = true;
    rig.say(2, "seen by nobody");
    let cleo = rig.members[2].identity.account();
    rig.command(0, Command::Remove(cleo)).expect("removed");
    rig.cut = false;
    // Her own frames are handed over late, by whoever kept them.
    let late: Vec<Vec<u8>> = {
        let state = &rig.engine(2).state;
        let ids: Vec<MessageId> = state.messages.sync_items().map(|(_, id)| id).collect();
        ids.iter().filter_map(|id| state.messages.get(id)).map(|content| content.to_bytes()).collect()
    };
    let from = rig.peer(1);
    let engine = rig.engine(0);
    for frame in &late {
        crate::chat::on_content(&mut engine.chat, &mut engine.state, &from, frame);
    }
    let lines = void_of(&mut rig, 0);
    assert!(lines.contains(&("seen by all".into(), false)));
    assert!(lines.contains(&("seen by nobody".into(), true)), "kept, and shown as void");
}

#[test]
fn who_left_by_itself_takes_nothing_back() {
    let mut rig = Rig::group(2, 161);
    rig.say(1, "goodbye");
    rig.command(1, Command::Leave).expect("left");
    rig.pass(Duration::from_secs(5));
    assert_eq!(void_of(&mut rig, 0), [("goodbye".to_string(), false)]);
}

#[test]
fn an_entry_names_its_author_and_who_has_it() {
    let mut rig = Rig::group(2, 162);
    rig.say(0, "hello");
    rig.pass(Duration::from_secs(2));
    let (ada, ben) = (rig.members[0].identity.account(), rig.members[1].identity.account());
    let mine = rig.engine(0).timeline(None, 1).entries.remove(0);
    assert_eq!((mine.author, mine.name.as_str(), mine.own, mine.void), (ada, "Ada", true, false));
    assert_eq!((mine.delivered_to, mine.read_by), (vec![ben], vec![]));
    let theirs = rig.engine(1).timeline(None, 1).entries.remove(0);
    assert!(!theirs.own);
    assert_eq!(theirs.id, mine.id);
}

#[test]
fn a_line_that_is_not_there_is_nothing() {
    let mut rig = Rig::group(1, 163);
    assert!(rig.engine(0).message(&MessageId::from_bytes([1; 32])).is_none());
    assert!(rig.engine(0).timeline(None, 10).entries.is_empty());
}

#[test]
fn words_that_arrive_after_their_author_was_removed_are_judged_like_those_that_came_before() {
    // Ben hears Cleo, vouches by a receipt, and only then does Ada hear either of them.
    let mut rig = Rig::group(3, 164);
    let device = rig.members[2].identity.device.id();
    assert!(!rig.engine(0).chat.vouchers.covers(&device));
    rig.say(2, "heard by Ben first");
    rig.pass(Duration::from_secs(2));
    let cleo = rig.members[2].identity.account();
    rig.command(0, Command::Remove(cleo)).expect("removed");
    rig.pass(Duration::from_secs(2));
    assert!(rig.engine(0).chat.vouchers.covers(&device));
    rig.engine(0).chat.vouchers = Vouchers::default();
    // A late content of hers, as reconciliation brings it, gathers the vouchers again.
    let id = rig.engine(0).timeline(None, 1).entries[0].id;
    let engine = rig.engine(0);
    crate::chat::on_contents(&mut engine.chat, &mut engine.state, &[id]);
    assert!(engine.chat.vouchers.covers(&device));
    assert_eq!(void_of(&mut rig, 0), [("heard by Ben first".to_string(), false)]);
}
