//! Names: checked at the door, shared, and each its owner's.

use super::*;
use crate::engine::Engine;
use crate::input::Command;
use crate::rig::Rig;
use core::time::Duration;
use halloo_crdt::clock::Hlc;
use halloo_crdt::content::{Composer, Place};
use halloo_crdt::document::Document;
use halloo_crypto::id::Incarnation;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

#[test]
fn names_have_something_to_read_and_an_end() {
    assert!(check("Ada").is_ok());
    assert!(check("Группа на воскресенье").is_ok());
    assert!(check("").is_err());
    assert!(check(" \t ").is_err());
    assert!(check(&"n".repeat(MAX_NAME_BYTES)).is_ok());
    assert!(check(&"n".repeat(MAX_NAME_BYTES + 1)).is_err());
}

#[test]
fn the_same_name_again_is_no_new_content() {
    let mut rig = Rig::group(1, 150);
    rig.command(0, Command::Rename("Hut tour".into())).expect("renamed");
    let contents = rig.engine(0).status().contents;
    rig.command(0, Command::Rename("Hut tour".into())).expect("nothing to do");
    assert_eq!(rig.engine(0).status().contents, contents);
}

#[test]
fn two_renames_at_once_end_in_one_name_everywhere() {
    let mut rig = Rig::group(2, 151);
    rig.cut = true;
    rig.command(0, Command::Rename("North".into())).expect("renamed");
    rig.command(1, Command::Rename("South".into())).expect("renamed");
    rig.cut = false;
    rig.pass(Duration::from_secs(120));
    let names = [rig.engine(0).status().group_name, rig.engine(1).status().group_name];
    assert_eq!(names[0], names[1]);
    assert!(["North", "South"].contains(&names[0].as_str()));
    rig.command(1, Command::Rename("West".into())).expect("renamed");
    rig.pass(Duration::from_secs(2));
    assert_eq!(rig.engine(0).status().group_name, "West");
}

#[test]
fn a_new_name_is_told_to_the_user_of_everybody() {
    let mut rig = Rig::group(2, 152);
    let account = rig.members[1].identity.account();
    rig.command(1, Command::SetProfile { name: "Benjamin".into() }).expect("named");
    rig.pass(Duration::from_secs(2));
    for who in 0..2 {
        let told = Event::ProfileChanged { account, name: "Benjamin".into() };
        assert!(rig.members[who].events.contains(&told), "{who}");
    }
}

#[test]
fn an_admin_says_by_which_coordinator_the_group_meets_and_newcomers_learn_it() {
    let mut rig = Rig::group(2, 160);
    let via = Some("https://halloo.example".to_owned());
    assert_eq!(rig.command(1, Command::SetVia(via.clone())), Err(Refusal::NotAllowed));
    for bad in ["halloo.example", "https://halloo.example/", "https://Halloo.example"] {
        assert!(
            matches!(rig.command(0, Command::SetVia(Some(bad.into()))), Err(Refusal::Invalid(_))),
            "{bad}"
        );
    }
    let long = format!("https://{}", "a".repeat(MAX_VIA_BYTES));
    assert!(matches!(rig.command(0, Command::SetVia(Some(long))), Err(Refusal::TooLarge { .. })));
    rig.command(0, Command::SetVia(via.clone())).expect("an owner says so");
    rig.pass(Duration::from_secs(2));
    for who in 0..2 {
        assert_eq!(rig.engine(who).status().via, via, "{who}");
        assert!(rig.members[who].events.contains(&Event::ViaChanged { via: via.clone() }), "{who}");
    }
    rig.let_in("Cleo", 9);
    rig.pass(Duration::from_secs(5));
    assert_eq!(rig.engine(2).status().via, via);
    rig.command(0, Command::SetVia(None)).expect("taken back");
    rig.pass(Duration::from_secs(2));
    assert_eq!(rig.engine(1).status().via, None);
}

#[test]
fn a_member_that_writes_another_coordinator_by_itself_is_heeded_by_nobody() {
    let mut rig = Rig::group(3, 161);
    rig.command(0, Command::SetVia(Some("https://ours.example".into()))).expect("an owner says so");
    rig.pass(Duration::from_secs(2));
    // Its own program is bent: it asks nobody.
    let Engine { chat, state, .. } = &mut rig.members[1].engine;
    edit_document(chat, state, &[Edit::Via(Some("https://theirs.example".into()))]).expect("written");
    rig.command(1, Command::Say { text: "and a word".into(), reply_to: None }).expect("said");
    rig.pass(Duration::from_secs(5));
    for who in [0, 2] {
        assert_eq!(rig.engine(who).status().via.as_deref(), Some("https://ours.example"), "{who}");
    }
}

/// Two stories under one number, then a name under the next.
fn liars_tale(rig: &mut Rig) -> Vec<Vec<u8>> {
    let (group, heads) = (rig.engine(0).group(), rig.engine(0).state.heads());
    let ben = &rig.members[1].identity.device;
    let incarnation = Incarnation::from_bytes([5; 16]);
    // It knows the name of today, so that its own would replace it.
    let mut book = Document::new(&ben.id(), &incarnation);
    let known = &rig.members[1].engine.state;
    book.rebuild(
        known.messages.documents().filter_map(|c| Some((c, known.log.account_of(&c.content().author)?))),
    );
    let account = rig.members[1].identity.account();
    let edit = book.edit(&account, &[Edit::Name("Renamed by a liar".into())]).expect("an edit");
    let mut frames = Vec::new();
    for text in ["yes", "no"] {
        let mut composer = Composer::new(group, ben.id(), incarnation);
        let mut rng = ChaCha20Rng::seed_from_u64(text.len() as u64);
        for body in [Body::Chat { text: text.into(), reply_to: None }, Body::Document(edit.clone())] {
            let place = Place { hlc: Hlc { wall_ms: 5, counter: 0 }, deps: vec![], heads: heads.clone() };
            frames.push(composer.compose(ben, &mut rng, place, body).expect("a content").to_bytes());
        }
    }
    // The second story's name is the same content in other words: three tell the tale.
    frames.truncate(3);
    frames
}

#[test]
fn a_name_given_after_a_lie_counts_for_nobody_whichever_came_first() {
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for order in orders {
        let mut rig = Rig::group(2, 153);
        rig.command(0, Command::Rename("Hut tour".into())).expect("renamed");
        let tale = liars_tale(&mut rig);
        for at in order {
            let peer = rig.peer(1);
            let engine = rig.engine(0);
            chat::on_content(&mut engine.chat, &mut engine.state, &peer, &tale[at]);
            rig.settle();
        }
        rig.pass(Duration::from_secs(2));
        assert_eq!(rig.engine(0).state.messages.equivocations().count(), 1, "{order:?}");
        assert_eq!(rig.engine(0).status().group_name, "Hut tour", "{order:?}");
    }
}
