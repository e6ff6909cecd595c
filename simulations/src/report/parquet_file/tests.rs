//! What `parquet_file` promises, tried.

use super::*;
use crate::record::schemas;

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("heals.parquet");
    let mut first = Table::new(&schemas::HEALS);
    first.push(&[Cell::Real(1.5), Cell::Text("link"), Cell::Int(1), Cell::Int(0), Cell::Real(f64::NAN)]);
    first.push(&[Cell::Real(2.5), Cell::Text("wäke"), Cell::Int(2), Cell::Int(9), Cell::Real(0.25)]);
    let mut second = Table::new(&schemas::HEALS);
    second.push(&[Cell::Real(0.0), Cell::Text(""), Cell::Int(-1), Cell::Int(i64::MAX), Cell::Real(1e300)]);
    let mut writer = Writer::create(&path, &schemas::HEALS).expect("it can be made");
    writer.rows(3, &first).expect("there is room");
    writer.rows(4, &Table::new(&schemas::HEALS)).expect("no rows are no row group");
    writer.rows(5, &second).expect("there is room");
    writer.finish().expect("there is room");

    let back = read(&path, &schemas::HEALS).expect("it reads back");
    assert_eq!(back.len(), 2);
    assert_eq!((back[0].0, back[1].0), (3, 5));
    assert_eq!(back[0].1.words("cause"), ["link", "wäke"]);
    assert!(back[0].1.numbers("took_s")[0].is_nan());
    assert_eq!(back[0].1.numbers("took_s")[1], 0.25);
    assert_eq!(back[1].1, second);
    assert!(read(&path, &schemas::COUNTS).is_err(), "another table has other columns");
}

#[test]
fn every_table_can_be_a_file_and_carries_its_meanings() {
    let folder = tempfile::tempdir().expect("a folder");
    for schema in schemas::ALL {
        let path = folder.path().join(schema.name);
        Writer::create(&path, schema).expect("it can be made").finish().expect("there is room");
        let reader =
            SerializedFileReader::new(File::open(&path).expect("it is there")).expect("it is Parquet");
        let notes = reader.metadata().file_metadata().key_value_metadata().expect("there are notes");
        assert_eq!(notes.len(), schema.columns.len() + 1);
        assert!(read(&path, schema).expect("it reads back").is_empty());
    }
}

#[test]
fn a_table_with_as_many_columns_of_another_kind_is_refused_and_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let columns = schemas::HEALS.columns.len();
    let other = schemas::ALL
        .into_iter()
        .find(|schema| schema.columns.len() == columns && schema.name != schemas::HEALS.name);
    let other = other.expect("two tables have as many columns as each other");
    let path = folder.path().join("other.parquet");
    let mut table = Table::new(other);
    table.push(&other.columns.iter().map(|column| filler(column.kind)).collect::<Vec<_>>());
    let mut writer = Writer::create(&path, other).expect("it can be made");
    writer.rows(1, &table).expect("there is room");
    writer.finish().expect("there is room");
    assert_eq!(read(&path, other).expect("it reads back").len(), 1);
    let error = read(&path, &schemas::HEALS).expect_err("it is another table").to_string();
    assert!(error.contains("is no table of heals: its column `"), "{error}");
}

fn filler(kind: Kind) -> Cell<'static> {
    match kind {
        Kind::Int => Cell::Int(1),
        Kind::Real => Cell::Real(1.0),
        Kind::Text => Cell::Text("x"),
        Kind::Flag => Cell::Flag(true),
    }
}
