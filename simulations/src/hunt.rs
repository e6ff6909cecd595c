//! Looks for seeds that fail: shipped scenarios with seeds that nobody tried, and changed ones. What fails is made smaller while it still
//! fails in the same way, and becomes a scenario file.

mod change;
mod smaller;

pub use change::changed;
pub use smaller::smaller;

use crate::children::{self, Wanted};
use crate::record::{Broken, RunResult};
use crate::scenario::{Fidelity, Loaded, Scenario};
use anyhow::{Context as _, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Runs that one failure is made smaller with: enough for every part of the largest shipped scenario to be tried three times.
const SHRINK_RUNS_MAX: usize = 150;

/// A failure, made smaller.
#[derive(Debug)]
pub struct Found {
    /// What came of the smaller one.
    pub result: RunResult,
    /// In which way both fail.
    pub kind: String,
    /// The file that it was written to.
    pub path: PathBuf,
    /// Runs that it took to make it smaller.
    pub runs: usize,
}

/// How much time a hunt has; told by whoever has a clock.
pub trait Patience {
    /// Whether another scenario may be tried.
    fn hunts(&self) -> bool;
    /// Whether what was found may be made smaller still.
    fn shrinks(&self) -> bool;
}

/// A hunt.
pub struct Hunt<'a> {
    /// Scenarios to begin with.
    pub bases: Vec<Loaded>,
    /// The next seed.
    pub next_seed: u64,
    /// Seeds of each scenario that is tried.
    pub seeds: u64,
    /// Processes at once.
    pub jobs: usize,
    /// Folder for what is found.
    pub out: PathBuf,
    patience: &'a dyn Patience,
    tell: &'a dyn Fn(&str),
    known: BTreeSet<(String, String)>,
    tried: u64,
}

/// Told of every seed that was tried, and of what became of it if it fails in a way that is new.
pub type Each<'a> = dyn FnMut(&RunResult, Option<&Found>) -> Result<()> + 'a;

impl<'a> Hunt<'a> {
    /// A hunt that has not begun; `tell` hears what happens.
    #[must_use]
    pub fn new(bases: Vec<Loaded>, out: PathBuf, patience: &'a dyn Patience, tell: &'a dyn Fn(&str)) -> Self {
        Hunt { bases, next_seed: 1, seeds: 1, jobs: 1, out, patience, tell, known: BTreeSet::new(), tried: 0 }
    }

    /// Runs so far, those that made something smaller included.
    #[must_use]
    pub fn tried(&self) -> u64 {
        self.tried
    }

    /// Hunts until time is up, for one scenario at least.
    ///
    /// # Errors
    /// When children cannot run, or files cannot be written.
    pub fn run(&mut self, each: &mut Each<'_>) -> Result<()> {
        std::fs::create_dir_all(&self.out)
            .with_context(|| format!("{} could not be made", self.out.display()))?;
        for round in 0_usize.. {
            if round > 0 && !self.patience.hunts() {
                break;
            }
            let base = self.bases.get(round % self.bases.len().max(1));
            let base = base.context("there is no scenario to hunt with")?;
            let seed = self.next_seed;
            // Every second time as it is, every second time changed.
            let turn = round / self.bases.len();
            let tried = if turn.is_multiple_of(2) { Some(base.clone()) } else { altered(base, seed) };
            self.next_seed = self.next_seed.saturating_add(self.seeds);
            // A change may have taken away somebody whom a line names.
            let Some(tried) = tried else { continue };
            self.tried += self.seeds;
            let results = children::run(&tried, (seed, self.seeds), self.jobs, &Wanted::default())?;
            for result in results {
                let found = if result.ok { None } else { self.follow(&tried, &result)? };
                each(&result, found.as_ref())?;
            }
        }
        Ok(())
    }

