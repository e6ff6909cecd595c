//! Frames again, out of order, cut off, by the wrong one, in the wrong group: whoever holds the wires gains nothing by them.

use std::collections::BTreeMap;
use std::time::Duration;

use halloo_crdt::log::Role;
use halloo_engine::input::{Command, Input};
use halloo_engine::lane::Lane;
use halloo_engine::place::Fix;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use crate::world::World;

const SECOND: Duration = Duration::from_secs(1);

/// A frame as it flew: from, to, lane, bytes.
type Flown = (usize, usize, Lane, Vec<u8>);

/// What a member would show its user and what it would answer to others, but for who is here just now.
fn shown(world: &World, who: usize) -> String {
    let engine = world.engine(who);
    let people: Vec<_> = engine.members().into_iter().map(|one| (one.account, one.role, one.name)).collect();
    let lines = engine.timeline(None, 500).entries;
    let status = engine.status();
    let what = (status.group_name, status.member, status.operations, status.contents);
    format!("{people:?} {lines:?} {what:?} {:?}", engine.activity(1_000))
}

/// Ada, Ben and Dan after an afternoon in which everything happened that makes frames; Cleo (2) was removed.
fn afternoon(seed: u64) -> World {
    let mut world = World::group(3, seed);
    world.keep_frames = true;
    let ben = world.account(1);
    world.command(0, Command::SetRole { account: ben, role: Role::Admin }).expect("admin");
    world.run(SECOND);
    world.join(1, "Dan");
    world.run(10 * SECOND);
    for n in 0..6 {
        world.say(n % 4, &format!("line {n}"));
    }
    world.run(2 * SECOND);
    let line = world.engine(0).timeline(None, 1).entries[0].id;
    let author = (0..4).find(|who| world.account(*who) == world.engine(0).message(&line).expect("it").author);
    let author = author.expect("one of them");
    world.command(author, Command::Edit { message: line, text: "edited".into() }).expect("edited");
    world.command(0, Command::React { message: line, emoji: "👍".into(), on: true }).expect("reacted");
    world.command(3, Command::MarkRead { message: line }).expect("read");
    world.command(1, Command::Rename("Afternoon".into())).expect("renamed");
    for who in [0, 2] {
        world.command(who, Command::Share { lease: Some(600 * SECOND) }).expect("shared");
        world.command(who, Command::JoinCall).expect("in");
        let fix = Fix {
            lat_deg: 47.0,
            lon_deg: 8.0,
            accuracy_m: 5.0,
            altitude_m: None,
            speed_mps: None,
            heading_deg: None,
            time_ms: world.now.wall_ms,
        };
        world.hand(who, Input::Fix(fix));
    }
    // A meeting after a while apart, so that reconciliation and the handshake speak too.
    world.cut_off(3);
    world.say(0, "while Dan is away");
    world.run(2 * SECOND);
    world.connect_all();
    world.run(5 * SECOND);
    let cleo = world.account(2);
    world.command(0, Command::Remove(cleo)).expect("removed");
    world.run(60 * SECOND);
    world
}

const REMAINING: [usize; 3] = [0, 1, 3];

/// Hands a frame in as if it had just come from `from`.
fn hand(world: &mut World, to: usize, from: usize, lane: Lane, bytes: Vec<u8>) {
    let peer = world.people[from].identity.peer;
    match lane {
        Lane::Gossip(topic) => _ = world.hand_gossip(to, peer, topic, bytes),
        lane => world.hand(to, Input::Frame { from: peer, lane, bytes }),
    }
}

fn still_well(world: &mut World, before: &BTreeMap<usize, String>, why: &str) {
    world.run(60 * SECOND);
    for (who, before) in before {
        assert_eq!(&shown(world, *who), before, "{why}: what {who} shows");
    }
    let epoch = world.engine(0).status().epoch;
    for who in REMAINING {
        let status = world.engine(who).status();
        assert_eq!((status.epoch, status.epoch_devices, status.tainted), (epoch, 3, false), "{why}: {who}");
    }
    world.say(1, why);
    world.run(5 * SECOND);
    for who in REMAINING {
        assert_eq!(world.texts(who).iter().filter(|text| *text == why).count(), 1, "{why}: {who}");
    }
    assert!(!world.texts(2).contains(&why.to_string()), "{why}: the removed");
}

fn snapshot(world: &World) -> BTreeMap<usize, String> {
    (0..4).map(|who| (who, shown(world, who))).collect()
}

fn shuffled(mut frames: Vec<Flown>, rng: &mut ChaCha20Rng) -> Vec<Flown> {
    for at in (1..frames.len()).rev() {
        frames.swap(at, rng.next_u32() as usize % (at + 1));
    }
    frames
}

