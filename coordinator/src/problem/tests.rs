//! The table of problems.

use super::*;
use std::collections::BTreeSet;

#[test]
fn every_kind_has_a_name_of_its_own_and_a_status_that_refuses() {
    let names: BTreeSet<_> = KINDS.into_iter().map(|kind| kind.row().1).collect();
    assert_eq!(names.len(), KINDS.len());
    for kind in KINDS {
        assert!(kind.status().is_client_error() || kind.status().is_server_error(), "{kind:?}");
        assert!(kind.row().1.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{kind:?}");
    }
}

#[test]
fn waiting_is_named_in_seconds_and_a_missing_ticket_says_how_it_is_sent() {
    let response = Problem::new(Kind::TooManyRequests, "x").after(0).into_response();
    assert_eq!(response.headers()["retry-after"], "1");
    let response = Problem::new(Kind::TicketNeeded, "x").into_response();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["www-authenticate"]),
        (401, &HeaderValue::from_static("Halloo"))
    );
}
