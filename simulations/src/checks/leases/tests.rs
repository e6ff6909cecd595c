//! What outlives its lease is found, what is renewed or given up is not.

use super::*;
use crate::checks::tests::{account, at, book, device, place, texts};

const SECOND: u64 = 1_000_000;

fn begun() -> Leases {
    let mut leases = Leases::default();
    leases.hosts.insert(1, Eyes::default());
    leases
}

fn look_until(leases: &mut Leases, book: &Book, end_s: u64, findings: &mut Findings) {
    for second in 0..=end_s {
        leases.look(at(1, second * SECOND), book, findings);
    }
}

#[test]
fn a_position_that_is_given_up_in_time_passes_and_one_that_stays_does_not() {
    let mut book = book(2);
    book.took(at(0, SECOND), device(0), 1_000);
    let end_s = (Limits::of(&book).place_us + SECOND) / SECOND;
    for (given_up, found) in [(true, 0), (false, 1)] {
        let (mut leases, mut findings) = (begun(), Findings::default());
        leases.hear(at(1, 2 * SECOND), &place(0, 1_000));
        if given_up {
            look_until(&mut leases, &book, end_s, &mut findings);
            leases.hear(at(1, end_s * SECOND), &Event::LocationExpired { device: device(0) });
        }
        look_until(&mut leases, &book, end_s + 10, &mut findings);
        assert_eq!(findings.count, found, "{:?}", texts(&findings));
    }
}

#[test]
fn a_position_that_is_renewed_lives_on() {
    let mut book = book(2);
    let (mut leases, mut findings) = (begun(), Findings::default());
    for second in 0..1_000 {
        book.took(at(0, second * SECOND), device(0), second);
        leases.hear(at(1, second * SECOND), &place(0, second));
        leases.look(at(1, second * SECOND), &book, &mut findings);
    }
    assert_eq!(findings.count, 0);
}

#[test]
fn the_dead_are_neither_there_nor_in_the_call_for_long() {
    let book = book(2);
    let there = Event::Presence { device: device(0), account: account(0), online: true };
    let gone = Event::Presence { device: device(0), account: account(0), online: false };
    let in_call = Event::CallJoined { device: device(0) };
    let left = Event::CallLeft { device: device(0) };
    for (news, end, found) in
        [(&there, None, 1), (&there, Some(&gone), 0), (&in_call, None, 1), (&in_call, Some(&left), 0)]
    {
        let (mut leases, mut findings) = (begun(), Findings::default());
        leases.hear(at(1, SECOND), news);
        look_until(&mut leases, &book, 500, &mut findings);
        assert_eq!(findings.count, 0, "the living may be there as long as they like");
        leases.dead.insert(0, 500 * SECOND);
        if let Some(event) = end {
            leases.hear(at(1, 510 * SECOND), event);
        }
        for second in 500..700 {
            leases.look(at(1, second * SECOND), &book, &mut findings);
        }
        assert_eq!(findings.count, found, "{news:?}: {:?}", texts(&findings));
    }
}

#[test]
fn a_position_that_goes_before_its_lease_is_found_and_one_that_was_ended_is_not() {
    let mut book = book(2);
    book.took(at(0, SECOND), device(0), 1_000);
    let lease_us = u64::try_from(book.location_lease.as_micros()).expect("a minute");
    let expired = device(0);
    for (second, moody, began, found) in [
        (1 + lease_us / SECOND, false, 0, 0),
        (lease_us / SECOND, false, 0, 1),
        (lease_us / SECOND, true, 0, 0),
        (lease_us / SECOND, false, 2 * SECOND, 0),
    ] {
        let (mut leases, mut findings) = (begun(), Findings::default());
        leases.hear(at(1, 2 * SECOND), &place(0, 1_000));
        leases.moody.extend(moody.then_some(0));
        leases.began.insert(0, began);
        leases.expires(at(1, second * SECOND), &expired, &book, &mut findings);
        assert_eq!(findings.count, found, "{:?}", texts(&findings));
    }
}
