//! An insider makes commits that some cannot apply: they say so, and are let in again, wherever in the mesh they are.

use std::time::Duration;

use halloo_crdt::log::Role;
use halloo_crypto::group::poison;
use halloo_engine::input::Command;
use halloo_engine::output::{Event, Warning};

use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);

/// What a Nack and its answer may take on one network: two seconds.
const LIMIT: Duration = Duration::from_secs(2);

/// `insider` takes somebody out, by a commit that these cannot apply.
fn remove_by_a_poisoned_commit(world: &mut World, insider: usize, whom: usize, victims: &[usize]) {
    let account = world.account(whom);
    poison::arm(victims.iter().map(|victim| world.device(*victim)));
    world.ask(insider, Command::Remove(account));
    poison::arm([]);
}

fn agree(world: &World, who: &[usize]) -> bool {
    let first = world.engine(who[0]).status();
    who.iter().all(|member| {
        let status = world.engine(*member).status();
        let same = status.epoch == first.epoch && !status.tainted;
        same && status.epoch_devices as usize == who.len()
    })
}

fn could_not_apply(world: &World, who: usize) -> bool {
    let dropped = world.engine(who).status().dropped;
    dropped.iter().any(|(why, _)| *why == "commit that this device cannot apply")
}

/// Everybody but the last, who is removed.
fn poisoned(world: &mut World, victims: &[usize], within: Duration) -> Vec<usize> {
    let last = world.people.len() - 1;
    let remaining: Vec<usize> = (0..last).collect();
    remove_by_a_poisoned_commit(world, 0, last, victims);
    world.run_until(within, |world| agree(world, &remaining));
    for victim in victims {
        assert!(could_not_apply(world, *victim), "the commit of the test is poisoned for {victim}");
    }
    world.run(20 * SECOND);
    assert!(agree(world, &remaining), "and it stays so");
    for who in &remaining {
        world.say(*who, &format!("{who} is here"));
    }
    world.run(within.max(10 * SECOND));
    for who in &remaining {
        assert_eq!(world.texts(*who).len(), remaining.len(), "what {who} reads");
    }
    remaining
}

#[test]
fn who_cannot_apply_a_poisoned_commit_is_let_in_again_within_two_seconds() {
    for seed in 900..906 {
        let mut world = World::group(6, seed);
        poisoned(&mut world, &[3], LIMIT);
    }
}

#[test]
fn both_halves_come_together_when_one_cannot_apply_the_commit() {
    for seed in 910..914 {
        let mut world = World::group(9, seed);
        poisoned(&mut world, &[4, 5, 6, 7], LIMIT);
    }
}

#[test]
fn all_but_one_beside_the_insider_come_back_too() {
    let mut world = World::group(7, 915);
    poisoned(&mut world, &[1, 2, 3, 4], LIMIT);
}

#[test]
fn those_who_have_only_each_other_as_neighbours_are_let_in_again_from_afar() {
    for seed in 920..924 {
        let mut world = World::line(7, seed);
        poisoned(&mut world, &[4, 5], LIMIT);
    }
}

#[test]
fn a_mesh_that_loses_frames_only_makes_it_slower() {
    for seed in 930..934 {
        let mut world = World::line(7, seed);
        world.faults.gossip_loss = 200;
        world.faults.latency_ms = (5, 60);
        poisoned(&mut world, &[4, 5], 120 * SECOND);
    }
}

#[test]
fn admins_are_told_whose_keys_could_not_be_used_when_it_happens_again() {
    let mut world = World::group(7, 940);
    let (ada, ben) = (world.account(0), world.account(1));
    world.command(0, Command::SetRole { account: ben, role: Role::Admin }).expect("appointed");
    world.run(5 * SECOND);
    remove_by_a_poisoned_commit(&mut world, 0, 6, &[3]);
    world.run(5 * SECOND);
    let told = |world: &World, who: usize| {
        let warnings = world.people[who].events.iter().filter_map(|event| match event {
            Event::Warning(Warning::UnreadableKeys { account, commits, by }) => {
                Some((*account, *commits, by.clone()))
            }
            _ => None,
        });
        warnings.collect::<Vec<_>>()
    };
    assert!((0..6).all(|who| told(&world, who).is_empty()), "once may be an accident");
    remove_by_a_poisoned_commit(&mut world, 0, 5, &[4]);
    world.run(5 * SECOND);
    let warnings = told(&world, 1);
    let [(account, 2, by)] = warnings.as_slice() else { panic!("{warnings:?}") };
    let say_so = |who: usize| by.contains(&world.account(who));
    assert!(*account == ada && say_so(3) && say_so(4) && !say_so(0) && !say_so(1));
    assert!((2..5).all(|who| told(&world, who).is_empty()), "members are not");
    assert!(agree(&world, &[0, 1, 2, 3, 4]));
}

#[test]
fn a_power_cut_after_the_nack_costs_the_keys_but_not_the_membership() {
    for (seed, wait) in [(950, 20), (951, 400), (952, 1_000)] {
        let mut world = World::group(5, seed);
        remove_by_a_poisoned_commit(&mut world, 0, 4, &[3]);
        world.run(Duration::from_millis(wait));
        // Its key packages were in memory only; the others may have added it by one of them meanwhile.
        world.crash(3, 0);
        world.run(5 * SECOND);
        world.restart(3);
        world.run(30 * SECOND);
        assert!(agree(&world, &[0, 1, 2, 3]), "after {wait} ms");
    }
}
