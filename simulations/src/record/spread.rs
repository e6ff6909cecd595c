//! Many values of one kind: all of them up to a bound, a fair sample beyond, and exact count, sum and ends.

/// Values kept; beyond, each value seen has the same chance to be among these many (Vitter's algorithm R). 8 MB.
pub(super) const VALUES_KEPT: usize = 1_000_000;

/// The values.
#[derive(Clone, Debug, Default)]
pub struct Spread {
    kept: Vec<u64>,
    count: u64,
    sum: u128,
    max: u64,
}

impl Spread {
    /// Takes a value in.
    pub fn add(&mut self, value: u64) {
        self.count += 1;
        self.sum += u128::from(value);
        self.max = self.max.max(value);
        if self.kept.len() < VALUES_KEPT {
            self.kept.push(value);
            return;
        }
        let place = scatter(self.count) % self.count;
        if let Some(slot) = usize::try_from(place).ok().and_then(|place| self.kept.get_mut(place)) {
            *slot = value;
        }
    }

    /// How many values came.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their mean.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }

    /// The largest.
    #[must_use]
    pub fn max(&self) -> Option<u64> {
        (self.count > 0).then_some(self.max)
    }

    /// What is kept, in order.
    #[must_use]
    pub fn sorted(&self) -> Vec<u64> {
        let mut sorted = self.kept.clone();
        sorted.sort_unstable();
        sorted
    }
}

/// The value at this share of the sorted values (nearest rank).
#[must_use]
pub fn quantile(sorted: &[u64], share: f64) -> Option<u64> {
    let last = sorted.len().checked_sub(1)?;
    Some(sorted[(last as f64 * share).round() as usize])
}

/// A number that looks drawn (splitmix64): the sample must not depend on anything but the order of the values.
fn scatter(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests;
