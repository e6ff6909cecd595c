//! Speech under loss and jitter: PESQ-WB with our redundancy against plain concealment on the same losses.

use super::Size;
use crate::bench;
use anyhow::{Context, Result, bail};

/// How much better it must be, PESQ-WB (ITU-T P.862.2).
const BETTER_BY: f64 = 0.8;

/// `prove first-halloo.3`.
pub fn run(size: Size) -> Result<()> {
    if size == Size::Small {
        return Ok(()); // The voice path's own tests run the same machine over lossy links; PESQ is a figure.
    }
    let figures = bench::collect(Some("speech-loss"))?;
    figures.iter().for_each(|figure| println!("{figure}"));
    let gains = figures.iter().filter(|f| f["unit"] == "PESQ-WB").map(|f| {
        let (ours, other) = (f["ours"].as_f64(), f["other"].as_f64());
        Ok((f["name"].clone(), ours.context("no value")? - other.context("nothing to compare with")?))
    });
    let gains = gains.collect::<Result<Vec<_>>>()?;
    if gains.is_empty() {
        bail!("speech-loss printed no PESQ figure");
    }
    match gains.iter().find(|(_, gain)| *gain < BETTER_BY) {
        Some((name, gain)) => bail!("{name}: only {gain:.2} above plain concealment"),
        None => Ok(()),
    }
}
