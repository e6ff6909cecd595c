//! Removals that go wrong, cross each other, or fall on a bad moment; topics over the weeks; larger groups.

use std::time::Duration;

use halloo_crdt::log::Role;
use halloo_engine::Engine;
use halloo_engine::input::Command;
use halloo_engine::output::Event;

use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);

fn admins(world: &mut World, who: &[usize]) {
    for member in who {
        let account = world.account(*member);
        world.command(0, Command::SetRole { account, role: Role::Admin }).expect("an owner appoints");
    }
    world.run(5 * SECOND);
}

#[test]
fn who_removes_and_dies_is_finished_by_the_others() {
    for durable in 1..4 {
        let mut world = World::group(4, 500 + durable);
        admins(&mut world, &[1]);
        let dan = world.account(3);
        world.ask(1, Command::Remove(dan));
        // Long enough for the disk and the first frames, not for a calm afternoon.
        world.run(Duration::from_millis(3 * durable));
        world.crash(1, 99);
        world.run(30 * SECOND);
        let members = world.engine(0).members().len();
        assert!(members == 3 || members == 4);
        for who in [0, 2] {
            let status = world.engine(who).status();
            assert_eq!(world.engine(who).members().len(), members);
            assert_eq!((status.epoch_devices as usize, status.tainted), (members, false), "after {durable}");
        }
        world.say(0, "we go on");
        world.run(5 * SECOND);
        assert_eq!(world.texts(2), ["we go on"]);
        assert_eq!(world.texts(3).is_empty(), members == 3);
        world.restart(1);
        world.run(40 * SECOND);
        assert_eq!(world.engine(1).members().len(), world.engine(0).members().len());
        assert_eq!(world.engine(1).status().epoch, world.engine(0).status().epoch);
    }
}

#[test]
fn two_admins_who_remove_each_other_end_the_same_everywhere() {
    for seed in 510..514 {
        let mut world = World::group(4, seed);
        admins(&mut world, &[1, 2]);
        world.cut(1, 2);
        world.cut(1, 3);
        world.cut(0, 2);
        world.cut(0, 1);
        world.run(SECOND);
        let (ben, cleo) = (world.account(1), world.account(2));
        world.command(1, Command::Remove(cleo)).expect("removed");
        world.command(2, Command::Remove(ben)).expect("removed");
        world.run(5 * SECOND);
        world.connect_all();
        world.run(60 * SECOND);
        let members: Vec<_> = world.engine(0).members().into_iter().map(|member| member.account).collect();
        assert_eq!(members.len(), 3, "the senior act wins, the junior is void");
        let remaining: Vec<usize> = (0..4).filter(|who| members.contains(&world.account(*who))).collect();
        let epoch = world.engine(0).status().epoch;
        for who in &remaining {
            let seen: Vec<_> =
                world.engine(*who).members().into_iter().map(|member| member.account).collect();
            assert_eq!(seen, members, "seed {seed} member {who}");
            let status = world.engine(*who).status();
            assert_eq!(
                (status.epoch, status.tainted, status.member),
                (epoch, false, true),
                "seed {seed} member {who}"
            );
        }
        for who in 0..4 {
            assert_eq!(
                world.engine(who).status().member,
                remaining.contains(&who),
                "seed {seed} member {who}"
            );
        }
        world.say(0, "enough");
        world.run(5 * SECOND);
        for who in 0..4 {
            assert_eq!(world.texts(who).contains(&"enough".to_string()), remaining.contains(&who));
        }
    }
}

/// The act of an admin who is put out beside it is void, but its commit may be the one that wins: whoever it took out is in after
/// all, and comes back by a welcome, whichever of the two branches it was on.
#[test]
fn who_was_put_out_by_somebody_put_out_beside_it_is_in_again_on_whichever_branch() {
    let mut won = [0; 2];
    for seed in 520..528 {
        let mut world = World::group(6, seed);
        admins(&mut world, &[1]);
        let (here, there) = ([0, 2, 5], [1, 3, 4]);
        for a in here {
            there.iter().for_each(|b| world.cut(a, *b));
        }
        world.run(SECOND);
        let (ben, cleo) = (world.account(1), world.account(2));
        world.command(1, Command::Remove(cleo)).expect("removed");
        world.command(0, Command::Remove(ben)).expect("removed");
        world.run(5 * SECOND);
        let (ours, theirs) = (world.engine(0).status().epoch, world.engine(3).status().epoch);
        assert_ne!(ours, theirs, "two branches");
        world.connect_all();
        world.run(30 * SECOND);
        let epoch = world.engine(0).status().epoch;
        won[usize::from(epoch == ours)] += 1;
        for who in [0, 2, 3, 4, 5] {
            let status = world.engine(who).status();
            assert_eq!((status.epoch, status.member), (epoch, true), "seed {seed} member {who}");
            assert_eq!((status.epoch_devices, status.tainted), (5, false), "seed {seed} member {who}");
        }
        assert!(!world.engine(1).status().member, "seed {seed}");
    }
    assert!(won.iter().all(|times| *times > 0), "each branch won at least once: {won:?}");
}

