//! What the removed and the newcomers must not have is found, what they may have is not.

use super::*;
use crate::checks::tests::{account, accounts, at, book, device, line, message, place, texts};

/// Host 0 wrote 1, took a position, removed host 2, and did both again.
fn after_a_removal() -> Book {
    let mut book = book(3);
    book.wrote(at(0, 10), message(1), false);
    book.took(at(0, 10), device(0), 1_000);
    book.knows(0, accounts(&[0, 1]));
    book.wrote(at(0, 20), message(2), false);
    book.wrote(at(0, 20), message(3), true);
    book.took(at(0, 20), device(0), 2_000);
    book
}

fn told(check: &mut Removed, at: At, event: &Event, book: &Book, findings: &mut Findings) {
    check.event(at, event, book, findings);
}

/// What the judge has found when the run is over, without anybody whose log could overturn it.
fn found(mut check: Removed, book: &Book, mut findings: Findings) -> Vec<String> {
    let plan = crate::plan::Plan::quiet(1, 3, crate::net::links::LinkSpec::constant(1), 1);
    let end = End { us: 40, plan: &plan, book, members: Vec::new(), joined: &|_, _| true };
    check.end(&end, &mut findings);
    texts(&findings).into_iter().map(str::to_owned).collect()
}

#[test]
fn what_was_written_before_the_removal_may_be_had_and_what_was_written_after_may_not() {
    let book = after_a_removal();
    assert!((0..3).all(|host| holds(at(host, 30), message(1), &book).is_none()));
    for number in [2, 3] {
        assert!(holds(at(1, 30), message(number), &book).is_none());
        assert!(holds(at(2, 30), message(number), &book).is_some_and(|suspicion| suspicion.parted));
    }
}

#[test]
fn a_line_on_the_screen_of_the_removed_counts_as_had() {
    let (book, mut findings, mut check) = (after_a_removal(), Findings::default(), Removed::default());
    told(&mut check, at(1, 30), &Event::Message(line(2, 0)), &book, &mut findings);
    told(&mut check, at(2, 30), &Event::Message(line(2, 0)), &book, &mut findings);
    let found = found(check, &book, findings);
    assert!(found.len() == 1 && found[0].contains("after it knew it to be out"), "{found:?}");
}

fn removal(who: HostId, void: bool) -> ActivityEntry {
    let act = Activity::Removed(account(who));
    ActivityEntry { op: halloo_crypto::id::OpId::from_bytes([9; 32]), by: account(0), at_ms: 0, act, void }
}

#[test]
fn what_the_log_of_the_removed_called_void_when_it_was_given_is_no_fault() {
    for (log, faults) in [(vec![removal(2, true)], 0), (vec![removal(2, false)], 1), (vec![], 1)] {
        let (book, mut findings, mut check) = (after_a_removal(), Findings::default(), Removed::default());
        told(&mut check, at(2, 30), &Event::Message(line(2, 0)), &book, &mut findings);
        check.weigh(2, || log.clone());
        // Afterwards is too late.
        told(&mut check, at(2, 31), &Event::Message(line(1, 0)), &book, &mut findings);
        check.weigh(2, || vec![removal(2, true)]);
        assert_eq!(found(check, &book, findings).len(), faults, "{log:?}");
    }
}

#[test]
fn a_removal_that_all_call_void_is_none() {
    let entry = removal;
    let overturned = |lines: Vec<ActivityEntry>| overturned(lines.into_iter(), &account(2));
    assert!(overturned(vec![entry(2, true), entry(1, false), entry(2, true)]));
    assert!(!overturned(vec![entry(2, true), entry(2, false)]), "somebody calls it valid");
    assert!(!overturned(vec![entry(1, true)]) && !overturned(vec![]), "nobody calls it void");
}

#[test]
fn a_newcomer_has_the_document_and_nothing_else_from_before() {
    let links = crate::net::links::LinkSpec::constant(1);
    let mut early = Book::new(&crate::plan::Plan::quiet(1, 3, links, 1));
    for host in 0..3 {
        early.introduce(host, account(host), device(host));
    }
    early.knows(0, accounts(&[0, 1]));
    early.wrote(at(0, 10), message(1), false);
    early.wrote(at(0, 10), message(2), true);
    assert!(holds(at(2, 20), message(2), &early).is_none());
    let early = holds(at(2, 20), message(1), &early).expect("a fault");
    assert!(!early.parted && early.what.contains("before it came"), "{early:?}");
}

#[test]
fn where_somebody_was_after_the_removal_is_not_seen_by_the_removed() {
    let (book, mut findings, mut check) = (after_a_removal(), Findings::default(), Removed::default());
    told(&mut check, at(2, 30), &place(0, 1_000), &book, &mut findings);
    told(&mut check, at(1, 30), &place(0, 2_000), &book, &mut findings);
    told(&mut check, at(2, 30), &place(0, 2_000), &book, &mut findings);
    let found = found(check, &book, findings);
    assert!(found.len() == 1 && found[0].contains("at 2000"), "{found:?}");
}

#[test]
fn no_voice_leaves_for_somebody_of_whom_it_was_told_that_it_is_out() {
    let (book, mut findings, mut check) = (book(3), Findings::default(), Removed::default());
    check.speaks(at(0, 10), 2, &book, &mut findings);
    let out = Event::MemberRemoved { account: account(2), by: account(0) };
    told(&mut check, at(0, 20), &out, &book, &mut findings);
    check.speaks(at(0, 30), 1, &book, &mut findings);
    check.speaks(at(1, 30), 2, &book, &mut findings);
    assert_eq!(findings.count, 0, "host 1 was told nothing yet");
    check.speaks(at(0, 30), 2, &book, &mut findings);
    assert_eq!(findings.count, 1);
    let again = Event::MemberJoined { account: account(2), name: String::new() };
    told(&mut check, at(0, 40), &again, &book, &mut findings);
    check.speaks(at(0, 50), 2, &book, &mut findings);
    assert_eq!(findings.count, 1);
}

#[test]
fn a_seal_under_a_taint_is_found_and_one_beside_it_is_not() {
    let (mut removed, mut findings) = (Removed::default(), Findings::default());
    let sealer = |seals, tainted| Sealer { seals, tainted };
    for now in [sealer(1, false), sealer(3, true), sealer(3, true), sealer(4, false), sealer(5, false)] {
        removed.seals(at(0, 1), now, &mut findings);
    }
    assert_eq!(findings.count, 0, "{:?}", texts(&findings));
    for now in [sealer(5, true), sealer(6, true)] {
        removed.seals(at(0, 2), now, &mut findings);
    }
    assert!(texts(&findings)[0].contains("known here to be out"), "{:?}", texts(&findings));
}