    /// Makes a failure smaller and writes it down, unless one of its kind is known.
    fn follow(&mut self, tried: &Loaded, failed: &RunResult) -> Result<Option<Found>> {
        let Some(kind) = failed.violations.first().map(kind) else { return Ok(None) };
        if !self.known.insert((tried.name.clone(), kind.clone())) {
            return Ok(None);
        }
        (self.tell)(&format!("{} fails {kind} with seed {}; making it smaller", tried.name, failed.seed));
        let (small, result, runs) = self.shrink(tried, failed, &kind)?;
        let word: String = kind.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let path = self.out.join(format!("hunt-{}-{word}-{}.toml", tried.name, failed.seed));
        std::fs::write(&path, told(&small, &result, &kind))
            .with_context(|| format!("{} could not be written", path.display()))?;
        beside(&small, &self.out)?;
        Ok(Some(Found { result, kind, path, runs }))
    }

    /// The smallest that still fails in the same way, as far as there is time.
    fn shrink(
        &mut self,
        from: &Loaded,
        failed: &RunResult,
        kind: &str,
    ) -> Result<(Loaded, RunResult, usize)> {
        let (mut small, mut result, mut runs) = (from.clone(), failed.clone(), 0);
        // After a success the search goes on behind the part that was taken: what came before it has just failed to go.
        let mut place = 0;
        let mut taken = false;
        loop {
            let candidates = smaller(&small.scenario);
            let Some(scenario) = candidates.into_iter().nth(place) else {
                if !taken {
                    return Ok((small, result, runs));
                }
                (place, taken) = (0, false);
                continue;
            };
            if runs >= SHRINK_RUNS_MAX || !self.patience.shrinks() {
                return Ok((small, result, runs));
            }
            let Some(candidate) = of(&small, scenario) else {
                place += 1;
                continue;
            };
            runs += 1;
            self.tried += 1;
            let found = children::run(&candidate, (failed.seed, 1), 1, &Wanted::default())?;
            match found.into_iter().find(|result| fails(result, kind)) {
                Some(still) => (small, result, taken) = (candidate, still, true),
                None => place += 1,
            }
        }
    }
}

/// In which way something fails: the judge, and for a bound its figure and whether the run gave it at all.
fn kind(broken: &Broken) -> String {
    if broken.check != "bound" {
        return broken.check.clone();
    }
    match broken.what.split_once(" is ") {
        Some((figure, _)) => format!("bound {figure}"),
        None => "bound without its figure".to_owned(),
    }
}

fn fails(result: &RunResult, wanted: &str) -> bool {
    result.violations.iter().any(|broken| kind(broken) == wanted)
}

/// The changed scenario of a seed, if what came out can be run.
fn altered(base: &Loaded, seed: u64) -> Option<Loaded> {
    of(base, changed(&base.scenario, seed))
}

/// A scenario in the place of another, with the same files beside it.
fn of(base: &Loaded, scenario: Scenario) -> Option<Loaded> {
    Loaded::new(base.name.clone(), scenario.to_toml(), base.files.clone()).ok()
}

/// The text of a file for what was found.
fn told(small: &Loaded, result: &RunResult, wanted: &str) -> String {
    let mut scenario = small.scenario.clone();
    (scenario.first_seed, scenario.seeds) = (result.seed, 1);
    scenario.why = format!("Found by the hunt: {wanted} fails with seed {} of {}.", result.seed, small.name);
    let what = result.violations.iter().find(|broken| kind(broken) == wanted);
    let what = what.map_or("", |broken| &broken.what);
    format!("# {}\n{}", what.replace(['\n', '\r'], " "), scenario.to_toml())
}

/// Writes the files that a scenario needs beside it.
fn beside(small: &Loaded, folder: &Path) -> Result<()> {
    for (name, text) in &small.files {
        let path = folder.join(name);
        if !path.exists() {
            std::fs::write(&path, text)
                .with_context(|| format!("{} could not be written", path.display()))?;
        }
    }
    Ok(())
}

/// Whether a hunt without names takes this scenario: it is real, and no size is in its name.
#[must_use]
pub fn takes(loaded: &Loaded) -> bool {
    loaded.scenario.fidelity != Fidelity::Abstract && !loaded.name.chars().any(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests;
