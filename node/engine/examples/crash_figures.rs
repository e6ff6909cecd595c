//! The power goes at every boundary between storing and sending: figures for `cargo xtask prove heal.8`.
//!
//! `cargo run --release -p halloo-engine --example crash_figures -- RUNS`. Three members write, let in, put out, rename, part and meet
//! again on strings (`tests/string/world.rs`). In each run one of them loses power before one of its outputs or confirmations, with
//! none, one or all of the batches that waited for the disk on it; it starts again and all go on. Boundaries are taken in order, not
//! drawn: with 10,000 runs every one of several stories is among them. Then nothing acknowledged or shown is missing, nothing is shown
//! twice, no number of a key was used twice, no epoch has two commits of one device, and all are one group.

#![allow(unreachable_pub, dead_code, reason = "the strings are shared with the tests")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints")]

#[path = "../tests/string/world.rs"]
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use halloo_crdt::log::Role;
use halloo_crypto::id::{AccountId, MessageId};
use halloo_engine::input::{Command, Input};
use halloo_engine::output::{Event, Reply};
use halloo_engine::place::{Fix, Precision};
use halloo_engine::snapshot::Snapshot;
use halloo_engine::start::Identity;
use halloo_engine::time::Now;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use world::{Fall, World};

/// Members of a story who stay; the first owns the group, the others are admins. Each is the one that falls in its own runs.
const MEMBERS: usize = 3;
/// Members who are put out, one while all are together, one on each side of a split.
const PUT_OUT: [usize; 3] = [3, 4, 5];
/// Steps of a story, half a second apart.
const STEPS: u64 = 16;
const STEP: Duration = Duration::from_millis(500);
/// Longest that a person without power stays away, milliseconds.
const AWAY_MS: u32 = 2_000;
/// Within which all are one group after the story.
const HEALED: Duration = Duration::from_secs(60);

/// Around every call of an engine; nothing is watched here.
fn at_work<T>(call: impl FnOnce() -> T) -> T {
    call()
}

/// A group as its disks have it, from which stories begin.
struct Begun {
    now: Now,
    people: Vec<(Identity, Snapshot)>,
}

fn begin(seed: u64) -> Begun {
    let mut world = World::group(MEMBERS + PUT_OUT.len(), seed);
    for admin in 1..MEMBERS {
        let account = world.account(admin);
        world.command(0, Command::SetRole { account, role: Role::Admin }).expect("an owner may");
    }
    (0..MEMBERS).for_each(|who| world.say(who, "before"));
    world.run(Duration::from_secs(5));
    let people = world.people.iter().map(|person| (person.identity.clone(), person.disk.clone()));
    Begun { now: world.now, people: people.collect() }
}

/// What one member was promised or shown.
#[derive(Default)]
struct Promised {
    asked: BTreeMap<u64, Command>,
    written: BTreeSet<MessageId>,
    shown: BTreeSet<MessageId>,
    name: Option<String>,
    removed: BTreeSet<AccountId>,
    /// The code of an own invite.
    code: Option<String>,
    /// Events and replies looked at.
    looked: usize,
}

struct Story {
    world: World,
    rng: ChaCha20Rng,
    promised: Vec<Promised>,
    victim: usize,
    back_at: Option<u64>,
    fell: bool,
}

impl Story {
    fn new(begun: &Begun, seed: u64, victim: usize, fall: Option<(u64, usize)>) -> Self {
        let mut world = World::wake(seed, begun.now, &begun.people);
        world.run(Duration::from_secs(2));
        let passed = world.boundaries.get(victim).copied().unwrap_or(0);
        world.boundaries = Vec::new();
        assert!(passed > 0, "who wakes says so");
        world.fall = fall.map(|(after, durable)| Fall { who: victim, after, durable });
        let promised = (0..MEMBERS).map(|_| Promised::default()).collect();
        Story { world, rng: ChaCha20Rng::seed_from_u64(seed), promised, victim, back_at: None, fell: false }
    }

    fn stands(&self, who: usize) -> bool {
        self.world.people[who].engine.is_some()
    }

    fn ask(&mut self, who: usize, command: Command) {
        if self.stands(who) {
            let request = self.world.ask(who, command.clone());
            self.promised[who].asked.insert(request, command);
        }
    }

    fn say(&mut self, who: usize, text: &str) {
        self.ask(who, Command::Say { text: text.into(), reply_to: None });
    }

