//! Coming into a group tells the four signs, or why not.

use super::super::tests::rig::{GROUP, Rig, no};
use super::*;
use axum::http::Method;
use serde_json::json;

#[tokio::test]
async fn who_comes_in_is_told_the_group_and_the_signs() {
    let mut rig = Rig::open();
    let joined = json!({ "group": GROUP, "name": "ride", "emoji": ["a", "b", "c", "d"], "profile": "Ben" });
    let body = json!({ "invite_code": "7-otter-quartz" });
    let (answer, asked) = rig.ask(Method::POST, "/api/v1/groups/join", body, vec![Ok(joined)]).await;
    assert_eq!(answer.json(), json!({ "group_id": GROUP, "name": "ride", "emoji": ["a", "b", "c", "d"] }));
    assert!(matches!(&asked[0], (None, Request::Join(ask)) if ask.invite == "7-otter-quartz"));
}

#[tokio::test]
async fn who_does_not_come_in_is_told_why_and_what_to_do() {
    let mut rig = Rig::open();
    for (code, status) in
        [("expired", 409), ("used-up", 409), ("nobody-answered", 409), ("invalid", 422), ("too-many", 409)]
    {
        let body = json!({ "invite_code": "7-otter-quartz" });
        let (answer, _) = rig.ask(Method::POST, "/api/v1/groups/join", body, vec![no(code)]).await;
        assert_eq!(answer.problem(), (status, code.into()));
    }
    for invite in ["", &"x".repeat(INVITE_MAX + 1)] {
        let refused =
            rig.refused(Method::POST, "/api/v1/groups/join", json!({ "invite_code": invite })).await;
        assert_eq!(refused, (400, "malformed".into()));
    }
}
