//! Speech under loss and jitter: calls of two real processes over an emulated link, with redundancy and without, on the very
//! same losses; scored by PESQ-WB.
//!
//! The k-th packet of voice has the same fate in both calls of a pair, since the link draws for it by its number and seed
//! (`halloo_lab::model`); that the mouths sent the same frames and the link lost as many is checked, not believed.

mod calls;
mod waves;

use crate::prove::{Size, clip, halloo};
use crate::setup;
use crate::shell::{capture, cargo, command, root};
use anyhow::{Context, Result, bail};
use calls::{Call, Heard, call};
use halloo_lab::{Lab, LabError, Loss};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How much better than concealment alone it must be, PESQ-WB (ITU-T P.862.2).
const BETTER_BY: f64 = 0.8;
/// Pairs of calls for each figure; the median counts.
const SEEDS: u64 = 5;
/// Calls at one time: each is half a minute of waiting and a few hundredths of a core.
const AT_ONCE: usize = 10;
/// What was heard is speech like what was said: the correlation of level curves; of two different clips it is below 0.5.
const ALIKE: f64 = 0.8;

/// What a link does to packets of voice.
#[derive(Clone, Copy)]
struct Cell {
    name: &'static str,
    loss: Loss,
    promised: bool,
}

const TEN: Cell = Cell { name: "10 % random loss", loss: Loss::Random(0.1), promised: true };
const TWENTY: Cell = Cell { name: "20 % random loss", loss: Loss::Random(0.2), promised: true };
const CELLS: [Cell; 5] = [
    TEN,
    TWENTY,
    Cell { name: "10 % loss in runs of about three", loss: runs_of_three(0.1), promised: false },
    Cell { name: "20 % loss in runs of about three", loss: runs_of_three(0.2), promised: false },
    Cell { name: "no loss", loss: Loss::None, promised: false },
];

/// Runs that end with chance 1/3 and begin so often that the whole comes to `share`.
const fn runs_of_three(share: f64) -> Loss {
    let leave = 1.0 / 3.0;
    Loss::Bursts { enter: leave * share / (1.0 - share), leave, lose: 1.0 }
}

/// A pair of calls over the same losses.
struct Pair {
    ours: Heard,
    plain: Heard,
}

/// All figures, one JSON object a line: over a link where this machine permits one, else within one process, and named so.
pub fn figures() -> Result<String> {
    let python = setup::python_with_pesq()?;
    let folder = tempfile::tempdir()?;
    let rows = match Lab::new() {
        Ok(_) => over_a_link(folder.path())?,
        Err(LabError::Denied(reason)) => {
            eprintln!("note: no emulated link here, so one process plays both ends: {reason}");
            in_one_process(folder.path())?
        }
        Err(error) => return Err(error.into()),
    };
    let figures = summarise(&scored(&python, folder.path(), &rows)?)?;
    Ok(figures.iter().map(|figure| format!("{figure}\n")).collect())
}

/// Holds figures against the promise.
pub fn hold(figures: &[Value]) -> Result<()> {
    let promised: Vec<_> = figures.iter().filter(|figure| figure["promised_gain"].is_number()).collect();
    if promised.is_empty() {
        bail!("speech-loss printed no figure that was promised");
    }
    for figure in promised {
        let gain = figure["gain"].as_f64().context("a figure without a gain")?;
        if gain < BETTER_BY {
            bail!("{}: only {gain:.2} above plain concealment", figure["name"]);
        }
    }
    Ok(())
}

