//! `prove heal.8`: the power goes at every boundary between storing and sending; real processes are killed besides.

use super::super::{Size, kill};
use crate::shell::{capture, cargo};
use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Simulated crashes, and kills of real processes.
const RUNS: u64 = 10_000;
const KILLS: u64 = 200;
/// The same in the gate: every sixtieth boundary or so; `first-halloo.5` kills real processes there.
const RUNS_SMALL: u64 = 40;

/// Crashes; at full size kills too. The program itself judges each run and counts what failed.
pub fn run(size: Size) -> Result<()> {
    let runs = if size == Size::Full { RUNS } else { RUNS_SMALL };
    let count = runs.to_string();
    let mut args = vec!["run", "--quiet", "--locked"];
    args.extend((size == Size::Full).then_some("--release"));
    args.extend(["-p", "halloo-engine", "--example", "crash_figures", "--", &count]);
    let text = capture(&cargo(), &args)?;
    let row: Value = serde_json::from_str(text.trim()).with_context(|| format!("no JSON: {text}"))?;
    println!("{row}");
    let number = |name: &str| row[name].as_u64().with_context(|| format!("{name} is missing"));
    ensure!(number("runs")? == runs, "there are fewer boundaries than runs: {row}");
    ensure!(number("fell")? == runs, "in some runs nothing fell: {row}");
    ensure!(number("failed")? == 0, "something was torn, used twice or lost: {row}");
    if size == Size::Full { kill::times(size, KILLS) } else { Ok(()) }
}
