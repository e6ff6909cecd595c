//! Each seed in a process of its own: libp2p counts connections for the whole process, and a run is to depend on its seed alone.

use anyhow::{Context as _, Result, bail};
use std::process::{Command, Stdio};
use std::sync::Mutex;

/// Runs this program once for each list of arguments, as many at a time as there are processors; their last lines of output, in order.
///
/// # Errors
/// If one cannot be started or fails.
pub fn outputs(argument_lists: &[Vec<String>]) -> Result<Vec<String>> {
    let program = std::env::current_exe().context("where is this program?")?;
    let at_once = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let next = Mutex::new(0..argument_lists.len());
    let found = Mutex::new(vec![None; argument_lists.len()]);
    std::thread::scope(|scope| {
        for _ in 0..at_once.min(argument_lists.len()) {
            scope.spawn(|| {
                loop {
                    let Some(place) = next.lock().expect("no child panics").next() else { return };
                    let output = output(&program, &argument_lists[place]);
                    found.lock().expect("no child panics")[place] = Some(output);
                }
            });
        }
    });
    let found = found.into_inner().expect("all threads have ended");
    found
        .into_iter()
        .map(|output| output.expect("every place is filled").map_err(anyhow::Error::msg))
        .collect()
}

fn output(program: &std::path::Path, arguments: &[String]) -> Result<String, String> {
    run(program, arguments).map_err(|error| format!("{error:#}"))
}

fn run(program: &std::path::Path, arguments: &[String]) -> Result<String> {
    let what = arguments.join(" ");
    let done = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("starting `{what}`"))?;
    if !done.status.success() {
        bail!("`{what}` ended with {}", done.status);
    }
    let text = String::from_utf8(done.stdout).with_context(|| format!("what `{what}` printed"))?;
    text.lines().last().map(str::to_owned).with_context(|| format!("`{what}` printed nothing"))
}
