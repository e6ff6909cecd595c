//! What good clients of a coordinator notice while others attack it; one JSON object a line: name, ours, unit.
//!
//! `cargo run --release -p halloo-coordinator --example hostile_figures -- SECONDS ATTACKERS`
//!
//! The coordinator is a process of its own with its usual limits. A good client comes in on a new connection each time, leaves an item,
//! fetches it and acknowledges it; an answer that is not the right one ends the program with an error, whatever it took.
#![allow(clippy::print_stdout, reason = "printing figures is what this example is for")]
#![allow(clippy::disallowed_methods, reason = "it measures time; nothing links to it")]
#![allow(clippy::unwrap_used, reason = "a failure ends the measurement")]

mod attack;
mod good;
#[path = "../served/mod.rs"]
mod served;

use attack::ATTACKS;
use good::{Good, Listener};
use served::Server;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Good clients, each from a household of its own.
const GOOD: u8 = 16;
/// Households that attack; each has a /24, as limits count them.
const HOUSEHOLDS: u8 = 8;
/// Between two visits of a good client.
const EVERY: Duration = Duration::from_millis(250);

fn main() -> ExitCode {
    if let Some(ended) = served::is_server() {
        return ended;
    }
    let number = |at| std::env::args().nth(at).and_then(|word| word.parse::<usize>().ok());
    let (seconds, attackers) = (number(1).unwrap_or(10), number(2).unwrap_or(256));
    // The limit of open files is inherited: attackers need theirs, and the server has its own.
    let _open_files = halloo_coordinator::descriptors::raise();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(measure(Duration::from_secs(seconds as u64), attackers));
    ExitCode::SUCCESS
}

fn print(name: &str, ours: f64, unit: &str) {
    println!(r#"{{"name":"hostile/{name}","ours":{ours:.1},"unit":"{unit}"}}"#);
}

async fn measure(length: Duration, attackers: usize) {
    let folder = tempfile::tempdir().unwrap();
    let server = Arc::new(Server::start(folder.path(), &[]));
    let mut listener = Listener::open(&server).await;
    let idle = server.memory() / 1_024.0;
    report("peace", &visits(&server, length).await);
    let mut most = idle;
    for (number, attack) in ATTACKS.iter().enumerate() {
        let (tries, refused) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let mut running = tokio::task::JoinSet::new();
        for attacker in 0..attackers * attack.crowd {
            let household = u8::try_from(attacker % usize::from(HOUSEHOLDS)).unwrap();
            let from = Ipv4Addr::new(127, 66, household, u8::try_from(attacker % 250).unwrap() + 1);
            let (server, counts) = (Arc::clone(&server), (Arc::clone(&tries), Arc::clone(&refused)));
            let seed = (number * 100_000 + attacker) as u64;
            running.spawn(async move { (attack.run)(&server, from, seed, &counts.0, &counts.1).await });
        }
        let times = visits(&server, length).await;
        most = most.max(server.memory() / 1_024.0);
        running.shutdown().await;
        assert!(tries.load(Ordering::Relaxed) > 0, "nobody attacked by {}", attack.name);
        report(attack.name, &times);
        print(
            &format!("{}/tries", attack.name),
            tries.load(Ordering::Relaxed) as f64,
            "tries of the attackers",
        );
        print(
            &format!("{}/refused", attack.name),
            refused.load(Ordering::Relaxed) as f64,
            "of them were refused or cut off",
        );
    }
    listener.hears(&server).await;
    print("memory", most, "MB resident at most; idle before");
    print("idle", idle, "MB resident");
    Arc::into_inner(server).expect("all attackers have ended").end();
}

/// How long each visit of each good client took.
async fn visits(server: &Arc<Server>, length: Duration) -> Vec<Duration> {
    let mut good = tokio::task::JoinSet::new();
    for number in 0..GOOD {
        let server = Arc::clone(server);
        good.spawn(async move {
            let mut client = Good::new(&server, number).await;
            let (began, mut times) = (Instant::now(), Vec::new());
            let mut every = tokio::time::interval(EVERY);
            while began.elapsed() < length {
                every.tick().await;
                let visit = Instant::now();
                client.visit(&server).await;
                times.push(visit.elapsed());
            }
            times
        });
    }
    let mut times: Vec<Duration> = good.join_all().await.into_iter().flatten().collect();
    times.sort();
    times
}

fn report(name: &str, times: &[Duration]) {
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    print(&format!("{name}/p99"), at(0.99), "ms, 99 of 100 visits: connect, leave, fetch, acknowledge");
    print(&format!("{name}/p50"), at(0.5), "ms, half of the visits");
}
