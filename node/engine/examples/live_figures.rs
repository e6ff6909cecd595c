//! What everybody's place at 1 Hz costs each member, and how old it is where it is shown: figures for `cargo xtask bench`.
//!
//! `cargo run --release -p halloo-engine --example live_figures [SECONDS]`, by default 60. One JSON object a line: name, ours,
//! unit. Real engines on strings in virtual time: eight in a full mesh, and fifty of whom each has six neighbours. Bytes are all that
//! a member hands to the mesh meanwhile, comparisons and presence included; an age is now less the time of the fix, looked at by
//! every member for every other once a second.

#![allow(unreachable_pub, dead_code, reason = "the strings are shared with the tests")]
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that prints"
)]

#[path = "../tests/string/world.rs"]
mod world;

use std::time::Duration;

use halloo_engine::input::{Command, Input};
use halloo_engine::place::Fix;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use world::World;

const SECOND: Duration = Duration::from_secs(1);
/// Time for the neighbours to learn who tells whom what.
const WARM_UP_S: u64 = 20;
/// Moments in a second at which members may move or look.
const TICKS: u64 = 50;

/// Around every call of an engine; nothing is watched here.
fn at_work<T>(call: impl FnOnce() -> T) -> T {
    call()
}

/// A group of `n` of whom each has `degree` neighbours or a few less: the union of random rings; all with all if `degree` is `n - 1`.
fn group(n: usize, degree: usize, seed: u64) -> World {
    let mut world = World::new(seed);
    world.faults.latency_ms = (5, 60);
    world.patience = u64::MAX;
    world.found("P0");
    for at in 1..n {
        let code = world.invite(0, 1);
        let newcomer = world.stranger(&format!("P{at}"), &code, &[0]);
        world.run_until(60 * SECOND, |world| world.people[newcomer].engine.is_some());
        world.run(SECOND);
    }
    if degree + 1 == n {
        world.connect_all();
    } else {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        (0..n).for_each(|who| world.cut_off(who));
        for _ in 0..degree / 2 {
            let mut ring: Vec<usize> = (0..n).collect();
            for at in (1..n).rev() {
                ring.swap(at, rng.next_u32() as usize % (at + 1));
            }
            (0..n).for_each(|at| world.connect(ring[at], ring[(at + 1) % n]));
        }
    }
    world.run(120 * SECOND);
    world
}

/// Everybody moves once a second, each at its own moment, for `seconds`; looks on when `ages` is given.
fn walk(world: &mut World, seconds: u64, mut ages: Option<&mut Vec<f64>>) -> u64 {
    let n = world.people.len();
    let mut unseen = 0;
    for tick in 0..seconds * TICKS {
        for who in (0..n).filter(|who| *who as u64 * 7 % TICKS == tick % TICKS) {
            let fix = Fix {
                lat_deg: 47.0 + tick as f64 * 1e-6,
                lon_deg: 8.0 + who as f64 * 1e-3,
                accuracy_m: 5.0,
                altitude_m: Some(820.0),
                speed_mps: Some(3.0),
                heading_deg: Some(45.0),
                time_ms: world.now.wall_ms,
            };
            world.hand(who, Input::Fix(fix));
        }
        if let Some(ages) = &mut ages {
            for who in (0..n).filter(|who| (*who as u64 * 11 + 3) % TICKS == tick % TICKS) {
                let seen = world.engine(who).locations();
                unseen += (n - seen.len()) as u64;
                let others = seen.iter().filter(|view| !view.own);
                ages.extend(others.map(|view| (world.now.wall_ms - view.taken_ms) as f64 / 1_000.0));
            }
        }
        world.run(Duration::from_millis(1_000 / TICKS));
    }
    unseen
}

fn figure(name: &str, ours: f64, unit: &str) {
    println!("{{\"name\":\"{name}\",\"ours\":{ours:.3},\"unit\":\"{unit}\"}}");
}

fn measure(title: &str, mut world: World, seconds: u64) {
    let n = world.people.len();
    for who in 0..n {
        world.command(who, Command::Share { lease: Some(3_600 * SECOND) }).expect("shared");
    }
    walk(&mut world, WARM_UP_S, None);
    let before: Vec<(u64, u64)> = world.people.iter().map(|one| (one.bytes_out, one.frames_out)).collect();
    let mut ages = Vec::new();
    let unseen = walk(&mut world, seconds, Some(&mut ages));
    assert_eq!(unseen, 0, "everybody is on everybody's map all the time");
    ages.sort_by(f64::total_cmp);
    let mut bytes: Vec<f64> = Vec::new();
    let mut frames = 0.0;
    for (one, (bytes_before, frames_before)) in world.people.iter().zip(before) {
        bytes.push((one.bytes_out - bytes_before) as f64 / seconds as f64);
        frames += (one.frames_out - frames_before) as f64 / seconds as f64 / n as f64;
    }
    let mean = bytes.iter().sum::<f64>() / n as f64;
    figure(&format!("places of {title}, sent by each"), mean, "B/s");
    figure(
        &format!("places of {title}, sent by the busiest"),
        bytes.iter().copied().fold(0.0, f64::max),
        "B/s",
    );
    figure(&format!("places of {title}, frames of each"), frames, "/s");
    figure(&format!("places of {title}, age p50"), ages[ages.len() / 2], "s");
    figure(&format!("places of {title}, age p95"), ages[ages.len() * 95 / 100], "s");
}

fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(60_u64).max(1);
    measure("8 all connected", group(8, 7, 1), seconds);
    measure("50 with 6 neighbours", group(50, 6, 2), seconds);
}
