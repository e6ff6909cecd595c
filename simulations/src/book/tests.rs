//! What the book notes of who was in when something was written.

use super::*;
use crate::checks::tests::{account, accounts, at, book, device, message};

#[test]
fn a_content_is_for_those_who_were_in_when_it_was_written() {
    let mut book = book(3);
    book.wrote(at(0, 1), message(1), false);
    book.knows(0, accounts(&[0, 1]));
    book.wrote(at(0, 2), message(2), false);
    let written = |number| book.written(&message(number)).expect("noted");
    assert_eq!(*written(1).audience, accounts(&[0, 1, 2]));
    assert_eq!(*written(2).audience, accounts(&[0, 1]));
    assert_eq!(*written(2).gone, accounts(&[2]));
    assert!(written(1).gone.is_empty());
}

#[test]
fn what_a_command_writes_is_for_those_of_before_as_well() {
    let mut book = book(3);
    book.people[0].before = Some(Rc::new(accounts(&[0, 1, 2])));
    book.knows(0, accounts(&[0, 1]));
    book.wrote(at(0, 2), message(1), false);
    let written = book.written(&message(1)).expect("noted");
    assert_eq!(*written.audience, accounts(&[0, 1, 2]));
    assert!(written.gone.is_empty());
}

#[test]
fn a_position_given_twice_is_forbidden_only_to_those_who_were_out_both_times() {
    let mut book = book(3);
    book.knows(0, accounts(&[0]));
    book.took(at(0, 1), device(0), 7);
    book.knows(0, accounts(&[0, 1]));
    book.took(at(0, 2), device(0), 7);
    assert_eq!(*book.taken(&device(0), 7).expect("noted").gone, accounts(&[2]));
    assert_eq!(book.shared_us(&device(0)), Some(2));
}

#[test]
fn who_came_after_parting_is_back() {
    let mut book = book(2);
    assert!(!book.is_back(&account(1)) && !book.has_parted(&account(1)));
    book.event(at(0, 5), &Event::MemberLeft { account: account(1) });
    assert!(book.has_parted(&account(1)) && !book.is_back(&account(1)));
    book.event(at(0, 6), &Event::MemberJoined { account: account(1), name: String::new() });
    assert!(book.is_back(&account(1)));
}
