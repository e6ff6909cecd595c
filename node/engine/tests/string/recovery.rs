//! Out of a backup on a new device: let in again, everything that the account may read, and never the old device's numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use halloo_crdt::log::Role;
use halloo_crypto::identity::Revocation;
use halloo_engine::input::{Command, Input};
use halloo_engine::lane::Lane;

use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);

/// Three who have talked, and the backup of the second, whose phone then drowns.
fn drowned(seed: u64) -> (World, crate::world::BackedUp) {
    let mut world = World::group(3, seed);
    world.say(0, "one");
    world.say(1, "two");
    let backup = world.backed_up(1);
    world.say(1, "three");
    world.say(2, "four");
    world.run(5 * SECOND);
    world.cut_off(1);
    world.crash(1, 99);
    world.say(0, "five");
    (world, backup)
}

fn agree(world: &World, who: &[usize]) -> bool {
    let epoch = |who: usize| world.people[who].engine.as_ref().map(|engine| engine.status().epoch);
    who.iter().all(|other| epoch(*other).is_some() && epoch(*other) == epoch(who[0]))
}

#[test]
fn a_lost_phone_is_restored_let_in_by_one_member_and_reads_old_and_new_lines() {
    let (mut world, backup) = drowned(900);
    let again = world.restored("Ben", backup, &[0]);
    world.run_until(60 * SECOND, |world| world.people[again].engine.is_some());
    assert_eq!(world.people[again].sought, ["found Sunday ride", "back in Sunday ride"]);
    assert_eq!(world.account(again), world.account(1));
    assert_ne!(world.device(again), world.device(1));
    world.run(10 * SECOND);
    assert_eq!(world.texts(again), ["one", "two", "three", "four", "five"]);
    world.say(again, "six");
    world.say(2, "seven");
    world.run(40 * SECOND);
    for who in [0, 2, again] {
        assert_eq!(world.texts(who).len(), 7, "{who}: {:?}", world.texts(who));
        assert_eq!(world.engine(who).members().len(), 3, "it is no new member");
    }
    assert!(agree(&world, &[0, 2, again]));
    let own = world.engine(again).timeline(None, 100).entries.into_iter().filter(|line| line.own);
    assert_eq!(own.map(|line| line.text).collect::<Vec<_>>(), ["two", "three", "six"]);
}

#[test]
fn the_account_key_alone_finds_the_group_through_a_member_that_is_met() {
    let (mut world, (account, _)) = drowned(901);
    let again = world.restored("Ben", (account, BTreeMap::new()), &[2]);
    world.run_until(60 * SECOND, |world| world.people[again].engine.is_some());
    world.run(10 * SECOND);
    assert_eq!(world.texts(again), ["one", "two", "three", "four", "five"]);
}

#[test]
fn who_was_removed_meanwhile_is_not_let_in_again_and_is_told_so() {
    let (mut world, backup) = drowned(902);
    let gone = world.account(1);
    world.command(0, Command::Remove(gone)).expect("the founder removes");
    world.run(10 * SECOND);
    let before = world.engine(0).status().operations;
    let again = world.restored("Ben", backup.clone(), &[0, 2]);
    let by_words = world.restored("Ben", (backup.0, BTreeMap::new()), &[0, 2]);
    world.run(120 * SECOND);
    for who in [again, by_words] {
        assert!(world.people[who].engine.is_none());
        assert_eq!(world.people[who].sought, ["removed from Sunday ride"]);
    }
    assert_eq!(world.engine(0).status().operations, before, "nothing of it is in the log");
}

#[test]
fn a_restored_account_revokes_the_lost_phone_which_reads_nothing_after() {
    let mut world = World::group(3, 903);
    world.say(0, "before");
    world.run(5 * SECOND);
    let backup = world.backed_up(1);
    // Stolen: it runs on, with all its keys, and nobody who knows of its end is near it.
    world.cut_off(1);
    let again = world.restored("Ben", backup.clone(), &[0, 2]);
    world.run_until(60 * SECOND, |world| world.people[again].engine.is_some());
    let word = Revocation::issue(&backup.0, world.device(1), world.now.wall_ms);
    world.command(again, revoke(word)).expect("by the account key");
    world.run(5 * SECOND);
    world.keep_frames = true;
    world.say(0, "after");
    world.say(again, "after too");
    world.run(10 * SECOND);
    world.keep_frames = false;
    // It is handed every frame that flew between the others.
    let flown = world.flown.clone();
    assert!(flown.len() > 4, "they did talk");
    for (from, _, lane, bytes) in flown {
        let from = world.people[from].identity.peer;
        match lane {
            Lane::Gossip(topic) => drop(world.hand_gossip(1, from, topic, bytes)),
            lane => world.hand(1, Input::Frame { from, lane, bytes }),
        }
    }
    world.connect(1, 0);
    world.connect(1, 2);
    world.run(60 * SECOND);
    assert_eq!(world.texts(1), ["before"]);
    assert!(!world.engine(1).status().member, "the stolen phone is told that it is out");
    let devices = world.engine(0).members().into_iter().find(|m| m.account == world.account(1));
    assert_eq!(devices.expect("Ben stays").devices.len(), 1);
    // And what the thief signs counts for nobody: not even against the new phone.
    let refused = world.command(1, revoke_plain(world.device(again)));
    assert!(refused.is_err(), "{refused:?}");
}

