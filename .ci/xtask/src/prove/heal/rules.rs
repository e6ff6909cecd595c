//! `prove heal.11`: every rule by which groups heal is broken once in a copy of the tree, and a named test must see it.

mod list;
#[cfg(test)]
mod tests;

use super::super::{Size, planted};
use crate::shell::{cargo, command, root, target};
use anyhow::{Context, Result, bail};
use list::{Broken, all};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Folders of the tree that its workspace is made of.
const COPIED: &[&str] = &[".ci", "coordinator", "crdt", "crypto", "mobile-ffi", "node"];

/// Breaks each rule and runs its test; the environment variable `HALLOO_MUTANT` names one alone.
pub fn run(size: Size) -> Result<()> {
    for broken in all() {
        planted::apply(&root(), broken.name, broken.edits)?;
    }
    if size == Size::Small {
        println!("{} rules can be broken; `prove heal.11` breaks them", all().count());
        return Ok(());
    }
    let only = std::env::var("HALLOO_MUTANT").ok();
    let chosen: Vec<&Broken> =
        all().filter(|broken| only.as_ref().is_none_or(|only| only == broken.name)).collect();
    if chosen.is_empty() {
        bail!("no rule is called {}; see heal/rules/list.rs", only.unwrap_or_default());
    }
    let tree = target().join("mutants/rules");
    planted::copy(&root(), &tree, COPIED, &[])?;
    for broken in &chosen {
        if !passes(&tree, broken)? {
            bail!("`{}` fails without the bug: it proves nothing", broken.test);
        }
    }
    println!("{:<52} {:<76} {:>7} {:>8}", "broken rule", "test", "killed", "seconds");
    let mut survived = Vec::new();
    for broken in chosen {
        let began = Instant::now();
        planted::copy(&root(), &tree, COPIED, &planted::apply(&root(), broken.name, broken.edits)?)?;
        build(&tree, broken)?;
        let killed = !passes(&tree, broken)?;
        let word = if killed { "yes" } else { "no" };
        println!("{:<52} {:<76} {word:>7} {:>8}", broken.name, broken.test, began.elapsed().as_secs());
        if !killed {
            survived.push(broken.name);
        }
    }
    planted::copy(&root(), &tree, COPIED, &[])?;
    println!("each test passes without its bug");
    if survived.is_empty() { Ok(()) } else { bail!("broken and not seen: {}", survived.join(", ")) }
}

fn nextest(tree: &Path, broken: &Broken, end: &[&str]) -> Command {
    let mut args = vec!["nextest", "run", "--locked", "-p", broken.package];
    args.extend(broken.built);
    args.extend(end);
    let mut nextest = command(&cargo(), &args);
    nextest.current_dir(tree).env("CARGO_TARGET_DIR", target()).stdin(Stdio::null());
    nextest
}

/// A tree that does not build would look like one whose test fails.
fn build(tree: &Path, broken: &Broken) -> Result<()> {
    let built = nextest(tree, broken, &["--no-run", "--cargo-quiet"]).output().context("cargo nextest")?;
    if !built.status.success() {
        bail!("`{}` does not build:\n{}", broken.name, String::from_utf8_lossy(&built.stderr));
    }
    Ok(())
}

/// Whether the test passes. That it exists is asked of the run: one without tests is an error of its own.
fn passes(tree: &Path, broken: &Broken) -> Result<bool> {
    let filter = format!("test(/(^|::){}$/)", broken.test);
    let ran = nextest(tree, broken, &["--no-fail-fast", "-E", &filter]).output().context("cargo nextest")?;
    let told = String::from_utf8_lossy(&ran.stderr);
    if !told.contains("1 test run:") {
        bail!("`{}` is not one test of {}:\n{told}", broken.test, broken.package);
    }
    Ok(ran.status.success())
}
