//! What it costs to heal: figures for `cargo xtask bench heal`.
//!
//! `cargo run --release -p halloo-engine --example heal_figures [small]`. One JSON object a line: name, ours, unit. Bytes are those of
//! the sessions' own commits and welcomes, or what real engines on strings hand to the mesh in virtual time; none depends on the
//! machine. `small` has fewer messages and members, for a look in seconds.

#![allow(unreachable_pub, dead_code, reason = "the strings are shared with the tests")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints")]

#[path = "../tests/string/world.rs"]
mod world;

use std::collections::BTreeSet;
use std::time::Duration;

use halloo_crdt::log::Role;
use halloo_crypto::group::{CommitPlan, GroupSession, KeyPackageSecret};
use halloo_crypto::id::GroupId;
use halloo_crypto::identity::DeviceSecret;
use halloo_engine::input::Command;
use halloo_engine::lane::Lane;
use halloo_engine::snapshot::Table;
use halloo_engine::wire::direct::{DirectFrame, Realm};
use halloo_engine::wire::parcel::ParcelKind;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use world::World;

const SECOND: Duration = Duration::from_secs(1);
const GROUP: GroupId = GroupId([1; 32]);

/// Members whose commit is looked at after the changes.
const SAMPLE: usize = 51;

/// Around every call of an engine; nothing is watched here.
fn at_work<T>(call: impl FnOnce() -> T) -> T {
    call()
}

fn figure(name: &str, ours: f64, unit: &str) {
    println!("{{\"name\":\"{name}\",\"ours\":{ours:.1},\"unit\":\"{unit}\"}}");
}

/// A device with a key package.
struct Newcomer {
    device: DeviceSecret,
    secret: KeyPackageSecret,
}

fn newcomer(device: DeviceSecret, rng: &mut ChaCha20Rng) -> Newcomer {
    let secret = KeyPackageSecret::generate(GROUP, &device, rng).expect("a key package");
    Newcomer { device, secret }
}

fn below(rng: &mut ChaCha20Rng, end: usize) -> usize {
    rng.next_u32() as usize % end
}

/// A group of sessions. A member reads the commits of others when it has to.
struct Sessions {
    rng: ChaCha20Rng,
    commits: Vec<Vec<u8>>,
    /// Device, session, and how many commits led to it.
    members: Vec<(DeviceSecret, GroupSession, usize)>,
}

impl Sessions {
    /// A group in which everybody committed once, by adding the next.
    fn warm(size: usize, seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let device = DeviceSecret::generate(&mut rng);
        let first = GroupSession::create(GROUP, &device, &mut rng).expect("a group");
        let mut sessions = Sessions { rng, commits: Vec::new(), members: vec![(device, first, 0)] };
        for last in 0..size - 1 {
            sessions.join(last);
        }
        sessions.commit(size - 1, &CommitPlan::default());
        sessions
    }

    /// Lets a member read what it has not read.
    fn read(&mut self, who: usize) {
        let (_, session, read) = &mut self.members[who];
        for commit in &self.commits[*read..] {
            *session = session.apply(commit).expect("a commit of another member").next;
        }
        *read = self.commits.len();
    }

    /// Lets a member commit; the welcome, if somebody was added.
    fn commit(&mut self, by: usize, plan: &CommitPlan) -> Option<Vec<u8>> {
        self.read(by);
        let prepared = self.members[by].1.prepare(plan, &mut self.rng).expect("a commit");
        assert!(prepared.skipped.is_empty(), "nobody is left out");
        self.commits.push(prepared.commit);
        self.members[by].1 = prepared.next;
        self.members[by].2 = self.commits.len();
        prepared.welcome
    }

    /// Somebody new is added by a member; its place.
    fn join(&mut self, by: usize) -> usize {
        let new = newcomer(DeviceSecret::generate(&mut self.rng), &mut self.rng);
        let plan = CommitPlan { add: vec![new.secret.key_package().to_vec()], ..CommitPlan::default() };
        let welcome = self.commit(by, &plan).expect("somebody was added");
        let session = GroupSession::join(&welcome, &new.secret).expect("the welcome");
        self.members.push((new.device, session, self.commits.len()));
        self.members.len() - 1
    }

