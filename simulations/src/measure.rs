//! The commands that measure the simulator itself: how true it is, how fast, and what its constants come from.

mod costs;
mod fidelity;
mod scale;
mod tiers;

use anyhow::Result;
use clap::{Args, Subcommand};

/// Measures the simulator itself.
#[derive(Clone, Debug, Subcommand)]
pub enum Measure {
    /// How true it is: against shortest paths, published figures, the cliff of mute nodes.
    #[command(subcommand)]
    Fidelity(fidelity::Fidelity),
    /// What each kind of work costs a CPU, measured, beside what is charged to virtual time.
    Costs(costs::CostsArgs),
    /// How fast and how large it is: node-seconds a second and bytes a node, beside the same Swarms without engines.
    Scale(scale::Scale),
    /// One side of one size; what `scale` starts.
    #[command(hide = true)]
    ScaleSide(scale::Side),
}

/// Choices that all measurements share.
#[derive(Clone, Copy, Debug, Args)]
pub struct Choices {
    /// Runs, each of a seed of its own.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    pub first_seed: u64,
    /// Small sizes, as in the gate.
    #[arg(long)]
    pub small: bool,
    /// One JSON object a line instead of a table.
    #[arg(long)]
    pub json: bool,
    /// This size only.
    #[arg(long)]
    pub nodes: Option<u32>,
}

impl Choices {
    fn seeds(&self) -> std::ops::Range<u64> {
        self.first_seed..self.first_seed + self.seeds
    }
}

/// Does what is asked; whether everything held.
///
/// # Errors
/// If a child process cannot run.
pub fn run(measure: &Measure) -> Result<bool> {
    match measure {
        Measure::Fidelity(what) => fidelity::run(what),
        Measure::Costs(args) => costs::run(args).map(|()| true),
        Measure::Scale(args) => scale::run(args),
        Measure::ScaleSide(args) => scale::run_side(args),
    }
}
