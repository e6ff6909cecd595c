//! What `html` promises, tried.

use super::*;
use crate::record::Broken;
use crate::report::plots::{self, example};

fn shown() -> String {
    let mut bad = example(2);
    bad.ok = false;
    let what = "<script>alert(1)</script>".to_owned();
    bad.violations.push(Broken { check: "made-up".into(), at_us: 1_500_000, host: Some(3), what });
    let results = [example(1), bad];
    let plots = plots::all(&results).expect("they can be drawn");
    let about = About { name: "x".into(), why: "y".into(), text: "z = 1".into(), tables: None };
    page(&about, &results, &plots)
}

#[test]
fn the_page_needs_no_network_and_runs_nothing() {
    let page = shown();
    // The names of SVG itself are no addresses to fetch.
    let page = page.replace("http://www.w3.org/2000/svg", "");
    for forbidden in ["http", "src=", "href=", "@import", "url(", "<script"] {
        assert!(!page.contains(forbidden), "{forbidden} is in the page");
    }
}

#[test]
fn what_was_broken_stands_on_top() {
    let page = shown();
    assert!(page.contains("1 of 2 seeds are not ok") && page.contains("<td class=n>1.500<td class=n>3"));
    let (broken, plots) = (page.find("Broken rules"), page.find("<h2>Plots"));
    assert!(broken.is_some() && broken < plots);
    assert!(page.contains("messages that became their author"), "figures have their meaning");
}

#[test]
fn numbers_have_four_digits_that_matter() {
    let texts: Vec<String> =
        [40.0, 0.123_456, 12.345_6, 1_234.56, 99_999.5, 0.0].into_iter().map(number).collect();
    assert_eq!(texts, ["40", "0.1235", "12.35", "1235", "100000", "0"]);
}
