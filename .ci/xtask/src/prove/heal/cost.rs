//! `prove heal.3`: what it costs to heal, in bytes, against what was aimed at.

use super::super::Size;
use crate::bench;
use crate::shell::{capture, cargo};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// A figure of `cargo xtask bench heal` and the most that it may be.
struct Target {
    begins: &'static str,
    ends: &'static str,
    most: f64,
    /// Whether it holds at small size too.
    gate: bool,
}

const TARGETS: &[Target] = &[
    Target { begins: "heal of 25/25", ends: "commit", most: 9_000.0, gate: false },
    Target { begins: "heal of 25/25", ends: "welcome", most: 16_000.0, gate: false },
    Target { begins: "race from one parent, extra bytes", ends: "", most: 0.0, gate: true },
    Target { begins: "120 of ", ends: ", over payload", most: 10_000.0, gate: true },
    Target { begins: "equal peers", ends: ", comparison of messages", most: 500.0, gate: true },
    Target { begins: "after ", ends: ", median commit", most: 1_600.0, gate: false },
];

/// Measures; at small size fewer messages and members, of which only what does not depend on their number is held.
pub fn run(size: Size) -> Result<()> {
    let figures = if size == Size::Full { bench::collect(Some("heal"))? } else { small()? };
    let mut missed = Vec::new();
    for target in TARGETS.iter().filter(|target| size == Size::Full || target.gate) {
        let figure = figures.iter().find(|figure| target.names(figure));
        let figure = figure.with_context(|| format!("no figure is called {}", target.begins))?;
        let row = json!({"name": figure["name"], "ours": figure["ours"], "target": target.most, "unit": figure["unit"]});
        println!("{row}");
        if target.missed_by(figure) {
            missed.push(row.to_string());
        }
    }
    if missed.is_empty() { Ok(()) } else { bail!("over the target:\n  {}", missed.join("\n  ")) }
}

impl Target {
    fn names(&self, figure: &Value) -> bool {
        let name = figure["name"].as_str().unwrap_or_default();
        name.starts_with(self.begins) && name.ends_with(self.ends)
    }

    fn missed_by(&self, figure: &Value) -> bool {
        // A figure that is no number misses every target.
        figure["ours"].as_f64().is_none_or(|ours| ours > self.most)
    }
}

fn small() -> Result<Vec<Value>> {
    let args =
        ["run", "--quiet", "--locked", "-p", "halloo-engine", "--example", "heal_figures", "--", "small"];
    let text = capture(&cargo(), &args)?;
    text.lines().map(|line| serde_json::from_str(line).with_context(|| format!("no JSON: {line}"))).collect()
}

#[cfg(test)]
mod tests;
