//! What the split measured: the table of members, and the times from the moment the cable was back.

use super::super::super::Size;
use super::stage::{Cast, GONE, Line, NAMES, STAY, Watched, across};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// All on one epoch within this after the cable is back, milliseconds: what is promised for a local network.
const ONE_EPOCH_MS: f64 = 2_000.0;
/// How far around the heal the voice of a half is looked at, nanoseconds.
const AROUND_NS: u64 = 5_000_000_000;
/// Sound that is on its way to an ear, nanoseconds.
const ON_ITS_WAY_NS: u64 = 1_000_000_000;

/// One who stays.
struct Row {
    who: usize,
    shown: usize,
    owed: usize,
    twice: usize,
    agrees: bool,
    heard_ms: f64,
}

/// All that is printed.
pub struct Figures {
    rows: Vec<Row>,
    /// Who was put out: what it shows of what it must not, and when it last heard anybody, ms.
    gone: Vec<(usize, usize, f64)>,
    one_epoch_ms: f64,
    all_lines_ms: f64,
    gap_ms: usize,
    gap_before_ms: usize,
}

impl Figures {
    /// Asks everybody a last time and reads what was noted.
    pub fn of(
        cast: &Cast<'_>,
        watched: Vec<Watched>,
        lines: &[Line],
        healed: (Instant, u64),
    ) -> Result<Self> {
        let told: Vec<Vec<(Instant, Value)>> = watched.into_iter().map(Watched::events).collect();
        let views = STAY.map(|at| cast.view(at)).into_iter().collect::<Result<Vec<_>>>()?;
        let devices = cast.devices()?;
        let mut rows = Vec::new();
        for (at, view) in STAY.into_iter().zip(&views) {
            let ear = cast.ear(at)?;
            let others = STAY.into_iter().filter(|other| across(at, *other));
            let heard = others.filter_map(|other| ear.first(&devices[other], healed.1)).min();
            let heard = heard.with_context(|| format!("{} heard nobody of the other half", NAMES[at]))?;
            let shown = cast.shown(at)?;
            let once: BTreeSet<&String> = shown.iter().collect();
            let owed: BTreeSet<&String> =
                lines.iter().filter(|line| line.owed.contains(&at)).map(|line| &line.text).collect();
            let more: Vec<_> = once.difference(&owed).collect();
            ensure!(more.is_empty(), "{} shows what is not for it: {more:?}", NAMES[at]);
            rows.push(Row {
                who: at,
                shown: once.len(),
                owed: owed.len(),
                twice: shown.len() - once.len() + told_twice(&told[at]),
                agrees: *view == views[0],
                heard_ms: ms(healed.1, heard),
            });
        }
        let mut gone = Vec::new();
        for at in GONE {
            let shown = cast.shown(at)?;
            let hidden = lines.iter().filter(|line| line.hidden_from.contains(&at));
            let read = hidden.filter(|line| shown.contains(&line.text)).count();
            gone.push((at, read, cast.ear(at)?.last().map_or(0.0, |last| ms(healed.1, last))));
        }
        let (gap_before_ms, gap_ms) = gaps(cast, &devices, healed.1)?;
        Ok(Figures {
            rows,
            gone,
            one_epoch_ms: one_epoch(&told, healed.0)?,
            all_lines_ms: all_lines(&told, healed.0),
            gap_ms,
            gap_before_ms,
        })
    }

    /// The table.
    pub fn print(&self) {
        println!(
            "{:<6} {:>11} {:>6} {:>7} {:>24}",
            "member", "shown/owed", "twice", "agrees", "heard the others after ms"
        );
        for row in &self.rows {
            let lines = format!("{}/{}", row.shown, row.owed);
            let agrees = if row.agrees { "yes" } else { "NO" };
            println!("{:<6} {lines:>11} {:>6} {agrees:>7} {:>24.0}", NAMES[row.who], row.twice, row.heard_ms);
        }
        for (at, read, last_ms) in &self.gone {
            println!(
                "{:<6} was put out: reads {read} lines since, heard the last sound {last_ms:.0} ms after the cable",
                NAMES[*at]
            );
        }
        let first = self.rows.iter().map(|row| row.heard_ms).fold(f64::INFINITY, f64::min);
        let last = self.rows.iter().map(|row| row.heard_ms).fold(0.0, f64::max);
        for (name, ours, target) in [
            ("cable back to all on one epoch", self.one_epoch_ms, Some(ONE_EPOCH_MS)),
            ("cable back to all lines everywhere", self.all_lines_ms, None),
            ("cable back to the first who hears the other half", first, None),
            ("cable back to the last who hears the other half", last, None),
            ("longest speech lost within a half around the heal", self.gap_ms as f64, None),
            ("longest speech lost within a half, as long before it", self.gap_before_ms as f64, None),
        ] {
            let command = "cargo xtask prove heal.12";
            println!(
                "{}",
                json!({"name": name, "ours": ours.round(), "target": target, "unit": "ms", "command": command})
            );
        }
    }

