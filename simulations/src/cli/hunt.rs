//! `halloo-sim hunt`: looks for seeds that fail, for so many minutes.

use super::run::{jobs, talk};
use super::{Seeds, say};
use crate::hunt::{Found, Hunt, Patience, takes};
use crate::record::RunResult;
use crate::scenario::Loaded;
use anyhow::{Context as _, Result};
use clap::Args;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where shipped scenarios are, seen from where the command is typed.
const SHIPPED: &str = "scenarios";

/// Arguments of `hunt`; exit code 1 says that something was found.
#[derive(Debug, Args)]
pub(super) struct HuntArgs {
    /// How long to look, minutes. What is found is made smaller for as long again at most.
    #[arg(long)]
    minutes: f64,
    /// Scenarios to begin with; the shipped ones without a size in their names when not given.
    scenarios: Vec<PathBuf>,
    #[command(flatten)]
    seeds: Seeds,
    /// Folder for the scenario files of what is found.
    #[arg(long, default_value = "results/hunt")]
    out: PathBuf,
}

/// The time that a person gives.
struct Waiting {
    end: Instant,
    last: Instant,
}

impl Waiting {
    fn minutes(minutes: f64) -> Result<Self> {
        let wait = "minutes must be 0 or more, and few enough to wait for";
        let span = Duration::try_from_secs_f64(minutes * 60.0).context(wait)?;
        let end = now().checked_add(span).context(wait)?;
        Ok(Waiting { end, last: end.checked_add(span).context(wait)? })
    }
}

impl Patience for Waiting {
    fn hunts(&self) -> bool {
        now() < self.end
    }

    fn shrinks(&self) -> bool {
        now() < self.last
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a hunt lasts so long as a person waits; no run sees this clock"
)]
fn now() -> Instant {
    Instant::now()
}

pub(super) fn run(args: &HuntArgs) -> Result<bool> {
    let waiting = Waiting::minutes(args.minutes)?;
    let jobs = jobs(args.seeds.jobs);
    let mut hunt = Hunt::new(bases(&args.scenarios)?, args.out.clone(), &waiting, &talk);
    hunt.jobs = jobs;
    hunt.seeds = args.seeds.seeds.unwrap_or(jobs as u64).max(1);
    hunt.next_seed = args.seeds.first_seed.unwrap_or_else(fresh_seed);
    talk(&format!("hunting with {} scenarios from seed {}", hunt.bases.len(), hunt.next_seed));
    let mut count = 0;
    hunt.run(&mut |result, found| {
        count += usize::from(found.is_some());
        tell(result, found, args.seeds.json)
    })?;
    talk(&format!("{} runs, {count} failures of a new kind", hunt.tried()));
    Ok(count == 0)
}

/// One object a seed, and where what was found lies; or for people only the latter.
fn tell(result: &RunResult, found: Option<&Found>, json: bool) -> Result<()> {
    if let Some(Found { path, runs, .. }) = found {
        talk(&format!("found: {} (made smaller in {runs} runs)", path.display()));
    }
    if json {
        let mut object = serde_json::to_value(result)?;
        if let Some(found) = found {
            object["found"] = found.path.display().to_string().into();
        }
        say(&format!("{object}\n"))?;
    } else if let Some(Found { result, path, kind, .. }) = found {
        let what = result.violations.first().map_or("", |broken| &broken.what);
        say(&format!("{}: {kind}: {what}\n", path.display()))?;
    }
    Ok(())
}

/// The milliseconds of now: seeds that no hunt before had.
#[expect(
    clippy::disallowed_methods,
    reason = "any number will do; it is told, and runs are decided by it alone"
)]
fn fresh_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.ok().and_then(|since| u64::try_from(since.as_millis()).ok()).unwrap_or(1)
}

fn bases(named: &[PathBuf]) -> Result<Vec<Loaded>> {
    if !named.is_empty() {
        return named.iter().map(|path| Ok(Loaded::read(path)?)).collect();
    }
    let files = std::fs::read_dir(Path::new(SHIPPED))
        .context("there is no folder `scenarios` here; name scenario files, or go to simulations/")?;
    let mut paths: Vec<PathBuf> = files.filter_map(|file| Some(file.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "toml"));
    paths.sort();
    let loaded: Vec<Loaded> = paths.iter().map(|path| Loaded::read(path)).collect::<Result<_, _>>()?;
    Ok(loaded.into_iter().filter(takes).collect())
}
