//! The gate and the demonstration: the two commands of the README.

use crate::shell::{cargo, command, finish, root, run, run_cargo, step, target};
use crate::{deps, prove, setup, simulator, tidy};
use anyhow::Result;

/// `cargo xtask demo`: builds the release command and runs `halloo demo` with the given arguments.
pub fn demo(args: &[String]) -> Result<()> {
    let devices = setup::for_demo()?;
    let mut line = vec!["run", "--quiet", "--locked", "--release", "-p", "halloo-node", "--bin", "halloo"];
    if !devices {
        line.push("--no-default-features");
    }
    line.extend(["--", "demo"]);
    line.extend(args.iter().map(String::as_str));
    run(&cargo(), &line)
}

/// `cargo xtask test`: everything that must hold before a change lands.
pub fn test() -> Result<()> {
    let cargo = cargo();
    step("set-up", setup::for_test)?;
    step("format", || run(&cargo, &["fmt", "--all", "--check"]))?;
    step("tidy", tidy::run)?;
    step("dependency lists", || deps::run(false))?;
    step("licences, bans and sources", deny)?;
    step("lints", || {
        run(
            &cargo,
            &["clippy", "--locked", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"],
        )
    })?;
    step("documentation", documentation)?;
    step("tests", || {
        let args = ["nextest", "run", "--locked", "--workspace", "--all-features", "--no-fail-fast"];
        let mut tests = command(&cargo, &args);
        // Built with them: a test that builds it by itself would build what lies below it with other features once more.
        tests.env("HALLOO_COORDINATOR", target().join("debug/halloo-coordinator"));
        finish(tests, &cargo, &args)
    })?;
    step("the simulator: format, lints, tests", simulations)?;
    step("the group layer beside OpenMLS: format, lints", differential)?;
    step("proofs at small size", prove::small)
}

/// The simulator is a workspace of its own and is held to the same rules.
fn simulations() -> Result<()> {
    let cargo = |args: &[&str]| simulator::run_cargo(&root(), &target(), args);
    cargo(&["fmt", "--all", "--check"])?;
    cargo(&["clippy", "--quiet", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    cargo(&["nextest", "run", "--locked", "--workspace", "--no-fail-fast"])
}

/// Likewise the workspace that names OpenMLS; its tests are a proof.
fn differential() -> Result<()> {
    let workspace = root().join(prove::DIFFERENTIAL);
    let cargo = |args: &[&str]| run_cargo(&workspace, &target(), args);
    cargo(&["fmt", "--all", "--check"])?;
    cargo(&["clippy", "--quiet", "--locked", "--all-targets", "--all-features", "--", "-D", "warnings"])
}

/// cargo-deny without its advisory database when that cannot be fetched; saying so.
fn deny() -> Result<()> {
    run("cargo-deny", &["--locked", "check", "--hide-inclusion-graph", "licenses", "bans", "sources"])?;
    let fetch = ["--locked", "check", "--hide-inclusion-graph", "advisories"];
    let reachable = command("cargo-deny", &["fetch", "db"]).output().is_ok_and(|out| out.status.success());
    if !reachable {
        eprintln!("note: the RustSec database cannot be reached from here; advisories were not checked");
        return Ok(());
    }
    run("cargo-deny", &fetch)
}

fn documentation() -> Result<()> {
    let args = ["doc", "--locked", "--workspace", "--no-deps", "--document-private-items"];
    let cargo = cargo();
    let mut doc = command(&cargo, &args);
    doc.env("RUSTDOCFLAGS", "-D rustdoc::broken_intra_doc_links -D rustdoc::invalid_html_tags");
    finish(doc, &cargo, &args)
}
