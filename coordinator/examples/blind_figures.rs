//! Plays somebody who copies the disk of a coordinator and guesses who is in one group, and prints one JSON object a line.
//!
//! `cargo run --release -p halloo-coordinator --example blind_figures`
//!
//! Sixty groups write for a week while their members come and go; the room is the one that ships. Once a day, at any hour, the disk is
//! copied. The attacker compares how many items of which size lie at two addresses: what is written while two are away lies at both.
//! The figure is the chance that a pair of one group looks more alike than a pair of two (area under the ROC curve): 0.5 is guessing.
#![allow(clippy::print_stdout, reason = "printing figures is what this example is for")]
#![allow(clippy::unwrap_used, reason = "a failure ends the measurement")]

use halloo_coordinator::mailbox::service::{Limits, Mailboxes, Prepared};
use halloo_crypto::id::{MailboxAddress, MailboxItem};
use halloo_crypto::mailbox::{Day, MailboxSecret, SizeClass, nobodys};
use halloo_store::memory::MemoryStore;
use halloo_store::store::Store as _;
use halloo_wire::mailbox::Deposit;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use std::collections::BTreeMap;

const GROUPS: usize = 60;
const DAYS: u32 = 7;
const DAY_MS: u64 = 86_400_000;
const START: u64 = 20_000 * DAY_MS;
/// One step of the week: within it who is away does not change.
const STEP_MS: u64 = 15 * 60_000;
/// Mean time that a member is away, and that it is here, in steps.
const AWAY_STEPS: f64 = 24.0;

struct Member {
    group: usize,
    secret: MailboxSecret,
    away: bool,
}

/// A number from 0 to below 1.
fn chance(rng: &mut ChaCha20Rng) -> f64 {
    f64::from(rng.next_u32()) / (f64::from(u32::MAX) + 1.0)
}

struct World {
    rng: ChaCha20Rng,
    store: MemoryStore,
    room: Mailboxes,
    members: Vec<Member>,
    /// Messages of each group in a step, on average.
    pace: Vec<f64>,
}

impl World {
    fn new() -> Self {
        let mut rng = ChaCha20Rng::from_seed([42; 32]);
        let (mut members, mut pace) = (Vec::new(), Vec::new());
        for group in 0..GROUPS {
            for _ in 0..2 + rng.next_u32() % 9 {
                let secret = MailboxSecret::generate(&mut rng);
                members.push(Member { group, secret, away: rng.next_u32().is_multiple_of(2) });
            }
            // 2 to 200 messages a day, as many groups of each order of magnitude.
            pace.push(2.0 * 100_f64.powf(chance(&mut rng)) * STEP_MS as f64 / DAY_MS as f64);
        }
        let store = MemoryStore::new();
        let limits =
            Limits { days: 14, items_per_address: 1_024, bytes_per_address: 16 << 20, bytes: 4 << 30 };
        let room = Mailboxes::open(&store, limits).unwrap();
        World { rng, store, room, members, pace }
    }

    fn commit(&mut self, prepared: Prepared) {
        self.store.commit(&prepared.batch).unwrap();
        self.room.settle(&prepared.receipt, true);
    }

    fn step(&mut self, now: u64) {
        for number in 0..self.members.len() {
            if chance(&mut self.rng) < 1.0 / AWAY_STEPS {
                self.members[number].away = !self.members[number].away;
                if !self.members[number].away {
                    self.fetch(number, now);
                }
            }
        }
        for group in 0..GROUPS {
            let mut left = self.pace[group];
            while left > 0.0 {
                if chance(&mut self.rng) < left.min(1.0) {
                    self.write(group, now);
                }
                left -= 1.0;
            }
        }
    }

    /// Somebody who is here writes to those who are away, in a batch filled up with addresses of nobody.
    fn write(&mut self, group: usize, now: u64) {
        let of = |away| move |member: &&Member| member.group == group && member.away == away;
        if !self.members.iter().any(|member| of(false)(&member)) {
            return;
        }
        let class = match self.rng.next_u32() % 100 {
            0..85 => SizeClass::Small,
            85..97 => SizeClass::Medium,
            _ => SizeClass::Large,
        };
        let day = Day::of_ms(now);
        let mut to: Vec<_> =
            self.members.iter().filter(of(true)).map(|m| m.secret.public().address(day)).collect();
        if to.is_empty() {
            return;
        }
        to.resize_with(to.len().next_power_of_two(), || nobodys(&mut self.rng));
        let deposit = |address| Deposit {
            address,
            item: MailboxItem::generate(&mut self.rng),
            bytes: vec![0; class.bytes()],
        };
        let batch = to.into_iter().map(deposit).collect();
        let (prepared, _) = self.room.deposit(&self.store, batch, now).unwrap();
        self.commit(prepared);
    }

