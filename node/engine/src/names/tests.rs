//! Names: checked at the door, shared, and each its owner's.

use super::*;
use crate::input::Command;
use crate::rig::Rig;
use core::time::Duration;

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
