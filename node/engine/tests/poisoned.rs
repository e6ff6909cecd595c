//! An evening of members with the system's clocks and chance poisoned while an engine works: the core reads neither.
//!
//! The doubles of `getrandom`, `clock_gettime` and their kin are in `poison/symbols.rs`. They are armed around every call of an
//! engine, a joiner and a voice path, and nowhere else, since the host on the strings may do as it likes. Maps of std with keys from
//! the system would be caught as well: their order would differ from run to run.
#![cfg(target_os = "linux")]
#![allow(unreachable_pub, dead_code, reason = "the rooms of one test binary, shared with another")]
#![allow(clippy::print_stderr, reason = "a failing story tells its steps")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "what is banned is called to see that it is caught"
)]

#[path = "poison/symbols.rs"]
mod symbols;

#[path = "string/world.rs"]
mod world;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::time::{Duration, Instant, SystemTime};

use halloo_crdt::log::Role;
use halloo_crypto::media::{Kid, MediaKey};
use halloo_crypto::secret::Secret;
use halloo_engine::Engine;
use halloo_engine::input::{Command, Input};
use halloo_engine::output::Reply;
use halloo_engine::place::{Fix, Precision};
use halloo_engine::time::Time;
use halloo_engine::voice::bare::BareFactory;
use halloo_engine::voice::{FrameLength, Peer, Transmit, VoiceConfig, VoicePath, VoicePlan};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use symbols::{armed, caught};
use world::World;

const SECOND: Duration = Duration::from_secs(1);

/// Around every call of an engine.
fn at_work<T>(call: impl FnOnce() -> T) -> T {
    armed(call)
}

/// Nothing was caught so far, or the first culprit with its backtrace.
#[track_caller]
fn clean(step: &str) {
    let caught = caught();
    let names: Vec<&str> = caught.iter().map(|one| one.name).collect();
    if let Some(first) = caught.first() {
        panic!("{step}: the core called {names:?}, first by\n{}", first.by);
    }
}

/// A thread of its own: std draws the keys of its hash maps once a thread, so that only the first map would be caught.
fn on_a_fresh_thread(story: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        let thread = scope.spawn(story);
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    });
}

fn say(world: &mut World, who: usize, text: &str) {
    world.say(who, text);
    world.run(2 * SECOND);
}

fn walk(world: &mut World, who: usize, steps: u32) {
    for step in 0..steps {
        let fix = Fix {
            lat_deg: 47.0 + f64::from(step) * 1e-4,
            lon_deg: 8.0 + who as f64 * 1e-3,
            accuracy_m: 5.0,
            altitude_m: Some(820.0),
            speed_mps: Some(3.0),
            heading_deg: Some(45.0),
            time_ms: world.now.wall_ms,
        };
        world.hand(who, Input::Fix(fix));
        world.run(SECOND);
    }
}

/// A question to a member.
fn asked<T>(world: &World, who: usize, question: impl FnOnce(&Engine) -> T) -> T {
    at_work(|| question(world.engine(who)))
}

/// Every question that a user interface has.
fn look(world: &World, who: usize) {
    asked(world, who, |engine: &Engine| {
        let page = engine.timeline(None, 50);
        assert_eq!(
            page.entries.len(),
            page.entries.iter().filter_map(|line| engine.message(&line.id)).count()
        );
        assert!(!engine.members().is_empty() && !engine.activity(50).is_empty());
        let _seen =
            (engine.locations(), engine.invites(), engine.status(), engine.device(), engine.account());
    });
}

fn arrive(world: &mut World) {
    world.found("Ada");
    clean("Ada founds a group");
    world.join(0, "Ben");
    world.join(0, "Cleo");
    world.run(30 * SECOND);
    clean("Ben and Cleo join by codes");
    let invite = Command::Invite { max_uses: 2, expiry: 600 * SECOND, role: Role::Member };
    let Ok(Reply::Invite(view)) = world.command(0, invite) else { panic!("an invite") };
    let dan = world.stranger_by_link("Dan", &view.link.expect("a link"), &[0, 1, 2]);
    world.run_until(30 * SECOND, |world| world.people[dan].engine.is_some());
    world.run(30 * SECOND);
    clean("Dan joins by a link");
}

fn converse(world: &mut World) {
    say(world, 0, "where do we meet");
    say(world, 1, "at the hut");
    let line = asked(world, 1, |engine| engine.timeline(None, 1)).entries[0].id;
    world.command(1, Command::Edit { message: line, text: "at the upper hut".into() }).expect("edited");
    world.command(2, Command::React { message: line, emoji: "👍".into(), on: true }).expect("reacted");
    world.command(0, Command::MarkRead { message: line }).expect("read");
    world.command(0, Command::Rename("Monday hike".into())).expect("renamed");
    world.command(1, Command::SetProfile { name: "Benjamin".into() }).expect("named");
    world.command(0, Command::Delete { message: line }).expect("an owner moderates");
    world.run(5 * SECOND);
    (0..4).for_each(|who| look(world, who));
    clean("they write");
}

fn write_letters(world: &mut World) {
    world.office = Some(Default::default());
    world.command(0, Command::SetVia(Some("https://halloo.example".into()))).expect("an owner says so");
    world.run(30 * SECOND);
    world.cut_off(1);
    world.run(30 * SECOND);
    say(world, 0, "by mail");
    say(world, 1, "and back");
    world.run(60 * SECOND);
    assert_eq!(asked(world, 1, |engine| engine.timeline(None, 2)).entries.len(), 2);
    assert!(
        world.office.as_ref().is_some_and(|office| !office.left.is_empty()),
        "they leave each other mail"
    );
    world.connect_all();
    world.run(30 * SECOND);
    clean("they leave each other mail");
}

