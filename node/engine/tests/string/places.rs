//! Where people are: rate, precision, leases.

use std::collections::BTreeSet;
use std::time::Duration;

use halloo_engine::input::{Command, Input};
use halloo_engine::output::Event;
use halloo_engine::place::{Fix, Precision};

use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);

fn fix(world: &World, lat_deg: f64, lon_deg: f64) -> Fix {
    Fix {
        lat_deg,
        lon_deg,
        accuracy_m: 5.0,
        altitude_m: Some(820.0),
        speed_mps: Some(3.0),
        heading_deg: Some(45.0),
        time_ms: world.now.wall_ms,
    }
}

fn move_to(world: &mut World, who: usize, lat_deg: f64, lon_deg: f64) {
    let fix = fix(world, lat_deg, lon_deg);
    world.hand(who, Input::Fix(fix));
}

#[test]
fn a_fix_arrives_with_distance_and_bearing() {
    let mut world = World::group(2, 90);
    for who in 0..2 {
        world.command(who, Command::Share { lease: Some(3_600 * SECOND) }).expect("shared");
    }
    move_to(&mut world, 0, 47.0, 8.0);
    move_to(&mut world, 1, 47.0, 8.1);
    world.run(3 * SECOND);
    let seen = world.engine(0).locations();
    let ben = seen.iter().find(|view| !view.own).expect("Ben is on the map");
    assert!((ben.longitude_deg - 8.1).abs() < 1e-7);
    assert!((ben.distance_m.expect("both known") - 7_605.0).abs() < 10.0);
    assert!((ben.bearing_deg.expect("both known") - 89.96).abs() < 0.1);
    assert_eq!(ben.altitude_m, Some(820.0));
    assert_eq!(ben.account, world.account(1));
}

#[test]
fn at_one_fix_a_second_nearly_all_arrive_and_are_fresh() {
    let mut world = World::group(3, 91);
    world.command(0, Command::Share { lease: Some(3_600 * SECOND) }).expect("shared");
    let before = world.people[1].events.len();
    for n in 0..60 {
        move_to(&mut world, 0, 47.0 + f64::from(n) * 1e-4, 8.0);
        world.run(SECOND);
    }
    let told =
        world.people[1].events[before..].iter().filter(|event| matches!(event, Event::Location(_))).count();
    assert!(told >= 58, "{told} of 60");
}

#[test]
fn a_burst_of_fixes_is_thinned() {
    let mut world = World::group(2, 92);
    world.command(0, Command::Share { lease: Some(3_600 * SECOND) }).expect("shared");
    let before = world.people[1].events.len();
    for n in 0..100 {
        move_to(&mut world, 0, 47.0 + f64::from(n) * 1e-5, 8.0);
        world.run(Duration::from_millis(100));
    }
    world.run(2 * SECOND);
    let told =
        world.people[1].events[before..].iter().filter(|event| matches!(event, Event::Location(_))).count();
    assert!((8..=14).contains(&told), "10 s at one a second, {told}");
    let last = world.engine(1).locations();
    assert!((last[0].latitude_deg - 47.000_99).abs() < 1e-6, "the last fix is not lost");
}

#[test]
fn nothing_leaves_before_sharing_and_nothing_stays_after() {
    let mut world = World::group(2, 93);
    move_to(&mut world, 0, 47.0, 8.0);
    world.run(3 * SECOND);
    assert!(world.engine(1).locations().is_empty());
    world.command(0, Command::Share { lease: Some(10 * SECOND) }).expect("shared");
    world.run(3 * SECOND);
    assert_eq!(world.engine(1).locations().len(), 1);
    world.run(10 * SECOND);
    assert!(world.engine(1).locations().is_empty(), "the share ended by itself");
    assert!(world.people[1].events.contains(&Event::LocationExpired { device: world.device(0) }));
    world.command(0, Command::Share { lease: Some(600 * SECOND) }).expect("shared");
    world.run(2 * SECOND);
    world.command(0, Command::Share { lease: None }).expect("stopped");
    world.run(2 * SECOND);
    assert!(world.engine(1).locations().is_empty());
}

