//! `prove heal.6`: who puts sound or a place into another member's mouth is found out, and nobody else is accused.

use super::super::Size;
use super::insiders::tests_pass;
use crate::shell::{capture, cargo};
use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// Bits a second of checkpoints to one listener: while nothing is lost, and while a fifth is.
const RATES: &[(&str, f64)] = &[("checkpoints, no loss", 1_500.0), ("checkpoints, 20 % random", 2_800.0)];
/// Share of forgeries of ten frames and more that are shown within two seconds, by loss. Each frame is in three checkpoints while
/// frames are lost: of 20 % random loss all three are lost in 8 of 1,000.
const SHOWN: &[(&str, f64)] = &[
    ("forgeries, no loss", 1.0),
    ("forgeries, 5 % random", 0.995),
    ("forgeries, 5 % in runs", 0.995),
    ("forgeries, 20 % random", 0.985),
    ("forgeries, 20 % in runs", 0.985),
];
/// The same in the gate, where there are sixteen of each: one may be late.
const SHOWN_SMALL: f64 = 0.9;

const ENGINE: &[&str] = &["-p", "halloo-engine", "--lib"];
const LIVE: &[&str] = &["-p", "halloo-crdt", "--test", "live"];
/// On direct paths a voice is its connection's; a place is signed by its device.
const TESTS: &[(&[&str], &[&str])] = &[
    (ENGINE, &["a_frame_opens_only_on_the_connection_of_its_own_device"]),
    (LIVE, &["what_is_forged_or_foreign_is_refused_and_spoils_nothing_else"]),
];

/// Forges, calls honestly, weighs.
pub fn run(size: Size) -> Result<()> {
    let figures = figures(size)?;
    let find = |name: &str| figures.iter().find(|f| f["name"] == name).context("a figure is missing");
    for row in &figures {
        println!("{row}");
        for none in ["before_any", "accused", "forged"] {
            ensure!(row[none].as_u64().unwrap_or(0) == 0, "a false alarm: {row}");
        }
    }
    for (name, share) in SHOWN {
        let (row, small) = (find(name)?, size == Size::Small);
        let wanted = if small && *share < 1.0 { SHOWN_SMALL } else { *share };
        let made = row["made"].as_f64().context("made")?;
        let in_time = row["in_time"].as_f64().context("in_time")?;
        ensure!(in_time >= made * wanted, "{name}: {in_time} of {made} within two seconds");
    }
    for (name, most) in RATES {
        let bps = find(name)?["bps"].as_f64().context("bps")?;
        ensure!(bps <= *most, "{name}: {bps} bit/s, {most} are promised");
    }
    TESTS.iter().try_for_each(|(place, tests)| tests_pass(place, tests, size))
}

fn figures(size: Size) -> Result<Vec<Value>> {
    let mut args = vec!["run", "--quiet", "--locked", "-p", "halloo-engine", "--example", "forgery_figures"];
    match size {
        Size::Full => args.insert(1, "--release"),
        Size::Small => args.extend(["--", "small"]),
    }
    let text = capture(&cargo(), &args)?;
    text.lines().map(|line| serde_json::from_str(line).with_context(|| format!("no JSON: {line}"))).collect()
}
