//! Prints this crate's figures, one JSON object a line: merging and loading 10,000 messages, reconciliation, live reports.
//!
//! `cargo run --release -p halloo-crdt --example figures`; one name as an argument prints that figure alone. Times are processor
//! time of one thread where the system tells it (so that a busy machine changes little), else wall time; the median of several
//! runs.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a figure is a duration: it needs a clock"
)]

use std::sync::OnceLock;
use std::time::Instant;

use halloo_crdt::clock::Hlc;
use halloo_crdt::content::{Body, Composer, Place, SignedContent, VerifiedContent};
use halloo_crdt::document::{Document, Edit, Profile};
use halloo_crdt::live::{Cell, Fix, Live, Location, MAX_LEASE_MS};
use halloo_crdt::messages::{DeviceOnly, Messages};
use halloo_crdt::sync::Session;
use halloo_crypto::id::{AccountId, DeviceId, GroupId, Incarnation, MessageId};
use halloo_crypto::identity::DeviceSecret;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

const GROUP: GroupId = GroupId::from_bytes([7; 32]);
const NOON_MS: u64 = 1_767_268_800_000;
const MESSAGES: usize = 10_000;
const WRITERS: u64 = 50;
const RUNS: usize = 5;
const SAMPLE_MS: f64 = 200.0;
const REPEAT: u32 = 8;
const MAX_REPEATS: u32 = 4_096;
const WORDS: &[&str] = &[
    "we", "are", "at", "the", "pass", "wait", "left", "after", "bridge", "ten", "minutes", "ok", "fuel",
    "hut",
];

struct Writer {
    secret: DeviceSecret,
    composer: Composer,
}

fn writers(count: u64, rng: &mut ChaCha20Rng) -> Vec<Writer> {
    let make = |_| {
        let secret = DeviceSecret::generate(rng);
        let composer = Composer::new(GROUP, secret.id(), Incarnation::generate(rng));
        Writer { secret, composer }
    };
    (0..count).map(make).collect()
}

/// Ten thousand chats of about 62 bytes by fifty devices that hear each other within a few messages.
fn conversation(count: usize, rng: &mut ChaCha20Rng) -> Vec<VerifiedContent> {
    let mut writers = writers(WRITERS, rng);
    let mut set = Messages::new(GROUP);
    let mut all: Vec<VerifiedContent> = Vec::with_capacity(count);
    for n in 0..count {
        let writer = &mut writers[rng.next_u64() as usize % WRITERS as usize];
        let mut text = String::new();
        while text.len() < 56 {
            text.push_str(WORDS[rng.next_u32() as usize % WORDS.len()]);
            text.push(' ');
        }
        let hlc = Hlc { wall_ms: NOON_MS + n as u64 * 4_000, counter: 0 };
        let deps = set.frontier().into_iter().take(1 + n % 3).collect();
        let place = Place { hlc, deps, heads: Vec::new() };
        let body = Body::Chat { text, reply_to: None };
        let content = writer.composer.compose(&writer.secret, rng, place, body).expect("it fits");
        set.insert(content.clone()).expect("its past is there");
        all.push(content);
    }
    all
}

fn print(name: &str, ours: f64, unit: &str) {
    println!(r#"{{"name":"{name}","ours":{ours:.3},"unit":"{unit}"}}"#);
}

/// Milliseconds since some moment: of this thread's processor time, or of the wall.
fn clock_ms() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = START.get_or_init(Instant::now);
    let scheduled = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let ns = scheduled.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
    ns.map_or_else(|| start.elapsed().as_secs_f64() * 1e3, |ns| ns as f64 / 1e6)
}

/// Median milliseconds of `work` over fresh inputs. Each sample repeats the work until the clock's tick of a few milliseconds
/// hardly counts.
fn median_ms<I, O>(mut input: impl FnMut() -> I, mut work: impl FnMut(I) -> O) -> f64 {
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let (mut spent, mut repeats) = (0.0, 0_u32);
            while spent < SAMPLE_MS && repeats < MAX_REPEATS {
                let given: Vec<I> = (0..REPEAT).map(|_| input()).collect();
                let start = clock_ms();
                let made: Vec<O> = given.into_iter().map(&mut work).collect();
                spent += clock_ms() - start;
                repeats += REPEAT;
                drop(made);
            }
            spent / f64::from(repeats)
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[RUNS / 2]
}

fn messages(rng: &mut ChaCha20Rng) {
    let all = conversation(MESSAGES, rng);
    let frames: Vec<(MessageId, Vec<u8>)> = all.iter().map(|c| (c.id(), c.to_bytes())).collect();
    let bytes: usize = frames.iter().map(|(_, frame)| frame.len()).sum();
    print("messages-bytes-each", bytes as f64 / MESSAGES as f64, "bytes");
    let merged = |contents: Vec<VerifiedContent>| {
        let mut set = Messages::new(GROUP);
        for content in contents {
            set.insert(content).expect("its past is there");
        }
        set
    };
    print("messages-merge-10000", median_ms(|| all.clone(), merged), "ms");
    let verified = |frames: Vec<(MessageId, Vec<u8>)>| {
        let read = |(_, frame): &(_, Vec<u8>)| SignedContent::parse(frame).and_then(SignedContent::verify);
        merged(frames.iter().map(|f| read(f).expect("we signed it")).collect())
    };
    print("messages-merge-10000-with-signatures", median_ms(|| frames.clone(), verified), "ms");
    let mut by_id = frames.clone();
    by_id.sort();
    let loaded = |frames: Vec<(MessageId, Vec<u8>)>| {
        let read =
            |(id, frame): &(MessageId, Vec<u8>)| VerifiedContent::trusted(*id, frame).expect("we stored it");
        Messages::load(GROUP, frames.iter().map(read).collect())
    };
    let decoded = |frames: Vec<(MessageId, Vec<u8>)>| {
        let read =
            |(id, frame): &(MessageId, Vec<u8>)| VerifiedContent::trusted(*id, frame).expect("we stored it");
        frames.iter().map(read).collect::<Vec<_>>()
    };
    print("messages-decode-10000", median_ms(|| by_id.clone(), decoded), "ms");
    print("messages-load-10000", median_ms(|| by_id.clone(), loaded), "ms");
    let set = merged(all);
    print("messages-page-50", median_ms(|| (), |()| set.page(&DeviceOnly, None, 50)), "ms");
}