#[test]
fn every_frame_again_in_any_order_from_whomever_changes_nothing() {
    for seed in 900..903 {
        let mut world = afternoon(seed);
        world.keep_frames = false;
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let frames = core::mem::take(&mut world.flown);
        assert!(frames.len() > 300, "{}", frames.len());
        let before = snapshot(&world);
        // By who sent it to whom it was sent, welcomes, commits and removals among them.
        for (from, to, lane, bytes) in shuffled(frames.clone(), &mut rng) {
            hand(&mut world, to, from, lane, bytes);
        }
        still_well(&mut world, &before, "again");
        let before = snapshot(&world);
        // By the removed, and by a member who was not meant, to everybody.
        for (n, (_, _, lane, bytes)) in shuffled(frames, &mut rng).into_iter().enumerate() {
            let from = [2, 1, 3, 0][n % 4];
            for to in REMAINING.into_iter().filter(|to| *to != from) {
                hand(&mut world, to, from, lane, bytes.clone());
            }
        }
        still_well(&mut world, &before, "by others");
    }
}

#[test]
fn a_frame_of_any_kind_cut_at_any_length_changes_nothing() {
    let mut world = afternoon(910);
    world.keep_frames = false;
    let mut kinds: BTreeMap<(u8, u8), Flown> = BTreeMap::new();
    for flown in core::mem::take(&mut world.flown) {
        let (_, to, lane, bytes) = &flown;
        let kind = match lane {
            Lane::Gossip(_) => (0, 0),
            Lane::Direct => (1, bytes[9]),
            Lane::Pair => (2, bytes[1]),
        };
        // The longest of its kind, and to somebody who is a member.
        let longer = kinds.get(&kind).is_none_or(|known| known.3.len() < bytes.len());
        if longer && bytes.len() <= 20_000 && *to != 2 {
            kinds.insert(kind, flown);
        }
    }
    assert!(kinds.len() >= 12, "{:?}", kinds.keys());
    let before = snapshot(&world);
    for (from, to, lane, bytes) in kinds.into_values() {
        let step = 1 + bytes.len() / 1_500;
        for cut in (0..bytes.len()).step_by(step) {
            hand(&mut world, to, from, lane, bytes[..cut].to_vec());
            let longer = [&bytes[..], &bytes[..cut.min(40)], &[0]].concat();
            hand(&mut world, to, from, lane, longer);
        }
    }
    still_well(&mut world, &before, "cut");
}

#[test]
fn frames_of_one_group_mean_nothing_in_another() {
    let mut world = afternoon(920);
    world.keep_frames = false;
    let frames = core::mem::take(&mut world.flown);
    let other = world.found("Zoe");
    let yan = world.join_by(other, "Yan", &[other]);
    world.run(20 * SECOND);
    world.say(other, "only for us");
    world.run(2 * SECOND);
    world.connect_all();
    world.run(20 * SECOND);
    let before = [shown(&world, other), shown(&world, yan)];
    let epoch = world.engine(other).status().epoch;
    let route = world.engine(other).route_tag();
    for (n, (from, _, lane, mut bytes)) in frames.into_iter().enumerate() {
        if lane == Lane::Direct {
            bytes[..8].copy_from_slice(&route);
        }
        hand(&mut world, if n % 2 == 0 { other } else { yan }, from, lane, bytes);
    }
    world.run(60 * SECOND);
    assert_eq!([shown(&world, other), shown(&world, yan)], before);
    assert_eq!((world.engine(yan).status().epoch, world.engine(other).status().epoch), (epoch, epoch));
    world.say(yan, "undisturbed");
    world.run(2 * SECOND);
    assert_eq!(world.texts(other), ["only for us", "undisturbed"]);
}

#[test]
fn who_was_removed_without_hearing_of_it_opens_no_later_word_on_any_wire() {
    for seed in 930..933 {
        let mut world = World::group(3, seed);
        world.say(0, "before");
        world.run(2 * SECOND);
        world.cut_off(2);
        world.run(SECOND);
        world.keep_frames = true;
        let cleo = world.account(2);
        world.command(0, Command::Remove(cleo)).expect("removed");
        // In the very next moment, and a while later.
        world.say(0, "at once");
        world.run(5 * SECOND);
        for n in 0..6 {
            world.say(n % 2, &format!("later {n}"));
            world.run(SECOND);
        }
        world.cut(0, 1);
        world.say(0, "by reconciliation");
        world.run(SECOND);
        world.connect(0, 1);
        world.run(10 * SECOND);
        assert_eq!((world.texts(0).len(), world.texts(1).len()), (9, 9));
        let opened = world.engine(2).status().seals_opened;
        // She still believes that she is a member and has all her keys; her neighbours hand her everything.
        let frames = core::mem::take(&mut world.flown);
        world.keep_frames = false;
        world.connect_all();
        assert!(world.engine(2).status().member);
        for (from, _, lane, bytes) in frames {
            hand(&mut world, 2, from, lane, bytes);
        }
        world.run(60 * SECOND);
        assert_eq!(world.texts(2), ["before"], "seed {seed}");
        assert_eq!(world.engine(2).status().seals_opened, opened, "seed {seed}");
        assert!(!world.engine(2).status().member, "seed {seed}: now she knows");
    }
}
