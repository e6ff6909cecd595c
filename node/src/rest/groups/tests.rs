//! Groups are listed page by page with what a list shows, and begun with an invite.

use super::super::tests::rig::{GROUP, OTHER, Rig, group, invite, no};
use super::*;
use axum::http::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn groups_are_listed_with_what_a_list_shows() {
    let mut rig = Rig::open();
    let groups = json!({ "groups": [group(GROUP, "ride"), group(OTHER, "walk")] });
    let (answer, asked) =
        rig.ask(Method::GET, "/api/v1/groups?limit=1", Value::Null, vec![Ok(groups.clone())]).await;
    assert!(matches!(asked.as_slice(), [(None, Request::Groups)]), "{asked:?}");
    let page = answer.json();
    assert_eq!(page["next"], OTHER);
    assert_eq!(
        page["groups"],
        json!([{
            "group_id": OTHER, "name": "walk", "avatar": null, "member_count": 3, "last_active": "2023-11-14T22:13:20Z",
            "unread": 2, "member": true, "with": null,
        }])
    );
    let path = format!("/api/v1/groups?limit=1&after={OTHER}");
    let (answer, _) = rig.ask(Method::GET, &path, Value::Null, vec![Ok(groups)]).await;
    assert_eq!(
        (&answer.json()["groups"][0]["group_id"], &answer.json()["next"]),
        (&json!(GROUP), &Value::Null)
    );
}

#[tokio::test]
async fn a_query_that_is_not_described_is_refused() {
    let mut rig = Rig::open();
    for query in ["limit=x", "limit=", "limit=1&limit=2", "limit=-1", "page=1", "limit=1.5"] {
        let refused = rig.refused(Method::GET, &format!("/api/v1/groups?{query}"), Value::Null).await;
        assert_eq!(refused, (400, "malformed".into()), "{query}");
    }
    for query in ["limit=0", "limit=501", "after=x"] {
        let path = format!("/api/v1/groups?{query}");
        let (answer, _) = rig.ask(Method::GET, &path, Value::Null, vec![Ok(json!({"groups": []}))]).await;
        assert_eq!(answer.problem(), (400, "malformed".into()), "{query}");
    }
}

#[tokio::test]
async fn a_group_begins_with_its_first_invite() {
    let mut rig = Rig::open();
    let begun = json!({ "group": GROUP, "name": "ride", "profile": "Ana", "invite": invite() });
    let (answer, asked) =
        rig.ask(Method::POST, "/api/v1/groups", json!({ "name": "ride" }), vec![Ok(begun)]).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert!(matches!(&asked[0], (None, Request::New(ask)) if ask.name == "ride" && ask.profile.is_none()));
    let body = answer.json();
    assert_eq!(
        (&body["group_id"], &body["invite"]["invite_code"]),
        (&json!(GROUP), &json!("7-otter-quartz"))
    );
    assert_eq!(body["invite"]["expires_at"], "2023-11-14T22:13:20Z");
}

#[tokio::test]
async fn names_that_cannot_be_and_pictures_are_refused() {
    let mut rig = Rig::open();
    for name in [String::new(), "x".repeat(NAME_MAX + 1)] {
        let refused = rig.refused(Method::POST, "/api/v1/groups", json!({ "name": name })).await;
        assert_eq!(refused, (400, "malformed".into()));
    }
    let picture = json!({ "name": "ride", "avatar": "data:image/png;base64,AA" });
    assert_eq!(rig.refused(Method::POST, "/api/v1/groups", picture).await, (422, "not-built".into()));
    let (answer, _) =
        rig.ask(Method::POST, "/api/v1/groups", json!({ "name": "ride" }), vec![no("too-many")]).await;
    assert_eq!(answer.problem(), (409, "too-many".into()));
}
