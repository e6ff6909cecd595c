//! The bench of scale: what `halloo-sim scale` and a city in the abstract tier print, as rows and as figures.

use super::build;
use crate::shell::{capture, root};
use anyhow::{Context, Result};
use serde_json::{Value, json};

/// What the abstract tier promises at a hundred thousand members on one core.
pub const EVENTS_PER_S: f64 = 5_000_000.0;
/// A hundred thousand members.
const CITY: &str = "simulations/scenarios/city-100000.toml";
/// The same model with few: only that it runs and keeps its judge silent.
const SMALL: &str = "simulations/scenarios/town-1000.toml";

/// One row a size.
pub fn rows(release: bool, args: &[&str]) -> Result<Vec<Value>> {
    let bin = build(release)?.to_string_lossy().into_owned();
    let mut all = vec!["scale", "--json"];
    all.extend(args);
    let text = capture(&bin, &all)?;
    text.lines().map(|line| serde_json::from_str(line).with_context(|| format!("reading {line}"))).collect()
}

/// A row in words.
pub fn line(row: &Value) -> String {
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    format!(
        "{} nodes, load {}: {:.0} node-seconds a second, the Swarms alone {:.0}: {:.2} of it; {:.0} bytes a node, alone {:.0}; set-up {:.1} CPU-s",
        row["size"]["nodes"],
        row["size"]["load"].as_str().unwrap_or_default().to_lowercase(),
        number(&row["engines"]["node_s_per_s"]),
        number(&row["bare"]["node_s_per_s"]),
        number(&row["share"]),
        number(&row["engines"]["node_bytes"]),
        number(&row["bare"]["node_bytes"]),
        number(&row["engines"]["setup_cpu_s"]),
    )
}

/// Events a second of the abstract tier.
pub fn events(full: bool) -> Result<f64> {
    let bin = build(full)?.to_string_lossy().into_owned();
    let scenario = root().join(if full { CITY } else { SMALL }).to_string_lossy().into_owned();
    let text = capture(&bin, &["run", &scenario, "--seeds", "1", "--json"])?;
    let result: Value = serde_json::from_str(text.lines().last().context("a run prints its result")?)?;
    result["figures"]["machine.events_per_s"].as_f64().context("the abstract tier counts its events")
}

/// All of it as figures.
pub fn figures() -> Result<String> {
    let mut figures = Vec::new();
    for row in rows(true, &[])? {
        let what =
            format!("{} nodes, load {}", row["size"]["nodes"], row["size"]["load"].as_str().unwrap_or("?"));
        let figure = |name: &str, key: &str, unit: &str| {
            json!({"name": format!("{name}, {what}"), "ours": row["engines"][key], "other": row["bare"][key],
                "unit": unit})
        };
        figures.push(figure("speed", "node_s_per_s", "node-s/s"));
        figures.push(figure("memory", "node_bytes", "bytes/node"));
    }
    figures
        .push(json!({"name": "abstract tier, 100,000 members", "ours": events(true)?, "other": EVENTS_PER_S,
        "unit": "events/s"}));
    Ok(figures.iter().map(|figure| format!("{figure}\n")).collect())
}
