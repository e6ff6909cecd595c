//! A coordinator under attack: what good clients of it notice, who come in on new connections all the while.

use super::Size;
use crate::shell::{capture, cargo};
use anyhow::{Context, Result, bail};
use serde_json::Value;

/// What 99 of 100 visits of a good client may take while others attack, milliseconds; a promise of the full size only.
const VISIT_MS: f64 = 500.0;

/// `prove coordinator.8`. That good clients get the right answers, and none of the server's faults, is seen by the program itself.
pub fn run(size: Size) -> Result<()> {
    let (profile, seconds, attackers) = match size {
        Size::Full => ("release", "15", "512"),
        Size::Small => ("dev", "2", "64"),
    };
    let program = ["--profile", profile, "-p", "halloo-coordinator", "--example", "hostile_figures"];
    let args = [&["run", "--quiet", "--locked"], &program[..], &["--", seconds, attackers]].concat();
    let printed = capture(&cargo(), &args)?;
    print!("{printed}");
    let mut slow = Vec::new();
    let mut seen = 0;
    for line in printed.lines() {
        let figure: Value = serde_json::from_str(line).context("a figure is JSON")?;
        let (name, ours) = (figure["name"].as_str().unwrap_or_default(), figure["ours"].as_f64());
        if name.ends_with("/p99") {
            seen += 1;
            slow.extend(ours.filter(|ours| *ours > VISIT_MS).map(|ours| format!("{name} {ours:.0} ms")));
        }
    }
    if seen < 2 {
        bail!("nothing was measured");
    }
    if size == Size::Full && !slow.is_empty() {
        bail!("good clients wait longer than {VISIT_MS} ms: {}", slow.join(", "));
    }
    Ok(())
}
