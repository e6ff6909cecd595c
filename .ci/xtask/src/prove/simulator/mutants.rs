//! `prove simulator.4`: bugs are planted into a copy of the tree, one at a time, and a shipped scenario must find each. The tree as it is
//! runs the same seeds first: a seed in which a judge speaks anyway proves nothing.

mod list;
#[cfg(test)]
mod tests;

use super::super::{Size, planted};
use crate::shell::{root, target};
use crate::simulator::{self, Verdict};
use anyhow::{Context, Result, bail};
use list::{MUTANTS, Mutant};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Seeds within which a planted bug must be found.
const SEEDS_MAX: u64 = 50;
/// Seeds that are run before it is looked whether one has found it: most are found by the first.
const SEEDS_AT_ONCE: u64 = 2;
/// Folders of the tree that the simulator is built from.
const COPIED: &[&str] = &["crypto", "crdt", "node", "simulations"];
/// What is no judge of rules: a figure out of its bounds is a slow run, and a panic is the product's own assertion.
const NO_JUDGES: &[&str] = &["bound", "panic"];

/// Plants each bug and looks for it; the environment variable `HALLOO_MUTANT` names one alone.
pub fn run(size: Size) -> Result<()> {
    for mutant in MUTANTS {
        planted::apply(&root(), mutant.name, mutant.edits)?;
    }
    if size == Size::Small {
        println!("{} bugs can be planted; `prove simulator.4` plants and finds them", MUTANTS.len());
        return Ok(());
    }
    let only = std::env::var("HALLOO_MUTANT").ok();
    let chosen: Vec<&Mutant> =
        MUTANTS.iter().filter(|mutant| only.as_ref().is_none_or(|only| only == mutant.name)).collect();
    if chosen.is_empty() {
        bail!("no bug is called {}; see mutants/list.rs", only.unwrap_or_default());
    }
    let mut sound = Sound { bin: simulator::build(false)?, known: BTreeMap::new() };
    let mut survived = Vec::new();
    println!("{:<42} {:<12} {:<16} {:>4} {:>8}", "planted bug", "judge", "scenario", "seed", "seconds");
    for mutant in chosen {
        let began = Instant::now();
        let bin = plant(mutant)?;
        match find(mutant, &bin, &mut sound)? {
            Some((verdict, judge, what)) => {
                let (scenario, seed, took) = (verdict.scenario, verdict.seed, began.elapsed().as_secs());
                println!("{:<42} {judge:<12} {scenario:<16} {seed:>4} {took:>8}", mutant.name);
                println!("    {what}");
            }
            None => {
                println!("{:<42} not found in {SEEDS_MAX} seeds", mutant.name);
                survived.push(mutant.name);
            }
        }
    }
    println!("seeds that were ok without the bug, and no others, count");
    if survived.is_empty() { Ok(()) } else { bail!("planted and not found: {}", survived.join(", ")) }
}

/// Builds the program with the bug in it.
fn plant(mutant: &Mutant) -> Result<PathBuf> {
    let (tree, build) = (target().join("mutants/tree"), target().join("mutants/build"));
    let changed = planted::apply(&root(), mutant.name, mutant.edits)?;
    planted::copy(&root(), &tree, COPIED, &changed)?;
    simulator::run_cargo(&tree, &build, &["build", "--quiet", "--locked", "--bin", "halloo-sim"])
        .with_context(|| format!("the tree with the bug `{}` does not build", mutant.name))?;
    Ok(build.join("debug/halloo-sim"))
}

fn scenario_path(scenario: &str) -> PathBuf {
    root().join(format!("simulations/scenarios/{scenario}.toml"))
}

/// What the program without a bug says about seeds.
struct Sound {
    bin: PathBuf,
    known: BTreeMap<(String, u64), bool>,
}

impl Sound {
    /// The seeds of these that are ok.
    fn ok(&mut self, scenario: &str, first: u64) -> Result<BTreeSet<u64>> {
        let seeds = first..first + SEEDS_AT_ONCE;
        if seeds.clone().any(|seed| !self.known.contains_key(&(scenario.to_owned(), seed))) {
            for verdict in simulator::seeds(&self.bin, &scenario_path(scenario), first, SEEDS_AT_ONCE, None)?
            {
                self.known.insert((scenario.to_owned(), verdict.seed), verdict.ok);
            }
        }
        Ok(seeds.filter(|seed| self.known[&(scenario.to_owned(), *seed)]).collect())
    }
}

/// The first seed of the mutant's scenarios in which a judge finds what it did not find without the bug; the judge and its words.
fn find(mutant: &Mutant, bin: &Path, sound: &mut Sound) -> Result<Option<(Verdict, String, String)>> {
    for first in (1..=SEEDS_MAX).step_by(SEEDS_AT_ONCE as usize) {
        for scenario in mutant.scenarios {
            let ok = sound.ok(scenario, first)?;
            if ok.is_empty() {
                continue;
            }
            let verdicts = simulator::seeds(bin, &scenario_path(scenario), first, SEEDS_AT_ONCE, None)?;
            for verdict in verdicts.into_iter().filter(|verdict| ok.contains(&verdict.seed)) {
                if let Some((judge, what)) = caught(&verdict) {
                    return Ok(Some((verdict, judge, what)));
                }
            }
        }
    }
    Ok(None)
}

/// The first judge of rules that speaks, and its words.
fn caught(verdict: &Verdict) -> Option<(String, String)> {
    verdict.violations.iter().find(|(judge, _)| !NO_JUDGES.contains(&judge.as_str())).cloned()
}
