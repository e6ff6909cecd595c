//! Prints the figures of the group log, one JSON object a line: loading 1,000 members, one more, a quarrel, questions.
//!
//! `cargo run --release -p halloo-crdt --example log_figures`. Wall time of one thread, the median of several runs.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a figure is a duration: it needs a clock"
)]

use std::hint::black_box;
use std::time::Instant;

use halloo_crdt::log::{Author, DeviceGrant, Fact, Log, OpKind, Role, SignedOp};
use halloo_crypto::id::OpId;
use halloo_crypto::identity::{AccountSecret, DeviceCertificate, DeviceSecret};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

const NOON_MS: u64 = 1_767_268_800_000;
const MEMBERS: u64 = 1_000;
/// A key package with our credential in it.
const KEY_PACKAGE_BYTES: usize = 600;
const RUNS: usize = 9;

struct Person {
    account: AccountSecret,
    device: DeviceSecret,
}

impl Person {
    fn new(rng: &mut ChaCha20Rng) -> Self {
        Self { account: AccountSecret::generate(rng), device: DeviceSecret::generate(rng) }
    }

    fn grant(&self) -> DeviceGrant {
        DeviceGrant {
            certificate: DeviceCertificate::issue(&self.account, &self.device, NOON_MS),
            key_package: vec![7; KEY_PACKAGE_BYTES],
        }
    }

    /// One operation a second stays below the cap.
    fn at(&self, second: u64) -> Author<'_> {
        Author { device: &self.device, now_ms: NOON_MS + second * 1_000 }
    }
}

fn median_ms(mut run: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64() * 1_000.0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[RUNS / 2]
}

fn print(name: &str, ours: f64, unit: &str) {
    println!(
        "{{\"name\":\"{name}\",\"ours\":{ours:.4},\"unit\":\"{unit}\",\"command\":\"cargo run --release -p halloo-crdt --example log_figures\"}}"
    );
}

fn read(frames: &[Vec<u8>]) -> Vec<SignedOp> {
    frames.iter().map(|bytes| SignedOp::from_bytes(bytes).expect("own bytes")).collect()
}

fn load(group: &Log, frames: &[Vec<u8>]) -> Log {
    let mut log = Log::new(group.group());
    for op in read(frames) {
        log.insert_trusted(op).expect("parents first");
    }
    assert_eq!(log.view().members().len(), group.view().members().len());
    log
}

fn main() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let founder = Person::new(&mut rng);
    let (mut log, _) = Log::found(founder.at(0), [1; 32], founder.grant()).expect("founding is allowed");
    let people: Vec<Person> = (1..MEMBERS).map(|_| Person::new(&mut rng)).collect();
    for (second, person) in (1..).zip(&people) {
        let role = if second == 1 { Role::Admin } else { Role::Member };
        log.author_add(founder.at(second), role, vec![person.grant()], None).expect("an owner may");
    }
    let frames: Vec<Vec<u8>> = log.ops().into_iter().map(SignedOp::to_bytes).collect();
    let bytes: usize = frames.iter().map(Vec::len).sum();
    print("log: bytes of 1,000 members", bytes as f64, "B");
    print(
        "log: read back and evaluate 1,000 members",
        median_ms(|| drop(black_box(load(&log, &frames)))),
        "ms",
    );
    print("log: of that, parsing", median_ms(|| drop(black_box(read(&frames)))), "ms");
    let checked = median_ms(|| {
        let mut fresh = Log::new(log.group());
        for op in read(&frames) {
            fresh.insert(op).expect("acceptable");
        }
        black_box(fresh.view());
    });
    print("log: the same from a peer, signatures checked", checked, "ms");
    one_more(&log, &founder, &mut rng);
    quarrel(&log, &founder, &people[0], &mut rng);
    questions(&log, &people[0]);
}

/// One more member into a group that is loaded, and the roster after it.
fn one_more(log: &Log, founder: &Person, rng: &mut ChaCha20Rng) {
    let newcomer = Person::new(rng);
    let kind = OpKind::Add {
        account: newcomer.account.id(),
        role: Role::Member,
        devices: vec![newcomer.grant()],
        invite: None,
    };
    let op = log.clone().author(founder.at(MEMBERS + 1), kind).expect("an owner may");
    let ready: Vec<Log> = (0..RUNS)
        .map(|_| {
            let copy = log.clone();
            black_box(copy.view());
            copy
        })
        .collect();
    let mut ready = ready.into_iter();
    let time = median_ms(|| {
        let mut log = ready.next().expect("one a run");
        log.insert(op.clone()).expect("acceptable");
        black_box(log.view());
    });
    print("log: one more of 1,000, with the new roster", time, "ms");
}

/// An admin is removed while, on the other side, he adds a hundred and removes somebody; acknowledged by ten.
fn quarrel(log: &Log, founder: &Person, admin: &Person, rng: &mut ChaCha20Rng) {
    let (mut left, mut right) = (log.clone(), log.clone());
    left.author_remove(founder.at(MEMBERS + 1), admin.account.id()).expect("an owner may");
    for second in 0..100 {
        let newcomer = Person::new(rng);
        right
            .author_add(admin.at(MEMBERS + second), Role::Member, vec![newcomer.grant()], None)
            .expect("an admin may");
    }
    let other = *log.view().by_seniority().last().expect("there are many");
    right.author_remove(admin.at(MEMBERS + 100), other).expect("an admin may");
    for op in right.ops() {
        left.insert(op.clone()).expect("acceptable");
    }
    let remove = left.unacknowledged(&founder.device.id());
    for op in &remove {
        left.author_acknowledge(&founder.device, Fact::Remove(*op), vec![]).expect("a member may");
    }
    let ready: Vec<Log> = (0..RUNS).map(|_| left.clone()).collect();
    let heads: Vec<OpId> = left.heads().iter().copied().collect();
    let mut all = ready.into_iter();
    let time = median_ms(|| {
        let log = all.next().expect("one a run");
        assert_eq!(log.view().members().len(), 999);
        black_box(log.weight(&heads).expect("heads are here"));
    });
    print("log: evaluate after a partition with a quarrel, 1,100 operations", time, "ms");
}

/// What a message asks of the log.
fn questions(log: &Log, person: &Person) {
    let heads: Vec<OpId> = log.heads().iter().copied().collect();
    let device = person.device.id();
    black_box(log.view());
    let time = median_ms(|| {
        for _ in 0..10_000 {
            assert!(black_box(log.author_entitled_at(&device, &heads)));
            assert!(black_box(log.removed_after(&device, &heads)).is_empty());
        }
    });
    print("log: was the author of a message entitled, and removed since", time / 10.0, "us");
    let half = log.ops()[500].id();
    let time = median_ms(|| drop(black_box(log.view_at(&[half]))));
    print("log: the roster at heads 500 operations back", time, "ms");
}
