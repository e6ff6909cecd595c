//! What `compare` promises, tried.

use super::*;
use crate::report::folder::{self, About};
use crate::report::plots::example;

/// Ten seeds of which one figure differs by this much, more or less.
fn ten(first: u64, scenario: &str, figure: &str, shift: f64) -> Vec<RunResult> {
    (first..first + 10)
        .map(|seed| {
            let mut result = example(seed);
            result.scenario = scenario.to_owned();
            // Seeds differ far more than the shift: only pairs can see it.
            let value = 100.0 * (seed % 7) as f64 + shift * (1.0 + 0.01 * (seed % 3) as f64);
            result.figures.insert(figure.to_owned(), value);
            result
        })
        .collect()
}

fn change(comparison: &Comparison, figure: &str) -> Change {
    comparison.rows.iter().find(|row| row.figure == figure).expect("it is compared").change
}

#[test]
fn pairs_see_what_means_do_not() {
    let figure = "messages.delivery.p50_ms";
    let base = ten(1, "a", figure, 0.0);
    let comparison = compare(&base, &ten(1, "a", figure, 3.0)).expect("they have a scenario in common");
    assert_eq!(change(&comparison, figure), Change::Worse);
    assert_eq!(change(&comparison, "messages.written"), Change::Same);
    assert_eq!((comparison.pairs, comparison.identical), (10, 10));
    assert!(comparison.is_worse() && comparison.to_text().contains("WORSE"));
    let better = compare(&base, &ten(1, "a", figure, -3.0)).expect("as above");
    assert_eq!(change(&better, figure), Change::Better);
    assert!(!better.is_worse());
    let apart = compare(&base, &ten(50, "a", figure, 3.0)).expect("as above");
    assert_eq!(change(&apart, figure), Change::Unclear, "other seeds hide so small a change");
    assert_eq!(apart.pairs, 0);
}

#[test]
fn the_machine_may_be_slower_without_anything_being_worse() {
    let figure = "machine.node_s_per_s";
    let comparison = compare(&ten(1, "a", figure, 0.0), &ten(1, "a", figure, -5.0)).expect("as above");
    assert_eq!(change(&comparison, figure), Change::Worse);
    assert!(!comparison.is_worse());
}

#[test]
fn a_seed_that_broke_is_worse_whatever_the_figures_say() {
    let base = ten(1, "a", "messages.written", 0.0);
    let mut new = base.clone();
    new[4].ok = false;
    let comparison = compare(&base, &new).expect("as above");
    assert_eq!(comparison.broke, [("a".to_owned(), 5)]);
    assert!(comparison.is_worse() && comparison.to_text().contains("BROKE: seed 5 of a"));
}

#[test]
fn one_seed_says_nothing_of_chance_and_one_side_nothing_at_all() {
    let figure = "heals.took.p50_s";
    let (base, new) = (ten(1, "a", figure, 0.0), ten(1, "a", figure, 2.0));
    let one = compare(&base[..1], &new[..1]).expect("as above");
    assert_eq!(change(&one, figure), Change::Unknown);
    assert!(!one.is_worse());
    let mut without = base.clone();
    for result in &mut without {
        result.figures.remove(figure);
    }
    assert_eq!(change(&compare(&without, &new).expect("as above"), figure), Change::OneSided);
}

#[test]
fn folders_are_read_and_told_apart() {
    let (a, b) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let figure = "messages.delivery.p99_ms";
    folder::write(a.path(), &About::default(), &ten(1, "a", figure, 0.0)).expect("it can be written");
    folder::write(b.path(), &About::default(), &ten(1, "a", figure, 9.0)).expect("it can be written");
    let (text, fine) = run(a.path(), b.path(), true).expect("they can be compared");
    assert!(!fine);
    let json: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    let rows = json["rows"].as_array().expect("there are rows");
    assert!(rows.iter().any(|row| row["figure"] == figure && row["change"] == "worse"));
    assert!(run(a.path(), a.path(), false).expect("they can be compared").1);
    let empty = tempfile::tempdir().expect("a folder");
    let error = run(a.path(), empty.path(), false).expect_err("nothing is there");
    assert!(error.to_string().contains("halloo-sim run"), "{error}");
    let other = ten(1, "b", figure, 0.0);
    assert!(compare(&ten(1, "a", figure, 0.0), &other).is_err());
}
