//! What `csv` promises, tried.

use super::*;
use crate::record::schemas;
use crate::record::table::Cell;

#[test]
fn words_are_quoted_where_they_must_be_and_what_is_missing_is_empty() {
    let mut table = Table::new(&schemas::COUNTS);
    table.push(&[Cell::Text("a, \"b\""), Cell::Int(3)]);
    let mut heals = Table::new(&schemas::HEALS);
    heals.push(&[Cell::Real(1.5), Cell::Text("link"), Cell::Int(1), Cell::Int(0), Cell::Real(f64::NAN)]);
    let mut out = Vec::new();
    head(&mut out, &schemas::COUNTS).expect("memory takes everything");
    rows(&mut out, 7, &table).expect("memory takes everything");
    rows(&mut out, 8, &heals).expect("memory takes everything");
    let text = String::from_utf8(out).expect("it is text");
    assert_eq!(text, "seed,what,count\n7,\"a, \"\"b\"\"\",3\n8,1.5,link,1,0,\n");
}
