//! The folder of results: one file a table and form, plots, and the page that shows them.
//!
//! ```text
//!   results.jsonl       one object a seed, as `--json` prints it
//!   scenario.toml       what ran
//!   TABLE.csv           one row a line; the first column is the seed
//!   TABLE.parquet       the same, with the meanings of the columns inside
//!   COLUMNS.md          the meanings of all tables, columns and figures
//!   plots/NAME.svg .png
//!   report.html         everything at a glance, without network
//! ```

use super::{csv, html, parquet_file, plots};
use crate::record::{LEGEND, RunResult, schemas};
use anyhow::{Context as _, Result};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// The file of results that [`super::compare`] reads.
pub const RESULTS: &str = "results.jsonl";
/// The page.
pub const PAGE: &str = "report.html";

/// What the results are of.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// The scenario's name.
    pub name: String,
    /// The scenario's reason, a sentence.
    pub why: String,
    /// The scenario's text.
    pub text: String,
    /// Tables that are written, by name; all without it.
    pub tables: Option<Vec<String>>,
}

impl About {
    fn wants(&self, table: &str) -> bool {
        self.tables.as_ref().is_none_or(|tables| tables.iter().any(|name| name == table))
    }
}

/// Writes the folder of results; gives the path of its page. Files of an earlier run of the same names are replaced.
///
/// # Errors
/// If the folder cannot be written.
pub fn write(out: &Path, about: &About, results: &[RunResult]) -> Result<PathBuf> {
    let folder = out.join("plots");
    fs::create_dir_all(&folder).with_context(|| format!("{} could not be made", folder.display()))?;
    let mut lines = String::new();
    for result in results {
        lines.push_str(&serde_json::to_string(result)?);
        lines.push('\n');
    }
    put(&out.join(RESULTS), lines.as_bytes())?;
    put(&out.join("scenario.toml"), about.text.as_bytes())?;
    put(&out.join("COLUMNS.md"), columns().as_bytes())?;
    for schema in schemas::ALL {
        if about.wants(schema.name) {
            tables(out, schema, results)?;
        } else {
            // What an earlier run left would pass for this one's.
            for end in ["csv", "parquet"] {
                remove(&out.join(format!("{}.{end}", schema.name)))?;
            }
        }
    }
    let plots = plots::all(results)?;
    for plot in &plots {
        put(&folder.join(format!("{}.svg", plot.name)), plot.svg.as_bytes())?;
        put(&folder.join(format!("{}.png", plot.name)), &plot.png)?;
    }
    let page = out.join(PAGE);
    put(&page, html::page(about, results, &plots).as_bytes())?;
    Ok(page)
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} could not be removed", path.display()))
        }
        _ => Ok(()),
    }
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("{} could not be written", path.display()))
}

fn tables(out: &Path, schema: &'static crate::record::table::Schema, results: &[RunResult]) -> Result<()> {
    let path = out.join(format!("{}.csv", schema.name));
    let file = File::create(&path).with_context(|| format!("{} could not be made", path.display()))?;
    let mut text = BufWriter::new(file);
    let mut columns = parquet_file::Writer::create(&out.join(format!("{}.parquet", schema.name)), schema)?;
    csv::head(&mut text, schema)?;
    for result in results {
        if let Some(table) = result.table(schema.name) {
            csv::rows(&mut text, result.seed, table)?;
            columns.rows(result.seed, table)?;
        }
    }
    text.flush()?;
    columns.finish()
}

/// The meanings of all tables, columns and figures.
#[must_use]
pub fn columns() -> String {
    let mut text = String::from(
        "# Tables and figures\n\nThe first column of every table is `seed`, the seed of the run. Names end in their unit. Times are \
         virtual.\nA real number that does not exist is empty in CSV and null in Parquet.\n",
    );
    for schema in schemas::ALL {
        // A String takes everything.
        let _ = write!(
            text,
            "\n## {}\nOne row is {}. At most {} rows a seed.\n\n",
            schema.name, schema.about, schema.rows_max
        );
        let _ = writeln!(text, "| column | kind | meaning |\n|---|---|---|");
        for column in schema.columns {
            let kind = format!("{:?}", column.kind).to_lowercase();
            let _ = writeln!(text, "| `{}` | {kind} | {} |", column.name, column.about);
        }
    }
    text.push_str(
        "\n## Figures\nNames begin as below; what follows says which of the values, and its unit.\n\n",
    );
    text.push_str("| figure | better | meaning |\n|---|---|---|\n");
    for (name, better, about) in LEGEND {
        let better = format!("{better:?}").to_lowercase();
        let _ = writeln!(text, "| `{name}` | {better} | {about} |");
    }
    text
}

#[cfg(test)]
mod tests;
