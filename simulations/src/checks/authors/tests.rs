//! What was written and taken passes, what was put into somebody's mouth does not.

use super::*;
use crate::checks::tests::{at, book, device, message, texts};

#[test]
fn words_and_places_that_nobody_said_are_found() {
    let (mut book, mut findings) = (book(3), Findings::default());
    book.wrote(at(0, 1), message(1), false);
    book.took(at(0, 1), device(0), 1_000);
    content(at(1, 2), message(1), &device(0), &book, &mut findings);
    position(at(1, 2), &device(0), 1_000, &book, &mut findings);
    assert_eq!(findings.count, 0, "{:?}", texts(&findings));
    content(at(1, 3), message(2), &device(0), &book, &mut findings);
    position(at(1, 3), &device(0), 1_001, &book, &mut findings);
    assert!(texts(&findings)[0].contains("never wrote"), "{:?}", texts(&findings));
    assert!(texts(&findings)[1].contains("never said"), "{:?}", texts(&findings));
}

#[test]
fn what_a_liar_says_of_itself_is_its_own_affair() {
    let (mut book, mut findings) = (book(2), Findings::default());
    book.people[0].adversary = true;
    content(at(1, 3), message(2), &device(0), &book, &mut findings);
    position(at(1, 3), &device(0), 1_001, &book, &mut findings);
    assert_eq!(findings.count, 0, "{:?}", texts(&findings));
}