    fn fetch(&mut self, number: usize, now: u64) {
        for day in 0..DAYS {
            let address = self.members[number].secret.public().address(Day::of_ms(START).after(day));
            loop {
                let page = Mailboxes::fetch(&self.store, &address, None, 64, now).unwrap();
                let names: Vec<_> = page.items.iter().map(|(name, _)| *name).collect();
                if names.is_empty() {
                    break;
                }
                let prepared = self.room.acknowledge(&self.store, &address, &names).unwrap();
                self.commit(prepared);
            }
        }
    }

    /// Items of each size at each address, as somebody reads them from the disk.
    fn disk(&self) -> BTreeMap<MailboxAddress, [f64; 4]> {
        let mut seen: BTreeMap<MailboxAddress, [f64; 4]> = BTreeMap::new();
        for (key, value) in self.store.range(b"m").unwrap() {
            let address = MailboxAddress(key[1..33].try_into().unwrap());
            let class = SizeClass::of(value.len() - 4).unwrap();
            seen.entry(address).or_default()[class as usize] += 1.0;
        }
        seen
    }
}

/// How alike two addresses are: items that both could have of the same size, out of all. Of the five rules that were tried the one
/// that tells most.
fn alike(a: &[f64; 4], b: &[f64; 4]) -> f64 {
    let shared: f64 = a.iter().zip(b).map(|(a, b)| a.min(*b)).sum();
    let all: f64 = a.iter().zip(b).map(|(a, b)| a + b).sum();
    if all > 0.0 { (2.0 * shared / all).powi(4) * (1.0 + shared).ln() } else { 0.0 }
}

/// The chance that one of the first looks more alike than one of the second; a tie is half a chance.
fn area(same: &[f64], other: &[f64]) -> f64 {
    let mut other = other.to_vec();
    other.sort_by(f64::total_cmp);
    let wins = |score: &f64| {
        let below = other.partition_point(|other| other < score);
        let tied = other.partition_point(|other| other <= score) - below;
        below as f64 + tied as f64 / 2.0
    };
    same.iter().map(wins).sum::<f64>() / (same.len() * other.len()) as f64
}

fn print(name: &str, ours: f64, unit: &str) {
    println!(r#"{{"name":"blind/{name}","ours":{ours:.3},"unit":"{unit}"}}"#);
}

fn main() {
    let mut world = World::new();
    let pairs = |count: usize| (0..count).flat_map(move |a| (0..a).map(move |b| (a, b)));
    let (mut same, mut other) = (Vec::new(), Vec::new());
    let mut week: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    for day in 0..DAYS {
        let steps = DAY_MS / STEP_MS;
        let copied_at = steps / 2 + u64::from(world.rng.next_u32()) % (steps / 2);
        for step in 0..steps {
            let now = START + u64::from(day) * DAY_MS + step * STEP_MS;
            world.step(now);
            if step != copied_at {
                continue;
            }
            let disk = world.disk();
            let today = |member: &Member| disk.get(&member.secret.public().address(Day::of_ms(now))).copied();
            let there: Vec<_> = world.members.iter().map(today).collect();
            for (a, b) in pairs(there.len()) {
                let (Some(x), Some(y)) = (&there[a], &there[b]) else { continue };
                let score = alike(x, y);
                let one_group = world.members[a].group == world.members[b].group;
                if one_group {
                    same.push(score)
                } else {
                    other.push(score)
                }
                *week.entry((a, b)).or_default() += score;
            }
        }
    }
    print(
        "day",
        area(&same, &other),
        "chance to tell a pair of one group from another, from one copy of the disk",
    );
    let (mut same, mut other) = (Vec::new(), Vec::new());
    for ((a, b), score) in week {
        let one_group = world.members[a].group == world.members[b].group;
        if one_group { same.push(score) } else { other.push(score) }
    }
    print("week", area(&same, &other), "the same if addresses did not change every day, from seven copies");
}
