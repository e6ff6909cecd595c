//! The ways in: by link, again after an accident, past members who have not heard, and with a bundle that lies.

use std::time::Duration;

use halloo_crdt::log::Role;
use halloo_crypto::invite::code::ShortCode;
use halloo_crypto::invite::link::Link;
use halloo_engine::Engine;
use halloo_engine::input::Command;
use halloo_engine::output::{InviteView, Output, Reply};
use halloo_engine::pairing::Ticket;
use halloo_engine::start::{Config, Origin, StartError};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);

fn invite(world: &mut World, who: usize, max_uses: u16) -> InviteView {
    let command = Command::Invite { max_uses, expiry: 3_600 * SECOND, role: Role::Member };
    match world.command(who, command) {
        Ok(Reply::Invite(view)) => view,
        other => panic!("no invite: {other:?}"),
    }
}

#[test]
fn one_link_brings_in_as_many_as_it_says() {
    let mut world = World::new(200);
    let ada = world.found("Ada");
    let view = invite(&mut world, ada, 2);
    let link = view.link.expect("the inviter has the link");
    assert_eq!(view.qr.as_ref().map(|qr| qr.starts_with("halloo:i/")), Some(true));
    let ben = world.stranger_by_link("Ben", &link, &[ada]);
    let cleo = world.stranger_by_link("Cleo", &link, &[ada]);
    world.run_until(30 * SECOND, |world| {
        world.people[ben].engine.is_some() && world.people[cleo].engine.is_some()
    });
    let dan = world.stranger_by_link("Dan", &link, &[ada]);
    world.run_until(60 * SECOND, |world| world.people[dan].pairing_failed.is_some());
    world.run(10 * SECOND);
    assert_eq!(world.engine(ada).members().len(), 3);
    assert!(world.engine(ada).invites().is_empty(), "it is used up");
}

#[test]
fn a_link_and_a_code_survive_a_restart_of_the_inviter() {
    let mut world = World::new(201);
    let ada = world.found("Ada");
    let view = invite(&mut world, ada, 3);
    world.crash(ada, 99);
    world.run(SECOND);
    world.restart(ada);
    world.run(SECOND);
    let after = world.engine(ada).invites().remove(0);
    assert_eq!(after.link, view.link);
    assert_ne!(after.code, None, "a fresh code comes by itself");
    let ben = world.stranger_by_link("Ben", &view.link.expect("a link"), &[ada]);
    world.run_until(30 * SECOND, |world| world.people[ben].engine.is_some());
}

#[test]
fn a_newcomer_whose_inviter_died_in_between_comes_in_at_the_second_try() {
    for durable in 0..4 {
        let mut world = World::new(210 + durable);
        let ada = world.found("Ada");
        let view = invite(&mut world, ada, 5);
        let link: Link = view.link.expect("a link").parse().expect("a link");
        let ben = world.stranger_by_link("Ben", &link.to_text(), &[ada]);
        // The cut falls while the Add and its commit are on their way to the disk.
        world.people[ada].disk_stuck = true;
        world.run(2 * SECOND);
        world.people[ada].disk_stuck = false;
        world.crash(ada, durable as usize);
        world.run(SECOND);
        world.restart(ada);
        world.run(30 * SECOND);
        if world.people[ben].engine.is_none() {
            world.seek(ben, &Ticket::Link(link));
            world.run_until(60 * SECOND, |world| world.people[ben].engine.is_some());
        }
        world.run(10 * SECOND);
        world.say(ada, "welcome at last");
        world.run(5 * SECOND);
        assert_eq!(world.texts(ben), ["welcome at last"], "durable {durable}");
        assert_eq!(world.engine(ada).members().len(), 2, "durable {durable}");
        assert_eq!(world.engine(ada).status().epoch, world.engine(ben).status().epoch);
    }
}

#[test]
fn a_newcomer_introduces_itself_to_a_member_who_was_away() {
    let mut world = World::group(3, 220);
    world.cut_off(2);
    world.run(SECOND);
    let code = world.invite(0, 1);
    let dan = world.stranger("Dan", &code, &[0, 1]);
    world.run_until(20 * SECOND, |world| world.people[dan].engine.is_some());
    world.run(10 * SECOND);
    world.say(dan, "hello, I am Dan");
    // Ada and Ben go home; Dan meets Cleo, who has never heard of him.
    world.cut_off(dan);
    world.cut(0, 1);
    world.run(SECOND);
    world.connect(dan, 2);
    world.run(10 * SECOND);
    assert_eq!(world.engine(2).members().len(), 4);
    assert_eq!(world.texts(2), ["hello, I am Dan"]);
    world.say(2, "hello Dan");
    world.run(5 * SECOND);
    assert_eq!(world.texts(dan), ["hello, I am Dan", "hello Dan"]);
    assert_eq!(world.engine(2).status().epoch, world.engine(dan).status().epoch);
}

