//! Tables as CSV (RFC 4180): a line of names, then a line for each row; what is not there is empty.

use crate::record::table::{Schema, Table, Values};
use std::io::{self, Write};

/// Writes the line of names.
pub(super) fn head(out: &mut impl Write, schema: &Schema) -> io::Result<()> {
    write!(out, "seed")?;
    for column in schema.columns {
        write!(out, ",{}", column.name)?;
    }
    writeln!(out)
}

/// Writes the rows of one seed.
pub(super) fn rows(out: &mut impl Write, seed: u64, table: &Table) -> io::Result<()> {
    for row in 0..table.rows() {
        write!(out, "{seed}")?;
        for values in &table.values {
            match values {
                Values::Int(values) => write!(out, ",{}", values[row])?,
                Values::Real(values) if values[row].is_nan() => write!(out, ",")?,
                Values::Real(values) => write!(out, ",{}", values[row])?,
                Values::Text(values) => write!(out, ",{}", quoted(&values[row]))?,
                Values::Flag(values) => write!(out, ",{}", values[row])?,
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests;
