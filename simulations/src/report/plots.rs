//! Plots of many runs, as SVG and as PNG: how soon things arrive, bytes over time, healing, who went where, how voice was.

mod chart;
mod shapes;

pub(super) use chart::Chart;

use crate::record::RunResult;

/// A plot that is drawn.
#[derive(Debug)]
pub(super) struct Plot {
    /// The file's name without its end.
    pub name: &'static str,
    /// What it shows.
    pub title: String,
    /// As SVG.
    pub svg: String,
    /// As PNG.
    pub png: Vec<u8>,
}

/// All plots for which these results have data.
///
/// # Errors
/// If a picture cannot be drawn, which no data causes.
pub(super) fn all(results: &[RunResult]) -> anyhow::Result<Vec<Plot>> {
    let charts = [
        shapes::arrivals(results, &shapes::DELIVERIES),
        shapes::arrivals(results, &shapes::PLACES),
        shapes::arrivals(results, &shapes::JOINS),
        shapes::arrivals(results, &shapes::EPOCHS),
        shapes::bytes(results),
        shapes::heals(results),
        shapes::map(results),
        shapes::voice(results),
    ];
    charts.into_iter().flatten().map(draw).collect()
}

fn draw(chart: Chart) -> anyhow::Result<Plot> {
    let (svg, png) = (chart.svg()?, chart.png()?);
    Ok(Plot { name: chart.name, title: chart.title, svg, png })
}

#[cfg(test)]
pub(super) use tests::result as example;

#[cfg(test)]
mod tests;
