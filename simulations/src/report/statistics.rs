//! Means with their uncertainty over seeds: Student's t, and Welch's when seeds cannot be paired.

/// Two-sided 95 % points of Student's t for 1 to 30 degrees of freedom.
const T95: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];
/// The same for a normal distribution.
const Z95: f64 = 1.959_964;

/// The two-sided 95 % point of Student's t; between whole degrees the lower, which is the wider.
#[must_use]
pub(super) fn t95(degrees: f64) -> f64 {
    let whole = degrees.max(1.0).floor();
    if whole <= 30.0 {
        return T95[whole as usize - 1];
    }
    // The first two terms of the Cornish-Fisher series: good to 0.0005 beyond 30.
    let z = Z95;
    z + (z.powi(3) + z) / (4.0 * whole)
        + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * whole * whole)
}

/// A difference and how far it may be off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Difference {
    /// New minus base.
    pub mean: f64,
    /// The lower end of the 95 % interval; none with too few seeds.
    pub interval: Option<(f64, f64)>,
    /// Seeds, or pairs of them.
    pub seeds: usize,
    /// Whether seeds were paired.
    pub paired: bool,
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)
}

/// The mean difference of pairs.
pub(super) fn paired(pairs: &[(f64, f64)]) -> Difference {
    let differences: Vec<f64> = pairs.iter().map(|(base, new)| new - base).collect();
    let mean = mean(&differences);
    let interval = (differences.len() > 1).then(|| {
        let half =
            t95(differences.len() as f64 - 1.0) * (variance(&differences) / differences.len() as f64).sqrt();
        (mean - half, mean + half)
    });
    Difference { mean, interval, seeds: pairs.len(), paired: true }
}

/// The difference of two means (Welch 1947).
pub(super) fn unpaired(base: &[f64], new: &[f64]) -> Difference {
    let difference = mean(new) - mean(base);
    let interval = (base.len() > 1 && new.len() > 1).then(|| {
        let (a, b) = (variance(base) / base.len() as f64, variance(new) / new.len() as f64);
        let degrees = if a + b > 0.0 {
            (a + b).powi(2) / (a * a / (base.len() as f64 - 1.0) + b * b / (new.len() as f64 - 1.0))
        } else {
            1.0
        };
        let half = t95(degrees) * (a + b).sqrt();
        (difference - half, difference + half)
    });
    Difference { mean: difference, interval, seeds: base.len().min(new.len()), paired: false }
}

/// The middle of values; of two middle ones their mean.
#[must_use]
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => sorted[middle],
        _ => (sorted[middle - 1] + sorted[middle]) / 2.0,
    }
}

#[cfg(test)]
mod tests;
