//! Seeds in parallel: a child process each, so that process-wide counters of the libraries begin anew for every run.

use crate::record::RunResult;
use crate::scenario::Loaded;
use anyhow::{Context as _, Result, bail};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the parent says on stdin.
#[derive(Debug, Serialize, Deserialize)]
pub struct Bundle {
    /// The scenario's name.
    pub name: String,
    /// Its text.
    pub text: String,
    /// GPX files by name.
    pub files: BTreeMap<String, String>,
}

impl Bundle {
    /// The bundle of a scenario.
    #[must_use]
    pub fn of(loaded: &Loaded) -> Self {
        Bundle { name: loaded.name.clone(), text: loaded.text.clone(), files: loaded.files.clone() }
    }
}

/// What is wanted of each child.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Folder for traces: `seed-7.trace`.
    pub traces: Option<PathBuf>,
    /// Whether tables come back.
    pub tables: bool,
    /// Whether a person looks on.
    pub live: bool,
}

/// Runs seeds `first ..` of a scenario, `jobs` at a time; results in the order of seeds.
///
/// # Errors
/// When a child cannot run: its own words.
///
/// # Panics
/// If a thread of ours panicked.
pub fn run(
    loaded: &Loaded,
    (first, count): (u64, u64),
    jobs: usize,
    wanted: &Wanted,
) -> Result<Vec<RunResult>> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let bars = MultiProgress::new();
    let next = AtomicU64::new(first);
    let done = Mutex::new(Vec::new());
    let failed = Mutex::new(None);
    let end = first.checked_add(count).context("seeds are numbered in 64 bits; choose a lower first seed")?;
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end || failed.lock().is_ok_and(|failed| failed.is_some()) {
                        return;
                    }
                    let bar = bar(&bars, loaded, seed, wanted.live);
                    match one(loaded, seed, wanted, folder.path(), &bar) {
                        Ok(result) => done.lock().expect("no thread panics while it holds it").push(result),
                        Err(error) => {
                            *failed.lock().expect("no thread panics while it holds it") = Some(error)
                        }
                    }
                    bar.finish_and_clear();
                }
            });
        }
    });
    if let Some(error) = failed.into_inner().expect("all threads have ended well") {
        return Err(error);
    }
    let mut results = done.into_inner().expect("all threads have ended well");
    results.sort_by_key(|result: &RunResult| result.seed);
    Ok(results)
}

fn bar(bars: &MultiProgress, loaded: &Loaded, seed: u64, live: bool) -> ProgressBar {
    if !live {
        return ProgressBar::hidden();
    }
    let bar = bars.add(ProgressBar::new(loaded.scenario.seconds as u64));
    let style = ProgressStyle::with_template("{prefix:>10} {wide_bar} {pos:>5}/{len} virtual s {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_prefix(format!("seed {seed}"));
    bar
}

/// One child from its start to its end.
fn one(loaded: &Loaded, seed: u64, wanted: &Wanted, folder: &Path, bar: &ProgressBar) -> Result<RunResult> {
    let program = std::env::current_exe().context("this program cannot be found again")?;
    let tables = wanted.tables.then(|| folder.join(format!("{seed}.tables")));
    let mut command = Command::new(program);
    command.args(["one", "--seed", &seed.to_string(), "--progress"]);
    if let Some(path) = &tables {
        command.arg("--tables").arg(path);
    }
    if let Some(traces) = &wanted.traces {
        command.arg("--trace").arg(traces.join(format!("seed-{seed}.trace")));
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("a child process could not be started")?;
    let bundle = serde_json::to_vec(&Bundle::of(loaded))?;
    let told = child.stdin.take().context("the child has no stdin")?.write_all(&bundle);
    let complaint = follow(&mut child, bar)?;
    let mut text = String::new();
    child.stdout.take().context("the child has no stdout")?.read_to_string(&mut text)?;
    let status = child.wait()?;
    told.context("the child did not take the scenario")?;
    let Some(line) = text.lines().last().filter(|_| matches!(status.code(), Some(0 | 1))) else {
        bail!("seed {seed} could not run ({status}): {complaint}");
    };
    let mut result: RunResult = serde_json::from_str(line).context("the child printed no result")?;
    if let Some(path) = tables {
        let bytes = std::fs::read(&path).context("the child left no tables")?;
        if !result.unpack_series(&bytes) {
            bail!("the tables of seed {seed} are damaged; is the disk full?");
        }
    }
    Ok(result)
}

/// Reads what a child says until it says no more; what is no progress is kept as its complaint.
fn follow(child: &mut Child, bar: &ProgressBar) -> Result<String> {
    let mut complaint = String::new();
    let stderr = child.stderr.take().context("the child has no stderr")?;
    for line in BufReader::new(stderr).lines() {
        let line = line?;
        let mut words = line.split(' ');
        match (words.next(), words.next().and_then(|word| word.parse().ok()), words.next()) {
            (Some("P"), Some(second), Some(violations)) => {
                bar.set_position(second);
                if violations != "0" {
                    bar.set_message(format!("{violations} violations"));
                }
            }
            _ => {
                complaint.push_str(&line);
                complaint.push('\n');
            }
        }
    }
    Ok(complaint)
}
