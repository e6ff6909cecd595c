//! What changed between two folders of results: per figure the difference of means with its 95 % interval over seeds.
//!
//! Seeds that both have are paired: the same seed draws the same links and people, so that what differs is the code or the scenario.
//! Without two common seeds the means are compared (Welch). A figure *changed* when its interval leaves zero out. Of figures that did
//! not change, one in twenty is marked by chance: the last line says how many that makes.

use super::folder::RESULTS;
use super::statistics::{Difference, paired, unpaired};
use crate::record::{Better, RunResult, meaning};
use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Share of intervals that leave the truth out by chance.
const BY_CHANCE: f64 = 0.05;

/// What became of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Equal in every pair of seeds.
    Same,
    /// The interval holds zero.
    Unclear,
    /// Changed to the good.
    Better,
    /// Changed to the bad.
    Worse,
    /// Changed; neither way is good or bad.
    Changed,
    /// Too few seeds for an interval.
    Unknown,
    /// Only one folder has it.
    OneSided,
}

/// One figure in both folders.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The scenario.
    pub scenario: String,
    /// The figure.
    pub figure: String,
    /// Mean in the base.
    pub base: Option<f64>,
    /// Mean in the new.
    pub new: Option<f64>,
    /// New minus base: of pairs if paired.
    pub difference: Option<f64>,
    /// The difference's 95 % interval.
    pub interval: Option<(f64, f64)>,
    /// Seeds, or pairs of seeds.
    pub seeds: usize,
    /// Whether seeds were paired.
    pub paired: bool,
    /// The verdict.
    pub change: Change,
}

/// A comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Figures by scenario and name.
    pub rows: Vec<Row>,
    /// Seeds by scenario that were ok in the base and are not any more.
    pub broke: Vec<(String, u64)>,
    /// Seeds by scenario that were not ok in the base and are now.
    pub mended: Vec<(String, u64)>,
    /// Pairs of seeds, and how many of them have the same trace, event by event.
    pub pairs: usize,
    /// See `pairs`.
    pub identical: usize,
    /// Changes that chance alone would be expected to show.
    pub by_chance: f64,
}

impl Comparison {
    /// Whether anything is worse: a figure whose better way is known (those of the machine aside), or a seed that broke.
    #[must_use]
    pub fn is_worse(&self) -> bool {
        let worse = |row: &Row| row.change == Change::Worse && !row.figure.starts_with("machine.");
        !self.broke.is_empty() || self.rows.iter().any(worse)
    }

    /// As a table for people: what changed first, then how much did not.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        let rows: Vec<&Row> =
            self.rows.iter().filter(|row| !matches!(row.change, Change::Same | Change::Unclear)).collect();
        let scenarios: BTreeSet<&str> = rows.iter().map(|row| row.scenario.as_str()).collect();
        for scenario in scenarios {
            // A String takes everything, here and below.
            let _ = writeln!(out, "{scenario}");
            let heads = ("figure", "base", "new", "difference", "95 % interval");
            let _ = writeln!(
                out,
                "  {:<40} {:>12} {:>12} {:>12} {:>25}",
                heads.0, heads.1, heads.2, heads.3, heads.4
            );
            for row in rows.iter().filter(|row| row.scenario == scenario) {
                let number = |value: Option<f64>| value.map_or("-".into(), super::html::number);
                let interval = row.interval.map_or("-".into(), |(low, high)| {
                    format!("{} .. {}", super::html::number(low), super::html::number(high))
                });
                let _ = writeln!(
                    out,
                    "  {:<40} {:>12} {:>12} {:>12} {:>25}  {}",
                    row.figure,
                    number(row.base),
                    number(row.new),
                    number(row.difference),
                    interval,
                    word(row.change)
                );
            }
        }
        let count = |change: Change| self.rows.iter().filter(|row| row.change == change).count();
        for (word, seeds) in [("BROKE", &self.broke), ("mended", &self.mended)] {
            for (scenario, seed) in seeds {
                let _ = writeln!(out, "{word}: seed {seed} of {scenario}");
            }
        }
        let _ = writeln!(
            out,
            "{} better, {} worse, {} changed, {} unclear, {} the same; {} of {} pairs of seeds ran identically",
            count(Change::Better),
            count(Change::Worse),
            count(Change::Changed),
            count(Change::Unclear),
            count(Change::Same),
            self.identical,
            self.pairs,
        );
        let _ = writeln!(out, "by chance alone about {:.1} of these changes would be shown", self.by_chance);
        out
    }
}

fn word(change: Change) -> &'static str {
    match change {
        Change::Same => "same",
        Change::Unclear => "unclear",
        Change::Better => "better",
        Change::Worse => "WORSE",
        Change::Changed => "changed",
        Change::Unknown => "one seed",
        Change::OneSided => "one side only",
    }
}

/// Compares two folders of results, prints the table (or one JSON object), and says whether nothing is worse.
///
/// The exit code of the command: 0 nothing is worse, 1 something is, 2 they could not be compared.
///
/// # Errors
/// If a folder holds no results, or the two have no scenario in common.
pub fn run(base: &Path, new: &Path, json: bool) -> Result<(String, bool)> {
    let comparison = compare(&read(base)?, &read(new)?)?;
    let text = if json { format!("{}\n", serde_json::to_string(&comparison)?) } else { comparison.to_text() };
    Ok((text, !comparison.is_worse()))
}

