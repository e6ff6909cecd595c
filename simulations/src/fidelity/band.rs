//! What a figure is over many seeds: its mean, its spread, and the band in which one more run would lie in 95 of 100 cases.

/// Quantiles of Student's distribution at 97.5 %, for 1 to 30 degrees of freedom; beyond, the normal one serves.
const STUDENT: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/// A figure over many seeds.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Band {
    /// Runs.
    pub runs: usize,
    /// Their mean.
    pub mean: f64,
    /// Lower end of the band.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Band {
    /// The band in which one more run would lie: wider than the one of the mean, because the published figure is of one run.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let runs = values.len();
        let mean = values.iter().sum::<f64>() / runs.max(1) as f64;
        if runs < 2 {
            return Band { runs, mean, low: f64::NEG_INFINITY, high: f64::INFINITY };
        }
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (runs - 1) as f64;
        let student = STUDENT.get(runs - 2).copied().unwrap_or(1.96);
        let half = student * (variance * (1.0 + 1.0 / runs as f64)).sqrt();
        Band { runs, mean, low: mean - half, high: mean + half }
    }

    /// Whether a single figure lies inside.
    #[must_use]
    pub fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

#[cfg(test)]
mod tests;
