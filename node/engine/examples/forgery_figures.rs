//! How soon a forged voice behind a forwarder is shown: figures for `cargo xtask prove heal.6`.
//!
//! `cargo run --release -p halloo-engine --example forgery_figures [small]`. One JSON object a line. Real voice paths in virtual time
//! (`tests/forwarded/hall.rs`); nothing depends on the machine. `small` makes fewer forgeries and shorter calls.

#![allow(unreachable_pub, dead_code, reason = "the hall is shared with the tests")]
#![allow(clippy::print_stdout, reason = "a program that prints")]

#[path = "../tests/forwarded/hall.rs"]
mod hall;

use hall::{ATTACKS, Attack, Loss, forge, honest, rate};

/// Frames in a row that are forged.
const LENGTHS: [u32; 4] = [10, 25, 50, 200];
/// Within which a forgery is to be shown, milliseconds.
const WITHIN_MS: u64 = 2_000;

fn losses() -> [(&'static str, Loss); 5] {
    let loss = |share, run| Loss { share, run };
    [
        ("no loss", loss(0.0, 1.0)),
        ("5 % random", loss(0.05, 1.0)),
        ("5 % in runs", loss(0.05, 3.0)),
        ("20 % random", loss(0.2, 1.0)),
        ("20 % in runs", loss(0.2, 3.0)),
    ]
}

/// What became of all forgeries under one loss.
#[derive(Default)]
struct Sum {
    made: u64,
    shown: u64,
    in_time: u64,
    early: u64,
    took: Vec<u64>,
}

impl Sum {
    fn add(&mut self, seed: u64, loss: Loss, attack: Attack, frames: u32) {
        let outcome = forge(seed, loss, attack, frames);
        self.made += 1;
        self.early += u64::from(outcome.early);
        if let Some(ms) = outcome.flagged_ms {
            self.shown += 1;
            self.in_time += u64::from(ms <= WITHIN_MS);
            self.took.push(ms);
        }
    }

    fn print(mut self, name: &str) {
        self.took.sort_unstable();
        let at = |share: f64| {
            let place = (self.took.len() as f64 * share).ceil() as usize;
            self.took.get(place.saturating_sub(1)).copied().unwrap_or(u64::MAX)
        };
        println!(
            r#"{{"name":"forgeries, {name}","made":{},"shown":{},"in_time":{},"before_any":{},"p50_ms":{},"p99_ms":{},"max_ms":{}}}"#,
            self.made,
            self.shown,
            self.in_time,
            self.early,
            at(0.5),
            at(0.99),
            at(1.0)
        );
    }
}

fn main() {
    let small = std::env::args().any(|arg| arg == "small");
    let (seeds, seconds) = if small { (1, 60) } else { (60, 1_800) };
    for (name, loss) in losses() {
        let mut sum = Sum::default();
        for attack in ATTACKS {
            for frames in LENGTHS {
                (0..seeds).for_each(|seed| sum.add(seed, loss, attack, frames));
            }
        }
        sum.print(name);
    }
    for (name, loss) in losses() {
        for held in [false, true] {
            let call = honest(7, loss, seconds, held);
            let hands = if held { ", checkpoints held back" } else { "" };
            println!(
                r#"{{"name":"honest calls, {name}{hands}","accused":{},"forged":{},"verified":{},"unproven":{},"refused":{}}}"#,
                call.accused, call.proofs.forged, call.proofs.verified, call.proofs.unproven, call.refused
            );
        }
    }
    for (name, loss) in [losses()[0], losses()[3]] {
        println!(r#"{{"name":"checkpoints, {name}","bps":{:.0}}}"#, rate(3, loss, seconds));
    }
}