/// One clip and one loss: the same code as at full size, and only what must hold on any machine.
pub fn small() -> Result<()> {
    let bin = halloo(Size::Small)?;
    if Lab::or_skip().is_none() {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let speech = folder.path().join("speech.wav");
    waves::join(&[clip(0)], &speech)?;
    let pairs = pairs((&bin, &speech, folder.path()), &[TWENTY], 1)?;
    let (_, pair) = pairs.first().context("one pair")?;
    let Pair { ours, plain } = pair;
    if ours.packets_lost() == 0 {
        bail!("nothing was lost on a link that loses a fifth");
    }
    let (mended, bare) = (ours.concealed(), plain.concealed());
    if mended >= ours.packets_lost() || mended >= bare {
        bail!(
            "{} packets were lost; {mended} pieces were invented with redundancy, {bare} without",
            ours.packets_lost()
        );
    }
    let alike = waves::likeness(&ours.mouth, &ours.ear)?;
    if alike < ALIKE {
        bail!("what was heard is not what was said: a likeness of {alike:.2}");
    }
    println!("{}", pair_row(pair, "speech-loss at small size"));
    Ok(())
}

/// Every cell over a link: raw rows, two a pair.
fn over_a_link(folder: &Path) -> Result<Vec<Value>> {
    let bin = halloo(Size::Full)?;
    let speech = folder.join("speech.wav");
    waves::join(&(0..5).map(clip).collect::<Vec<_>>(), &speech)?;
    let mut rows = Vec::new();
    for (cell, pair) in pairs((&bin, &speech, folder), &CELLS, SEEDS)? {
        let both = pair_row(&pair, &format!("speech-loss, two processes over a link, {}", cell.name));
        for (mode, heard) in [("ours", &pair.ours), ("plain", &pair.plain)] {
            let mut row = both.clone();
            row["mode"] = json!(mode);
            row["file"] = json!(heard.ear);
            row["reference"] = json!(heard.mouth);
            row["promised_gain"] = json!(cell.promised.then_some(BETTER_BY));
            rows.push(row);
        }
    }
    Ok(rows)
}

/// What a pair counted.
fn pair_row(pair: &Pair, name: &str) -> Value {
    let Pair { ours, plain } = pair;
    json!({
        "name": name,
        "packets": ours.packets(),
        "packets_lost": ours.packets_lost(),
        "concealed": [ours.concealed(), plain.concealed()],
        "payload_kbit_per_s": [ours.kbit_per_s(), plain.kbit_per_s()],
        "delay_ms": [ours.delay_ms(), plain.delay_ms()],
        "steps_skipped": ours.steps_skipped() + plain.steps_skipped(),
    })
}

/// The calls of all cells, a pair for each seed, in that order.
fn pairs(
    (bin, speech, folder): (&Path, &Path, &Path),
    cells: &[Cell],
    seeds: u64,
) -> Result<Vec<(Cell, Pair)>> {
    let mut wanted = Vec::new();
    for (at, cell) in cells.iter().enumerate() {
        for (seed, redundancy) in (1..=seeds).flat_map(|seed| [(seed, true), (seed, false)]) {
            let way = if redundancy { "ours" } else { "plain" };
            let folder = folder.join(format!("call-{at}-{seed}-{way}"));
            wanted.push(Call { bin, speech, loss: cell.loss, seed, redundancy, folder });
        }
    }
    let mut heard = all(&wanted)?.into_iter();
    let mut pairs = Vec::new();
    for cell in cells {
        for _ in 0..seeds {
            let (Some(ours), Some(plain)) = (heard.next(), heard.next()) else { bail!("a call is missing") };
            pairs.push((*cell, Pair::new(ours, plain)?));
        }
    }
    Ok(pairs)
}

/// Holds calls, [`AT_ONCE`] at a time, and returns what came of each in the same order.
fn all(wanted: &[Call<'_>]) -> Result<Vec<Heard>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(wanted) = wanted.get(at) else { return Ok::<_, anyhow::Error>(done) };
            done.push((at, call(wanted)?));
        }
    };
    let mut done = Vec::new();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            done.extend(worker.join().unwrap_or_else(|_| bail!("a call panicked"))?);
        }
        Ok::<_, anyhow::Error>(())
    })?;
    done.sort_by_key(|(at, _)| *at);
    Ok(done.into_iter().map(|(_, heard)| heard).collect())
}

impl Pair {
    /// Two calls that may be compared: the same frames were sent, and the same of them were lost.
    fn new(ours: Heard, plain: Heard) -> Result<Self> {
        ours.check()?;
        plain.check()?;
        if ours.frames != plain.frames {
            bail!("the mouths of a pair sent {} and {} frames", ours.frames.len(), plain.frames.len());
        }
        if ours.packets_lost() != plain.packets_lost() {
            bail!(
                "the link lost {} packets of one call and {} of the other",
                ours.packets_lost(),
                plain.packets_lost()
            );
        }
        Ok(Pair { ours, plain })
    }
}

