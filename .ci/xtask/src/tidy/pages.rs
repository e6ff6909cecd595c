//! The written pages: every relative link leads somewhere, every proof that is named exists, and both lock files agree on the
//! crates that must not differ.

use super::tree::Source;
use anyhow::Result;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Crates of which the simulator must run the very version that ships.
const SAME_VERSION: &[&str] = &[
    "libp2p",
    "libp2p-gossipsub",
    "libp2p-swarm",
    "libp2p-core",
    "libp2p-identity",
    "libp2p-noise",
    "libp2p-yamux",
    "libp2p-request-response",
    "yamux",
    "snow",
    "automerge",
    "negentropy",
    "hpke",
    "hkdf",
    "sha2",
    "rand_chacha",
    "mls-rs",
    "sframe",
    "ed25519-dalek",
    "x25519-dalek",
    "aes-gcm",
];
/// What is held against OpenMLS must be what ships. Of the rest OpenMLS brings generations of its own.
const SAME_BESIDE_OPENMLS: &[&str] = &["mls-rs", "mls-rs-core", "hpke"];

/// The page that says which test or proof holds which promise.
const PROMISES: &str = "docs/FEATURES.md";

pub fn check(root: &Path, sources: &[Source]) -> Result<Vec<String>> {
    let mut breaches = Vec::new();
    let promises = fs::read_to_string(root.join(PROMISES))?;
    breaches.extend(missing_proofs(&promises, sources));
    for page in pages(root)? {
        let text = fs::read_to_string(&page)?;
        let folder = page.parent().unwrap_or(root);
        for link in links(&text) {
            if !folder.join(&link).exists() {
                breaches.push(format!(
                    "{}: the link to {link} leads nowhere",
                    page.strip_prefix(root)?.display()
                ));
            }
        }
    }
    let shipped = fs::read_to_string(root.join("Cargo.lock"))?;
    let simulations = fs::read_to_string(root.join("simulations/Cargo.lock"))?;
    let beside = fs::read_to_string(root.join("crypto/differential/Cargo.lock"))?;
    let differ = |place: &str, lock: &str, names: &[&'static str]| -> Vec<String> {
        let names = lock_difference(&shipped, lock, names);
        names.iter().map(|name| format!("{place}/Cargo.lock: {name} differs from the shipped one")).collect()
    };
    breaches.extend(differ("simulations", &simulations, SAME_VERSION));
    breaches.extend(differ("crypto/differential", &beside, SAME_BESIDE_OPENMLS));
    breaches.extend(real_time(&simulations));
    Ok(breaches)
}

fn pages(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root.join("docs")];
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "md") {
            found.push(path);
        }
    }
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "md") {
                found.push(path);
            }
        }
    }
    Ok(found)
}

/// The relative targets of `[text](target)`, without their fragments.
pub fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for rest in text.split("](").skip(1) {
        let target = rest.split([')', '#', ' ']).next().unwrap_or_default();
        if !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:") {
            found.push(target.to_owned());
        }
    }
    found
}

/// Crates that the simulator replaces: two by ones in virtual time, one by itself with smaller buffers; one copy of each, and it is ours.
const VIRTUAL: &[&str] = &["asynchronous-codec", "futures-timer", "web-time"];

/// Copies of those crates in a lock file that live in real time.
pub fn real_time(lock: &str) -> Vec<String> {
    let mut breaches = Vec::new();
    for name in VIRTUAL {
        let head = format!("name = \"{name}\"\n");
        let copies: Vec<&str> = lock.split("[[package]]\n").filter(|one| one.starts_with(&head)).collect();
        if copies.len() != 1 || copies[0].contains("source = ") {
            breaches.push(format!(
                "simulations/Cargo.lock: {name} must be there once, from simulations/patches; a second copy of a timer lives in real time"
            ));
        }
    }
    if lock.contains("[[patch.unused]]") {
        breaches.push(
            "simulations/Cargo.lock: a patch is not used; what it replaced has another version now".into(),
        );
    }
    breaches
}

/// Tests and lines of proof that a page names in backticks and that no source file has.
pub fn missing_proofs(text: &str, sources: &[Source]) -> Vec<String> {
    let named = text.split('`').skip(1).step_by(2);
    named
        .filter_map(|name| {
            let sought = if name.starts_with("first-halloo.") {
                format!("\"{name}\"")
            } else if name.matches('_').count() >= 3 {
                format!("fn {name}(")
            } else {
                return None;
            };
            let found = sources.iter().any(|source| source.text.contains(&sought));
            (!found).then(|| format!("{PROMISES}: nothing is called {name}"))
        })
        .collect()
}

/// Those of the crates that the other lock file holds in a version that is not among ours. We may hold an older generation
/// beside it where a server's library brings one: what the other file runs is still what ships.
pub fn lock_difference(ours: &str, theirs: &str, names: &[&'static str]) -> Vec<&'static str> {
    let versions = |lock: &str, name: &str| -> BTreeSet<String> {
        let head = format!("name = \"{name}\"");
        let lines: Vec<&str> = lock.lines().collect();
        lines.windows(2).filter(|w| w[0] == head).map(|w| w[1].to_owned()).collect()
    };
    let differs = |name: &&'static str| {
        let (a, b) = (versions(ours, name), versions(theirs, name));
        !b.is_subset(&a)
    };
    names.iter().copied().filter(differs).collect()
}