/// Reads the results of a folder, or of the file itself.
///
/// # Errors
/// If there are none.
pub fn read(path: &Path) -> Result<Vec<RunResult>> {
    let file = if path.is_dir() { path.join(RESULTS) } else { path.to_owned() };
    let text = fs::read_to_string(&file).with_context(|| {
        format!("{} cannot be read; make one by `halloo-sim run SCENARIO --out DIR`", file.display())
    })?;
    let results: Result<Vec<RunResult>, _> = text.lines().map(serde_json::from_str).collect();
    let results = results.with_context(|| format!("{} is no file of results", file.display()))?;
    if results.is_empty() {
        bail!("{} holds no results", file.display());
    }
    Ok(results)
}

type Seeds<'a> = BTreeMap<u64, &'a RunResult>;

fn by_scenario(results: &[RunResult]) -> BTreeMap<&str, Seeds<'_>> {
    let mut scenarios: BTreeMap<&str, Seeds<'_>> = BTreeMap::new();
    for result in results {
        scenarios.entry(&result.scenario).or_default().insert(result.seed, result);
    }
    scenarios
}

/// Compares results.
///
/// # Errors
/// If no scenario is in both.
pub fn compare(base: &[RunResult], new: &[RunResult]) -> Result<Comparison> {
    let (base, new) = (by_scenario(base), by_scenario(new));
    let mut all = Comparison {
        rows: Vec::new(),
        broke: Vec::new(),
        mended: Vec::new(),
        pairs: 0,
        identical: 0,
        by_chance: 0.0,
    };
    for (scenario, old) in &base {
        let Some(now) = new.get(scenario) else { continue };
        for (seed, before) in old {
            let Some(after) = now.get(seed) else { continue };
            all.pairs += 1;
            all.identical += usize::from(before.hash == after.hash);
            match (before.ok, after.ok) {
                (true, false) => all.broke.push(((*scenario).to_owned(), *seed)),
                (false, true) => all.mended.push(((*scenario).to_owned(), *seed)),
                _ => {}
            }
        }
        let figures: BTreeSet<&String> =
            old.values().chain(now.values()).flat_map(|r| r.figures.keys()).collect();
        all.rows.extend(figures.into_iter().map(|figure| row(scenario, figure, old, now)));
    }
    if !base.keys().any(|scenario| new.contains_key(scenario)) {
        let names = |of: &BTreeMap<&str, Seeds<'_>>| of.keys().copied().collect::<Vec<_>>().join(", ");
        bail!("the folders have no scenario in common: one has {}, the other {}", names(&base), names(&new));
    }
    let tested = all.rows.iter().filter(|row| row.interval.is_some() && row.change != Change::Same).count();
    all.by_chance = tested as f64 * BY_CHANCE;
    Ok(all)
}

fn row(scenario: &str, figure: &str, old: &Seeds<'_>, now: &Seeds<'_>) -> Row {
    let values = |seeds: &Seeds<'_>| -> Vec<f64> {
        seeds.values().filter_map(|result| result.figures.get(figure).copied()).collect()
    };
    let (base, new) = (values(old), values(now));
    let pairs: Vec<(f64, f64)> = old
        .iter()
        .filter_map(|(seed, result)| {
            Some((*result.figures.get(figure)?, *now.get(seed)?.figures.get(figure)?))
        })
        .collect();
    let difference = match (pairs.len(), base.len(), new.len()) {
        (2.., ..) => Some(paired(&pairs)),
        (_, 2.., 2..) => Some(unpaired(&base, &new)),
        (1, ..) => Some(paired(&pairs)),
        (_, 1.., 1..) => Some(unpaired(&base, &new)),
        _ => None,
    };
    let mean =
        |values: &[f64]| (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64);
    Row {
        scenario: scenario.to_owned(),
        figure: figure.to_owned(),
        base: mean(&base),
        new: mean(&new),
        difference: difference.map(|difference| difference.mean),
        interval: difference.and_then(|difference| difference.interval),
        seeds: difference.map_or(0, |difference| difference.seeds),
        paired: difference.is_some_and(|difference| difference.paired),
        change: difference.map_or(Change::OneSided, |difference| verdict(figure, &difference)),
    }
}

fn verdict(figure: &str, difference: &Difference) -> Change {
    let Some((low, high)) = difference.interval else {
        return if difference.mean == 0.0 && difference.paired { Change::Same } else { Change::Unknown };
    };
    if difference.mean == 0.0 && low == high {
        return Change::Same;
    }
    if low <= 0.0 && high >= 0.0 {
        return Change::Unclear;
    }
    let less = difference.mean < 0.0;
    match meaning(figure).map(|(better, _)| better) {
        Some(Better::Lower) => {
            if less {
                Change::Better
            } else {
                Change::Worse
            }
        }
        Some(Better::Higher) => {
            if less {
                Change::Worse
            } else {
                Change::Better
            }
        }
        Some(Better::Neither) | None => Change::Changed,
    }
}

#[cfg(test)]
mod tests;
