//! `prove simulator.6`: the scenarios that ship, each within a minute of one core, and all judges content.

use super::super::Size;
use crate::shell::root;
use crate::simulator::{self, Verdict, demand_ok};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Seeds of each scenario.
const SEEDS: u64 = 2;
/// What one seed may take on one core, seconds: the longest that somebody who changes a line waits for an answer.
const TARGET_S: f64 = 60.0;
/// What the gate runs: each kind of fault once, chosen for being quick.
const IN_THE_GATE: &[(&str, u64)] = &[
    ("family-wifi", 1),
    ("journey", 1),
    ("torn-writes", 1),
    ("crash-storm", 1),
    ("strobing-links", 1),
    ("two-captains", 1),
    ("stuck-disk", 1),
    ("clock-skew", 1),
    ("removal", 1),
];

/// Runs them: in the gate some seeds, of which only what the judges say counts; otherwise all, with their times.
pub fn run(size: Size) -> Result<()> {
    if size == Size::Small {
        let bin = simulator::build(false)?;
        let mut verdicts = Vec::new();
        for (scenario, seed) in IN_THE_GATE {
            verdicts.extend(simulator::seeds(&bin, &path(scenario), *seed, 1, Some(1))?);
        }
        demand_ok(&verdicts)?;
        println!("{} seeds of shipped scenarios: all judges are content", verdicts.len());
        return Ok(());
    }
    let bin = simulator::build(true)?;
    let mut all = Vec::new();
    println!("{:<20} {:>16} {:>8}", "scenario", "seconds a seed", "seeds ok");
    for scenario in shipped()? {
        let (verdicts, seconds) = timed(&bin, &scenario)?;
        let ok = verdicts.iter().filter(|verdict| verdict.ok).count();
        let word = if seconds > TARGET_S { "  over the target" } else { "" };
        println!("{scenario:<20} {seconds:>16.1} {ok:>4} of {SEEDS}{word}");
        all.extend(verdicts);
    }
    println!("the target is {TARGET_S} s of one core a seed; wall time, one process at a time");
    demand_ok(&all)
}

/// The seeds of a scenario one after the other, and how long one took in the middle.
fn timed(bin: &Path, scenario: &str) -> Result<(Vec<Verdict>, f64)> {
    let began = Instant::now();
    let verdicts = simulator::seeds(bin, &path(scenario), 1, SEEDS, Some(1))?;
    Ok((verdicts, began.elapsed().as_secs_f64() / SEEDS as f64))
}

fn path(scenario: &str) -> PathBuf {
    root().join(format!("simulations/scenarios/{scenario}.toml"))
}

/// The names of the scenarios that ship, without those that are there for their size and say so.
fn shipped() -> Result<Vec<String>> {
    let folder = root().join("simulations/scenarios");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let sized = name.chars().any(|letter| letter.is_ascii_digit());
        if path.extension().is_some_and(|end| end == "toml") && !sized {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests;