#[test]
fn two_newcomers_of_two_sides_know_each_other_once_the_sides_meet() {
    let mut world = World::group(2, 221);
    let ben = world.account(1);
    world.command(0, Command::SetRole { account: ben, role: Role::Admin }).expect("admin");
    world.run(SECOND);
    world.cut(0, 1);
    let (a, b) = (world.invite(0, 1), world.invite(1, 1));
    let cleo = world.stranger("Cleo", &a, &[0]);
    let dan = world.stranger("Dan", &b, &[1]);
    world.run_until(20 * SECOND, |world| {
        world.people[cleo].engine.is_some() && world.people[dan].engine.is_some()
    });
    // Nobody who knows both is there: they stay strangers.
    world.connect(cleo, dan);
    world.run(10 * SECOND);
    assert_eq!(world.engine(cleo).members().len(), 3);
    world.connect_all();
    world.run(60 * SECOND);
    let epoch = world.engine(0).status().epoch;
    for who in 0..4 {
        assert_eq!(world.engine(who).members().len(), 4, "{who}");
        assert_eq!(world.engine(who).status().epoch, epoch, "{who} {:#?}", world.engine(who).status());
    }
    world.say(cleo, "we meet");
    world.run(5 * SECOND);
    assert_eq!(world.texts(dan), ["we meet"]);
}

#[test]
fn a_code_that_nobody_has_finds_nobody() {
    let mut world = World::group(2, 222);
    let wrong: ShortCode = "998-otter-quartz".parse().expect("a code");
    let eve = world.stranger("Eve", &wrong.to_string(), &[0, 1]);
    world.run_until(90 * SECOND, |world| world.people[eve].pairing_failed.is_some());
    let text = world.people[eve].pairing_failed.clone().expect("it says why");
    assert!(text.len() > 10, "{text}");
    assert_eq!(world.engine(0).members().len(), 2);
}

/// A bundle as a newcomer got it, with everything that is needed to start from it.
fn bundle(seed: u64) -> (World, usize) {
    let mut world = World::new(seed);
    let ada = world.found("Ada");
    world.join(ada, "Ben");
    let code = world.invite(ada, 1);
    let cleo = world.stranger("Cleo", &code, &[ada]);
    world.people[cleo].keep_bundle = true;
    world.run_until(20 * SECOND, |world| world.people[cleo].bundle.is_some());
    (world, cleo)
}

#[test]
fn a_damaged_bundle_starts_nobody_or_a_sound_member() {
    let (world, cleo) = bundle(230);
    let person = &world.people[cleo];
    let (bytes, key_package) = person.bundle.clone().expect("kept");
    let mut rng = ChaCha20Rng::seed_from_u64(230);
    let mut started = 0;
    for round in 0..250_u32 {
        let mut damaged = bytes.clone();
        let at = rng.next_u32() as usize % damaged.len();
        match round % 3 {
            0 => damaged[at] ^= 1 << (rng.next_u32() % 8),
            1 => damaged.truncate(at),
            _ => rng.fill_bytes(&mut damaged[at..]),
        }
        let origin = Origin::Join { bundle: damaged, key_package: key_package.clone() };
        let member = Engine::new(Config::default(), person.identity.clone(), origin, [7; 32], world.now);
        match member {
            Ok(mut engine) => {
                started += 1;
                while !matches!(engine.poll(), Output::Idle(_)) {}
                assert!(engine.status().member && !engine.status().tainted);
            }
            Err(error) => assert!(matches!(error, StartError::Bundle(_)), "{error}"),
        }
    }
    assert!(started < 150, "most damage is found out, {started}");
}

#[test]
fn a_bundle_serves_the_newcomer_it_was_made_for() {
    let (world, cleo) = bundle(231);
    let (bytes, key_package) = world.people[cleo].bundle.clone().expect("kept");
    let thief = world.people[0].identity.clone();
    let origin = Origin::Join { bundle: bytes, key_package };
    let started = Engine::new(Config::default(), thief, origin, [7; 32], world.now);
    assert!(matches!(started, Err(StartError::Bundle(_))));
}
