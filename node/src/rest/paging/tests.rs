//! Pages follow each other without a gap, whatever comes and goes meanwhile.

use super::*;

fn id(n: usize) -> String {
    format!("{n:064x}")
}

fn ask(limit: usize, after: Option<String>) -> PageAsk {
    PageAsk { limit, after }
}

#[test]
fn pages_hold_everything_once_in_the_order_of_ids() {
    let all: Vec<String> = [5, 3, 1, 4, 2].map(id).to_vec();
    let (first, next) = ask(2, None).cut(all.clone(), |id| id).unwrap();
    assert_eq!((first, next.clone()), (vec![id(1), id(2)], Some(id(2))));
    // The one behind which the next page begins is gone meanwhile.
    let less: Vec<String> = all.iter().filter(|one| **one != id(2)).cloned().collect();
    let (second, next) = ask(2, next).cut(less, |id| id).unwrap();
    assert_eq!((second, next.clone()), (vec![id(3), id(4)], Some(id(4))));
    let (last, next) = ask(2, next).cut(all.clone(), |id| id).unwrap();
    assert_eq!((last, next), (vec![id(5)], None));
    let (whole, next) = ask(5, None).cut(all, |id| id).unwrap();
    assert_eq!((whole.len(), next), (5, None));
}

#[test]
fn a_limit_and_an_id_that_are_none_are_refused() {
    for limit in [0, PAGE_MAX + 1] {
        assert!(ask(limit, None).cut(Vec::<String>::new(), |id| id).is_err());
    }
    for after in ["", "ab", &"g".repeat(64), &"A".repeat(64)] {
        assert!(ask(1, Some(after.to_owned())).cut(Vec::<String>::new(), |id| id).is_err(), "{after}");
    }
}
