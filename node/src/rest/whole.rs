//! Whole numbers as JSON and its schemas know them: 3.0 is one.

use serde::Deserialize as _;
use serde::de::{Deserializer, Error};
use serde_json::Number;

/// The largest below which every whole number can be told from the next one in a float.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// For a field that holds a whole number, not below zero.
pub(super) fn whole<'de, T: TryFrom<u64>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    of(&Number::deserialize(deserializer)?)
}

/// For a field that may hold one.
pub(super) fn whole_or_none<'de, T: TryFrom<u64>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Option::<Number>::deserialize(deserializer)?.map(|number| of(&number)).transpose()
}

fn of<T: TryFrom<u64>, E: Error>(number: &Number) -> Result<T, E> {
    let exact = |float: &f64| float.fract() == 0.0 && (0.0..EXACT_MAX).contains(float);
    let whole = number.as_u64().or_else(|| number.as_f64().filter(exact).map(|float| float as u64));
    let told = whole.and_then(|whole| T::try_from(whole).ok());
    told.ok_or_else(|| E::custom(format!("{number} is no whole number of that size")))
}

#[cfg(test)]
mod tests;