    /// Two members, one of them to go.
    fn leave(&mut self) {
        let gone = below(&mut self.rng, self.members.len());
        let (device, _, _) = self.members.swap_remove(gone);
        let by = below(&mut self.rng, self.members.len());
        self.commit(by, &CommitPlan { remove: vec![device.id()], ..CommitPlan::default() });
    }
}

/// Half of a group is on a branch from which no epoch that it keeps leads to the other: one commit gives all of them fresh leaves.
fn merge(half: usize) {
    let mut sessions = Sessions::warm(2 * half, 3);
    (0..2 * half).for_each(|who| sessions.read(who));
    let Sessions { mut rng, members, .. } = sessions;
    let (stay, lost) = members.split_at(half);
    let first = stay[0].1.prepare(&CommitPlan::default(), &mut rng).expect("a commit");
    let other = lost[0].1.prepare(&CommitPlan::default(), &mut rng).expect("a commit");
    let back: Vec<Newcomer> = lost.iter().map(|(device, _, _)| newcomer(device.clone(), &mut rng)).collect();
    let plan = CommitPlan {
        add: back.iter().map(|one| one.secret.key_package().to_vec()).collect(),
        remove: back.iter().map(|one| one.device.id()).collect(),
        heads: Vec::new(),
    };
    let heal = first.next.prepare(&plan, &mut rng).expect("the healing commit");
    assert!(heal.skipped.is_empty() && other.next.apply(&heal.commit).is_err(), "the lost cannot follow it");
    let welcome = heal.welcome.as_deref().expect("half of the group");
    for one in &back {
        let session = GroupSession::join(welcome, &one.secret).expect("welcome back");
        assert_eq!(session.epoch_id(), heal.next.epoch_id());
    }
    for (_, session, _) in &stay[1..] {
        let there = session.apply(&first.commit).expect("followed").next;
        assert_eq!(there.apply(&heal.commit).expect("followed").next.epoch_id(), heal.next.epoch_id());
    }
    figure(&format!("heal of {half}/{half}, commit"), heal.commit.len() as f64, "B");
    figure(&format!("heal of {half}/{half}, welcome"), welcome.len() as f64, "B");
}

fn median(mut bytes: Vec<usize>) -> f64 {
    bytes.sort_unstable();
    bytes[bytes.len() / 2] as f64
}

/// Members of a large group come and go, by the hand of whoever; who came renews its leaf, as the product does. Then any member
/// renews its leaf.
fn changes(size: usize, changes: usize) {
    let mut sessions = Sessions::warm(size, 4);
    let (mut adds, mut removes) = (Vec::new(), Vec::new());
    for _ in 0..changes {
        if sessions.rng.next_u32().is_multiple_of(2) {
            let by = below(&mut sessions.rng, sessions.members.len());
            let new = sessions.join(by);
            adds.extend(sessions.commits.last().map(Vec::len));
            sessions.commit(new, &CommitPlan::default());
        } else {
            sessions.leave();
            removes.extend(sessions.commits.last().map(Vec::len));
        }
    }
    let mut renewals = Vec::new();
    for _ in 0..SAMPLE {
        let who = below(&mut sessions.rng, sessions.members.len());
        sessions.read(who);
        let prepared = sessions.members[who].1.prepare(&CommitPlan::default(), &mut sessions.rng);
        renewals.push(prepared.expect("a commit").commit.len());
    }
    let title = format!("{changes} joins and leaves of {size}");
    figure(&format!("{title}, median commit of a join"), median(adds), "B");
    figure(&format!("{title}, median commit of a leave"), median(removes), "B");
    figure(&format!("after {title}, median commit"), median(renewals), "B");
}

/// What went over the wires because two had committed from one epoch, and how many distinct commits there were.
struct Race {
    commits: usize,
    /// Comparisons and epochs told: also made now and then without a reason.
    compared: usize,
    extra: usize,
}