#[test]
fn a_restore_during_a_split_heals_with_it() {
    let mut world = World::group(4, 904);
    let (account, role) = (world.account(2), Role::Admin);
    world.command(0, Command::SetRole { account, role }).expect("the founder appoints");
    world.say(1, "before");
    world.run(5 * SECOND);
    let backup = world.backed_up(1);
    world.cut_off(1);
    world.crash(1, 99);
    world.cut(0, 2);
    world.cut(0, 3);
    let again = world.restored("Ben", backup, &[0]);
    world.run_until(60 * SECOND, |world| world.people[again].engine.is_some());
    // The other half changes too: somebody goes, somebody comes.
    let eve = world.join_by(2, "Eve", &[2, 3]);
    world.say(2, "on the far side");
    world.say(again, "on the near side");
    world.run(10 * SECOND);
    world.connect(0, 2);
    world.connect(again, 3);
    world.connect(again, eve);
    world.run(120 * SECOND);
    let all = [0, 2, 3, again, eve];
    assert!(agree(&world, &all), "one epoch in the end");
    for who in [0, 2, 3, again] {
        assert_eq!(world.texts(who).len(), 3, "{who}: {:?}", world.texts(who));
    }
}

#[test]
fn two_restores_of_one_backup_are_two_devices_of_one_member() {
    let (mut world, backup) = drowned(905);
    let one = world.restored("Ben", backup.clone(), &[0, 2]);
    let two = world.restored("Ben", backup, &[0, 2]);
    world.run_until(90 * SECOND, |world| {
        world.people[one].engine.is_some() && world.people[two].engine.is_some()
    });
    world.connect_all();
    world.say(one, "from one");
    world.say(two, "from two");
    world.run(60 * SECOND);
    assert_ne!(world.device(one), world.device(two));
    assert!(agree(&world, &[0, 2, one, two]));
    for who in [0, 2, one, two] {
        assert_eq!(world.texts(who).len(), 7, "{who}: {:?}", world.texts(who));
        assert_eq!(world.engine(who).members().len(), 3);
    }
}

#[test]
fn who_lets_it_in_may_die_at_any_moment_and_another_does_it() {
    for durable in 0..4 {
        let (mut world, backup) = drowned(910 + durable);
        world.people[0].disk_stuck = true;
        let again = world.restored("Ben", backup, &[0]);
        world.run(3 * SECOND);
        world.people[0].disk_stuck = false;
        world.crash(0, durable as usize);
        world.run(SECOND);
        world.connect(again, 2);
        world.run_until(90 * SECOND, |world| world.people[again].engine.is_some());
        world.restart(0);
        world.run(60 * SECOND);
        assert!(agree(&world, &[0, 2, again]), "{durable} batches were durable");
        let devices = world.engine(2).members().into_iter().find(|m| m.account == world.account(again));
        assert_eq!(devices.expect("Ben").devices.len(), 2);
        world.say(again, "here");
        world.run(30 * SECOND);
        assert!(world.texts(0).contains(&"here".to_owned()));
    }
}

#[test]
fn who_lets_it_in_and_knew_less_than_the_backup_is_told_apart() {
    let mut world = World::group(3, 920);
    world.cut_off(2);
    world.join_by(0, "Dan", &[0, 1]);
    world.run(5 * SECOND);
    let backup = world.backed_up(1);
    world.cut_off(1);
    world.crash(1, 99);
    let again = world.restored("Ben", backup, &[2]);
    world.run_until(60 * SECOND, |world| world.people[again].engine.is_some());
    assert_eq!(world.people[again].sought, ["found Sunday ride", "back in Sunday ride, who knew less"]);
    world.connect_all();
    world.run(60 * SECOND);
    assert!(agree(&world, &[0, 2, 3, again]));
}

fn revoke(word: Revocation) -> Command {
    Command::RevokeDevice { device: word.device, word: Some(word) }
}

fn revoke_plain(device: halloo_crypto::id::DeviceId) -> Command {
    Command::RevokeDevice { device, word: None }
}
