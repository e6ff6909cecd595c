//! `halloo-sim fidelity`.

use super::Choices;
use crate::fidelity::children;
use crate::fidelity::{cliff, dijkstra, table};
use anyhow::{Context as _, Result};
use clap::Subcommand;
use serde::de::DeserializeOwned;

/// What is held against what.
#[derive(Clone, Debug, Subcommand)]
pub enum Fidelity {
    /// Shortest paths over a snapshot of the mesh against measured deliveries: within 1 ms.
    Dijkstra(Choices),
    /// The published table of gossipsub's author's simulator beside ours.
    Table(Choices),
    /// Delivery with ever more nodes that pass nothing on: the cliff is published at about 80 %.
    Cliff(Choices),
    /// The abstract tier against tier real: one scenario, the same seeds, delays and copies within 3 %.
    Abstract(Choices),
    /// One run of a comparison in this process, printed as JSON; the others start it.
    #[command(hide = true)]
    One {
        /// `dijkstra`, `table` or `cliff`.
        what: String,
        /// The seed.
        seed: u64,
        /// Nodes.
        nodes: u32,
        /// What else it needs.
        extra: u32,
    },
}

/// Does what is asked; whether everything held.
pub(super) fn run(what: &Fidelity) -> Result<bool> {
    match what {
        Fidelity::Dijkstra(choices) => dijkstra(choices),
        Fidelity::Table(choices) => table(choices),
        Fidelity::Cliff(choices) => cliff(choices),
        Fidelity::Abstract(choices) => super::tiers::run(choices),
        Fidelity::One { what, seed, nodes, extra } => one(what, (*seed, *nodes, *extra)).map(|()| true),
    }
}

fn one(what: &str, (seed, nodes, extra): (u64, u32, u32)) -> Result<()> {
    let text = match what {
        "dijkstra" => serde_json::to_string(&dijkstra::swarms(seed, nodes, extra))?,
        "table" => serde_json::to_string(&table::run(seed, nodes))?,
        "cliff" => serde_json::to_string(&cliff::run(seed, nodes, extra))?,
        _ => anyhow::bail!("nothing is called {what}; dijkstra, table and cliff are"),
    };
    println!("{text}");
    Ok(())
}

/// Runs each (seed, nodes, extra) in a process of its own.
fn all<R: DeserializeOwned>(what: &str, each: impl Iterator<Item = (u64, u32, u32)>) -> Result<Vec<R>> {
    let lists: Vec<Vec<String>> = each
        .map(|(seed, nodes, extra)| {
            let numbers = [seed.to_string(), nodes.to_string(), extra.to_string()];
            ["fidelity", "one", what].map(str::to_owned).into_iter().chain(numbers).collect()
        })
        .collect();
    let read = |line: String| serde_json::from_str(&line).with_context(|| format!("reading {line}"));
    children::outputs(&lists)?.into_iter().map(read).collect()
}

fn dijkstra(choices: &Choices) -> Result<bool> {
    let nodes = choices.nodes.unwrap_or(if choices.small { 100 } else { 1_000 });
    let messages = if choices.small { 10 } else { 40 };
    let found: Vec<dijkstra::Comparison> =
        all("dijkstra", choices.seeds().map(|seed| (seed, nodes, messages)))?;
    if !choices.json {
        println!(
            "what                seed  nodes degree deliveries   p50 ms measured/computed   p99              max              largest"
        );
    }
    for run in &found {
        if choices.json {
            println!("{}", serde_json::to_string(run)?);
            continue;
        }
        let ms = |us: u64| us as f64 / 1_000.0;
        print!(
            "{:<18} {:>5} {:>6} {:>6.2} {:>10}",
            run.what, run.seed, run.nodes, run.degree, run.deliveries
        );
        for (measured, computed) in run.measured_us.into_iter().zip(run.computed_us) {
            print!("   {:>8.3}/{:<8.3}", ms(measured), ms(computed));
        }
        println!(" {:>8.3}  {}", ms(run.largest_us), word(run.holds()));
    }
    Ok(found.iter().all(dijkstra::Comparison::holds))
}

fn word(holds: bool) -> &'static str {
    if holds { "holds" } else { "MISS" }
}

fn table(choices: &Choices) -> Result<bool> {
    let mut copies_hold = true;
    if !choices.json {
        println!("nodes figure               published      ours   95 % band of one run");
    }
    let sizes = table::PUBLISHED.iter().filter(|published| match choices.nodes {
        Some(nodes) => published.nodes == nodes,
        None => !choices.small || published.nodes == 250,
    });
    for published in sizes {
        let runs: Vec<table::Run> = all("table", choices.seeds().map(|seed| (seed, published.nodes, 0)))?;
        for row in table::rows(published, &runs) {
            if choices.json {
                println!("{}", serde_json::to_string(&row)?);
                continue;
            }
            let (band, verdict) = (row.ours, if row.holds { "inside" } else { "MISS" });
            println!(
                "{:>5} {:<20} {:>9.2} {:>9.2}   {:>9.2} .. {:>9.2}  {verdict}",
                row.nodes, row.figure, row.theirs, band.mean, band.low, band.high
            );
        }
        let mean = |of: fn(&table::Run) -> f64| runs.iter().map(of).sum::<f64>() / runs.len() as f64;
        let (degree, copies) = (mean(|run| run.degree), mean(|run| run.copies));
        let off = copies / (degree - 1.0) - 1.0;
        copies_hold &= off.abs() <= 0.05;
        if choices.json {
            let line = serde_json::json!({"nodes": published.nodes, "degree": degree, "copies": copies,
                "copies_off_degree_less_one": off, "one_sided": mean(|run| run.one_sided), "runs": runs});
            println!("{line}");
        } else {
            println!(
                "{:>5} mean degree {degree:.2}, copies {copies:.2}: {:+.1} % off degree - 1, {} (one-sided links {:.1} %)",
                published.nodes,
                off * 100.0,
                word(off.abs() <= 0.05),
                mean(|run| run.one_sided) * 100.0
            );
        }
    }
    Ok(copies_hold)
}

fn cliff(choices: &Choices) -> Result<bool> {
    let nodes = choices.nodes.unwrap_or(if choices.small { 200 } else { 1_000 });
    let each = choices.seeds().flat_map(|seed| cliff::SHARES.map(|share| (seed, nodes, share)));
    let runs: Vec<cliff::Run> = all("cliff", each)?;
    if !choices.json {
        println!("mute %   within 500 ms: mean (worst)   in the end: mean (worst)   runs");
    }
    for share in cliff::SHARES {
        let these: Vec<&cliff::Run> = runs.iter().filter(|run| run.mute_percent == share).collect();
        if choices.json {
            for run in &these {
                println!("{}", serde_json::to_string(run)?);
            }
            continue;
        }
        let count = these.len().max(1) as f64;
        let mean = |of: fn(&cliff::Run) -> f64| these.iter().map(|run| of(run)).sum::<f64>() / count * 100.0;
        let worst = |of: fn(&cliff::Run) -> f64| these.iter().map(|run| of(run)).fold(1.0, f64::min) * 100.0;
        println!(
            "{share:>6}   {:>14.1} {:<14} {:>12.1} {:<12} {:>6}",
            mean(|run| run.soon),
            format!("({:.1})", worst(|run| run.soon)),
            mean(|run| run.ever),
            format!("({:.1})", worst(|run| run.ever)),
            these.len()
        );
    }
    let holds = cliff::holds(&runs);
    if !choices.json {
        println!("the cliff at about 80 %: {}", word(holds));
    }
    Ok(holds)
}
