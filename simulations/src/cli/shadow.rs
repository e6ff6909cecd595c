//! `halloo-sim export-shadow`: a scenario as files for Shadow.

use super::run::talk;
use crate::scenario::Loaded;
use crate::shadow;
use anyhow::{Context as _, Result};
use clap::Args;
use std::path::PathBuf;

/// Arguments of `export-shadow`.
#[derive(Debug, Args)]
pub(super) struct ShadowArgs {
    /// The scenario, a TOML file.
    scenario: PathBuf,
    /// The seed; the scenario's first one when not given.
    #[arg(long)]
    seed: Option<u64>,
    /// Folder for `shadow.yaml` and `network.gml`; it is made.
    #[arg(long, default_value = "shadow")]
    out: PathBuf,
}

pub(super) fn run(args: &ShadowArgs) -> Result<bool> {
    let loaded = Loaded::read(&args.scenario)?;
    let plan = loaded.plan(args.seed.unwrap_or(loaded.scenario.first_seed))?;
    let export = shadow::export(&loaded.name, &loaded.scenario.why, &plan)?;
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("{} could not be made", args.out.display()))?;
    for (name, text) in [("shadow.yaml", &export.yaml), ("network.gml", &export.gml)] {
        let path = args.out.join(name);
        std::fs::write(&path, text).with_context(|| format!("{} could not be written", path.display()))?;
        talk(&format!("written: {}", path.display()));
    }
    Ok(true)
}
