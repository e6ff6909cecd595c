//! `halloo-sim costs`: the table of what work costs, measured, beside the one that is charged to virtual time.

use crate::meter::Tally;
use crate::plan::Costs;
use crate::scenario::Loaded;
use crate::world;
use anyhow::Result;
use clap::Args;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What is measured.
#[derive(Clone, Debug, Args)]
pub struct CostsArgs {
    /// Scenarios that give the work.
    #[arg(default_values = ["scenarios/family-wifi.toml", "scenarios/committee.toml", "scenarios/sunday-ride.toml"])]
    scenarios: Vec<PathBuf>,
    /// Runs of each, each of a seed of its own.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    seeds: u64,
    /// One JSON object a line instead of a table.
    #[arg(long)]
    json: bool,
}

/// Measures and prints.
pub(super) fn run(args: &CostsArgs) -> Result<()> {
    let mut all: BTreeMap<&'static str, Tally> = BTreeMap::new();
    for path in &args.scenarios {
        let loaded = Loaded::read(path)?;
        for seed in 1..=args.seeds {
            for (kind, tally) in measured(&loaded, seed)? {
                let sum = all.entry(kind).or_default();
                sum.count += tally.count;
                sum.ns += tally.ns;
            }
        }
    }
    if !args.json {
        println!("work                  pieces   measured us   charged us");
    }
    for row in rows(&all, &Costs::default()) {
        if args.json {
            println!("{}", serde_json::to_string(&row)?);
        } else {
            println!("{:<18} {:>9} {:>13.1} {:>12}", row.work, row.pieces, row.measured_us, row.charged_us);
        }
    }
    Ok(())
}

/// One run.
fn measured(loaded: &Loaded, seed: u64) -> Result<BTreeMap<&'static str, Tally>> {
    let mut plan = loaded.plan(seed)?;
    // A handshake and a sealed stream are part of what a frame costs.
    plan.stack = crate::plan::Stack::Noise;
    Ok(world::run_metered(plan))
}

/// A line of the table.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
struct Row {
    work: &'static str,
    pieces: u64,
    /// Mean CPU time of a piece, its share of the stack included, microseconds.
    measured_us: f64,
    charged_us: u64,
}

fn rows(all: &BTreeMap<&'static str, Tally>, costs: &Costs) -> Vec<Row> {
    let mean = |kind: &str| {
        let tally = all.get(kind).copied().unwrap_or_default();
        (tally.count, tally.ns as f64 / tally.count.max(1) as f64 / 1e3)
    };
    // What Swarm, Noise and Yamux take for a frame cannot be told apart by kind: each bears the same.
    let (_, stack_us) = mean("stack");
    let charged = [
        ("gossip", stack_us, costs.gossip_us),
        ("direct", stack_us, costs.direct_us),
        ("pair", stack_us, costs.pair_us),
        ("command", 0.0, costs.command_us),
        ("written", 0.0, costs.written_us),
        ("wake", 0.0, costs.wake_us),
        ("peer", stack_us, costs.peer_us),
    ];
    let row = |(work, stack, charged_us)| {
        let (pieces, own) = mean(work);
        Row { work, pieces, measured_us: own + stack, charged_us }
    };
    charged.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests;