    /// One step of the story, the same whatever falls.
    fn act(&mut self, step: u64) {
        let (me, other, third) = (self.victim, (self.victim + 1) % MEMBERS, (self.victim + 2) % MEMBERS);
        match step {
            0 => {
                self.say(me, "one");
                self.say(other, "two");
            }
            1 => self.ask(
                me,
                Command::Invite { max_uses: 1, expiry: Duration::from_secs(600), role: Role::Member },
            ),
            2 => {
                let place = Fix {
                    lat_deg: 47.0,
                    lon_deg: 8.0,
                    accuracy_m: 5.0,
                    altitude_m: None,
                    speed_mps: None,
                    heading_deg: None,
                    time_ms: self.world.now.wall_ms,
                };
                self.ask(me, Command::SetPrecision(Precision::Approximate));
                self.ask(me, Command::Share { lease: Some(Duration::from_secs(600)) });
                self.world.hand(me, Input::Fix(place));
            }
            3 => {
                // A new epoch: somebody commits, and who falls follows or is the one.
                let account = self.world.account(PUT_OUT[0]);
                self.ask(other, Command::Remove(account));
                self.ask(me, Command::Rename("Ride of one".into()));
            }
            4 => self.part(me),
            5 => {
                // Both sides of the split write and make an epoch of their own.
                self.say(me, "on my side");
                let account = self.world.account(PUT_OUT[1]);
                self.ask(me, Command::Remove(account));
            }
            6 => {
                self.say(other, "on theirs");
                let account = self.world.account(PUT_OUT[2]);
                self.ask(other, Command::Remove(account));
                self.say(third, "still there");
            }
            8 => self.world.connect_all(),
            9 => {
                // By an invite of who falls; where the pairing falls with it, nobody comes.
                if let Some(code) = self.promised[me].code.clone() {
                    self.world.stranger("Zoe", &code, &[0, 1, 2]);
                }
            }
            10 => {
                self.say(me, "together again");
                self.edit(me);
            }
            11 => {
                self.ask(me, Command::JoinCall);
                self.ask(other, Command::JoinCall);
            }
            12 => self.ask(me, Command::Share { lease: None }),
            13 => {
                self.say(third, "last but one");
                self.say(me, "last");
            }
            _ => {}
        }
    }

    fn part(&mut self, who: usize) {
        self.world.cut_off(who);
    }

    fn edit(&mut self, who: usize) {
        if let Some(message) = self.promised[who].written.first().copied() {
            self.ask(who, Command::Edit { message, text: "one, better".into() });
        }
    }

    fn tell(&mut self) {
        for who in 0..MEMBERS {
            let (promised, person) = (&mut self.promised[who], &self.world.people[who]);
            for (request, reply) in &person.replies {
                let Some(command) = promised.asked.remove(request) else { continue };
                match (command, reply) {
                    (_, Ok(Reply::Message(id))) => drop(promised.written.insert(*id)),
                    (Command::Rename(name), Ok(_)) => promised.name = Some(name),
                    (Command::Remove(account), Ok(_)) => drop(promised.removed.insert(account)),
                    (_, Ok(Reply::Invite(view))) => promised.code.clone_from(&view.code),
                    _ => {}
                }
            }
            for event in &person.events[promised.looked..] {
                match event {
                    Event::Message(entry) => {
                        assert!(promised.shown.insert(entry.id), "{who} is shown {} as new twice", entry.id);
                    }
                    Event::Renamed { .. } => promised.name = None,
                    _ => {}
                }
            }
            promised.looked = person.events.len();
        }
    }

    /// Everything that a standing member was promised or shown is there.
    fn keeps(&self, who: usize, when: &str) {
        let (promised, engine) = (&self.promised[who], self.world.engine(who));
        for id in promised.written.iter().chain(&promised.shown) {
            assert!(engine.message(id).is_some(), "{when} {who} lacks {id}");
        }
        for account in &promised.removed {
            assert!(engine.accounts().all(|member| member != account), "{when} {who} has {account} in again");
        }
        if let Some(name) = &promised.name {
            assert_eq!(*name, engine.status().group_name, "{when} {who} forgot the name");
        }
    }