#[test]
fn a_dead_members_place_and_presence_expire() {
    let mut world = World::group(2, 94);
    world.command(1, Command::Share { lease: Some(3_600 * SECOND) }).expect("shared");
    move_to(&mut world, 1, 47.0, 8.0);
    world.run(3 * SECOND);
    assert_eq!(world.engine(0).locations().len(), 1);
    let (ben, device) = (world.account(1), world.device(1));
    world.crash(1, 0);
    world.run(20 * SECOND);
    assert!(world.people[0].events.contains(&Event::Presence { device, account: ben, online: false }));
    world.run(60 * SECOND);
    assert!(world.engine(0).locations().is_empty());
}

#[test]
fn an_approximate_place_says_the_cell_and_no_more_however_often() {
    let mut world = World::group(2, 95);
    world.command(0, Command::SetPrecision(Precision::Approximate)).expect("coarse");
    world.command(0, Command::Share { lease: Some(3_600 * SECOND) }).expect("shared");
    let mut told = BTreeSet::new();
    for n in 0..40 {
        // A walk within one cell of 0.005 degrees.
        let step = f64::from(n % 8) * 1e-4;
        move_to(&mut world, 0, 47.0012 + step, 8.0012 + f64::from(n / 8) * 1e-4);
        world.run(SECOND);
        for view in world.engine(1).locations() {
            told.insert((
                view.latitude_deg.to_bits(),
                view.longitude_deg.to_bits(),
                view.accuracy_m.to_bits(),
            ));
            assert_eq!((view.altitude_m, view.speed_mps, view.heading_deg), (None, None, None));
            assert_eq!(view.precision, Precision::Approximate);
        }
    }
    assert_eq!(told.len(), 1);
}

#[test]
fn a_place_reaches_who_is_connected_only_through_another() {
    let mut world = World::group(3, 96);
    world.cut(0, 2);
    world.command(0, Command::Share { lease: Some(3_600 * SECOND) }).expect("shared");
    move_to(&mut world, 0, 47.0, 8.0);
    world.run(4 * SECOND);
    assert_eq!(world.engine(2).locations().len(), 1);
}

#[test]
fn eight_on_the_map_cost_each_less_than_three_kilobytes_a_second() {
    let mut world = World::group(8, 98);
    for who in 0..8 {
        world.command(who, Command::Share { lease: Some(3_600 * SECOND) }).expect("shared");
    }
    // The rows about an epoch that stays, one for every second member, are another matter.
    world.run(90 * SECOND);
    let before: Vec<(u64, u64)> =
        world.people.iter().map(|person| (person.frames_out, person.bytes_out)).collect();
    for n in 0..20 {
        for who in 0..8 {
            move_to(&mut world, who, 47.0 + f64::from(n) * 1e-4, 8.0 + who as f64 * 1e-3);
            world.run(Duration::from_millis(125));
        }
    }
    for (person, (frames, bytes)) in world.people.iter().zip(before) {
        let (frames, bytes) = ((person.frames_out - frames) / 20, (person.bytes_out - bytes) / 20);
        assert!(bytes <= 3_000 && frames <= 12, "{}: {frames} frames, {bytes} bytes a second", person.name);
    }
}

#[test]
fn nonsense_fixes_are_left_out() {
    let mut world = World::group(2, 97);
    world.command(0, Command::Share { lease: Some(3_600 * SECOND) }).expect("shared");
    for (lat, lon) in [(f64::NAN, 8.0), (91.0, 8.0), (47.0, f64::INFINITY)] {
        move_to(&mut world, 0, lat, lon);
    }
    world.run(3 * SECOND);
    assert!(world.engine(1).locations().is_empty());
}
