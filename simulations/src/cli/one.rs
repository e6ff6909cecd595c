//! One seed in this process: reads the scenario from stdin, prints the result's JSON object, keeps everything else in files.

use super::head::Head;
use crate::abstraction;
use crate::children::Bundle;
use crate::record::Broken;
use crate::record::RunResult;
use crate::scenario::must::Bound;
use crate::scenario::{Fidelity, Loaded};
use crate::world;
use anyhow::{Context as _, Result};
use clap::Args;
use std::fs::File;
use std::io::{BufWriter, Read as _, Write};
use std::path::PathBuf;

/// Arguments of the hidden command.
#[derive(Debug, Args)]
pub(super) struct OneArgs {
    /// The seed.
    #[arg(long)]
    seed: u64,
    /// Writes the trace here.
    #[arg(long)]
    trace: Option<PathBuf>,
    /// Writes the tables here.
    #[arg(long)]
    tables: Option<PathBuf>,
    /// Lets every member check every signature for itself, and writes no trace.
    #[arg(long, conflicts_with_all = ["trace", "progress"])]
    forgetful: bool,
    /// Says every virtual second on stderr how far it is.
    #[arg(long)]
    progress: bool,
}

/// Runs the seed.
pub(super) fn run(args: &OneArgs) -> Result<bool> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("the scenario could not be read from stdin")?;
    let bundle: Bundle = serde_json::from_str(&text).context("stdin is no scenario bundle")?;
    let loaded = Loaded::new(bundle.name, bundle.text, bundle.files)?;
    let result = run_here(&loaded, args)?;
    if let Some(path) = &args.tables {
        std::fs::write(path, result.pack_series())
            .with_context(|| format!("{} could not be written", path.display()))?;
    }
    super::say(&format!("{}\n", serde_json::to_string(&result)?))?;
    Ok(result.ok)
}

/// Runs one seed of a scenario in this process, and judges its bounds.
fn run_here(loaded: &Loaded, args: &OneArgs) -> Result<RunResult> {
    let seed = args.seed;
    let plan = loaded.plan(seed)?;
    let out = match &args.trace {
        Some(path) => {
            let file = File::create(path).with_context(|| format!("{} could not be made", path.display()))?;
            let mut out = BufWriter::new(file);
            out.write_all(Head::of(loaded, seed).to_text().as_bytes())?;
            Some(Box::new(out) as Box<dyn Write + Send>)
        }
        None => None,
    };
    let tell = args.progress.then(|| Box::new(tell as fn(u64, usize)) as world::Told);
    let mut result = if loaded.scenario.fidelity == Fidelity::Abstract {
        abstraction::run(plan, &loaded.name, out, tell, args.tables.is_some())
    } else if args.forgetful {
        world::run_forgetful(plan).into_result(&loaded.name)
    } else {
        world::run_told(plan, out, tell).into_result(&loaded.name)
    };
    judge(loaded, &mut result)?;
    Ok(result)
}

/// Drops what the scenario excepts, adds the bounds that are broken, and says whether all is well.
fn judge(loaded: &Loaded, result: &mut RunResult) -> Result<()> {
    let must = &loaded.scenario.must;
    let excepted = |broken: &Broken| must.except.contains(&broken.check);
    let hidden = result.violations.iter().filter(|broken| excepted(broken)).count();
    // Violations beyond those that are kept are of the same judges as those that are.
    result.ok |= hidden > 0 && hidden == result.violations.len();
    result.violations.retain(|broken| !excepted(broken));
    for text in &must.figures {
        let bound = Bound::read(text).map_err(anyhow::Error::msg)?;
        if let Some(what) = bound.broken(&result.figures) {
            result.ok = false;
            result.violations.push(Broken { check: "bound".to_owned(), at_us: 0, host: None, what });
        }
    }
    Ok(())
}

/// Told to the parent: `P <virtual seconds> <violations>`.
fn tell(second: u64, violations: usize) {
    // A parent that has gone away needs no progress.
    let _ = writeln!(std::io::stderr(), "P {second} {violations}");
}