/// Six members; one leaves while frames take so long that more than one of the others commits. Without `leave` nothing happens.
fn race(seed: u64, leave: bool) -> Race {
    let mut world = World::group(6, seed);
    world.run(60 * SECOND);
    world.faults.latency_ms = (400, 420);
    world.keep_frames = true;
    if leave {
        world.ask(5, Command::Leave);
    }
    world.run(6 * SECOND);
    let epoch = world.engine(0).status().epoch;
    assert!((1..5).all(|who| world.engine(who).status().epoch == epoch), "they agree");
    let mut race = Race { commits: 0, compared: 0, extra: 0 };
    let (mut published, mut told, mut frames) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (from, to, lane, bytes) in &world.flown {
        let engine = world.engine(*to);
        match lane {
            Lane::Gossip(topic) => {
                let Some(parcel) = engine.reads_gossip(topic, bytes) else { continue };
                // A frame that floods on is no new frame; a commit in a second frame is.
                if parcel.kind == ParcelKind::Commits && frames.insert(bytes.clone()) {
                    let new = parcel.items.into_iter().filter(|item| published.insert(item.clone())).count();
                    race.commits += new;
                    race.extra += if new == 0 { bytes.len() } else { 0 };
                }
            }
            Lane::Direct => match DirectFrame::parse(bytes, engine.route_tag()).expect("its own frame") {
                DirectFrame::Parcel(parcel) if parcel.kind == ParcelKind::Commits => {
                    // Once to each neighbour beside the gossip is how a commit is published.
                    let new = told.insert((*from, *to, parcel.items));
                    race.extra += if new { 0 } else { bytes.len() };
                }
                DirectFrame::Sync(_) | DirectFrame::Epochs(_) => race.compared += bytes.len(),
                DirectFrame::Welcome(_) | DirectFrame::Stranded | DirectFrame::Rejoin(_) => {
                    race.extra += bytes.len();
                }
                _ => {}
            },
            Lane::Pair => {}
        }
    }
    race
}

/// Races in which no routine comparison falls; the costliest counts.
fn races(count: usize) {
    let (mut seen, mut extra, mut commits) = (0, 0, 0);
    for seed in 0_u64.. {
        if seen == count {
            break;
        }
        assert!(seed < 20 * count as u64, "there are races");
        if race(seed, false).compared > 0 {
            continue;
        }
        let race = race(seed, true);
        if race.commits >= 2 {
            seen += 1;
            commits += race.commits;
            extra = extra.max(race.extra + race.compared);
        }
    }
    figure("race from one parent, commits of all races", commits as f64, "");
    figure(&format!("race from one parent, extra bytes in the worst of {count}"), extra as f64, "B");
}

/// Two halves that each put `depth` of their own out meet while both still keep the epoch at which they parted: who is on the branch that loses
/// goes back to it and replays the winner's commits.
fn forked(half: usize, depth: usize) {
    let size = 2 * (half + depth);
    let mut world = World::new(17);
    world.patience = u64::MAX;
    world.found("P0");
    for at in 1..size {
        let code = world.invite(0, 1);
        let newcomer = world.stranger(&format!("P{at}"), &code, &[0]);
        world.run_until(60 * SECOND, |world| world.people[newcomer].engine.is_some());
        world.run(SECOND);
    }
    world.connect_all();
    // Even numbers are one side, odd ones the other.
    let across = |a: usize| (0..a).filter(move |b| (a + b) % 2 == 1);
    let account = world.account(1);
    world.command(0, Command::SetRole { account, role: Role::Admin }).expect("an admin");
    world.run(90 * SECOND);
    (0..size).for_each(|a| across(a).for_each(|b| world.cut(a, b)));
    for at in 0..depth {
        for side in 0..2 {
            let out = world.account(size - 2 * (at + 1) + side);
            world.command(side, Command::Remove(out)).expect("removed");
        }
        world.run(20 * SECOND);
    }
    assert_ne!(world.engine(0).status().epoch, world.engine(1).status().epoch, "two branches");
    world.keep_frames = true;
    (0..2 * half).for_each(|a| across(a).for_each(|b| world.connect(a, b)));
    world.run(20 * SECOND);
    let epoch = world.engine(0).status().epoch;
    assert!((1..2 * half).all(|who| world.engine(who).status().epoch == epoch), "they agree");
    let (mut new, mut handed, mut welcomes) = (BTreeSet::new(), 0, 0);
    for (_, to, lane, bytes) in &world.flown {
        let engine = world.engine(*to);
        match lane {
            Lane::Gossip(topic) => {
                let parcel = engine.reads_gossip(topic, bytes);
                if let Some(parcel) = parcel.filter(|parcel| parcel.kind == ParcelKind::Commits) {
                    new.extend(parcel.items);
                }
            }
            Lane::Direct => match DirectFrame::parse(bytes, engine.route_tag()).expect("its own frame") {
                DirectFrame::Parcel(parcel) if parcel.kind == ParcelKind::Commits => handed += bytes.len(),
                DirectFrame::Welcome(_) | DirectFrame::Rejoin(_) => welcomes += bytes.len(),
                _ => {}
            },
            Lane::Pair => {}
        }
    }
    let title = format!("{half}/{half} meet, {depth} removals a side");
    figure(&format!("{title}, new commits"), new.len() as f64, "");
    figure(&format!("{title}, new commits together"), new.iter().map(Vec::len).sum::<usize>() as f64, "B");
    figure(&format!("{title}, welcomes and wishes for them"), welcomes as f64, "B");
    figure(&format!("{title}, commits handed to each member"), (handed / (2 * half)) as f64, "B");
}

