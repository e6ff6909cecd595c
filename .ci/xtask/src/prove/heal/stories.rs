//! `prove heal.1`, `.2` and `.4`: scenarios in which groups part and meet, judged: what was accepted is there, all stand on one epoch soon,
//! nobody seals to who is out.

use super::super::Size;
use crate::shell::root;
use crate::simulator::{self, Verdict, demand_ok};
use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use std::path::Path;

/// Seeds of the lossless heal.
const LOSSLESS_SEEDS: u64 = 1_000;
/// Seeds whose verdicts are waited for before the next are begun: progress is told after each lot.
const LOT: u64 = 50;
/// CPU seconds that a seed of it may take in the middle.
const LOSSLESS_CPU_S: f64 = 5.0;
/// Seeds of it in the gate: small groups, all kinds of faults.
const LOSSLESS_SMALL: (u64, u64) = (4, 2);
/// Seeds of each of the other scenarios.
const SEEDS: u64 = 20;
/// How long a heal may take at the 99th percentile of seeds, by scenario, seconds.
const HEALED: &[(&str, f64)] = &[("heal-halves-50", 2.0), ("heal-halves-internet-50", 5.0)];
/// The same for a group of two hundred; it is told, not promised.
const HEALED_LARGE: &str = "heal-halves-200";
/// How long after the first is on a new epoch nearly all are, milliseconds.
const EVICTED_MS: f64 = 300.0;

/// `prove heal.1`: nothing that was accepted is lost or shown twice, and nobody waits to write.
pub fn lossless(size: Size) -> Result<()> {
    let bin = simulator::build(size == Size::Full)?;
    if size == Size::Small {
        let (first, count) = LOSSLESS_SMALL;
        let verdicts = simulator::seeds(&bin, &path("heal-lossless"), first, count, None)?;
        demand_ok(&verdicts)?;
        println!("{count} seeds of heal-lossless: all judges are content");
        return Ok(());
    }
    let mut all = Vec::new();
    for first in (1..=LOSSLESS_SEEDS).step_by(LOT as usize) {
        let verdicts = simulator::seeds(&bin, &path("heal-lossless"), first, LOT, None)?;
        for failed in verdicts.iter().filter(|verdict| !verdict.ok) {
            println!("seed {}: {:?}", failed.seed, failed.violations.first());
        }
        all.extend(verdicts);
        let ok = all.iter().filter(|verdict| verdict.ok).count();
        println!("{ok} of {} seeds ok", all.len());
    }
    let cpu_s = mean(&all, "machine.cpu_s");
    let refused: f64 = all.iter().map(|verdict| figure(verdict, "messages.refused").unwrap_or(0.0)).sum();
    let slowest = most(&all, "messages.accepted.max_ms");
    tell("CPU of a seed of heal-lossless, mean", cpu_s, LOSSLESS_CPU_S, "s");
    tell("wishes to write that were refused", refused, 0.0, "messages");
    println!(
        "{}",
        json!({"name": "longest from the wish to write until it is stored", "ours": slowest, "unit": "ms"})
    );
    demand_ok(&all)?;
    ensure!(cpu_s <= LOSSLESS_CPU_S, "a seed takes {cpu_s:.1} s of CPU, {LOSSLESS_CPU_S} are promised");
    Ok(())
}

/// `prove heal.2`: how long after the last link is back all are on one epoch, with the same members, roles and names.
pub fn convergence(size: Size) -> Result<()> {
    let bin = simulator::build(size == Size::Full)?;
    if size == Size::Small {
        let verdicts = simulator::seeds(&bin, &path("heal-call"), 1, 1, None)?;
        demand_ok(&verdicts)?;
        println!("a heal in the middle of a call: all judges are content");
        return Ok(());
    }
    let mut late = Vec::new();
    for (scenario, promised) in HEALED {
        let took = healed(&bin, scenario, SEEDS)?;
        tell(&format!("{scenario}: healed after, 99th percentile of {SEEDS} seeds"), took, *promised, "s");
        if took > *promised {
            late.push(format!("{scenario}: {took:.1} s, {promised} are promised"));
        }
    }
    let large = healed(&bin, HEALED_LARGE, 1)?;
    println!("{}", json!({"name": format!("{HEALED_LARGE}: healed after"), "ours": large, "unit": "s"}));
    if late.is_empty() { Ok(()) } else { bail!("{}", late.join("\n")) }
}

/// `prove heal.4`: after a removal nearly all are on the new epoch at once, and nothing is sealed to the old one (a judge's matter).
pub fn eviction(size: Size) -> Result<()> {
    let bin = simulator::build(size == Size::Full)?;
    if size == Size::Small {
        let verdicts = simulator::seeds(&bin, &path("removal"), 2, 1, None)?;
        demand_ok(&verdicts)?;
        println!("removals: nothing is sealed to an epoch with who is out");
        return Ok(());
    }
    let verdicts = simulator::seeds(&bin, &path("heal-evict-50"), 1, SEEDS, None)?;
    demand_ok(&verdicts)?;
    let reached = most(&verdicts, "epochs.nearly_all.p99_ms");
    tell(
        "95 % of fifty on a new epoch after its first, 99th percentile, worst seed",
        reached,
        EVICTED_MS,
        "ms",
    );
    ensure!(reached <= EVICTED_MS, "{reached:.0} ms, {EVICTED_MS} are promised");
    Ok(())
}

/// The 99th percentile over seeds of how long the longest heal took, seconds; one that never ended is an error.
fn healed(bin: &Path, scenario: &str, seeds: u64) -> Result<f64> {
    let verdicts = simulator::seeds(bin, &path(scenario), 1, seeds, None)?;
    demand_ok(&verdicts)?;
    let mut took = Vec::new();
    for verdict in &verdicts {
        let done = figure(verdict, "heals.agreed_share").unwrap_or(0.0);
        ensure!(done >= 1.0, "{scenario} seed {}: not all views agreed", verdict.seed);
        took.push(figure(verdict, "heals.agreed.max_s").context("a heal has a length")?);
    }
    took.sort_by(f64::total_cmp);
    let place = (took.len() as f64 * 0.99).ceil() as usize;
    took.get(place.saturating_sub(1)).copied().context("at least one seed")
}

fn path(scenario: &str) -> std::path::PathBuf {
    root().join(format!("simulations/scenarios/{scenario}.toml"))
}

fn figure(verdict: &Verdict, name: &str) -> Option<f64> {
    verdict.figures[name].as_f64()
}

fn mean(verdicts: &[Verdict], name: &str) -> f64 {
    let sum: f64 = verdicts.iter().filter_map(|verdict| figure(verdict, name)).sum();
    sum / verdicts.len().max(1) as f64
}

fn most(verdicts: &[Verdict], name: &str) -> f64 {
    verdicts.iter().filter_map(|verdict| figure(verdict, name)).fold(0.0, f64::max)
}

fn tell(name: &str, ours: f64, target: f64, unit: &str) {
    println!("{}", json!({"name": name, "ours": ours, "target": target, "unit": unit}));
}
