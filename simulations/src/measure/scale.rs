//! `halloo-sim scale`: node-seconds a second and bytes a node, beside the same Swarms without engines.

use crate::fidelity::children::outputs;
use crate::scale::tape::Tape;
use crate::scale::{Cost, Load, NODE_BYTES, SHARE, Size, bare, engines};
use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

/// The sizes that are promised, and a harder one: each member writes once a second.
const SIZES: [(u32, Load, u32); 3] =
    [(1_000, Load::Idle, 60), (10_000, Load::Group, 5), (1_000, Load::Member, 5)];
/// From this many nodes on the promise of bytes holds.
const BYTES_FROM: u32 = 10_000;

/// Arguments of `scale`.
#[derive(Clone, Debug, Args)]
pub struct Scale {
    /// Only this many nodes, in groups of ten.
    #[arg(long, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    nodes: Option<u32>,
    /// Only this load.
    #[arg(long)]
    load: Option<Load>,
    /// Virtual seconds that are measured.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    window_s: Option<u32>,
    /// The seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One JSON object a size instead of a table.
    #[arg(long)]
    json: bool,
}

/// Arguments of one side of one size, in a process of its own.
#[derive(Clone, Debug, Args)]
pub struct Side {
    /// `engines` or `bare`.
    what: String,
    /// The size, as JSON.
    size: String,
    /// Where the tape is left, or found.
    tape: PathBuf,
}

/// Measures and prints; whether everything was correct. Whether it was fast enough is for whoever reads the figures.
pub(super) fn run(args: &Scale) -> Result<bool> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let path = folder.path().join("tape");
    let mut correct = true;
    if !args.json {
        println!(
            "{:>7} {:<7} {:>12} {:>12} {:>6} {:>10} {:>10} {:>10} {:>12} {:>12}",
            "nodes", "load", "node-s/s", "bare", "share", "bytes/node", "bare", "set-up s", "gossip", "bare"
        );
    }
    for (nodes, load, window_s) in sizes(args) {
        let size = Size { nodes, load, window_s, seed: args.seed };
        let [ours, bare] = ["engines", "bare"].map(|what| side(what, &size, &path));
        let (ours, bare) = (ours?, bare?);
        let share = ours.node_s_per_s / bare.node_s_per_s;
        let sound = is_correct(&ours, &bare);
        correct &= sound;
        if args.json {
            let fast = share >= SHARE;
            let small = nodes < BYTES_FROM || ours.node_bytes <= NODE_BYTES;
            let row = json!({"size": size, "engines": ours, "bare": bare, "share": share, "correct": sound,
                "fast_enough": fast, "small_enough": small});
            println!("{row}");
            continue;
        }
        println!(
            "{:>7} {:<7} {:>12.0} {:>12.0} {share:>6.3} {:>10.0} {:>10.0} {:>10.1} {:>12} {:>12}{}",
            nodes,
            format!("{load:?}").to_lowercase(),
            ours.node_s_per_s,
            bare.node_s_per_s,
            ours.node_bytes,
            bare.node_bytes,
            ours.setup_cpu_s,
            ours.gossip,
            bare.gossip,
            if sound { "" } else { "  NOT CORRECT" }
        );
        ours.findings.iter().for_each(|finding| println!("        {finding}"));
    }
    Ok(correct)
}

fn sizes(args: &Scale) -> Vec<(u32, Load, u32)> {
    let seconds = |window_s| args.window_s.unwrap_or(window_s);
    match (args.nodes, args.load) {
        (Some(nodes), load) => vec![(nodes, load.unwrap_or(Load::Group), seconds(5))],
        (None, load) => {
            let wanted = SIZES.into_iter().filter(|(_, of, _)| load.is_none_or(|load| load == *of));
            wanted.map(|(nodes, load, window_s)| (nodes, load, seconds(window_s))).collect()
        }
    }
}

/// Everybody is in a group of ten, no rule was broken, both sides carried the same.
fn is_correct(ours: &Cost, bare: &Cost) -> bool {
    let alike = bare.gossip.abs_diff(ours.gossip) as f64 <= 0.05 * ours.gossip as f64;
    ours.members == ours.nodes
        && ours.nodes == bare.nodes
        && ours.findings.is_empty()
        && ours.voice_steps == 0
        && alike
}

fn side(what: &str, size: &Size, path: &std::path::Path) -> Result<Cost> {
    let size = serde_json::to_string(size)?;
    let arguments = ["scale-side", what, &size, &path.to_string_lossy()].map(str::to_owned).to_vec();
    let line = outputs(&[arguments])?.pop().context("one child, one line")?;
    serde_json::from_str(&line).with_context(|| format!("reading {line}"))
}

/// One side in this process.
pub(super) fn run_side(args: &Side) -> Result<bool> {
    let size: Size = serde_json::from_str(&args.size).context("no size")?;
    let plan = size.scenario()?.plan(size.seed)?;
    let cost = match args.what.as_str() {
        "engines" => {
            let (cost, tape) = engines::run(size, plan);
            std::fs::write(&args.tape, postcard::to_allocvec(&tape)?).context("the tape cannot be kept")?;
            cost
        }
        "bare" => {
            let tape: Tape = postcard::from_bytes(&std::fs::read(&args.tape)?).context("no tape")?;
            bare::run(size, plan, tape)
        }
        other => anyhow::bail!("there is no side {other}; engines and bare are"),
    };
    println!("{}", serde_json::to_string(&cost)?);
    Ok(true)
}