#[test]
fn a_message_in_the_very_moment_of_a_removal_is_read_by_the_remaining_only() {
    for seed in 520..526 {
        let mut world = World::group(3, seed);
        world.faults.latency_ms = (5, 120);
        let cleo = world.account(2);
        world.ask(0, Command::Remove(cleo));
        world.ask(0, Command::Say { text: "after the decision".into(), reply_to: None });
        world.run(20 * SECOND);
        assert_eq!(world.texts(1), ["after the decision"], "seed {seed}");
        assert!(world.texts(2).is_empty(), "seed {seed}: INV-2");
    }
}

#[test]
fn one_joins_while_another_is_removed() {
    for seed in 530..534 {
        let mut world = World::group(3, seed);
        admins(&mut world, &[1]);
        let code = world.invite(1, 1);
        let dan = world.stranger("Dan", &code, &[0, 1]);
        let cleo = world.account(2);
        world.run(Duration::from_millis(seed % 4 * 10));
        world.ask(0, Command::Remove(cleo));
        world.run_until(30 * SECOND, |world| world.people[dan].engine.is_some());
        world.run(60 * SECOND);
        let epoch = world.engine(0).status().epoch;
        for who in [0, 1, dan] {
            let status = world.engine(who).status();
            assert_eq!(world.engine(who).members().len(), 3, "seed {seed} member {who}");
            assert_eq!(
                (status.epoch, status.epoch_devices, status.tainted),
                (epoch, 3, false),
                "seed {seed} {who}"
            );
        }
        world.say(dan, "made it");
        world.run(5 * SECOND);
        assert_eq!((world.texts(0), world.texts(2).len()), (vec!["made it".to_string()], 0), "seed {seed}");
    }
}

#[test]
fn the_removed_may_be_invited_again_and_reads_from_then_on() {
    let mut world = World::group(2, 540);
    world.say(0, "first time");
    world.run(2 * SECOND);
    let ben = world.account(1);
    world.command(0, Command::Remove(ben)).expect("removed");
    world.run(5 * SECOND);
    world.say(0, "without Ben");
    let code: halloo_crypto::invite::code::ShortCode = world.invite(0, 1).parse().expect("a code");
    // Ben starts over: the home of the first membership is gone.
    world.crash(1, 0);
    world.seek(1, &halloo_engine::pairing::Ticket::Code(code));
    world.run_until(30 * SECOND, |world| world.people[1].engine.is_some());
    world.run(5 * SECOND);
    world.say(0, "with Ben again");
    world.run(5 * SECOND);
    let texts = world.texts(1);
    assert!(
        texts.contains(&"with Ben again".to_string()) && !texts.contains(&"without Ben".to_string()),
        "{texts:?}"
    );
    assert_eq!(world.engine(0).members().len(), 2);
}

#[test]
fn a_group_goes_on_over_the_weeks_with_topics_that_change() {
    let mut world = World::group(2, 541);
    for week in 0..3 {
        world.now.wall_ms += 7 * 24 * 3_600_000;
        world.run(2 * 3_600 * SECOND);
        world.say(week % 2, &format!("week {week}"));
        world.run(5 * SECOND);
        for who in 0..2 {
            assert_eq!(world.texts(who).len(), week + 1, "{who}");
        }
    }
    let counted = |engine: &Engine, name: &str| engine.status().dropped.iter().any(|(why, _)| *why == name);
    assert!(!counted(world.engine(0), "no beacon to publish under"));
}

#[test]
fn sixteen_people_agree_and_hear_each_other() {
    let mut world = World::group(16, 542);
    world.run(60 * SECOND);
    let epoch = world.engine(0).status().epoch;
    for who in 0..16 {
        let status = world.engine(who).status();
        assert_eq!((status.epoch, status.epoch_devices), (epoch, 16), "{who}");
        world.ask(who, Command::Say { text: format!("{who}"), reply_to: None });
    }
    world.run(30 * SECOND);
    for who in 0..16 {
        assert_eq!(world.texts(who).len(), 16, "{who}");
    }
    let delivered =
        world.engine(3).timeline(None, 50).entries.into_iter().map(|entry| entry.delivered_to.len());
    assert!(delivered.into_iter().all(|count| count == 15));
}

#[test]
fn a_role_that_was_lowered_counts_at_once() {
    let mut world = World::group(3, 543);
    admins(&mut world, &[1]);
    let (ben, cleo) = (world.account(1), world.account(2));
    world.command(0, Command::SetRole { account: ben, role: Role::Member }).expect("lowered");
    world.run(2 * SECOND);
    assert!(world.people[1].events.contains(&Event::RoleChanged { account: ben, role: Role::Member }));
    world.command(1, Command::Remove(cleo)).expect_err("no longer");
    let text = "only a moderator may hide this";
    world.say(2, text);
    world.run(2 * SECOND);
    let id = world.engine(1).timeline(None, 1).entries[0].id;
    world.command(1, Command::Delete { message: id }).expect_err("no longer");
    assert_eq!(world.texts(1), [text]);
}
