//! What a restart finds again, and what it refuses to start from.

use std::time::Duration;

use halloo_engine::Engine;
use halloo_engine::input::{Command, Input};
use halloo_engine::output::Output;
use halloo_engine::place::{Fix, Precision};
use halloo_engine::snapshot::{Snapshot, Table};
use halloo_engine::start::{Config, Origin, StartError};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);

fn restart(world: &mut World, who: usize) {
    world.crash(who, 99);
    world.run(SECOND);
    world.restart(who);
    world.run(5 * SECOND);
}

#[test]
fn sharing_and_precision_outlive_a_restart_and_end_on_time() {
    let mut world = World::group(2, 400);
    world.command(0, Command::SetPrecision(Precision::City)).expect("coarse");
    world.command(0, Command::Share { lease: Some(60 * SECOND) }).expect("shared");
    restart(&mut world, 0);
    let fix = Fix {
        lat_deg: 47.3,
        lon_deg: 8.5,
        accuracy_m: 5.0,
        altitude_m: None,
        speed_mps: None,
        heading_deg: None,
        time_ms: world.now.wall_ms,
    };
    world.hand(0, Input::Fix(fix));
    world.run(3 * SECOND);
    let seen = world.engine(1).locations();
    assert_eq!((seen.len(), seen[0].precision), (1, Precision::City));
    world.run(60 * SECOND);
    assert!(world.engine(1).locations().is_empty());
}

#[test]
fn who_is_out_stays_out_and_can_still_read_its_history() {
    let mut world = World::group(2, 401);
    world.say(0, "for both");
    world.run(2 * SECOND);
    let ben = world.account(1);
    world.command(0, Command::Remove(ben)).expect("removed");
    world.run(5 * SECOND);
    restart(&mut world, 1);
    assert!(!world.engine(1).status().member);
    assert_eq!(world.texts(1), ["for both"]);
    world.say(0, "alone");
    world.run(30 * SECOND);
    assert_eq!(world.texts(1), ["for both"]);
}

#[test]
fn roster_epoch_names_and_activity_are_found_again() {
    let mut world = World::group(3, 402);
    let cleo = world.account(2);
    world.command(0, Command::Remove(cleo)).expect("removed");
    world.run(10 * SECOND);
    let before =
        (world.engine(0).activity(100), world.engine(0).status().epoch, world.engine(0).status().group_name);
    restart(&mut world, 0);
    let after =
        (world.engine(0).activity(100), world.engine(0).status().epoch, world.engine(0).status().group_name);
    assert_eq!(before, after);
    let names: Vec<String> = world.engine(0).members().into_iter().map(|member| member.name).collect();
    assert_eq!(names, ["Ada", "Ben"]);
}

#[test]
fn undelivered_words_are_offered_after_a_restart() {
    let mut world = World::group(2, 403);
    world.cut(0, 1);
    world.run(SECOND);
    world.say(0, "nobody hears me");
    assert!(world.engine(0).status().undelivered > 0);
    restart(&mut world, 0);
    assert!(world.engine(0).status().undelivered > 0);
    world.connect(0, 1);
    world.run(5 * SECOND);
    assert_eq!(world.texts(1), ["nobody hears me"]);
    assert_eq!(world.engine(0).status().undelivered, 0);
}

fn start_from(world: &World, snapshot: Snapshot) -> Result<Engine, StartError> {
    let identity = world.people[0].identity.clone();
    Engine::new(Config::default(), identity, Origin::Restore(snapshot), [3; 32], world.now)
}

#[test]
fn a_snapshot_of_somebody_else_or_of_nothing_is_refused() {
    let mut world = World::group(2, 404);
    world.run(SECOND);
    assert!(matches!(start_from(&world, Snapshot::default()), Err(StartError::Snapshot(_))));
    let theirs = world.people[1].disk.clone();
    assert!(matches!(start_from(&world, theirs), Err(StartError::Snapshot(_))));
    assert!(start_from(&world, world.people[0].disk.clone()).is_ok());
}

#[test]
fn damage_in_the_store_is_an_error_that_names_the_next_step_or_harmless() {
    let mut world = World::group(3, 405);
    for n in 0..5 {
        world.say(n % 3, &format!("line {n}"));
    }
    world.run(10 * SECOND);
    let whole = world.people[0].disk.clone();
    let mut rng = ChaCha20Rng::seed_from_u64(405);
    let tables =
        [Table::Meta, Table::Operation, Table::Epoch, Table::Head, Table::Trail, Table::Beacon, Table::Share];
    let keys: Vec<Vec<u8>> =
        whole.pairs.keys().filter(|key| tables.iter().any(|table| key[0] == *table as u8)).cloned().collect();
    for round in 0..300_u32 {
        let mut damaged = whole.clone();
        let key = &keys[rng.next_u32() as usize % keys.len()];
        let value = damaged.pairs.get_mut(key).expect("a key of the store");
        let at = rng.next_u32() as usize % value.len().max(1);
        match round % 3 {
            0 if !value.is_empty() => value[at] ^= 1 << (rng.next_u32() % 8),
            1 => value.truncate(at),
            _ => drop(damaged.pairs.remove(key)),
        }
        match start_from(&world, damaged) {
            Ok(mut engine) => while !matches!(engine.poll(), Output::Idle(_)) {},
            Err(error) => assert!(error.to_string().contains("restore"), "{error}"),
        }
    }
}

#[test]
fn a_restart_that_the_network_does_not_notice_is_healed_by_the_handshake() {
    let mut world = World::group(3, 406);
    world.say(1, "before");
    world.run(2 * SECOND);
    world.crash_unnoticed(1, 99);
    world.restart_unnoticed(1);
    world.run(2 * SECOND);
    world.say(0, "to Ben");
    world.say(1, "from Ben");
    world.run(5 * SECOND);
    for who in 0..3 {
        assert_eq!(world.texts(who).len(), 3, "{who}");
    }
}
