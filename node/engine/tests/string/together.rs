//! A few people together: joining, writing, catching up, parting.

use std::time::Duration;

use halloo_engine::input::Command;
use halloo_engine::output::{Event, Refusal, Reply};

use crate::world::World;

#[test]
fn a_group_of_one_has_a_name_a_member_and_an_epoch() {
    let mut world = World::new(1);
    let ada = world.found("Ada");
    world.run(Duration::from_secs(1));
    let members = world.engine(ada).members();
    assert_eq!(members.len(), 1);
    assert_eq!(members[0].name, "Ada");
    let status = world.engine(ada).status();
    assert_eq!((status.group_name.as_str(), status.epoch_devices, status.tainted), ("Sunday ride", 1, false));
}

#[test]
fn two_join_by_short_code_and_write_to_each_other() {
    let mut world = World::new(2);
    let ada = world.found("Ada");
    let ben = world.join(ada, "Ben");
    world.run(Duration::from_secs(5));
    for who in [ada, ben] {
        let names: Vec<_> = world.engine(who).members().into_iter().map(|member| member.name).collect();
        assert_eq!(names, ["Ada", "Ben"], "{who}");
        assert_eq!(world.engine(who).status().epoch_devices, 2);
        assert_eq!(world.engine(who).status().group_name, "Sunday ride");
    }
    world.say(ada, "good morning");
    world.say(ben, "hello Ada");
    world.run(Duration::from_secs(2));
    for who in [ada, ben] {
        assert_eq!(world.texts(who), ["good morning", "hello Ada"]);
    }
    let seen = &world.engine(ada).timeline(None, 10).entries[0];
    assert_eq!(seen.delivered_to, [world.account(ben)]);
    assert_eq!(world.engine(ada).status().undelivered, 0);
}

#[test]
fn three_hear_everything() {
    let mut world = World::group(3, 3);
    for who in 0..3 {
        world.say(who, &format!("from {who}"));
    }
    world.run(Duration::from_secs(3));
    for who in 0..3 {
        let mut texts = world.texts(who);
        texts.sort();
        assert_eq!(texts, ["from 0", "from 1", "from 2"], "{who}");
        assert_eq!(
            world.engine(who).status().epoch,
            world.engine(0).status().epoch,
            "{:#?}",
            world.engine(who).status()
        );
    }
}

#[test]
fn who_was_away_catches_up() {
    let mut world = World::group(3, 4);
    world.cut_off(2);
    world.run(Duration::from_secs(1));
    for n in 0..30 {
        world.say(n % 2, &format!("line {n}"));
    }
    world.say(2, "alone");
    world.run(Duration::from_secs(60));
    assert_eq!(world.texts(2), ["alone"]);
    world.connect_all();
    world.run(Duration::from_secs(5));
    for who in 0..3 {
        assert_eq!(world.texts(who).len(), 31, "{who}");
    }
}

/// Which lines somebody shows as written apart, oldest first.
fn apart(world: &World, who: usize) -> Vec<String> {
    let lines = world.engine(who).timeline(None, 500).entries;
    lines.into_iter().filter(|line| line.apart).map(|line| line.text).collect()
}

#[test]
fn what_two_sides_of_a_split_wrote_is_marked_as_written_apart_everywhere_and_what_crosses_is_not() {
    let mut world = World::group(3, 21);
    for n in 0..4 {
        // All at one moment: they cross.
        (0..3).for_each(|who| world.say(who, &format!("crossing {n} from {who}")));
        world.run(Duration::from_secs(1));
    }
    world.run(Duration::from_secs(30));
    world.cut_off(2);
    for n in 0..3 {
        world.say(0, &format!("ours {n}"));
        world.run(Duration::from_secs(15));
        world.say(2, &format!("theirs {n}"));
        world.run(Duration::from_secs(15));
    }
    assert!((0..3).all(|who| apart(&world, who).is_empty()), "each side has all that it shows");
    world.connect_all();
    world.run(Duration::from_secs(20));
    world.say(1, "together again");
    world.run(Duration::from_secs(15));
    world.say(2, "indeed");
    world.run(Duration::from_secs(5));
    for who in 0..3 {
        assert_eq!(world.texts(who).len(), 20, "{who}");
        // The first line of ours stands above all of theirs, and whoever wrote it had all that stands above it.
        assert_eq!(apart(&world, who), ["theirs 0", "ours 1", "theirs 1", "ours 2", "theirs 2"], "{who}");
    }
}

#[test]
fn the_lines_around_somebody_who_comes_in_are_not_marked_as_written_apart() {
    let mut world = World::group(2, 22);
    world.say(0, "before");
    world.run(Duration::from_secs(30));
    let cleo = world.join(0, "Cleo");
    world.run(Duration::from_secs(30));
    for who in [1, cleo, 0] {
        world.say(who, &format!("after, from {who}"));
        world.run(Duration::from_secs(15));
    }
    for who in [0, 1, cleo] {
        assert!(apart(&world, who).is_empty(), "{who}: {:?}", apart(&world, who));
    }
    assert_eq!(world.texts(0).len(), 4);
}

#[test]
fn a_removed_member_reads_nothing_more() {
    let mut world = World::group(3, 5);
    world.say(2, "before");
    world.run(Duration::from_secs(2));
    let cleo = world.account(2);
    assert_eq!(world.command(0, Command::Remove(cleo)), Ok(Reply::Done));
    world.run(Duration::from_secs(3));
    assert!(world.people[2].events.contains(&Event::Evicted { by: Some(world.account(0)) }));
    assert!(world.people[1].events.contains(&Event::MemberRemoved { account: cleo, by: world.account(0) }));
    world.say(0, "after");
    world.say(1, "after too");
    world.run(Duration::from_secs(3));
    assert_eq!(world.texts(2), ["before"]);
    for who in [0, 1] {
        assert_eq!(world.texts(who), ["before", "after", "after too"]);
        assert_eq!(world.engine(who).status().epoch_devices, 2);
        assert!(!world.engine(who).status().tainted);
    }
    assert_eq!(
        world.command(2, Command::Say { text: "let me in".into(), reply_to: None }),
        Err(Refusal::NotMember)
    );
}
