//! The figures of the core, printed; at full size held against their targets.

use super::Size;
use crate::bench;
use anyhow::{Result, bail};
use serde_json::Value;

/// Beginning of a figure's name, and the most that it may be.
const TARGETS: &[(&str, f64)] = &[
    ("message seal at 500 members", 100.0),
    ("message open at 500 members", 60.0),
    ("load of 10,000 messages", 50.0),
];

/// `prove first-halloo.6`.
pub fn run(size: Size) -> Result<()> {
    if size == Size::Small {
        return Ok(()); // Figures are not asserted in the gate; the programs are built with the other examples.
    }
    let figures = bench::collect(None)?;
    figures.iter().for_each(|figure| println!("{figure}"));
    let number = |figure: &Value| figure["ours"].as_f64().unwrap_or(f64::NAN);
    for (name, most) in TARGETS {
        let found: Vec<_> =
            figures.iter().filter(|f| f["name"].as_str().is_some_and(|n| n.starts_with(name))).collect();
        if found.is_empty() {
            bail!("no figure is called {name}");
        }
        if let Some(figure) = found.iter().find(|figure| number(figure) > *most) {
            bail!("{figure} is over its target of {most}");
        }
    }
    Ok(())
}
