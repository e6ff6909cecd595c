//! `halloo-sim list`: the scenarios of a folder and why each is there.

use super::say;
use crate::scenario::Loaded;
use anyhow::{Context as _, Result};
use clap::Args;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Arguments of `list`.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// The folder.
    #[arg(default_value = "scenarios")]
    folder: PathBuf,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ListArgs) -> Result<bool> {
    let folder = std::fs::read_dir(&args.folder).with_context(|| {
        format!("{} is no folder; name the one that holds scenarios", args.folder.display())
    })?;
    let mut paths: Vec<PathBuf> = folder.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "toml"));
    paths.sort();
    let mut out = String::new();
    for path in paths {
        let loaded = Loaded::read(&path)?;
        let (name, why) = (&loaded.name, &loaded.scenario.why);
        // A String takes everything.
        let _ = if args.json {
            writeln!(out, "{}", serde_json::json!({"scenario": name, "why": why}))
        } else {
            writeln!(out, "{name:<24} {why}")
        };
    }
    say(&out)
}