/// Both ends in one process over virtual time, where no link can be had.
fn in_one_process(folder: &Path) -> Result<Vec<Value>> {
    let mut rows = Vec::new();
    for seed in 1..=SEEDS {
        let out = folder.join(format!("seed-{seed}")).to_string_lossy().into_owned();
        let seed = seed.to_string();
        let mut args = vec!["run", "--quiet", "--locked", "--release", "-p", "halloo-node"];
        args.extend(["--example", "speech_loss", "--", "--out", &out, "--seed", &seed]);
        let clips: Vec<String> = (0..5).map(clip).collect();
        args.extend(clips.iter().map(String::as_str));
        for line in capture(&cargo(), &args)?.lines() {
            let mut row: Value = serde_json::from_str(line)?;
            row["promised_gain"] = json!(BETTER_BY);
            rows.push(row);
        }
    }
    Ok(rows)
}

/// The same rows with their `pesq_wb`.
fn scored(python: &str, folder: &Path, rows: &[Value]) -> Result<Vec<Value>> {
    let file = folder.join("rows.jsonl");
    std::fs::write(&file, rows.iter().map(|row| format!("{row}\n")).collect::<String>())?;
    let script = root().join("node/examples/speech_loss_pesq.py");
    let scored = command(python, &[&script.to_string_lossy()])
        .stdin(std::fs::File::open(&file)?)
        .stderr(Stdio::inherit())
        .output()?;
    if !scored.status.success() {
        bail!("scoring failed with {}", scored.status);
    }
    String::from_utf8(scored.stdout)?.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// One figure a name: medians over its pairs, which stand one after the other.
fn summarise(rows: &[Value]) -> Result<Vec<Value>> {
    let mut names: Vec<&str> = Vec::new();
    let mut by_name: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for row in rows {
        let name = row["name"].as_str().context("a row without a name")?;
        if !by_name.contains_key(name) {
            names.push(name);
        }
        by_name.entry(name).or_default().push(row);
    }
    names.into_iter().map(|name| figure(name, &by_name[name])).collect()
}

fn figure(name: &str, rows: &[&Value]) -> Result<Value> {
    let of = |mode: &str| -> Vec<f64> {
        rows.iter().filter(|row| row["mode"] == mode).filter_map(|row| row["pesq_wb"].as_f64()).collect()
    };
    let (ours, plain) = (of("ours"), of("plain"));
    if ours.is_empty() || ours.len() != plain.len() {
        bail!("{name}: not every call was scored");
    }
    let gains: Vec<f64> = ours.iter().zip(&plain).map(|(a, b)| a - b).collect();
    let first = |key: &str| rows[0][key].clone();
    let sum = |key: &str| -> Option<u64> {
        let of_pairs = rows.iter().filter(|row| row["mode"] == "ours");
        of_pairs.map(|row| row[key].as_u64()).sum()
    };
    let each = |key: &str| -> Vec<f64> {
        let median_of = |at: usize| {
            let values = rows.iter().filter_map(|row| row[key][at].as_f64()).collect::<Vec<_>>();
            (!values.is_empty()).then(|| median(&values))
        };
        (0..2).filter_map(median_of).collect()
    };
    Ok(json!({
        "name": name,
        "ours": median(&ours),
        "other": median(&plain),
        "unit": "PESQ-WB",
        "gain": median(&gains),
        "gain_min": thousandths(gains.iter().copied().fold(f64::INFINITY, f64::min)),
        "promised_gain": first("promised_gain"),
        "pairs": gains.len(),
        "jitter_ms": calls::JITTER.as_millis() as u64,
        "packets": sum("packets"),
        "packets_lost": sum("packets_lost"),
        "concealed": each("concealed"),
        "payload_kbit_per_s": each("payload_kbit_per_s"),
        "delay_ms": each("delay_ms"),
        "steps_skipped": sum("steps_skipped"),
    }))
}

/// The middle one.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    thousandths((sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0)
}

/// PESQ says no more.
fn thousandths(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}
