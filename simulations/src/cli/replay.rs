//! `halloo-sim replay`: runs what a trace says it came from, and compares line by line.

use super::head::{Head, VERSION, compare};
use super::run::talk;
use super::{Seeds, say};
use crate::children::{self, Wanted};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// A trace file, or a folder of traces together with `--seed`.
    trace: PathBuf,
    /// The seed whose trace of the folder is meant.
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    seeds: Seeds,
}

pub(super) fn run(args: &ReplayArgs) -> Result<bool> {
    let mut all_same = true;
    for path in paths(args)? {
        all_same &= again(&path, args.seeds.json)?;
    }
    Ok(all_same)
}

/// The traces that are meant: the file, or of a folder the seed, or the seeds, or all.
fn paths(args: &ReplayArgs) -> Result<Vec<PathBuf>> {
    if args.trace.is_file() {
        return Ok(vec![args.trace.clone()]);
    }
    let of_seed = |seed: u64| args.trace.join(format!("seed-{seed}.trace"));
    if let Some(seed) = args.seed {
        return Ok(vec![of_seed(seed)]);
    }
    let (first, count) = (args.seeds.first_seed.unwrap_or(1), args.seeds.seeds);
    if let Some(count) = count {
        return Ok((first..first.saturating_add(count)).map(of_seed).collect());
    }
    let folder = std::fs::read_dir(&args.trace)
        .with_context(|| format!("{} is neither a trace nor a folder of traces", args.trace.display()))?;
    let mut paths: Vec<PathBuf> = folder.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "trace"));
    paths.sort();
    if paths.is_empty() {
        bail!("{} holds no trace; `run --out DIR --trace` writes them into DIR/traces", args.trace.display());
    }
    Ok(paths)
}

fn again(path: &PathBuf, json: bool) -> Result<bool> {
    let file = File::open(path).with_context(|| format!("{} could not be opened", path.display()))?;
    let mut old = BufReader::new(file);
    let head = Head::read(&mut old).with_context(|| format!("{} is no trace", path.display()))?;
    if head.version != VERSION {
        talk(&format!("the trace is of version {}, this is {}", head.version, VERSION));
    }
    let loaded = head.loaded()?;
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let wanted = Wanted { traces: Some(folder.path().to_owned()), ..Wanted::default() };
    let results = children::run(&loaded, (head.seed, 1), 1, &wanted)?;
    let file = File::open(folder.path().join(format!("seed-{}.trace", head.seed)))?;
    let mut new = BufReader::new(file);
    Head::read(&mut new)?;
    let differs = compare(head.lines(), &mut old, &mut new)?;
    if json {
        for result in &results {
            let mut object = serde_json::to_value(result)?;
            object["same"] = serde_json::Value::Bool(differs.is_none());
            say(&format!("{object}\n"))?;
        }
    }
    match differs {
        None => {
            talk(&format!("{}: the same, line by line", path.display()));
            Ok(true)
        }
        Some((line, was, is)) => {
            talk(&format!("{}: line {line} differs\n  was: {was}\n  is:  {is}", path.display()));
            Ok(false)
        }
    }
}
