//! What `folder` promises, tried.

use super::*;
use crate::report::plots::example;

fn about() -> About {
    About {
        name: "made up".into(),
        why: "Tests <need> one.".into(),
        text: "why = \"a & b\"\n".into(),
        tables: None,
    }
}

#[test]
fn the_folder_holds_what_its_head_draws() {
    let out = tempfile::tempdir().expect("a folder");
    let page = write(out.path(), &about(), &[example(3), example(4)]).expect("it can be written");
    let lines = fs::read_to_string(out.path().join(RESULTS)).expect("it is there");
    let back: Vec<RunResult> =
        lines.lines().map(|line| serde_json::from_str(line).expect("one object a line")).collect();
    assert_eq!(back.iter().map(|result| result.seed).collect::<Vec<_>>(), [3, 4]);
    for schema in schemas::ALL {
        let text = fs::read_to_string(out.path().join(format!("{}.csv", schema.name))).expect("it is there");
        let tables = parquet_file::read(&out.path().join(format!("{}.parquet", schema.name)), schema);
        let rows: usize = tables.expect("it reads back").iter().map(|(_, table)| table.rows()).sum();
        assert_eq!(text.lines().count(), rows + 1, "{}", schema.name);
    }
    let html = fs::read_to_string(page).expect("it is there");
    assert!(html.contains("Tests &lt;need&gt; one.") && html.contains("a &amp; b"));
    assert!(out.path().join("plots/delivery.png").exists() && out.path().join("plots/map.svg").exists());
}

#[test]
fn only_the_tables_that_are_asked_for_are_left() {
    let out = tempfile::tempdir().expect("a folder");
    write(out.path(), &about(), &[example(3)]).expect("it can be written");
    let few = About { tables: Some(vec!["heals".into()]), ..about() };
    write(out.path(), &few, &[example(4)]).expect("it can be written");
    for schema in schemas::ALL {
        for end in ["csv", "parquet"] {
            let there = out.path().join(format!("{}.{end}", schema.name)).exists();
            assert_eq!(there, schema.name == "heals", "{}.{end}", schema.name);
        }
    }
    assert!(out.path().join("plots/delivery.png").exists(), "plots are no tables");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let out = tempfile::NamedTempFile::new().expect("a file");
    let error = write(out.path(), &about(), &[]).expect_err("a file is no folder");
    assert!(error.to_string().contains("plots could not be made"), "{error}");
}

#[test]
fn every_column_has_its_meaning_in_the_text() {
    let text = columns();
    for column in schemas::ALL.iter().flat_map(|schema| schema.columns) {
        assert!(text.contains(&format!("| `{}` |", column.name)) && text.contains(column.about));
    }
}
