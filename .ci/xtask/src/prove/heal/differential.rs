//! `prove heal.10`: the same scripts of operations through our group layer and through OpenMLS, in mixed groups too.
//!
//! OpenMLS as published stands in the way of its own use here by one check; see `crypto/differential/src/lib.rs`. So what it
//! can do is tried as it is, and the scripts run in a copy of the tree in which that check asks what RFC 9420 asks.

use super::super::{Size, planted};
use crate::shell::{capture, cargo, command, finish, root, run_cargo, target};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// The workspace, from the root.
pub const WORKSPACE: &str = "crypto/differential";
/// What is loosened in OpenMLS: an extension that all members support may stand in the group context.
const LOOSENED: &[planted::Edit] = &[(
    "src/group/public_group/validation.rs",
    "                                || required_capabilities.requires_extension_type_support(ext_type)\n",
    "                                || required_capabilities.requires_extension_type_support(ext_type)\n                                || self.check_extension_support(&[ext_type]).is_ok()\n",
)];
/// What its manifest names, beside `src`.
const ITS_FOLDERS: &[&str] = &["src", "benches", "examples", "tests"];

/// Few scripts in the gate, otherwise two hundred.
pub fn run(size: Size) -> Result<()> {
    run_cargo(&root().join(WORKSPACE), &target(), &["nextest", "run", "--locked"])?;
    let (openmls, tree) = (target().join("differential/openmls"), target().join("differential/tree"));
    let source = source()?;
    planted::copy(&source, &openmls, ITS_FOLDERS, &planted::apply(&source, "a looser OpenMLS", LOOSENED)?)?;
    fs::copy(source.join("README.md"), openmls.join("README.md"))
        .context("its own documentation names it")?;
    planted::copy(&root(), &tree, &["crypto"], &patched(&openmls)?)?;
    let args = ["nextest", "run", "--locked", "--features", "loosened", "--test", "scripts", "--no-capture"];
    let cargo = cargo();
    let mut scripts = command(&cargo, &args);
    scripts.current_dir(tree.join(WORKSPACE)).env("CARGO_TARGET_DIR", target());
    if size == Size::Full {
        scripts.env("HALLOO_PROVE", "1");
    }
    finish(scripts, &cargo, &args)
}

/// Where cargo keeps the sources of the OpenMLS that the lock file names.
fn source() -> Result<PathBuf> {
    let manifest = root().join(WORKSPACE).join("Cargo.toml");
    let manifest = manifest.to_string_lossy();
    let args = ["metadata", "--locked", "--format-version", "1", "--manifest-path", &manifest];
    let metadata: Value = serde_json::from_str(&capture(&cargo(), &args)?).context("cargo prints JSON")?;
    let packages = metadata["packages"].as_array().context("a list of packages")?;
    let openmls = packages.iter().find(|package| package["name"] == "openmls");
    let path = openmls.and_then(|package| package["manifest_path"].as_str()).context("OpenMLS is locked")?;
    Ok(Path::new(path).parent().context("a manifest lies in a folder")?.to_path_buf())
}

/// Manifest and lock file that take OpenMLS from the copy.
fn patched(openmls: &Path) -> Result<Vec<(PathBuf, String)>> {
    let read = |name: &str| fs::read_to_string(root().join(WORKSPACE).join(name)).context(name.to_owned());
    let place = |name: &str| Path::new(WORKSPACE).join(name);
    let manifest = format!("{}\n[patch.crates-io]\nopenmls.path = {openmls:?}\n", read("Cargo.toml")?);
    Ok(vec![
        (place("Cargo.toml"), manifest),
        (place("Cargo.lock"), without_source(&read("Cargo.lock")?, "openmls")?),
    ])
}

/// The lock file as cargo writes it if `name` comes from a folder.
fn without_source(lock: &str, name: &str) -> Result<String> {
    let head = format!("name = \"{name}\"");
    let mut lines: Vec<&str> = lock.lines().collect();
    let Some(at) = lines.iter().position(|line| *line == head) else { bail!("{name} is not locked") };
    let Some([_, source, checksum]) = lines.get(at + 1..at + 4) else {
        bail!("the lock file ends in {name}")
    };
    if !source.starts_with("source = ") || !checksum.starts_with("checksum = ") {
        bail!("{name} does not come from a registry");
    }
    lines.drain(at + 2..at + 4);
    Ok(lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests;
