//! What came of one seed: the object of `--json`, and apart from it the tables.

use super::Recorder;
use super::schemas;
use super::table::{Table, Values};
use crate::checks::{Findings, Violation};
use crate::net::links::HostId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A rule that was broken, as results carry it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broken {
    /// The judge.
    pub check: String,
    /// When, virtual microseconds.
    pub at_us: u64,
    /// Where, if at one host.
    pub host: Option<HostId>,
    /// What, in words.
    pub what: String,
}

impl From<Violation> for Broken {
    fn from(violation: Violation) -> Self {
        let Violation { check, at_us, host, what } = violation;
        Broken { check: check.to_owned(), at_us, host, what }
    }
}

/// What came of one seed. As JSON it is the one object that `--json` prints; the tables are apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// The scenario's name.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// SHA-256 over the trace.
    pub hash: String,
    /// Whether no rule was broken.
    pub ok: bool,
    /// Rules that were broken, the first of each judge.
    pub violations: Vec<Broken>,
    /// Numbers by name; `machine.*` are of the machine and differ from run to run.
    pub figures: BTreeMap<String, f64>,
    /// What was recorded over time; all of [`super::schemas::ALL`] in order.
    #[serde(skip)]
    pub series: Vec<Table>,
}

/// A table between two processes of one program.
#[derive(Debug, Serialize, Deserialize)]
struct Packed {
    name: String,
    values: Vec<Values>,
    left_out: u64,
}

impl RunResult {
    /// The tables as bytes, for another process of this program.
    ///
    /// # Panics
    /// Never: plain values can be packed.
    #[must_use]
    pub fn pack_series(&self) -> Vec<u8> {
        let packed: Vec<Packed> = self
            .series
            .iter()
            .map(|table| Packed {
                name: table.schema.name.to_owned(),
                values: table.values.clone(),
                left_out: table.left_out,
            })
            .collect();
        postcard::to_allocvec(&packed).expect("plain values can be packed")
    }

    /// Takes the tables that [`Self::pack_series`] packed; false if these are other bytes.
    pub fn unpack_series(&mut self, bytes: &[u8]) -> bool {
        let Ok(packed) = postcard::from_bytes::<Vec<Packed>>(bytes) else { return false };
        let tables = packed.into_iter().map(|packed| {
            let schema = schemas::by_name(&packed.name)?;
            let fits = schema.columns.len() == packed.values.len()
                && schema
                    .columns
                    .iter()
                    .zip(&packed.values)
                    .all(|(column, values)| column.kind == values.kind());
            fits.then_some(Table { schema, values: packed.values, left_out: packed.left_out })
        });
        match tables.collect() {
            Some(series) => {
                self.series = series;
                true
            }
            None => false,
        }
    }

    /// From what a run left behind.
    #[must_use]
    pub fn new(scenario: &str, seed: u64, hash: String, findings: Findings, record: Recorder) -> Self {
        let (figures, series) = record.into_results();
        RunResult {
            scenario: scenario.to_owned(),
            seed,
            hash,
            ok: findings.count == 0,
            violations: findings.kept.into_iter().map(Broken::from).collect(),
            figures: figures.0,
            series,
        }
    }

    /// A table by its name.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.series.iter().find(|table| table.schema.name == name)
    }
}
