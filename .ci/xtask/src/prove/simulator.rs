//! The simulator's acceptance lines: determinism, scale, fidelity, planted bugs, what a researcher gets, the shipped scenarios.

mod beside;
pub mod mutants;
pub mod shipped;

use super::Size;
use crate::shell::{command, finish, root};
use crate::simulator::scale as measured;
use crate::simulator::{self, UNKIND, demand_ok};
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::path::Path;

/// Seeds that are run twice.
const TWICE_SEEDS: u64 = 20;
/// The same in the gate.
const TWICE_SEEDS_SMALL: u64 = 3;

/// `prove simulator.1`: same seed, same hash; another seed, another hash; in both profiles.
pub fn determinism(size: Size) -> Result<()> {
    let scenario = root().join(UNKIND);
    let (count, profiles) = match size {
        Size::Small => (TWICE_SEEDS_SMALL, &[false][..]),
        Size::Full => (TWICE_SEEDS, &[false, true][..]),
    };
    let mut hashes: Option<Vec<String>> = None;
    for release in profiles {
        let bin = simulator::build(*release)?;
        for _ in 0..2 {
            let verdicts = simulator::seeds(&bin, &scenario, 1, count, None)?;
            demand_ok(&verdicts)?;
            let found: Vec<String> = verdicts.into_iter().map(|verdict| verdict.hash).collect();
            if hashes.as_ref().is_some_and(|hashes| *hashes != found) {
                bail!("two runs of the same seeds gave different traces: {hashes:?} and {found:?}");
            }
            hashes = Some(found);
        }
    }
    let hashes: BTreeSet<String> = hashes.into_iter().flatten().collect();
    if hashes.len() as u64 != count {
        bail!("{count} seeds gave {} different traces", hashes.len());
    }
    println!("{count} seeds x 2 runs x {} profiles: one trace a seed, {count} traces", profiles.len());
    Ok(())
}

/// `prove simulator.2`: at full size the promised share, bytes and events; in the gate that everybody is a member and both sides
/// carried the same, whatever the machine does beside.
pub fn scale(size: Size) -> Result<()> {
    let small = ["--nodes", "50", "--load", "group", "--window-s", "3"];
    let rows = match size {
        Size::Small => measured::rows(false, &small)?,
        Size::Full => measured::rows(true, &[])?,
    };
    for row in &rows {
        println!("{}", measured::line(row));
    }
    if let Some(row) = rows.iter().find(|row| row["correct"] != true) {
        bail!("not everybody was a member, or both sides did not carry the same: {row}");
    }
    let events = measured::events(size == Size::Full)?;
    println!("abstract tier: {events:.0} events a second");
    if size == Size::Small {
        return Ok(());
    }
    for row in rows.iter().filter(|row| row["size"]["load"] != "Member") {
        if row["fast_enough"] != true || row["small_enough"] != true {
            bail!("slower or larger than promised: {}", measured::line(row));
        }
    }
    if events < measured::EVENTS_PER_S {
        bail!("the abstract tier promises {} events a second", measured::EVENTS_PER_S);
    }
    Ok(())
}

/// `prove simulator.3`: shortest paths, a published table, the cliff of mute nodes, and real processes.
pub fn fidelity(size: Size) -> Result<()> {
    beside::run(size)?;
    let bin = simulator::build(size == Size::Full)?.to_string_lossy().into_owned();
    for what in ["dijkstra", "table", "cliff"] {
        let mut args = vec!["fidelity", what];
        if size == Size::Small {
            args.extend(["--small", "--seeds", "3"]);
        }
        finish(command(&bin, &args), &bin, &args)?;
    }
    Ok(())
}

/// `prove simulator.5`: a run leaves tables and a report that need no network.
pub fn results(size: Size) -> Result<()> {
    let bin = simulator::build(size == Size::Full)?;
    let program = bin.to_string_lossy().into_owned();
    let folder = tempfile::tempdir()?;
    let out = folder.path().to_string_lossy().into_owned();
    let scenario = root().join("simulations/scenarios/family-wifi.toml").to_string_lossy().into_owned();
    let args = ["run", &scenario, "--seeds", "2", "--out", &out];
    finish(command(&program, &args), &program, &args)?;
    let (mut tables, mut reports) = (0, 0);
    for path in files(folder.path())? {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("parquet") => {
                let bytes = std::fs::read(&path)?;
                if !(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1")) {
                    bail!("{} is no Parquet file", path.display());
                }
                tables += 1;
            }
            Some("html") => {
                let text = std::fs::read_to_string(&path)?;
                let reaches_out = ["src=\"http", "href=\"http", "@import", "url(http"];
                if let Some(reach) = reaches_out.iter().find(|reach| text.contains(**reach)) {
                    bail!("{} needs the network: {reach}", path.display());
                }
                reports += 1;
            }
            _ => {}
        }
    }
    if tables == 0 || reports == 0 {
        bail!("a run with --out leaves Parquet tables and an HTML report; found {tables} and {reports}");
    }
    println!("{tables} Parquet tables and {reports} report that needs no network");
    Ok(())
}

fn files(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    Ok(found)
}