    fn play(mut self) -> (u64, bool) {
        for step in 0..STEPS {
            self.act(step);
            self.world.run(STEP);
            self.tell();
            self.rise(step);
        }
        let boundaries = self.world.boundaries.get(self.victim).copied().unwrap_or(0);
        self.world.fall = None;
        self.rise(u64::MAX - 1);
        self.world.connect_all();
        self.world.run_until(HEALED, Self::one_group);
        self.world.run(Duration::from_secs(2));
        self.tell();
        let all: BTreeSet<MessageId> = self
            .promised
            .iter()
            .flat_map(|promised| promised.written.iter().chain(&promised.shown))
            .copied()
            .collect();
        for who in 0..MEMBERS {
            self.keeps(who, "in the end");
            let lacks = all.iter().find(|id| self.world.engine(who).message(id).is_none());
            assert_eq!(lacks, None, "in the end {who} lacks what somebody has");
        }
        (boundaries, self.fell)
    }

    /// Who lies comes up again after a while, from its disk.
    fn rise(&mut self, step: u64) {
        if self.stands(self.victim) {
            return;
        }
        self.fell = true;
        let away = u64::from(self.rng.next_u32() % AWAY_MS) / STEP.as_millis() as u64;
        let at = *self.back_at.get_or_insert(step + away);
        if step >= at {
            self.back_at = None;
            self.world.restart(self.victim);
            // What was asked and not answered is owed to nobody.
            self.promised[self.victim].asked.clear();
            self.keeps(self.victim, "after the restart");
        }
    }

    fn one_group(world: &World) -> bool {
        let first = world.engine(0).status();
        let same = |who: usize| {
            let status = world.engine(who).status();
            status.epoch == first.epoch
                && status.contents == first.contents
                && status.operations == first.operations
        };
        (1..MEMBERS).all(same)
    }
}

/// One run by its number: which story, who, which boundary, how much of what waited was on the disk.
struct Planned {
    story: usize,
    victim: usize,
    after: u64,
    durable: usize,
}

/// The first so many of: for each boundary, each story and victim, each share of what waits.
fn planned(runs: usize, boundaries: &BTreeMap<(usize, usize), u64>) -> Vec<Planned> {
    let mut all = Vec::new();
    for durable in [0, usize::MAX, 1] {
        for ((story, victim), count) in boundaries {
            all.extend((0..*count).map(|after| Planned { story: *story, victim: *victim, after, durable }));
        }
    }
    // Fewer runs than boundaries: spread over all of them, not the first.
    let every = (all.len() / runs).max(1);
    let mut chosen: Vec<Planned> = all.into_iter().step_by(every).collect();
    chosen.truncate(runs);
    chosen
}

fn main() {
    let runs: usize = std::env::args().nth(1).and_then(|runs| runs.parse().ok()).unwrap_or(100);
    let only: Option<usize> = std::env::args().nth(2).and_then(|run| run.parse().ok());
    let stories = (runs / 3_300).clamp(1, 8);
    let begun: Vec<Begun> = (0..stories as u64).map(|seed| begin(4_000 + seed)).collect();
    let mut boundaries = BTreeMap::new();
    for (story, begun) in begun.iter().enumerate() {
        for victim in 0..MEMBERS {
            let (count, fell) = Story::new(begun, story as u64, victim, None).play();
            assert!(!fell, "nothing falls of itself");
            boundaries.insert((story, victim), count);
        }
    }
    let planned = planned(runs, &boundaries);
    let next = AtomicU64::new(only.unwrap_or(0) as u64);
    let (fell, failed) = (AtomicU64::new(0), AtomicU64::new(0));
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed) as usize;
            let Some(run) = planned.get(number).filter(|_| only.is_none_or(|only| only == number)) else {
                return;
            };
            let fall = Some((run.after, run.durable));
            let seed = run.story as u64;
            let story = AssertUnwindSafe(|| Story::new(&begun[run.story], seed, run.victim, fall).play());
            match catch_unwind(story) {
                Ok((_, did)) => drop(fell.fetch_add(u64::from(did), Ordering::Relaxed)),
                Err(_) => {
                    failed.fetch_add(1, Ordering::Relaxed);
                    eprintln!(
                        "run {number}: story {}, member {}, boundary {}, durable {}",
                        run.story, run.victim, run.after, run.durable
                    );
                }
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let total: u64 = boundaries.values().sum();
    println!(
        r#"{{"name":"crashes between storing and sending","runs":{},"fell":{},"failed":{},"boundaries":{total},"stories":{}}}"#,
        planned.len(),
        fell.load(Ordering::Relaxed),
        failed.load(Ordering::Relaxed),
        boundaries.len()
    );
}
