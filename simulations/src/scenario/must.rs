//! The part of a scenario that says what must hold at the end, and what is kept of a run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What must hold. Every judge is on unless it is named in `except`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Must {
    /// All honest members who can reach each other agree at the end.
    pub converge: bool,
    /// Judges that are switched off, by name; say why in a comment.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<String>,
    /// Bounds on figures: `"messages.delivery.p99_ms <= 300"`. A figure that the run does not give breaks its bound.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<String>,
}

impl Default for Must {
    fn default() -> Self {
        Must { converge: true, except: Vec::new(), figures: Vec::new() }
    }
}

/// What is kept of a run, beside figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Tables that `--out` writes, by name; all without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tables: Option<Vec<String>>,
    /// Whether `--out` writes the trace without being asked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trace: bool,
}

impl Record {
    pub(super) fn is_default(&self) -> bool {
        *self == Record::default()
    }
}

/// How a figure is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// `<=`
    AtMost,
    /// `<`
    Below,
    /// `>=`
    AtLeast,
    /// `>`
    Above,
    /// `==`
    Equal,
}

/// A bound on a figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// Its name.
    pub figure: String,
    /// How.
    pub compare: Compare,
    /// With what.
    pub value: f64,
}

impl Bound {
    /// Reads `name <= number`.
    ///
    /// # Errors
    /// Says how a bound is written.
    pub fn read(text: &str) -> Result<Self, String> {
        let how = || format!("{text:?} is no bound; write it as \"messages.delivery.p99_ms <= 300\"");
        let mut words = text.split_whitespace();
        let (Some(figure), Some(sign), Some(value), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(how());
        };
        let compare = match sign {
            "<=" => Compare::AtMost,
            "<" => Compare::Below,
            ">=" => Compare::AtLeast,
            ">" => Compare::Above,
            "==" => Compare::Equal,
            _ => return Err(how()),
        };
        let value = value.parse::<f64>().ok().filter(|v| v.is_finite()).ok_or_else(how)?;
        Ok(Bound { figure: figure.to_owned(), compare, value })
    }

    /// What is wrong, if the figures break it.
    #[must_use]
    pub fn broken(&self, figures: &BTreeMap<String, f64>) -> Option<String> {
        let Some(found) = figures.get(&self.figure) else {
            return Some(format!(
                "the run gave no figure {}; `--json` shows those that it gives",
                self.figure
            ));
        };
        let (sign, holds) = match self.compare {
            Compare::AtMost => ("<=", *found <= self.value),
            Compare::Below => ("<", *found < self.value),
            Compare::AtLeast => (">=", *found >= self.value),
            Compare::Above => (">", *found > self.value),
            Compare::Equal => ("==", *found == self.value),
        };
        (!holds).then(|| format!("{} is {found}, it must be {sign} {}", self.figure, self.value))
    }
}

#[cfg(test)]
mod tests;
