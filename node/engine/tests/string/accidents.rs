//! Power cuts, lost frames, one seed.

use std::time::Duration;

use halloo_engine::input::Command;

use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);

fn busy_afternoon(seed: u64) -> World {
    let mut world = World::new(seed);
    world.faults.gossip_loss = 100;
    world.faults.duplicates = 100;
    world.faults.latency_ms = (1, 60);
    world.found("Ada");
    world.join(0, "Ben");
    world.join(0, "Cleo");
    for n in 0..10 {
        world.say(n % 3, &format!("line {n}"));
        world.run(SECOND);
    }
    world.crash(1, 1);
    world.say(0, "while Ben was down");
    world.restart(1);
    world.run(40 * SECOND);
    world
}

#[test]
fn one_seed_and_one_story_give_the_same_outputs_twice() {
    let (first, second) = (busy_afternoon(7), busy_afternoon(7));
    assert_eq!(first.trace, second.trace);
    assert_ne!(first.trace, busy_afternoon(8).trace, "the trace sees something");
}

#[test]
fn lossy_strings_lose_nothing_in_the_end() {
    for seed in 50..53 {
        let mut world = World::new(seed);
        world.faults.gossip_loss = 400;
        world.faults.duplicates = 200;
        world.faults.latency_ms = (1, 200);
        world.found("Ada");
        for name in ["Ben", "Cleo", "Dan"] {
            world.join(0, name);
        }
        world.run(60 * SECOND);
        for n in 0..20 {
            world.say(n % 4, &format!("line {n}"));
        }
        world.run(180 * SECOND);
        for who in 0..4 {
            let mut texts = world.texts(who);
            texts.sort();
            texts.dedup();
            assert_eq!(texts.len(), 20, "seed {seed} member {who}");
        }
    }
}

#[test]
fn what_was_acknowledged_survives_a_power_cut_at_any_moment() {
    for cut in 0..8 {
        let mut world = World::group(2, 60 + cut);
        world.say(1, "acknowledged");
        let asked = world.ask(1, Command::Say { text: "perhaps".into(), reply_to: None });
        // The cut falls with 0, 1, 2.. of the asked batches on the disk.
        world.crash(1, cut as usize % 4);
        world.run(SECOND);
        world.restart(1);
        world.run(10 * SECOND);
        let texts = world.texts(1);
        assert!(texts.contains(&"acknowledged".to_string()), "cut {cut} {texts:?}");
        let answered = world.people[1].replies.contains_key(&asked);
        assert!(!answered || texts.contains(&"perhaps".to_string()), "an answer came before the disk");
        assert_eq!(world.texts(0), texts, "cut {cut}: nobody saw what its author lost");
        world.say(1, "back again");
        world.say(0, "hello");
        world.run(5 * SECOND);
        assert_eq!(world.texts(0).len(), world.texts(1).len());
    }
}

#[test]
fn a_cut_in_the_middle_of_a_removal_leaves_it_done_or_undone() {
    for durable in 0..4 {
        let mut world = World::group(3, 70 + durable);
        let cleo = world.account(2);
        world.ask(0, Command::Remove(cleo));
        world.crash(0, durable as usize);
        world.run(SECOND);
        world.restart(0);
        world.run(60 * SECOND);
        let members = world.engine(0).members().len();
        assert_eq!(world.engine(1).members().len(), members, "durable {durable}");
        let status = [world.engine(0).status(), world.engine(1).status()];
        assert_eq!(status[0].epoch, status[1].epoch, "durable {durable}");
        assert_eq!(status[0].epoch_devices as usize, members, "durable {durable}");
        assert_eq!(world.engine(2).status().member, members == 3);
        world.say(0, "after");
        world.run(5 * SECOND);
        assert_eq!(world.texts(1), ["after"]);
        assert_eq!(world.texts(2).is_empty(), members == 2);
    }
}

#[test]
fn everybody_restarts_and_the_group_goes_on() {
    let mut world = World::group(3, 80);
    for n in 0..5 {
        world.say(n % 3, &format!("line {n}"));
    }
    world.run(5 * SECOND);
    for who in 0..3 {
        world.crash(who, 99);
    }
    world.run(60 * SECOND);
    for who in 0..3 {
        world.restart(who);
    }
    world.run(10 * SECOND);
    for who in 0..3 {
        assert_eq!(world.texts(who).len(), 5, "{who}");
    }
    for who in 0..3 {
        world.say(who, &format!("again {who}"));
    }
    let late = world.join(0, "Dan");
    world.run(20 * SECOND);
    for who in 0..3 {
        assert_eq!(world.texts(who).len(), 8, "{who}");
        assert_eq!(world.engine(who).status().epoch_devices, 4);
    }
    assert!(world.texts(late).is_empty());
}

#[test]
fn who_sleeps_for_days_and_many_commits_follows_again() {
    let mut world = World::group(3, 81);
    world.cut_off(2);
    world.run(SECOND);
    for name in ["Dan", "Eve", "Fay"] {
        let code = world.invite(0, 1);
        let who = world.stranger(name, &code, &[0, 1]);
        world.run_until(20 * SECOND, |world| world.people[who].engine.is_some());
        world.run(30 * SECOND);
    }
    world.say(0, "while you slept");
    // Days on the wall; fewer on the monotonic clock, or the test would spend them on presence.
    world.now.wall_ms += 3 * 24 * 3_600_000;
    world.run(2 * 3_600 * SECOND);
    world.connect_all();
    world.run(60 * SECOND);
    assert_eq!(world.texts(2), ["while you slept"]);
    let status = world.engine(2).status();
    assert_eq!((status.epoch_devices, status.epoch), (6, world.engine(0).status().epoch));
}

#[test]
fn a_wall_clock_that_jumps_ends_no_lease_and_stops_no_message() {
    let mut world = World::group(2, 82);
    world.now.wall_ms += 3 * 3_600_000;
    world.say(0, "clock ahead");
    world.now.wall_ms -= 6 * 3_600_000;
    world.say(1, "clock behind");
    world.run(5 * SECOND);
    for who in 0..2 {
        assert_eq!(world.texts(who).len(), 2);
        assert!(
            world
                .engine(who)
                .members()
                .iter()
                .all(|member| member.devices.iter().all(|device| device.online))
        );
    }
}
