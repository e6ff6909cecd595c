//! `halloo demo`: several members as separate processes on this machine talk, move, write, mute and part, and the outcome is measured.
//!
//! Nothing is simulated: the members are this very program, with homes, keys, sockets and disks of their own. The recorded
//! voices go through the whole voice path, the track through the whole location path. Afterwards the recordings, the
//! stamps and the packet capture in the folder are measured; the folder stays, so that anyone can measure again.

mod capture;
mod likeness;
mod material;
mod members;
mod report;
mod script;
mod stage;
mod wire;

use crate::terminal::{exit, tell};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Fewest and most members: two have somebody to talk to, eight are a full mesh.
const MEMBERS: std::ops::RangeInclusive<usize> = 2..=8;

/// What can be chosen.
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// How many members
    #[arg(long, short = 'm', default_value_t = 3)]
    pub members: usize,
    /// Other people's recordings: WAV files, the first to the first member, at most 8 s of each
    #[arg(long, value_name = "DIR")]
    pub speech: Option<PathBuf>,
    /// Another GPX track
    #[arg(long, value_name = "FILE")]
    pub track: Option<PathBuf>,
    /// Keep recordings, logs and capture in this folder instead of a fresh temporary one
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Play on the host instead of a network namespace
    #[arg(long)]
    pub host: bool,
    /// Keep the members running after the table, until interrupted
    #[arg(long)]
    pub serve: bool,
}

/// Runs the demonstration.
///
/// # Errors
/// Something that the play needs is missing, or a member failed; with the folder of the logs.
pub async fn run(args: &DemoArgs, json: bool) -> Result<u8> {
    if !MEMBERS.contains(&args.members) {
        bail!("a demonstration has {} to {} members", MEMBERS.start(), MEMBERS.end());
    }
    let stage = match stage::enter(args.host)? {
        stage::Entry::Here(stage) => stage,
        stage::Entry::Ran(code) => {
            return Ok(if code == ExitCode::SUCCESS { exit::OK } else { exit::FAILED });
        }
    };
    let dir = folder(args)?;
    let material = material::prepare(args, &dir)?;
    tell(&format!("demo in {}", dir.display()));
    if let stage::Stage::Host(why) = &stage {
        tell(&format!("on the host, without multicast and packet capture: {why}"));
    }
    let mut play = script::Play::begin(&dir, &stage, material).await?;
    let outcome = play.act(&tell).await;
    if args.serve && outcome.is_ok() {
        tell("the members go on running; end with ctrl-c");
        tokio::signal::ctrl_c().await.context("no signals here")?;
    }
    let captured = play.end().await;
    let findings = outcome.with_context(|| format!("the logs are in {}", dir.display()))?;
    let report = report::measure(&dir, &findings, captured)?;
    report.print(json)?;
    Ok(if report.holds() { exit::OK } else { exit::FAILED })
}

fn folder(args: &DemoArgs) -> Result<PathBuf> {
    let dir = match &args.dir {
        Some(dir) => dir.clone(),
        None => std::env::temp_dir().join(format!("halloo-demo-{}", std::process::id())),
    };
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    if std::fs::read_dir(&dir)?.next().is_some() {
        bail!("{} is not empty; choose another folder with --dir", dir.display());
    }
    Ok(std::path::absolute(dir)?)
}
