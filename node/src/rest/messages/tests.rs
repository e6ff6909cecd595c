//! Lines are listed newest first, page by page, and written.

use super::super::tests::rig::{GROUP, OTHER, Rig, no};
use super::*;
use axum::http::Method;
use serde_json::{Value, json};

/// A line as the driver lists it.
pub(in super::super) fn line(id: &str, text: &str) -> Value {
    json!({
        "message": id, "account": OTHER, "from": "Ana", "sent_ms": 1_700_000_000_000_u64, "text": text,
        "reply_to": null, "edited": false, "deleted": false,
        "reactions": [{ "emoji": "+1", "by": [OTHER], "names": ["Ana"] }], "delivered_to": [], "read_by": [OTHER],
        "own": false, "void": false, "apart": false, "forwarded": false, "forwarded_by": null, "read": true,
    })
}

#[tokio::test]
async fn lines_are_listed_and_the_older_ones_follow() {
    let mut rig = Rig::open();
    let path = format!("/api/v1/groups/{GROUP}/messages?limit=2&before={OTHER}");
    let lines = json!({ "messages": [line(OTHER, "two"), line(GROUP, "one")], "more": true });
    let (answer, asked) = rig.ask(Method::GET, &path, Value::Null, vec![Ok(lines)]).await;
    assert!(matches!(&asked[0].1, Request::Log { limit: 2, before: Some(before) } if before == OTHER));
    let page = answer.json();
    assert_eq!(page["next"], GROUP);
    assert_eq!(
        page["messages"][1],
        json!({
            "message_id": GROUP, "account_id": OTHER, "from": "Ana", "sent_at": "2023-11-14T22:13:20Z", "text": "one",
            "reply_to": null, "edited": false, "deleted": false, "own": false, "read": true, "apart": false,
            "forwarded": false, "reactions": [{ "emoji": "+1", "by": [OTHER], "names": ["Ana"] }], "delivered_to": [],
            "read_by": [OTHER],
        })
    );
    let none = Ok(json!({ "messages": [], "more": false }));
    let (answer, _) =
        rig.ask(Method::GET, &format!("/api/v1/groups/{GROUP}/messages"), Value::Null, vec![none]).await;
    assert_eq!(answer.json(), json!({ "messages": [], "next": null }));
}

#[tokio::test]
async fn a_line_is_written_and_may_answer_another() {
    let mut rig = Rig::open();
    let path = format!("/api/v1/groups/{GROUP}/messages");
    let body = json!({ "text": "at the bridge", "reply_to": OTHER });
    let (answer, asked) = rig.ask(Method::POST, &path, body, vec![Ok(json!({ "message": GROUP }))]).await;
    assert_eq!((answer.status, answer.json()), (201, json!({ "message_id": GROUP })));
    let (Some(group), Request::Say { text, reply_to: Some(reply_to) }) = &asked[0] else {
        panic!("{asked:?}")
    };
    assert_eq!((group.as_str(), text.as_str(), reply_to.as_str()), (GROUP, "at the bridge", OTHER));
    let (answer, _) = rig.ask(Method::POST, &path, json!({ "text": "x" }), vec![no("not-member")]).await;
    assert_eq!(answer.problem(), (403, "not-member".into()));
    for body in [json!({ "text": "" }), json!({ "text": "x", "reply_to": "last" }), json!({ "text": null })] {
        assert_eq!(rig.refused(Method::POST, &path, body).await, (400, "malformed".into()));
    }
}