    /// Correctness at any size, times at full size only.
    pub fn judge(&self, size: Size) -> Result<()> {
        for row in &self.rows {
            let name = NAMES[row.who];
            ensure!(row.shown == row.owed, "{name} shows {} of {} lines", row.shown, row.owed);
            ensure!(row.twice == 0, "{name} was shown {} lines twice", row.twice);
            ensure!(row.agrees, "{name} takes the group to be another one");
        }
        for (at, read, _) in &self.gone {
            ensure!(*read == 0, "{} was put out and reads {read} lines since", NAMES[*at]);
        }
        ensure!(
            size == Size::Small || self.one_epoch_ms <= ONE_EPOCH_MS,
            "one epoch after {:.0} ms, promised are {ONE_EPOCH_MS}",
            self.one_epoch_ms
        );
        Ok(())
    }
}

fn ms(from_ns: u64, to_ns: u64) -> f64 {
    (to_ns as f64 - from_ns as f64) / 1e6
}

/// Lines of which somebody was told more than once.
fn told_twice(told: &[(Instant, Value)]) -> usize {
    let mut seen = BTreeMap::new();
    for (_, event) in told.iter().filter(|(_, event)| event["event"] == "message") {
        *seen.entry(event["message"].to_string()).or_insert(0_usize) += 1;
    }
    seen.values().map(|times| times - 1).sum()
}

/// Milliseconds from the heal to the first moment at which all who stay are on one epoch.
fn one_epoch(told: &[Vec<(Instant, Value)>], healed: Instant) -> Result<f64> {
    let mut changes: Vec<(Instant, usize, &str)> = Vec::new();
    for at in STAY {
        let epochs = told[at].iter().filter(|(_, event)| event["event"] == "epoch");
        changes.extend(epochs.filter_map(|(when, event)| Some((*when, at, event["epoch"].as_str()?))));
    }
    changes.sort();
    let mut now: BTreeMap<usize, &str> = BTreeMap::new();
    for (when, at, epoch) in changes {
        now.insert(at, epoch);
        let one: BTreeSet<&str> = now.values().copied().collect();
        if when >= healed && now.len() == STAY.len() && one.len() == 1 {
            return Ok(when.duration_since(healed).as_secs_f64() * 1e3);
        }
    }
    anyhow::bail!("those who stay were never told that they are on one epoch: {now:?}")
}

/// Milliseconds from the heal to the last line that was written while apart.
fn all_lines(told: &[Vec<(Instant, Value)>], healed: Instant) -> f64 {
    let apart = |event: &Value| {
        event["event"] == "message" && !event["text"].as_str().unwrap_or_default().ends_with(" after")
    };
    let late = STAY.iter().flat_map(|at| &told[*at]);
    let late = late.filter(|(when, event)| *when >= healed && apart(event)).map(|(when, _)| *when).max();
    late.map_or(0.0, |when| when.duration_since(healed).as_secs_f64() * 1e3)
}

/// The longest speech lost between any two of one half, before the heal and around it.
fn gaps(cast: &Cast<'_>, devices: &[String], healed_ns: u64) -> Result<(usize, usize)> {
    let (mut before, mut around) = (0, 0);
    for mouth in STAY {
        let said = cast.ear(mouth)?;
        let end = said.said.last().map_or(healed_ns, |(_, at)| at.saturating_sub(ON_ITS_WAY_NS));
        let end = end.min(healed_ns + AROUND_NS);
        let length = end.saturating_sub(healed_ns);
        let begin = healed_ns - ON_ITS_WAY_NS;
        for listener in STAY.into_iter().filter(|at| *at != mouth && !across(mouth, *at)) {
            let ear = cast.ear(listener)?;
            around = said.longest_gap_ms(&devices[mouth], &ear, (healed_ns, end)).max(around);
            before = said.longest_gap_ms(&devices[mouth], &ear, (begin - length, begin)).max(before);
        }
    }
    Ok((before, around))
}
