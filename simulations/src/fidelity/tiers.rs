//! The abstract tier beside tier real: one scenario, the same seeds, the same figures.

use super::band::Band;
use crate::scenario::{Fidelity, Loaded, ScenarioError};
use std::collections::BTreeMap;

/// How far the means may lie apart.
pub const APART_MAX: f64 = 0.03;

/// What is compared: name, unit.
pub const FIGURES: [(&str, &str); 7] = [
    ("messages.delivery.p50_ms", "ms"),
    ("messages.delivery.p90_ms", "ms"),
    ("messages.delivery.p99_ms", "ms"),
    ("messages.delivery.mean_ms", "ms"),
    ("gossip.copies", "copies"),
    ("messages.delivered_share", "share"),
    (RECEIVERS, "members"),
];

/// Receivers of a message: that both tiers brought as many members in.
const RECEIVERS: &str = "receivers a message";

/// The scenario that both run.
const TEXT: &str = include_str!("../../scenarios/gossip-250.toml");
/// Members of it in the gate.
const SMALL: u32 = 24;

/// The scenario of one tier; with so many members instead of its own where that is said.
///
/// # Errors
/// If it cannot be, which is a slip of ours.
pub fn scenario(fidelity: Fidelity, members: Option<u32>) -> Result<Loaded, ScenarioError> {
    let mut scenario = crate::scenario::parse(TEXT)?;
    scenario.fidelity = fidelity;
    scenario.must.figures.clear();
    if let Some(members) = members {
        scenario.groups[0].members = members;
    }
    Loaded::new("gossip-250".to_owned(), scenario.to_toml(), BTreeMap::new())
}

/// Members in the gate.
#[must_use]
pub fn small() -> u32 {
    SMALL
}

/// One figure in both tiers.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Row {
    /// Which.
    pub figure: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// In tier real.
    pub real: Band,
    /// In the abstract tier.
    pub model: Band,
    /// The mean of the model over that of tier real.
    pub ratio: f64,
    /// Whether that is near enough.
    pub holds: bool,
}

/// Compares; a figure that a run does not give makes no row that holds.
#[must_use]
pub fn rows(real: &[BTreeMap<String, f64>], model: &[BTreeMap<String, f64>]) -> Vec<Row> {
    let value = |figures: &BTreeMap<String, f64>, name: &str| -> f64 {
        let of = |name| figures.get(name).copied().unwrap_or(f64::NAN);
        if name == RECEIVERS { of("messages.delivered") / of("messages.written") } else { of(name) }
    };
    let values = |runs: &[BTreeMap<String, f64>], name: &str| -> Vec<f64> {
        runs.iter().map(|figures| value(figures, name)).collect()
    };
    let row = |(figure, unit): (&'static str, &'static str)| {
        let (real, model) = (Band::of(&values(real, figure)), Band::of(&values(model, figure)));
        let ratio = model.mean / real.mean;
        Row { figure, unit, real, model, ratio, holds: (ratio - 1.0).abs() <= APART_MAX }
    };
    FIGURES.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests;
