//! Invites are opened as wanted, within their limits.

use super::super::tests::rig::{self, GROUP, Rig};
use super::*;
use axum::http::Method;
use serde_json::json;

#[tokio::test]
async fn an_invite_opens_with_what_was_said_and_with_nothing_said() {
    let mut rig = Rig::open();
    let path = format!("/api/v1/groups/{GROUP}/invite");
    for (body, uses, seconds, role) in [
        (json!({}), 1, 86_400, "member"),
        (json!({ "uses": 1000, "expires_in": 60, "role": "admin" }), 1_000, 60, "admin"),
    ] {
        let opened = Ok(json!({ "invite": rig::invite() }));
        let (answer, asked) = rig.ask(Method::POST, &path, body, vec![opened]).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let body = answer.json();
        assert_eq!(body["invite_code"], "7-otter-quartz");
        assert_eq!(body["expires_at"], "2023-11-14T22:13:20Z");
        let [(Some(group), Request::Invite(ask))] = asked.as_slice() else { panic!("{asked:?}") };
        assert_eq!((group.as_str(), ask.uses, ask.seconds, ask.role.as_str()), (GROUP, uses, seconds, role));
    }
}

#[tokio::test]
async fn more_people_more_time_and_other_roles_than_there_are_are_refused() {
    let mut rig = Rig::open();
    let path = format!("/api/v1/groups/{GROUP}/invite");
    for body in [
        json!({ "uses": 0 }),
        json!({ "uses": 1001 }),
        json!({ "uses": 70_000 }),
        json!({ "uses": null }),
        json!({ "expires_in": 0 }),
        json!({ "expires_in": OPEN_MAX_S + 1 }),
        json!({ "role": "king" }),
        json!({ "role": ["member"] }),
    ] {
        let refused = rig.refused(Method::POST, &path, body.clone()).await;
        assert_eq!(refused, (400, "malformed".into()), "{body}");
    }
}
