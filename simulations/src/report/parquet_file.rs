//! Tables as Parquet files: plain columns that pandas, polars and DuckDB open; each column's meaning is in the file's metadata.
//!
//! The first column is the seed. A column of numbers that may be missing is `OPTIONAL`, everything else `REQUIRED`; one row group a seed.

use crate::record::table::{Cell, Kind, Schema, Table, Values};
use anyhow::{Context as _, Result, bail};
use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::record::{Field, RowAccessor as _};
use parquet::schema::types::Type;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// A file that grows by one seed's rows at a time.
pub struct Writer {
    file: SerializedFileWriter<File>,
}

impl Writer {
    /// Begins a file.
    ///
    /// # Errors
    /// If it cannot be made there.
    pub fn create(path: &Path, schema: &'static Schema) -> Result<Self> {
        let about = schema
            .columns
            .iter()
            .map(|column| KeyValue::new(format!("about.{}", column.name), column.about.to_owned()));
        let table = KeyValue::new("about".to_owned(), schema.about.to_owned());
        let properties = WriterProperties::builder()
            .set_created_by("halloo-sim".to_owned())
            .set_key_value_metadata(Some(std::iter::once(table).chain(about).collect()))
            .build();
        let file = File::create(path).with_context(|| format!("{} cannot be written", path.display()))?;
        let file = SerializedFileWriter::new(file, Arc::new(shape(schema)?), Arc::new(properties))?;
        Ok(Writer { file })
    }

    /// Adds the rows of one seed.
    ///
    /// # Errors
    /// If the disk is full.
    pub fn rows(&mut self, seed: u64, table: &Table) -> Result<()> {
        if table.rows() == 0 {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        let seeds = Values::Int(vec![i64::try_from(seed).unwrap_or(i64::MAX); table.rows()]);
        for values in std::iter::once(&seeds).chain(&table.values) {
            let Some(mut column) = group.next_column()? else {
                bail!("a column of {} is missing", table.schema.name)
            };
            match values {
                Values::Int(values) => column.typed::<Int64Type>().write_batch(values, None, None)?,
                Values::Real(values) => {
                    let there: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
                    let levels: Vec<i16> = values.iter().map(|value| i16::from(!value.is_nan())).collect();
                    column.typed::<DoubleType>().write_batch(&there, Some(&levels), None)?
                }
                Values::Text(values) => {
                    let words: Vec<ByteArray> =
                        values.iter().map(|word| ByteArray::from(word.as_str())).collect();
                    column.typed::<ByteArrayType>().write_batch(&words, None, None)?
                }
                Values::Flag(values) => column.typed::<BoolType>().write_batch(values, None, None)?,
            };
            column.close()?;
        }
        group.close()?;
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// If the disk is full.
    pub fn finish(self) -> Result<()> {
        self.file.close()?;
        Ok(())
    }
}

fn shape(schema: &Schema) -> Result<Type> {
    let seed = Type::primitive_type_builder("seed", Physical::INT64).with_repetition(Repetition::REQUIRED);
    let mut fields = vec![Arc::new(seed.build()?)];
    for column in schema.columns {
        let (physical, repetition, logical) = match column.kind {
            Kind::Int => (Physical::INT64, Repetition::REQUIRED, None),
            Kind::Real => (Physical::DOUBLE, Repetition::OPTIONAL, None),
            Kind::Text => (Physical::BYTE_ARRAY, Repetition::REQUIRED, Some(LogicalType::String)),
            Kind::Flag => (Physical::BOOLEAN, Repetition::REQUIRED, None),
        };
        let field = Type::primitive_type_builder(column.name, physical);
        fields.push(Arc::new(field.with_repetition(repetition).with_logical_type(logical).build()?));
    }
    Ok(Type::group_type_builder(schema.name).with_fields(fields).build()?)
}

/// Reads a file that [`Writer`] made: the tables of each seed in it, in the order of the file.
///
/// # Errors
/// If the file cannot be read or is not of this schema.
pub fn read(path: &Path, schema: &'static Schema) -> Result<Vec<(u64, Table)>> {
    let file = File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let reader =
        SerializedFileReader::new(file).with_context(|| format!("{} is no Parquet file", path.display()))?;
    if let Some(what) = differs(reader.metadata().file_metadata().schema(), &shape(schema)?) {
        bail!("{} is no table of {}: {what}", path.display(), schema.name);
    }
    let mut tables: Vec<(u64, Table)> = Vec::new();
    for row in reader.get_row_iter(None)? {
        let row = row?;
        let seed = u64::try_from(row.get_long(0)?).context("a seed is not negative")?;
        if tables.last().is_none_or(|(last, _)| *last != seed) {
            tables.push((seed, Table::new(schema)));
        }
        let cells: Result<Vec<Cell<'_>>> =
            row.get_column_iter().skip(1).map(|(_, field)| cell(field)).collect();
        let (_, table) = tables.last_mut().expect("one was just put there");
        table.push(&cells.with_context(|| format!("{} is not of our making", path.display()))?);
    }
    Ok(tables)
}

/// In what the columns of a file differ from those of a table: cells of another kind may not reach it.
fn differs(found: &Type, expected: &Type) -> Option<String> {
    let (found, expected) = (found.get_fields(), expected.get_fields());
    if found.len() != expected.len() {
        return Some(format!("it has {} columns and not {}", found.len(), expected.len()));
    }
    let kind = |column: &Type| column.is_primitive().then(|| column.get_physical_type());
    let same = |(found, expected): &(&Arc<Type>, &Arc<Type>)| {
        found.name() == expected.name()
            && kind(found) == kind(expected)
            && found.get_basic_info().repetition() == expected.get_basic_info().repetition()
    };
    found.iter().zip(expected).find(|pair| !same(pair)).map(|(found, expected)| {
        format!("its column `{}` should be `{}` as this program writes it", found.name(), expected.name())
    })
}

fn cell(field: &Field) -> Result<Cell<'_>> {
    Ok(match field {
        Field::Long(value) => Cell::Int(*value),
        Field::Double(value) => Cell::Real(*value),
        Field::Null => Cell::Real(f64::NAN),
        Field::Str(value) => Cell::Text(value),
        Field::Bool(value) => Cell::Flag(*value),
        other => bail!("{other} is in none of our tables"),
    })
}

#[cfg(test)]
mod tests;
