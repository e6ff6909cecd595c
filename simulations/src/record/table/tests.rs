//! What `table` promises, tried.

use super::*;

static SMALL: Schema = Schema {
    name: "small",
    about: "for tests",
    columns: &[int("n", "a number"), real("x_s", "a time"), text("w", "a word"), flag("f", "a flag")],
    rows_max: 2,
};

fn row(n: i64) -> [Cell<'static>; 4] {
    [Cell::Int(n), Cell::Real(0.5), Cell::Text("a"), Cell::Flag(true)]
}

#[test]
fn rows_beyond_the_bound_are_counted() {
    let mut table = Table::new(&SMALL);
    for n in 0..5 {
        table.push(&row(n));
    }
    assert_eq!((table.rows(), table.left_out), (2, 3));
    assert_eq!(table.numbers("n"), [0.0, 1.0]);
    assert_eq!(table.numbers("f"), [1.0, 1.0]);
    assert_eq!(table.words("w"), ["a", "a"]);
    assert!(table.numbers("w").is_empty() && table.words("n").is_empty() && table.column("none").is_none());
}

#[test]
#[should_panic(expected = "does not belong")]
fn a_cell_of_another_kind_is_our_own_mistake() {
    Table::new(&SMALL).push(&[Cell::Real(1.0), Cell::Real(0.5), Cell::Text("a"), Cell::Flag(true)]);
}

#[test]
fn every_table_has_names_of_its_own_and_bounds() {
    let schemas = super::super::schemas::ALL;
    for schema in schemas {
        assert_eq!(schemas.iter().filter(|other| other.name == schema.name).count(), 1, "{}", schema.name);
        assert!(schema.rows_max > 0 && !schema.columns.is_empty());
        for column in schema.columns {
            let same = schema.columns.iter().filter(|other| other.name == column.name);
            assert_eq!(same.count(), 1, "{}.{}", schema.name, column.name);
            assert!(!column.about.is_empty() && column.name != "seed", "the seed is added by the folder");
        }
    }
}
