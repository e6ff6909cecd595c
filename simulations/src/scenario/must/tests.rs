//! What `must` promises, tried.

use super::*;

fn broken(text: &str, value: f64) -> Option<String> {
    Bound::read(text).expect("a bound").broken(&BTreeMap::from([("late.p99_ms".to_owned(), value)]))
}

#[test]
fn each_sign_holds_on_its_side_only() {
    for (sign, below, at, above) in [
        ("<=", true, true, false),
        ("<", true, false, false),
        (">=", false, true, true),
        (">", false, false, true),
        ("==", false, true, false),
    ] {
        let text = format!("late.p99_ms {sign} 300");
        for (value, holds) in [(299.0, below), (300.0, at), (301.0, above)] {
            assert_eq!(broken(&text, value).is_none(), holds, "{value} {text}");
        }
    }
    assert_eq!(broken("late.p99_ms <= 1", 2.0).as_deref(), Some("late.p99_ms is 2, it must be <= 1"));
}

#[test]
fn a_figure_that_is_missing_breaks_its_bound() {
    assert!(broken("other >= 0", 1.0).expect("broken").contains("no figure other"));
}

#[test]
fn what_is_no_bound_is_refused_with_an_example() {
    for text in ["", "a", "a <=", "a <= b", "a = 3", "a <= 3 4", "a <= inf"] {
        assert!(Bound::read(text).expect_err("refused").contains("messages.delivery.p99_ms <= 300"));
    }
}