fn travel(world: &mut World) {
    world.command(1, Command::SetPrecision(Precision::Approximate)).expect("coarse");
    for who in 0..3 {
        world.command(who, Command::Share { lease: Some(60 * SECOND) }).expect("shared");
        walk(world, who, 3);
    }
    look(world, 3);
    clean("they share their places");
    for who in 0..3 {
        world.command(who, Command::JoinCall).expect("in");
    }
    world.run(3 * SECOND);
    let ben = world.device(1);
    world.command(0, Command::Signal { to: ben, bytes: b"offer".to_vec() }).expect("signalled");
    world.command(1, Command::MuteMicrophone(false)).expect("open");
    // Past two steps of the call's key.
    world.run(130 * SECOND);
    world.command(2, Command::LeaveCall).expect("out");
    world.run(2 * SECOND);
    clean("they call");
}

fn part(world: &mut World) {
    world.cut_off(2);
    say(world, 2, "alone");
    say(world, 0, "without her");
    world.crash(1, 1);
    world.run(SECOND);
    world.restart(1);
    world.connect_all();
    world.run(40 * SECOND);
    clean("a power cut, a restart and a healed partition");
    let dan = world.account(3);
    world.command(0, Command::Remove(dan)).expect("removed");
    world.run(10 * SECOND);
    say(world, 1, "he is gone");
    world.command(2, Command::Leave).expect("left");
    world.run(10 * SECOND);
    clean("one is removed and one leaves");
    for who in 0..4 {
        world.crash(who, 99);
        world.restart(who);
    }
    // Past an hour: old epochs, topics and leases are looked at.
    world.run(3_700 * SECOND);
    (0..4).for_each(|who| look(world, who));
    clean("all start again and an hour goes by");
}

fn speak() {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let id = |n: u8| halloo_crypto::id::DeviceId::from_bytes([n; 32]);
    let key = |n: u8| MediaKey::from_parts(Kid(0x200 + u64::from(n)), Secret::new([n; 32]));
    let mut paths: Vec<VoicePath> = [1, 2]
        .into_iter()
        .map(|me: u8| {
            let config =
                VoiceConfig { me: id(me), frame: FrameLength::Ms20, transmit: Transmit::OpenMicrophone };
            let plan = VoicePlan {
                seal: Some(key(me)),
                peers: vec![Peer { device: id(3 - me), keys: vec![key(3 - me)] }],
                microphone_muted: false,
                ..VoicePlan::silent()
            };
            armed(|| {
                let path = VoicePath::new(config, Box::new(BareFactory), &mut rng);
                let mut path = path.expect("bare codecs always exist");
                path.apply(Time::ZERO, &plan).expect("a plain plan");
                path
            })
        })
        .collect();
    let mut heard = 0.0_f32;
    for step in 0..200_u64 {
        let now = Time::from_micros(1_000_000 + step * 20_000);
        let pcm: Vec<f32> = (0..960_u16).map(|i| 0.3 * (f32::from(i) / 25.0).sin()).collect();
        let (first, second) = paths.split_at_mut(1);
        armed(|| {
            first[0].capture(now, &pcm, None).expect("whole frames");
            while let Some(payload) = first[0].next_payload() {
                second[0].receive(now, id(1), payload.bytes).expect("an honest frame");
            }
            let mut out = [0.0; 960];
            second[0].play(now, &mut out);
            heard = out.iter().fold(heard, |most, sample| most.max(sample.abs()));
        });
    }
    assert!(heard > 0.05, "the second hears the first: {heard}");
    clean("they speak");
}

#[test]
fn an_evening_needs_no_clock_and_no_chance_of_the_system() {
    on_a_fresh_thread(|| {
        let mut world = World::new(900);
        world.faults.gossip_loss = 100;
        world.faults.duplicates = 100;
        arrive(&mut world);
        converse(&mut world);
        write_letters(&mut world);
        travel(&mut world);
        part(&mut world);
        speak();
        // And the poison was there all the time: a map of std still has to draw its keys on this thread.
        armed(|| RandomState::new().hash_one(1));
        assert_eq!(caught().len(), 1, "nobody made a map with keys of the system on this thread");
    });
}

/// What a call on an armed thread is caught as.
fn names(call: impl FnOnce()) -> Vec<&'static str> {
    armed(call);
    caught().into_iter().map(|one| one.name).collect()
}

#[test]
fn every_way_to_a_clock_or_to_chance_is_caught() {
    on_a_fresh_thread(|| {
        assert_eq!(names(|| _ = Instant::now()), ["clock_gettime"]);
        assert_eq!(names(|| _ = SystemTime::now()), ["clock_gettime"]);
        assert_eq!(names(|| drop(std::collections::HashMap::<u8, u8>::new())), ["getrandom"]);
        assert_eq!(names(|| assert_eq!(symbols::ask_by_number(), 1)), ["getrandom"]);
        let by_the_crate = || getrandom::fill(&mut [0; 16]).expect("the system has chance");
        getrandom::fill(&mut [0; 16]).expect("it looks for the function at its first call");
        assert_eq!(names(by_the_crate), ["getrandom"]);
    });
}

#[test]
fn only_an_armed_thread_is_watched_and_a_panic_disarms_it() {
    let _now = Instant::now();
    let panicked = std::panic::catch_unwind(|| armed(|| panic!("in the middle of it")));
    assert!(panicked.is_err());
    caught();
    let _later = (Instant::now(), SystemTime::now());
    std::thread::scope(|scope| {
        armed(|| scope.spawn(Instant::now));
    });
    assert!(caught().is_empty(), "another thread has its own flag");
}
