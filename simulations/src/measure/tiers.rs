//! `halloo-sim fidelity abstract`: both tiers, the same scenario, a table.

use super::Choices;
use crate::children::{self, Wanted};
use crate::fidelity::tiers;
use crate::scenario::Fidelity;
use anyhow::Result;
use std::collections::BTreeMap;

/// Compares and prints; whether every figure is near enough.
pub(super) fn run(choices: &Choices) -> Result<bool> {
    let members = choices.nodes.or(choices.small.then(tiers::small));
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let figures = |fidelity| -> Result<Vec<BTreeMap<String, f64>>> {
        let loaded = tiers::scenario(fidelity, members)?;
        let seeds = (choices.first_seed, choices.seeds);
        let results = children::run(&loaded, seeds, jobs, &Wanted::default())?;
        Ok(results.into_iter().map(|result| result.figures).collect())
    };
    let (real, model) = (figures(Fidelity::Real)?, figures(Fidelity::Abstract)?);
    let rows = tiers::rows(&real, &model);
    if !choices.json {
        let members = tiers::scenario(Fidelity::Real, members)?.scenario.groups[0].members;
        println!(
            "{members} members, {} seeds; bands in which one more seed would lie in 95 of 100 cases",
            choices.seeds
        );
        println!(
            "figure                            real  (95 % band)              abstract  (95 % band)           ratio"
        );
    }
    for row in &rows {
        if choices.json {
            println!("{}", serde_json::to_string(row)?);
            continue;
        }
        let band = |band: &crate::fidelity::band::Band| {
            format!("{:>9.3} ({:>9.3} .. {:>9.3})", band.mean, band.low, band.high)
        };
        let word = if row.holds { "holds" } else { "MISS" };
        println!("{:<28} {} {} {:>7.3}  {word}", row.figure, band(&row.real), band(&row.model), row.ratio);
    }
    Ok(rows.iter().all(|row| row.holds))
}
