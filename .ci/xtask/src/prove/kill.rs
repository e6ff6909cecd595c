//! `kill -9` of a member at random moments: it comes back, has lost nothing that was acknowledged, and repeats no key with another text.

use super::Size;
use super::homes::Homes;
use super::people::{self, Person, texts};
use anyhow::{Context, Result, bail};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

/// Longest time between two kills.
const LIFE_MAX_MS: u64 = 1_500;

/// `prove first-halloo.5`.
pub fn run(size: Size) -> Result<()> {
    let span = Duration::from_secs(if size == Size::Full { 300 } else { 15 });
    kill(size, |_, took| took < span)
}

/// As many kills as are wanted, however long they take.
pub fn times(size: Size, kills: u64) -> Result<()> {
    kill(size, |round, _| round < kills)
}

fn kill(size: Size, goes_on: impl Fn(u64, Duration) -> bool) -> Result<()> {
    let bin = people::halloo(size)?;
    let folder = Homes::open()?;
    let mut steady =
        Person::new(&bin, folder.path(), "steady", None).with(&["--loopback", "--port", "47331"]);
    steady.up()?;
    let code = steady.begin("Crash ride")?;
    let began = Instant::now();
    let mut round = 0_u64;
    let mut acknowledged = BTreeSet::new();
    let mut chance = 0x9e37_79b9_7f4a_7c15_u64;
    let mut victim = victim(&bin, folder.path(), round);
    victim.up()?;
    victim.ask(&["join", &code])?;
    while goes_on(round, began.elapsed()) {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let life = Duration::from_millis((chance >> 33) % LIFE_MAX_MS);
        let from = Instant::now();
        for n in 0.. {
            let text = format!("round {round} message {n}");
            if victim.command(&["say", &text])?.status.success() {
                acknowledged.insert(text);
            }
            if from.elapsed() >= life {
                break;
            }
        }
        victim.kill()?;
        round += 1;
        victim = self::victim(&bin, folder.path(), round);
        victim.up()?;
        let have: BTreeSet<String> = texts(&victim.ask(&["log", "-n", "500"])?).into_iter().collect();
        let newest: BTreeSet<_> =
            acknowledged.iter().filter(|t| t.starts_with(&format!("round {} ", round - 1))).collect();
        if let Some(lost) = newest.iter().find(|text| !have.contains(**text)) {
            bail!("acknowledged and lost after a kill: {lost}");
        }
    }
    let last = format!("last of {round}");
    victim.ask(&["say", &last])?;
    steady.wait("the last message at the other member", &["log", "-n", "500"], |log| {
        texts(log).contains(&last)
    })?;
    let reused = reused_keys(folder.path())?;
    println!("{}", json!({"name": "kill -9: rounds", "ours": round, "unit": "kills"}));
    println!(
        "{}",
        json!({"name": "kill -9: acknowledged messages, none lost", "ours": acknowledged.len(), "unit": "messages"})
    );
    println!(
        "{}",
        json!({"name": "kill -9: sealed payloads with a key and counter used before", "ours": reused, "unit": "payloads"})
    );
    if reused > 0 {
        bail!("{reused} payloads repeat a key and counter with another content");
    }
    Ok(())
}

fn victim<'a>(bin: &'a Path, folder: &Path, round: u64) -> Person<'a> {
    let tap = folder.join(format!("tap-{round}.bin")).to_string_lossy().into_owned();
    Person::new(bin, folder, "victim", None).with(&[
        "--loopback",
        "--peer",
        "/ip4/127.0.0.1/udp/47331/quic-v1",
        "--tap",
        &tap,
    ])
}

/// Data seals carry `incarnation (16) counter (8)` in clear (`docs/spec/wire.md`). In all payloads of all lives of the member, two
/// seals with one such pair must be the same bytes.
fn reused_keys(folder: &Path) -> Result<usize> {
    let mut seen: BTreeMap<[u8; 24], Vec<u8>> = BTreeMap::new();
    let mut reused = 0;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let is_tap = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("tap-"));
        if !is_tap {
            continue;
        }
        let bytes = std::fs::read(&path)?;
        for seal in gossip_seals(&bytes) {
            let key: [u8; 24] =
                seal.get(8..32).and_then(|k| k.try_into().ok()).context("a seal is too short")?;
            match seen.get(&key) {
                Some(before) if before != seal => reused += 1,
                _ => drop(seen.insert(key, seal.to_vec())),
            }
        }
    }
    if seen.is_empty() {
        bail!("no seals were found in the taps; the search looks in the wrong place");
    }
    Ok(reused)
}

/// The data seals inside the gossip frames of a tap file.
fn gossip_seals(tap: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut rest = tap;
    while let Some((length, body)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let Some((record, after)) = body.split_at_checked(length) else { break };
        if record.first() == Some(&0) {
            found.extend(data_seal(&record[33..]));
        }
        rest = after;
    }
    found
}

/// The seal of a gossip frame: everything after its version byte; see `node/engine/src/wire/gossip.rs`.
fn data_seal(frame: &[u8]) -> Option<&[u8]> {
    frame.split_first().map(|(_, seal)| seal)
}
