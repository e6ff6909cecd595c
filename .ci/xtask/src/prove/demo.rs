//! The demonstration as a proof: everything that it measures, against what was promised.

use super::homes::Homes;
use super::{Size, people};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::process::{Command, Stdio};

/// `prove first-halloo.1`.
pub fn run(size: Size) -> Result<()> {
    let bin = people::halloo(size)?;
    let runs = if size == Size::Full { 3 } else { 1 };
    let mut outcomes = Vec::new();
    for _ in 0..runs {
        let folder = Homes::open()?;
        let dir = folder.path().join("demo");
        let output = Command::new(&bin)
            .args(["--json", "demo", "--members", "3", "--dir"])
            .arg(&dir)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            bail!("the demonstration failed: {text}");
        }
        let last = text.lines().last().context("the demonstration printed nothing")?;
        outcomes.push(serde_json::from_str::<Value>(last)?);
    }
    let median = |path: &str| {
        let mut values: Vec<f64> = outcomes.iter().filter_map(|o| o.pointer(path)?.as_f64()).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    };
    for (name, path, unit) in [
        ("demo: least likeness of what was heard", "/speech/correlation_min", "correlation"),
        ("demo: frames lost on the wire", "/speech/frames_lost", "frames"),
        ("demo: frames concealed", "/speech/frames_concealed", "frames"),
        ("demo: mouth to ear p50", "/speech/mouth_to_ear_ms/p50", "ms"),
        ("demo: mouth to ear p95", "/speech/mouth_to_ear_ms/p95", "ms"),
        ("demo: age of positions p95", "/locations/age_ms_p95", "ms"),
        ("demo: frames opened by the removed member", "/removed_member/frames_opened_after", "frames"),
    ] {
        println!("{}", json!({"name": name, "ours": median(path), "unit": unit, "runs": runs}));
    }
    if size == Size::Full {
        let lost = median("/speech/frames_lost") / median("/speech/frames_expected").max(1.0);
        let promises = [
            (lost <= 0.001, "wire loss of 0.1 %"),
            (median("/speech/mouth_to_ear_ms/p50") <= 120.0, "mouth to ear of 120 ms"),
            (median("/locations/age_ms_p95") <= 1_500.0, "positions of 1.5 s"),
        ];
        if let Some((_, promise)) = promises.iter().find(|(holds, _)| !holds) {
            bail!("the promise of {promise} does not hold");
        }
    }
    Ok(())
}
