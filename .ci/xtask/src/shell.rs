//! Running other programs from the root of the tree, with the failing command line in every error.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// The root of the checkout this xtask was built from.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("xtask lives two folders below the root").to_path_buf()
}

/// Where everything that is built or fetched goes.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The cargo that runs this xtask.
pub fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".into())
}

/// A command at the root, with the project's own tools first in its search path.
///
/// What cargo keeps for a next build of the same crate is not kept: the gate builds each once, and it would be gigabytes.
pub fn command(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    let tools = target().join("tools");
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    let mut path = vec![tools.join("python/bin")];
    path.extend(Path::new(&cargo()).parent().map(Path::to_path_buf));
    path.extend(std::env::var_os("CARGO_HOME").map(|home| PathBuf::from(home).join("bin")));
    path.extend(std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo/bin")));
    path.extend(std::env::split_paths(&inherited));
    command.args(args).current_dir(root());
    if std::env::var_os("CARGO_INCREMENTAL").is_none() {
        command.env("CARGO_INCREMENTAL", "0");
    }
    if let Ok(path) = std::env::join_paths(path) {
        command.env("PATH", path);
    }
    command
}

/// Runs a command with inherited output.
pub fn run(program: &str, args: &[&str]) -> Result<()> {
    finish(command(program, args), program, args)
}

/// Runs a prepared command with inherited output.
pub fn finish(mut command: Command, program: &str, args: &[&str]) -> Result<()> {
    let line = format!("{program} {}", args.join(" "));
    let status = command.status().with_context(|| format!("could not start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` ended with {status}");
    }
    Ok(())
}

/// Runs cargo in the folder of a workspace of its own; what it builds goes to `target`.
pub fn run_cargo(workspace: &Path, target: &Path, args: &[&str]) -> Result<()> {
    let cargo = cargo();
    let mut command = command(&cargo, args);
    command.current_dir(workspace).env("CARGO_TARGET_DIR", target);
    finish(command, &cargo, args)
}

/// Runs a command and returns what it printed; its stderr is shown.
pub fn capture(program: &str, args: &[&str]) -> Result<String> {
    let line = format!("{program} {}", args.join(" "));
    let output = command(program, args)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("could not start `{line}`"))?;
    if !output.status.success() {
        bail!("`{line}` ended with {}", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{line}` printed something that is not text"))
}

/// Whether a program can be started at all.
pub fn has(program: &str) -> bool {
    let mut probe = command(program, &["--version"]);
    probe.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok()
}

/// Names a step on stderr, runs it, and says how long it took.
pub fn step(name: &str, body: impl FnOnce() -> Result<()>) -> Result<()> {
    eprintln!("== {name}");
    let began = Instant::now();
    body().with_context(|| format!("step `{name}` failed"))?;
    eprintln!("== {name}: ok in {:.1} s", began.elapsed().as_secs_f64());
    Ok(())
}
