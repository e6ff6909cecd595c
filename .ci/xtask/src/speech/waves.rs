//! Sound files of the measurement: clips joined to one speech, and how alike two recordings are.

use anyhow::{Context, Result, bail};
use hound::{WavReader, WavSpec, WavWriter};
use std::path::Path;

/// Silence after a speech, seconds: its last words have arrived and both ends have told their figures anew.
const REST_S: u32 = 2;
/// Envelope values a second: one each 10 ms.
const VALUES_PER_S: usize = 100;
/// The floor of an envelope, decibels below full scale.
const FLOOR_DB: f64 = -60.0;

/// Writes clips of one format after each other, and silence.
pub fn join(clips: &[String], to: &Path) -> Result<()> {
    let spec = WavReader::open(clips.first().context("no clip")?)?.spec();
    let mut speech = WavWriter::create(to, spec)?;
    for clip in clips {
        let mut reader = WavReader::open(clip).with_context(|| clip.clone())?;
        if reader.spec() != spec {
            bail!("{clip} differs in format from the clips before it");
        }
        for sample in reader.samples::<i16>() {
            speech.write_sample(sample?)?;
        }
    }
    for _ in 0..spec.sample_rate * REST_S * u32::from(spec.channels) {
        speech.write_sample(0_i16)?;
    }
    Ok(speech.finalize()?)
}

/// How alike what was heard and what was said are: the correlation of their level curves, at the delay that fits best. The
/// silence before and after the speech does not count.
pub fn likeness(said: &Path, heard: &Path) -> Result<f64> {
    let (said, heard) = (envelope(said)?, envelope(heard)?);
    let loud = |level: &f64| *level > FLOOR_DB;
    let (Some(first), Some(last)) = (said.iter().position(loud), said.iter().rposition(loud)) else {
        bail!("nothing was said");
    };
    let said = &said[first..=last];
    let fits = heard.windows(said.len()).map(|heard| correlation(said, heard));
    Ok(fits.fold(0.0, f64::max))
}

/// The level of each 10 ms, decibels below full scale.
fn envelope(path: &Path) -> Result<Vec<f64>> {
    let mut reader = WavReader::open(path).with_context(|| path.display().to_string())?;
    let WavSpec { sample_rate, .. } = reader.spec();
    let samples = reader.samples::<i16>().collect::<Result<Vec<_>, _>>()?;
    let power = |piece: &[i16]| {
        piece.iter().map(|s| (f64::from(*s) / 32_768.0).powi(2)).sum::<f64>() / piece.len() as f64
    };
    let pieces = samples.chunks_exact(sample_rate as usize / VALUES_PER_S);
    Ok(pieces.map(|piece| (10.0 * power(piece).max(1e-12).log10()).max(FLOOR_DB)).collect())
}

/// Pearson's coefficient; zero where one side does not vary.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        ab += (x - mean_a) * (y - mean_b);
        aa += (x - mean_a).powi(2);
        bb += (y - mean_b).powi(2);
    }
    if aa <= f64::EPSILON || bb <= f64::EPSILON { 0.0 } else { ab / (aa * bb).sqrt() }
}

#[cfg(test)]
mod tests;
