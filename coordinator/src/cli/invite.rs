//! `invite`.

use crate::config::Config;
use crate::hatch;
use anyhow::{Context as _, Result};
use clap::Args;
use std::path::PathBuf;

/// What it is told.
#[derive(Debug, Args)]
pub(super) struct Told {
    /// Accounts that can be made with it.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    accounts: u16,
    /// Days for which it is good, today not counted.
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(u16).range(..=3_660))]
    days: u16,
    /// Data folder of the coordinator.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Asks the coordinator that serves.
pub(super) fn run(told: &Told) -> Result<()> {
    let data = told.data.clone().unwrap_or_else(|| Config::default().data);
    let code = hatch::invitation(&data, told.accounts, told.days)?.with_context(|| {
        format!("no coordinator serves from {}: start it, or name its folder with --data", data.display())
    })?;
    println!("{code}");
    Ok(())
}
