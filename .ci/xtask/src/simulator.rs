//! The simulator as seen from here: its own workspace, built and run, each seed's verdict read back.

pub mod scale;

use crate::shell::{self, root, target};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The scenario that all of a determinism proof is about: small and unkind, with the real Noise and Yamux.
pub const UNKIND: &str = "simulations/tests/determinism/loss-and-churn.toml";

/// What came of one seed.
pub struct Verdict {
    pub scenario: String,
    pub seed: u64,
    pub hash: String,
    pub ok: bool,
    /// The judge and its words, for each violation that was kept.
    pub violations: Vec<(String, String)>,
    /// What was measured, by name.
    pub figures: Value,
}

/// Runs cargo in the simulator's workspace of a tree.
pub fn run_cargo(tree: &Path, target: &Path, args: &[&str]) -> Result<()> {
    shell::run_cargo(&tree.join("simulations"), target, args)
}

/// Builds the command and says where it is.
pub fn build(release: bool) -> Result<PathBuf> {
    let mut args = vec!["build", "--quiet", "--locked", "--bin", "halloo-sim"];
    args.extend(release.then_some("--release"));
    run_cargo(&root(), &target(), &args)?;
    Ok(target().join(if release { "release" } else { "debug" }).join("halloo-sim"))
}

/// Runs seeds of a scenario in processes of their own; a failing seed is a verdict, not an error.
pub fn seeds(bin: &Path, scenario: &Path, first: u64, count: u64, jobs: Option<u32>) -> Result<Vec<Verdict>> {
    let mut command = Command::new(bin);
    command.arg("run").arg(scenario).arg("--json");
    command.args(["--first-seed", &first.to_string(), "--seeds", &count.to_string()]);
    if let Some(jobs) = jobs {
        command.args(["--jobs", &jobs.to_string()]);
    }
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .with_context(|| format!("could not start {}", bin.display()))?;
    let text = String::from_utf8(output.stdout).context("the simulator prints JSON")?;
    let mut verdicts = text.lines().map(verdict).collect::<Result<Vec<_>>>()?;
    verdicts.sort_by_key(|verdict| verdict.seed);
    if verdicts.len() as u64 != count {
        bail!(
            "{} of {count} seeds of {} told what came of them; run it by hand: halloo-sim run {0}",
            verdicts.len(),
            scenario.display()
        );
    }
    Ok(verdicts)
}

fn verdict(line: &str) -> Result<Verdict> {
    let value: Value = serde_json::from_str(line).with_context(|| format!("no JSON: {line}"))?;
    let word = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let violations = value["violations"].as_array().into_iter().flatten();
    Ok(Verdict {
        scenario: word(&value, "scenario"),
        seed: value["seed"].as_u64().context("a verdict names its seed")?,
        hash: word(&value, "hash"),
        ok: value["ok"].as_bool().context("a verdict says whether the seed is ok")?,
        violations: violations.map(|one| (word(one, "check"), word(one, "what"))).collect(),
        figures: value["figures"].clone(),
    })
}

/// An error that names every seed that is not ok.
pub fn demand_ok(verdicts: &[Verdict]) -> Result<()> {
    let failed: Vec<String> = verdicts
        .iter()
        .filter(|verdict| !verdict.ok)
        .map(|verdict| {
            let first = verdict.violations.first();
            let (check, what) = first.map_or(("", ""), |(check, what)| (check.as_str(), what.as_str()));
            format!("{} seed {}: {check}: {what}", verdict.scenario, verdict.seed)
        })
        .collect();
    if failed.is_empty() { Ok(()) } else { bail!("{}", failed.join("\n")) }
}
