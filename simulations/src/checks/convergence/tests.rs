//! What must be equal is compared, what may differ is not.

use super::*;
use crate::checks::tests::{account, book, device, message};

fn seen() -> View {
    View {
        members: vec![(account(0), "Owner".into(), "a".into()), (account(1), "Member".into(), "b".into())],
        epoch: "00".into(),
        name: "group".into(),
        lines: [(message(1), shown("first")), (message(2), shown("second"))].into(),
        places: [(device(0), 100_000)].into(),
    }
}

fn shown(line: &str) -> Shown {
    Shown { line: line.into(), counted: Some("by all".into()) }
}

#[test]
fn of_a_line_that_was_handed_on_all_agree_but_for_who_has_it() {
    let (here, mut handed) = (shown("first"), shown("first"));
    handed.counted = None;
    assert!(here.agrees(&handed) && handed.agrees(&here));
    assert!(!here.agrees(&Shown { counted: None, ..shown("second") }));
    assert!(!here.agrees(&Shown { counted: Some("by nobody".into()), ..shown("first") }));
}

fn everything(_: &MessageId) -> bool {
    true
}

#[test]
fn equal_views_do_not_differ() {
    assert!(differences(&seen(), &seen(), &everything).is_empty());
}

#[test]
fn every_part_of_a_view_is_compared() {
    let mutants: [fn(&mut View); 7] = [
        |view| view.members[1].1 = "Admin".into(),
        |view| {
            let _ = view.members.pop();
        },
        |view| view.epoch = "01".into(),
        |view| view.name = "other".into(),
        |view| {
            let _ = view.lines.insert(message(2), shown("second, edited"));
        },
        |view| {
            let _ = view.lines.remove(&message(1));
        },
        |view| {
            let _ = view.places.insert(device(0), 100_000 + POSITION_AGE_MAX_MS + 1);
        },
    ];
    for (number, mutate) in mutants.iter().enumerate() {
        let mut other = seen();
        mutate(&mut other);
        assert_eq!(differences(&seen(), &other, &everything).len(), 1, "mutant {number}");
        assert_eq!(
            differences(&other, &seen(), &everything).len(),
            1,
            "mutant {number}, seen from the other side"
        );
    }
}

#[test]
fn what_was_written_before_somebody_came_may_be_missing_there_and_nothing_else() {
    let mut book = book(3);
    book.knows(0, crate::checks::tests::accounts(&[0, 1]));
    book.wrote(crate::checks::tests::at(0, 5), message(1), false);
    book.knows(0, crate::checks::tests::accounts(&[0, 1, 2]));
    book.wrote(crate::checks::tests::at(0, 6), message(2), false);
    let mut newcomer = seen();
    newcomer.lines.remove(&message(1));
    assert!(differences(&seen(), &newcomer, &|id| shared(&book, id, [0, 2])).is_empty());
    assert_eq!(differences(&seen(), &newcomer, &|id| shared(&book, id, [0, 1])).len(), 1);
    newcomer.lines.remove(&message(2));
    assert_eq!(differences(&seen(), &newcomer, &|id| shared(&book, id, [0, 2])).len(), 1);
}

#[test]
fn a_line_is_compared_with_its_receipts_in_any_order() {
    let mut one = crate::checks::tests::line(1, 0);
    one.delivered_to = vec![account(1), account(2)];
    let mut other = one.clone();
    other.delivered_to.reverse();
    assert_eq!(line(one.clone()), line(other.clone()));
    other.delivered_to.pop();
    assert_ne!(line(one.clone()), line(other));
    let read = crate::checks::tests::line(1, 0);
    one.delivered_to.clear();
    one.void = true;
    assert_ne!(line(one), line(read));
}
