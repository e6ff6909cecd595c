//! Every code has a page, a status that is one, and something to do next.

use super::super::tests::rig::Rig;
use super::*;
use axum::http::Method;
use std::collections::BTreeSet;

#[tokio::test]
async fn every_code_of_the_table_stands_there_once_and_has_a_page() {
    let rig = Rig::open();
    let mut codes = BTreeSet::new();
    for (code, status, title, next) in ROWS {
        assert!(codes.insert(code), "{code} stands there twice");
        assert!((400..=599).contains(status) && !title.is_empty() && !next.is_empty());
        let page = rig.send((Method::GET, &format!("{TYPES_AT}{code}")), &rig.headers(), Vec::new()).await;
        assert_eq!(String::from_utf8(page.body).unwrap(), format!("{title} ({status}).\n{next}\n"));
    }
    let none = rig.send((Method::GET, &format!("{TYPES_AT}none")), &rig.headers(), Vec::new()).await;
    assert_eq!(none.problem(), (404, "not-found".into()));
}

#[test]
fn a_refusal_of_the_driver_keeps_its_words_also_under_a_code_that_is_not_known_here() {
    let known = Problem::from(DoorError::new("not-allowed", "no", "ask Ana")).details();
    assert_eq!((known.status, known.detail.as_str(), known.next.as_str()), (403, "no", "ask Ana"));
    let other = Problem::from(DoorError::new("brand-new", "no", "ask Ana")).details();
    assert_eq!(
        (other.status, other.kind.as_str(), other.next.as_str()),
        (409, "/api/v1/problems/refused", "ask Ana")
    );
}
