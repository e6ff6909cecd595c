//! How long a member of a large group takes to start from its store, and what the store holds: figures for `cargo xtask bench`.
//!
//! `cargo run --release -p halloo-engine --example load_figures [MESSAGES [MEMBERS]]`, by default 10,000 and 1,000. One JSON
//! object a line: name, ours, unit. The group is made for the purpose: one founder, joins by an invite, one commit for all.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a figure is measured by a clock")]

use std::time::Instant;

use halloo_crdt::clock::Hlc;
use halloo_crdt::content::{Body, Composer, Place};
use halloo_crdt::log::author::InviteTerms;
use halloo_crdt::log::{Author, DeviceGrant, InviteUse, Log, Role};
use halloo_crypto::group::{CommitPlan, GroupSession, KeyPackageSecret};
use halloo_crypto::id::Incarnation;
use halloo_crypto::identity::{AccountSecret, DeviceCertificate, DeviceSecret};
use halloo_crypto::invite::InviteSecret;
use halloo_crypto::secret::Secret;
use halloo_engine::Engine;
use halloo_engine::beacons::Beacon;
use halloo_engine::epochs::Node;
use halloo_engine::lane::PeerKey;
use halloo_engine::output::Output;
use halloo_engine::snapshot::{Snapshot, Table};
use halloo_engine::start::{Config, Identity, Origin};
use halloo_engine::time::{Now, Time};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

/// Starts measured; the median is printed.
const RUNS: usize = 11;
const WALL_MS: u64 = 1_790_000_000_000;

struct Person {
    device: DeviceSecret,
    certificate: DeviceCertificate,
}

fn person(rng: &mut ChaCha20Rng) -> Person {
    let account = AccountSecret::generate(rng);
    let device = DeviceSecret::generate(rng);
    let certificate = DeviceCertificate::issue(&account, &device, WALL_MS);
    Person { device, certificate }
}

/// A store as a member's own batches would have left it.
fn store(messages: usize, members: usize) -> (Snapshot, Identity) {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let founder = person(&mut rng);
    let author = |at: u64| Author { device: &founder.device, now_ms: WALL_MS + at };
    let grant = DeviceGrant { certificate: founder.certificate.clone(), key_package: Vec::new() };
    let (mut log, _) = Log::found(author(0), [7; 32], grant).expect("founded");
    let group = log.group();
    let mut session = GroupSession::create(group, &founder.device, &mut rng).expect("a session");
    let mut plan = CommitPlan::default();
    let mut invite = None;
    for n in 1..members {
        // Authority operations are capped per author and minute by the log, so that joins are a minute apart in its eyes.
        let at = n as u64 * 60_000;
        let (op, secret) = match invite.take().filter(|_| n % 500 != 1) {
            Some(open) => open,
            None => {
                let secret = InviteSecret::generate(&mut rng);
                let terms = InviteTerms { expires_ms: u64::MAX, max_uses: 500, role: Role::Member };
                (log.author_invite(author(at), secret.public(), terms).expect("an invite").id(), secret)
            }
        };
        let newcomer = person(&mut rng);
        let package = KeyPackageSecret::generate(group, &newcomer.device, &mut rng).expect("a key package");
        let message = InviteUse::message(&group, &newcomer.certificate.account, &newcomer.certificate.device);
        let used = InviteUse { invite: op, proof: secret.prove(&message) };
        plan.add.push(package.key_package().to_vec());
        let grant =
            DeviceGrant { certificate: newcomer.certificate, key_package: package.key_package().to_vec() };
        log.author_add(author(at), Role::Member, vec![grant], Some(used)).expect("added");
        invite = Some((op, secret));
    }
    plan.heads = log.heads().iter().copied().collect();
    let mut weight = 0;
    if !plan.add.is_empty() {
        session = session.prepare(&plan, &mut rng).expect("a commit").next;
        weight = log.weight(&plan.heads).expect("own heads");
    }
    let mut snapshot = Snapshot::default();
    let mut put = |table: Table, name: &[u8], value: Vec<u8>| snapshot.pairs.insert(table.key(name), value);
    for op in log.ops() {
        put(Table::Operation, op.id().as_bytes(), op.to_bytes());
    }
    let node = Node::new(session, None, weight, WALL_MS).expect("a node");
    put(Table::Head, &[], node.id().as_bytes().to_vec());
    put(Table::Epoch, node.id().as_bytes(), node.to_bytes().expect("bytes"));
    let beacon = Beacon::new(Secret::new([9; 32]), plan.heads.clone());
    put(Table::Beacon, &beacon.id(), beacon.to_bytes());
    let mut composer = Composer::new(group, founder.device.id(), Incarnation::generate(&mut rng));
    let mut deps = Vec::new();
    for n in 0..messages {
        let hlc = Hlc { wall_ms: WALL_MS + n as u64 * 1_000, counter: 0 };
        let text = format!("Message {n}: we meet at the bridge at ten and go on to the hut from there.");
        let place = Place { hlc, deps, heads: plan.heads.clone() };
        let body = Body::Chat { text, reply_to: None };
        let content = composer.compose(&founder.device, &mut rng, place, body).expect("content");
        deps = vec![content.id()];
        put(Table::Content, content.id().as_bytes(), content.to_bytes());
    }
    let identity = Identity {
        device: founder.device.clone(),
        certificate: founder.certificate.clone(),
        peer: PeerKey([1; 32]),
        name: "Ada".into(),
    };
    let mut meta = vec![1];
    meta.extend_from_slice(identity.device.id().as_bytes());
    meta.extend_from_slice(identity.account().as_bytes());
    meta.extend_from_slice(group.as_bytes());
    meta.extend_from_slice(&WALL_MS.to_be_bytes());
    put(Table::Meta, &[], meta);
    (snapshot, identity)
}

#[allow(clippy::print_stdout)]
fn figure(name: &str, ours: f64, unit: &str) {
    println!("{{\"name\":\"{name}\",\"ours\":{ours:.3},\"unit\":\"{unit}\"}}");
}

/// 10000 as 10,000.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let messages = arguments.next().unwrap_or(10_000);
    let members = arguments.next().unwrap_or(1_000).max(1);
    let (snapshot, identity) = store(messages, members);
    let bytes: usize = snapshot.pairs.iter().map(|(key, value)| key.len() + value.len()).sum();
    let mut spans = Vec::new();
    for run in 0..RUNS {
        let origin = Origin::Restore(snapshot.clone());
        let now = Now { mono: Time::ZERO, wall_ms: WALL_MS + 1_000_000_000 };
        let began = Instant::now();
        let mut engine = Engine::new(Config::default(), identity.clone(), origin, [run as u8; 32], now)
            .expect("it starts");
        while !matches!(engine.poll(), Output::Idle(_)) {}
        spans.push(began.elapsed().as_secs_f64() * 1_000.0);
        let status = engine.status();
        assert_eq!(status.contents as usize, messages, "all messages are there");
        assert_eq!(engine.members().len(), members, "all members are there");
    }
    spans.sort_by(f64::total_cmp);
    let group = format!("{} messages and {} members", grouped(messages), grouped(members));
    figure(&format!("load of {group}"), spans[RUNS / 2], "ms");
    figure(&format!("best load of {group}"), spans[0], "ms");
    figure(&format!("stored bytes of {group}"), bytes as f64, "B");
}
