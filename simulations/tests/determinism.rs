//! One seed, one run: in processes apart, over the real Noise and Yamux, with loss and churn. And nothing in the tree that could break it.

use halloo_simulations::children::Bundle;
use halloo_simulations::scenario::Loaded;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Seeds that are run twice here; `cargo xtask prove simulator.1` runs more, in both profiles.
const SEEDS: u64 = 4;

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// Seed, hash and whether all judges were content, for each seed.
fn run() -> Vec<(u64, String, bool)> {
    let scenario = here().join("tests/determinism/loss-and-churn.toml");
    let output = Command::new(env!("CARGO_BIN_EXE_halloo-sim"))
        .args(["run", "--json", "--first-seed", "1", "--seeds", &SEEDS.to_string()])
        .arg(scenario)
        .output()
        .expect("the simulator starts");
    let text = String::from_utf8(output.stdout).expect("JSON is text");
    let mut seeds: Vec<_> = text
        .lines()
        .map(|line| {
            let seed: serde_json::Value = serde_json::from_str(line).expect("one object a seed");
            let hash = seed["hash"].as_str().expect("a hash").to_owned();
            (seed["seed"].as_u64().expect("a seed"), hash, seed["ok"].as_bool().expect("ok or not"))
        })
        .collect();
    seeds.sort();
    assert_eq!(seeds.len() as u64, SEEDS, "every seed tells: {}", String::from_utf8_lossy(&output.stderr));
    seeds
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_seed_another() {
    let (first, second) = (run(), run());
    assert_eq!(first, second);
    let hashes: BTreeSet<_> = first.iter().map(|(_, hash, _)| hash).collect();
    assert_eq!(hashes.len() as u64, SEEDS);
    assert!(first.iter().all(|(_, _, ok)| *ok), "{first:?}");
}

/// The hash of one seed of the same scenario, by the command that [`run`] starts for each.
fn hash_of(seed: u64, forgetful: bool) -> String {
    let loaded = Loaded::read(&here().join("tests/determinism/loss-and-churn.toml")).expect("a scenario");
    let mut child = Command::new(env!("CARGO_BIN_EXE_halloo-sim"))
        .args(["one", "--seed", &seed.to_string()])
        .args(forgetful.then_some("--forgetful"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the simulator starts");
    let bundle = serde_json::to_vec(&Bundle::of(&loaded)).expect("texts are JSON");
    child.stdin.take().expect("piped").write_all(&bundle).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let result: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one object");
    result["hash"].as_str().expect("a hash").to_owned()
}

#[test]
fn members_that_share_what_they_found_good_leave_the_same_trace_as_members_that_check_for_themselves() {
    for seed in [1, 2] {
        assert_eq!(hash_of(seed, false), hash_of(seed, true), "seed {seed}");
    }
}

#[test]
fn the_tree_holds_one_clock_and_one_timer_and_both_are_virtual() {
    let lock = std::fs::read_to_string(here().join("Cargo.lock")).expect("a lock file");
    for name in ["asynchronous-codec", "futures-timer", "web-time"] {
        let head = format!("name = \"{name}\"\n");
        let copies: Vec<&str> = lock.split("[[package]]\n").filter(|one| one.starts_with(&head)).collect();
        assert_eq!(copies.len(), 1, "one copy of {name}");
        assert!(!copies[0].contains("source ="), "{name} comes from patches/");
    }
    assert!(!lock.contains("[[patch.unused]]"), "all patches are used");
}

/// SHA-256 over the source of asynchronous-codec 0.7.0 as published, its files in the order of their paths.
const CODEC: &str = "e75bcb58f7db902bf78819d44b21793b0b6b3fd3b718397855f87a6fbecb369a";

#[test]
fn the_codec_is_the_published_one_but_for_buffers_that_hold_no_memory_while_they_are_empty() {
    let folder = here().join("patches/asynchronous-codec/src");
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in [folder.clone(), folder.join("codec")] {
        let entries =
            std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        files.extend(entries.filter(|path| path.is_file()));
    }
    files.sort_by_key(|path| path.strip_prefix(&folder).expect("inside").to_path_buf());
    let mut hash = Sha256::new();
    let mut changed = 0;
    for file in &files {
        let text = std::fs::read_to_string(file).expect("text");
        let (ours, text): (Vec<_>, Vec<_>) =
            text.split_inclusive('\n').partition(|line| line.contains("// Ours: "));
        let text = text.concat();
        changed += ours.len();
        let capacity = if file.ends_with("framed_read.rs") { "INITIAL_CAPACITY" } else { "1028 * 8" };
        changed += text.matches("buffer.unwrap_or_default()").count();
        let original = format!("buffer.unwrap_or_else(|| BytesMut::with_capacity({capacity}))");
        hash.update(text.replace("buffer.unwrap_or_default()", &original));
    }
    let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((changed, hex.as_str()), (4, CODEC));
}
