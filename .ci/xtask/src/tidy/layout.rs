//! Who may import whom: the arrows between crates, the order of modules inside a crate, and names that mean nothing.

use super::tree::{CRATES, Source};
use anyhow::Result;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The complete list of arrows: a crate, and which of ours it may name in its manifest.
const ARROWS: &[(&str, &[&str])] = &[
    ("crypto", &[]),
    ("crypto/differential", &["halloo-crypto"]),
    ("crdt", &["halloo-crypto"]),
    ("node/engine", &["halloo-crypto", "halloo-crdt"]),
    ("node/store", &[]),
    ("node/mesh", &[]),
    ("coordinator/sfu", &[]),
    ("coordinator/wire", &["halloo-crypto"]),
    (
        "node",
        &[
            "halloo-engine",
            "halloo-mesh",
            "halloo-store",
            "halloo-wire",
            "halloo-sfu",
            "halloo-crypto",
            "halloo-crdt",
            "halloo-lab",
        ],
    ),
    ("coordinator", &["halloo-wire", "halloo-sfu", "halloo-store", "halloo-crypto"]),
    ("mobile-ffi", &["halloo-node"]),
    (
        "simulations",
        &[
            "halloo-engine",
            "halloo-mesh",
            "halloo-store",
            "halloo-sfu",
            "halloo-wire",
            "halloo-crypto",
            "halloo-crdt",
            "halloo-coordinator",
            "halloo-vtime",
        ],
    ),
    (".ci/xtask", &["halloo-lab"]),
    (".ci/lab", &[]),
];

/// Drawers, not rooms: an id lives in `crypto` because an id is a key or a hash, and so on for everything else.
const DRAWERS: &[&str] = &["common", "utils", "util", "helpers", "helper", "shared", "types", "misc"];

pub fn check(root: &Path, sources: &[Source]) -> Result<Vec<String>> {
    let mut breaches = Vec::new();
    for room in CRATES {
        if let Ok(manifest) = fs::read_to_string(root.join(room).join("Cargo.toml")) {
            breaches.extend(arrows(room, &manifest));
        }
        breaches.extend(module_order(room, sources));
    }
    breaches.extend(sources.iter().filter_map(drawer));
    Ok(breaches)
}

/// The crates of ours that a manifest names outside its development dependencies, each held against the list.
pub fn arrows(room: &str, manifest: &str) -> Vec<String> {
    let allowed = ARROWS.iter().find(|(name, _)| *name == room).map_or(&[][..], |(_, list)| list);
    let mut section = "";
    let mut breaches = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        }
        let name = line.split([' ', '.', '=']).next().unwrap_or_default();
        if section.contains("dependencies")
            && !section.contains("dev-")
            && name.starts_with("halloo-")
            && !allowed.contains(&name)
        {
            breaches.push(format!(
                "{room}/Cargo.toml: {room} must not depend on {name} (docs/ARCHITECTURE.md, the arrows)"
            ));
        }
    }
    breaches
}

/// Modules are listed in `lib.rs` from the ground up; a module may name only those above it.
fn module_order(room: &str, sources: &[Source]) -> Vec<String> {
    let Some(lib) = sources.iter().find(|s| s.path == format!("{room}/src/lib.rs")) else {
        return Vec::new();
    };
    let order: Vec<&str> = lib.text.lines().filter_map(module_name).collect();
    let rank: BTreeMap<&str, usize> = order.iter().enumerate().map(|(i, name)| (*name, i)).collect();
    let prefix = format!("{room}/src/");
    let mut breaches = Vec::new();
    for source in sources.iter().filter(|s| s.room == room && !s.test) {
        let Some(inside) = source.path.strip_prefix(&prefix) else { continue };
        let own = inside.split(['/', '.']).next().unwrap_or_default();
        let Some(own_rank) = rank.get(own) else { continue };
        for named in named_modules(&source.text) {
            if rank.get(named.as_str()).is_some_and(|r| r > own_rank) {
                breaches
                    .push(format!("{}: {own} names {named}, which stands above it in lib.rs", source.path));
            }
        }
    }
    breaches
}

fn module_name(line: &str) -> Option<&str> {
    let rest = line
        .strip_prefix("pub mod ")
        .or_else(|| line.strip_prefix("mod "))
        .or_else(|| line.strip_prefix("pub(crate) mod "))?;
    rest.strip_suffix(';').filter(|name| *name != "tests")
}

/// Every `crate::NAME` of a text, also inside braces right after `crate::`.
pub fn named_modules(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines().filter(|l| !l.trim_start().starts_with("//")) {
        for rest in line.split("crate::").skip(1) {
            let names = rest.strip_prefix('{').map_or_else(|| vec![rest], |list| list.split(',').collect());
            for name in names {
                let name: String =
                    name.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                found.push(name);
            }
        }
    }
    found
}

fn drawer(source: &Source) -> Option<String> {
    let name = source.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
    DRAWERS.contains(&name).then(|| {
        format!(
            "{}: `{name}` is a drawer, not a room; put each thing where it is measured or used",
            source.path
        )
    })
}
