//! How often members ask their coordinator: a thousand groups in one process, in the time of which days pass in minutes.

use super::Size;
use crate::shell::{capture, cargo};
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// `prove coordinator.9`. What the promise says is asserted by the program, at either size: nothing in it depends on how fast the machine is.
pub fn run(size: Size) -> Result<()> {
    let (profile, [groups, hours, days]) = match size {
        Size::Full => ("release", ["1000", "24", "2"]),
        Size::Small => ("dev", ["8", "24", "1"]),
    };
    let program = ["--profile", profile, "-p", "halloo-node", "--example", "coordinator_rate"];
    let args = [&["run", "--quiet", "--locked"], &program[..], &["--", groups, hours, days]].concat();
    let printed = capture(&cargo(), &args)?;
    print!("{printed}");
    let rows: Vec<Value> = printed.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let figure =
        |name: &str| rows.iter().find(|row| row["name"].as_str().is_some_and(|is| is.starts_with(name)));
    let rate = figure("requests of a member in an hour").context("nothing was measured")?;
    let (ours, most) =
        (rate["ours"].as_f64().context("no figure")?, rate["most"].as_f64().context("no bound")?);
    ensure!(0.0 < ours && ours <= most, "{rate}");
    figure("engines: batches and bytes").context("no engines were at work")?;
    Ok(())
}