/// Stored bytes of a member's contents.
fn contents(world: &World, who: usize) -> usize {
    let one = |(key, value): (&Vec<u8>, &Vec<u8>)| {
        if Table::Content.key(&[]).first() == key.first() { value.len() } else { 0 }
    };
    world.people[who].disk.pairs.iter().map(one).sum()
}

/// Two members that hold `count` messages, of which the last 120 were written apart: 20 here, 100 there. Then they meet, and once more.
fn reconciliation(count: usize) {
    let mut world = World::group(2, 5);
    world.patience = u64::MAX;
    for n in 0..count - 120 {
        world.say(n % 2, &format!("Message {n}: we meet at the bridge at ten and go on from there."));
    }
    world.run(60 * SECOND);
    let all_there = world.engine(0).status().contents + 120;
    world.cut(0, 1);
    world.run(SECOND);
    let before = contents(&world, 0) + contents(&world, 1);
    for n in 0..120 {
        world.say(usize::from(n >= 20), &format!("Message {n}: we meet at the bridge at ten, you and I."));
    }
    world.run(SECOND);
    let payload = contents(&world, 0) + contents(&world, 1) - before;
    let Meeting { compared, handed, all, .. } = meet(&mut world, all_there);
    let title = format!("120 of {count} messages missed");
    figure(&format!("{title}, payload"), payload as f64, "B");
    figure(&format!("{title}, over payload"), (compared + handed) as f64 - payload as f64, "B");
    figure(&format!("{title}, all frames of the meeting"), all as f64, "B");
    world.cut(0, 1);
    world.run(SECOND);
    let Meeting { messages, compared, handed, all } = meet(&mut world, all_there);
    assert_eq!(handed, 0, "equal peers hand nothing over");
    let title = format!("equal peers with {count} messages");
    figure(&format!("{title}, comparison of messages"), messages as f64, "B");
    figure(&format!("{title}, all comparisons"), compared as f64, "B");
    figure(&format!("{title}, all frames"), all as f64, "B");
}

/// Bytes of two who meet, until neither says more.
#[derive(Default)]
struct Meeting {
    /// Comparing messages and other contents.
    messages: usize,
    /// Comparing everything: operations, acknowledgements, contents.
    compared: usize,
    /// Contents handed over.
    handed: usize,
    /// All frames, from the first greeting.
    all: usize,
}

fn meet(world: &mut World, at_least: u32) -> Meeting {
    world.keep_frames = true;
    world.flown.clear();
    world.connect(0, 1);
    world.run(3 * SECOND);
    let held = [0, 1].map(|who| world.engine(who).status().contents);
    assert!(held[0] == held[1] && held[0] >= at_least, "all is there at both: {held:?} of {at_least}");
    let mut meeting = Meeting::default();
    for (_, to, lane, bytes) in &world.flown {
        meeting.all += bytes.len();
        if *lane != Lane::Direct {
            continue;
        }
        match DirectFrame::parse(bytes, world.engine(*to).route_tag()).expect("its own frame") {
            DirectFrame::Sync(frame) => {
                meeting.compared += bytes.len();
                meeting.messages += if frame.realm == Realm::Contents { bytes.len() } else { 0 };
            }
            DirectFrame::Parcel(parcel) if parcel.kind == ParcelKind::BoxedContents => {
                meeting.handed += bytes.len();
            }
            _ => {}
        }
    }
    world.keep_frames = false;
    meeting
}

fn main() {
    let small = std::env::args().any(|argument| argument == "small");
    merge(25);
    if small {
        forked(3, 1)
    } else {
        forked(25, 3)
    }
    races(if small { 1 } else { 5 });
    reconciliation(if small { 500 } else { 11_000 });
    if small { changes(24, 12) } else { changes(500, 200) }
}
