//! Reading the source files of the tree, each with its room and whether it is product or test.

use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// Crates whose code is pure: time, chance and bytes are arguments.
pub const PURE: &[&str] = &["crypto", "crdt", "node/engine", "coordinator/sfu"];
/// Crates below the shell, which also keep the test ratio.
pub const GROUND: &[&str] = &["crypto", "crdt", "node/engine", "node/store", "node/mesh"];
/// Every folder that holds a crate, the longest first so that a nested crate wins.
pub const CRATES: &[&str] = &[
    "coordinator/wire",
    "coordinator/sfu",
    "crypto/differential",
    "node/engine",
    "node/store",
    "node/mesh",
    ".ci/xtask",
    ".ci/lab",
    "coordinator",
    "simulations",
    "mobile-ffi",
    "crypto",
    "crdt",
    "node",
];

/// Source of another project that is here as published.
const FOREIGN: &str = "simulations/patches/asynchronous-codec";

/// One source file.
pub struct Source {
    /// Path from the root, with forward slashes.
    pub path: String,
    /// The folder of its crate.
    pub room: &'static str,
    /// Whether it is a test, a benchmark or an example.
    pub test: bool,
    /// Its text.
    pub text: String,
}

impl Source {
    pub fn is_pure(&self) -> bool {
        (PURE.contains(&self.room) || is_service(&self.path)) && !self.test
    }
}

/// All Rust files of the tree in path order.
pub fn sources(root: &Path) -> Result<Vec<Source>> {
    let mut found = Vec::new();
    for room in CRATES {
        walk(root, &root.join(room), room, &mut found)?;
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn walk(root: &Path, folder: &Path, room: &'static str, found: &mut Vec<Source>) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        let relative = path.strip_prefix(root)?.to_string_lossy().replace('\\', "/");
        if path.is_dir() {
            let nested = CRATES.contains(&relative.as_str()) && relative != room;
            if !nested && relative != FOREIGN && !relative.ends_with("/target") {
                walk(root, &path, room, found)?;
            }
        } else if relative.ends_with(".rs") {
            let text = fs::read_to_string(&path).with_context(|| relative.clone())?;
            found.push(Source { test: is_test(&relative), path: relative, room, text });
        }
    }
    Ok(())
}

/// What a room of the coordinator decides is pure, as what a member decides is: the simulator opens the same rooms.
pub fn is_service(path: &str) -> bool {
    let room = path.strip_prefix("coordinator/src/").and_then(|rest| rest.split_once('/'));
    room.is_some_and(|(_, inside)| inside == "service.rs" || inside.starts_with("service/"))
}

/// Tests are sibling `tests.rs` files, folders called `tests`, benchmarks, examples and everything under them.
pub fn is_test(path: &str) -> bool {
    let parts: Vec<_> = path.split('/').collect();
    parts.iter().any(|part| matches!(*part, "tests" | "tests.rs" | "benches" | "examples"))
}