/// Bytes and milliseconds of a whole reconciliation.
fn reconcile(a: &[(u64, MessageId)], b: &[(u64, MessageId)]) -> (usize, usize, f64) {
    let start = clock_ms();
    let (mut left, mut frame) = Session::initiate(&[1; 32], a.iter().copied()).expect("few enough");
    let mut right = Session::respond(&[1; 32], b.iter().copied()).expect("few enough");
    let mut bytes = 0;
    loop {
        bytes += frame.len();
        let answer = right.handle(&frame).expect("well formed").reply.expect("an answer");
        bytes += answer.len();
        match left.handle(&answer).expect("well formed").reply {
            Some(next) => frame = next,
            None => return (bytes, left.have().count() + left.need().count(), clock_ms() - start),
        }
    }
}

fn sync(rng: &mut ChaCha20Rng) {
    let items: Vec<(u64, MessageId)> = (0..11_000)
        .map(|n| {
            let mut id = [0; 32];
            rng.fill_bytes(&mut id);
            (NOON_MS + n * 4_000, MessageId::from_bytes(id))
        })
        .collect();
    let (bytes, found, ms) = reconcile(&items, &items);
    assert_eq!(found, 0);
    print("sync-bytes-equal-11000", bytes as f64, "bytes");
    print("sync-time-equal-11000", ms, "ms");
    let own = |n: usize| n >= 10_880 && n.is_multiple_of(6);
    let inside: Vec<_> = (0..11_000).filter(|n| *n < 10_880 || own(*n)).map(|n| items[n]).collect();
    let outside: Vec<_> = (0..11_000).filter(|n| !own(*n)).map(|n| items[n]).collect();
    let (bytes, found, ms) = reconcile(&inside, &outside);
    assert_eq!(found, 120);
    print("sync-bytes-120-of-11000", bytes as f64, "bytes");
    print("sync-time-120-of-11000", ms, "ms");
}

fn document(rng: &mut ChaCha20Rng) {
    let mut writers = writers(1_000, rng);
    let mut contents: Vec<(VerifiedContent, AccountId)> = Vec::new();
    for (n, writer) in writers.iter_mut().enumerate() {
        let account = AccountId::from_bytes(*writer.secret.id().as_bytes());
        let mut document = Document::new(&writer.secret.id(), &writer.composer.incarnation());
        let profile = Profile { display_name: format!("Member {n}"), colour: Some(n as u32) };
        let change = document.edit(&account, &[Edit::Profile(profile)]).expect("it fits");
        let place = Place { hlc: Hlc { wall_ms: NOON_MS, counter: 0 }, deps: Vec::new(), heads: Vec::new() };
        let content =
            writer.composer.compose(&writer.secret, rng, place, Body::Document(change)).expect("it fits");
        contents.push((content, account));
    }
    let load = |()| {
        let mut document = Document::new(&DeviceId::from_bytes([1; 32]), &Incarnation::from_bytes([1; 16]));
        document.rebuild(contents.iter().map(|(content, account)| (content, *account)));
        document
    };
    assert_eq!(load(()).profiles().len(), 1_000);
    print("document-load-1000-profiles", median_ms(|| (), load), "ms");
}

fn live(rng: &mut ChaCha20Rng) {
    let secret = DeviceSecret::generate(rng);
    let mut mine = Live::new(GROUP, secret.id(), NOON_MS);
    let theirs = Live::new(GROUP, DeviceId::from_bytes([1; 32]), NOON_MS);
    let fix = Fix {
        lat_deg: 47.1,
        lon_deg: 11.2,
        accuracy_m: 5.0,
        altitude_m: Some(1_800.0),
        speed_mps: Some(12.0),
        heading_deg: Some(90.0),
        time_ms: NOON_MS,
    };
    mine.set(Cell::Location(Location::new(&fix).expect("on earth")), MAX_LEASE_MS, NOON_MS);
    let made: Vec<Vec<u8>> = (0..1_000).map(|n| mine.report(&secret, NOON_MS + n)).collect();
    print("live-report-bytes", made[0].len() as f64, "bytes");
    let sign =
        median_ms(|| (), |()| (0..1_000).map(|n| mine.report(&secret, NOON_MS + n).len()).sum::<usize>());
    print("live-report-sign", sign, "us");
    let take = |mut live: Live| {
        for batch in &made {
            live.accept(batch, NOON_MS, &|_| true, None).expect("well formed");
        }
        live
    };
    print("live-report-accept", median_ms(|| theirs.clone(), take), "us");
    let full = take(theirs);
    print("live-report-stale", median_ms(|| full.clone(), take), "us");
}

/// Prints the figures of one name.
type Figure = fn(&mut ChaCha20Rng);

fn main() {
    let only = std::env::args().nth(1);
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let all: [(&str, Figure); 4] =
        [("messages", messages), ("sync", sync), ("document", document), ("live", live)];
    for (name, figure) in all {
        if only.as_deref().is_none_or(|only| only == name) {
            figure(&mut rng);
        }
    }
}
