//! The `halloo-sim` command: what a researcher types, and what is printed. stdout is data, stderr is talk.

mod head;
mod one;
mod run;
mod replay;
mod hunt;
mod list;
mod shadow;

use crate::measure::{self, Measure};
use crate::report::compare;
use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// The shipped halloo engine, voice path and libp2p stack in virtual time: deterministic, judged, replayable.
#[derive(Debug, Parser)]
#[command(
    name = "halloo-sim",
    version,
    after_help = "exit codes: 0 all seeds are ok, 1 some are not, 2 it could not run"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a scenario, each seed in a process of its own.
    Run(run::RunArgs),
    /// Runs a trace again and compares it line by line.
    Replay(replay::ReplayArgs),
    /// Looks for seeds that fail, and makes what fails smaller.
    Hunt(hunt::HuntArgs),
    /// Compares two folders of results, figure by figure, with confidence intervals.
    Compare(CompareArgs),
    /// Lists the scenarios of a folder with the reason for each.
    List(list::ListArgs),
    /// Prints the schema of scenario files.
    Schema,
    /// Writes a scenario as a Shadow 3 configuration: hosts, commands and network graph.
    ExportShadow(shadow::ShadowArgs),
    /// One seed of a scenario that is given on stdin; what `run` starts.
    #[command(hide = true)]
    One(one::OneArgs),
    #[command(flatten)]
    Measure(Measure),
}

/// Arguments of `compare`; exit code 1 says that something is worse.
#[derive(Debug, Args)]
struct CompareArgs {
    /// The folder of results to compare with.
    base: PathBuf,
    /// The folder that is judged.
    new: PathBuf,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Which seeds, as `run`, `replay` and `hunt` take them.
#[derive(Clone, Copy, Debug, Args)]
pub struct Seeds {
    /// How many seeds; the scenario's own number when not given.
    #[arg(long)]
    pub seeds: Option<u64>,
    /// The first seed; the scenario's own when not given.
    #[arg(long)]
    pub first_seed: Option<u64>,
    /// One JSON object a seed on stdout.
    #[arg(long)]
    pub json: bool,
    /// Processes at once; as many as there are cores when not given.
    #[arg(long)]
    pub jobs: Option<usize>,
}

/// Where the result files go, for the commands that write some.
#[derive(Clone, Debug, Args)]
pub struct Out {
    /// Folder for tables, traces, plots and the report; it is made.
    #[arg(long)]
    pub out: Option<PathBuf>,
}

/// Runs the command line.
#[must_use]
pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Hunt(args) => hunt::run(&args),
        Command::Compare(args) => compare::run(&args.base, &args.new, args.json)
            .and_then(|(text, nothing_is_worse)| say(&text).map(|_| nothing_is_worse)),
        Command::List(args) => list::run(&args),
        Command::Schema => say(&crate::scenario::schema()),
        Command::ExportShadow(args) => shadow::run(&args),
        Command::One(args) => one::run(&args),
        Command::Measure(measure) => measure::run(&measure),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            // Nothing is left to tell when stderr is closed.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Data for stdout; a reader that has gone away has had enough.
fn say(text: &str) -> Result<bool> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(true),
    }
}
