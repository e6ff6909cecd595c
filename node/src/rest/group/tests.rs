//! One group is shown and named anew; ids that are none come nowhere.

use super::super::tests::rig::{GROUP, OTHER, Rig, group, no};
use super::*;
use axum::http::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn a_group_is_shown_by_its_whole_id_and_no_other() {
    let mut rig = Rig::open();
    let groups = json!({ "groups": [group(GROUP, "ride")] });
    let path = format!("/api/v1/groups/{GROUP}");
    let (answer, _) = rig.ask(Method::GET, &path, Value::Null, vec![Ok(groups.clone())]).await;
    assert_eq!((answer.status, &answer.json()["name"]), (200, &json!("ride")));
    let (answer, _) =
        rig.ask(Method::GET, &format!("/api/v1/groups/{OTHER}"), Value::Null, vec![Ok(groups)]).await;
    assert_eq!(answer.problem(), (404, "unknown".into()));
    for id in ["ride", "9a31", &GROUP.to_uppercase(), "%00", "%ff", &"g".repeat(64)] {
        let refused = rig.refused(Method::GET, &format!("/api/v1/groups/{id}"), Value::Null).await;
        assert_eq!(refused, (400, "malformed".into()), "{id}");
    }
}

#[tokio::test]
async fn a_group_gets_another_name_or_the_reason_why_not() {
    let mut rig = Rig::open();
    let path = format!("/api/v1/groups/{GROUP}");
    let groups = json!({ "groups": [group(GROUP, "walk")] });
    let (answer, asked) =
        rig.ask(Method::PUT, &path, json!({ "name": "walk" }), vec![Ok(json!({})), Ok(groups)]).await;
    assert_eq!((answer.status, &answer.json()["name"]), (200, &json!("walk")));
    assert!(matches!(&asked[0], (Some(group), Request::Rename { name }) if group == GROUP && name == "walk"));
    let (answer, _) = rig.ask(Method::PUT, &path, json!({ "name": "walk" }), vec![no("not-allowed")]).await;
    assert_eq!(answer.problem(), (403, "not-allowed".into()));
    assert_eq!(answer.json()["next"], "do something else");
    let picture = json!({ "name": "walk", "avatar": "x" });
    assert_eq!(rig.refused(Method::PUT, &path, picture).await, (422, "not-built".into()));
}
