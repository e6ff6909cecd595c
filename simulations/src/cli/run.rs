//! `halloo-sim run`: all seeds of a scenario, a summary, and the files of a report.

use super::{Out, Seeds, say};
use crate::children::{self, Wanted};
use crate::record::RunResult;
use crate::report::{self, About};
use crate::scenario::Loaded;
use anyhow::{Context as _, Result};
use clap::Args;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

/// Violations of one seed that the summary shows; the JSON object has more.
const VIOLATIONS_SHOWN: usize = 3;

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The scenario, a TOML file.
    scenario: PathBuf,
    #[command(flatten)]
    seeds: Seeds,
    #[command(flatten)]
    out: Out,
    /// Writes traces too; with `--out`.
    #[arg(long, requires = "out")]
    trace: bool,
}

pub(super) fn run(args: &RunArgs) -> Result<bool> {
    let loaded = Loaded::read(&args.scenario)?;
    let scenario = &loaded.scenario;
    let first = args.seeds.first_seed.unwrap_or(scenario.first_seed);
    let count = args.seeds.seeds.unwrap_or(scenario.seeds);
    let mut wanted = Wanted { live: std::io::stderr().is_terminal(), ..Wanted::default() };
    if let Some(out) = &args.out.out {
        wanted.tables = true;
        std::fs::create_dir_all(out).with_context(|| format!("{} could not be made", out.display()))?;
        if args.trace || scenario.record.trace {
            let traces = out.join("traces");
            std::fs::create_dir_all(&traces)?;
            wanted.traces = Some(traces);
        }
    }
    talk(&format!("{}: {} seeds from {first}; {}", loaded.name, count, scenario.why));
    let results = children::run(&loaded, (first, count), jobs(args.seeds.jobs), &wanted)?;
    if let Some(out) = &args.out.out {
        let about = About {
            name: loaded.name.clone(),
            why: scenario.why.clone(),
            text: loaded.text.clone(),
            tables: scenario.record.tables.clone(),
        };
        let page = report::write(out, &about, &results)?;
        talk(&format!("report: {}", page.display()));
    }
    if args.seeds.json {
        for result in &results {
            say(&format!("{}\n", serde_json::to_string(result)?))?;
        }
    } else {
        say(&summary(&results))?;
    }
    Ok(results.iter().all(|result| result.ok))
}

/// As many processes as asked for, or as there are cores.
pub(super) fn jobs(asked: Option<usize>) -> usize {
    asked.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// Talk for stderr.
pub(super) fn talk(text: &str) {
    // Nobody listens: then there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// A line a seed, a line a figure, and what was broken.
fn summary(results: &[RunResult]) -> String {
    let mut out = String::new();
    for result in results {
        let word = if result.ok { "ok" } else { "NOT OK" };
        // A String takes everything.
        let _ =
            writeln!(out, "seed {:<6} {word:<7} {}", result.seed, &result.hash[..16.min(result.hash.len())]);
        for broken in result.violations.iter().take(VIOLATIONS_SHOWN) {
            let at = broken.at_us as f64 / 1e6;
            let _ = writeln!(out, "    {} at {at:.3} s: {}", broken.check, broken.what);
        }
    }
    let _ = writeln!(out, "\n{:<44} {:>14} {:>14} {:>14}", "figure", "least", "median", "most");
    let mut names: Vec<&String> = results.iter().flat_map(|result| result.figures.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let mut values: Vec<f64> =
            results.iter().filter_map(|result| result.figures.get(name)).copied().collect();
        values.sort_by(f64::total_cmp);
        let (least, most) = (values[0], values[values.len() - 1]);
        let median = values[values.len() / 2];
        let _ = writeln!(out, "{name:<44} {least:>14.3} {median:>14.3} {most:>14.3}");
    }
    out
}
