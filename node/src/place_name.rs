//! The words for precisions on the command line and at the local door.

use halloo_engine::place::Precision;
use serde::{Deserialize, Serialize};

/// A [`Precision`] as people write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum PrecisionName {
    /// As measured.
    Exact,
    /// The centre of a cell of about 500 m.
    Approximate,
    /// The centre of a cell of about 10 km.
    City,
}

impl From<PrecisionName> for Precision {
    fn from(name: PrecisionName) -> Self {
        match name {
            PrecisionName::Exact => Precision::Exact,
            PrecisionName::Approximate => Precision::Approximate,
            PrecisionName::City => Precision::City,
        }
    }
}

impl From<Precision> for PrecisionName {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::Exact => PrecisionName::Exact,
            Precision::Approximate => PrecisionName::Approximate,
            Precision::City => PrecisionName::City,
        }
    }
}
