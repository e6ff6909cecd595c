//! Members are listed page by page.

use super::super::tests::rig::{GROUP, OTHER, Rig};
use super::*;
use axum::http::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn members_are_listed_without_their_devices() {
    let mut rig = Rig::open();
    let member = |account: &str, name: &str| {
        json!({
            "account": account, "name": name, "role": "member", "own": false, "online": true, "devices": [],
        })
    };
    let members = json!({ "group": GROUP, "members": [member(GROUP, "Ana"), member(OTHER, "Ben")] });
    let path = format!("/api/v1/groups/{GROUP}/members?limit=1");
    let (answer, asked) = rig.ask(Method::GET, &path, Value::Null, vec![Ok(members)]).await;
    assert!(matches!(&asked[0], (Some(group), Request::Members) if group == GROUP));
    let expected =
        json!([{ "account_id": OTHER, "name": "Ben", "role": "member", "own": false, "online": true }]);
    assert_eq!((&answer.json()["members"], &answer.json()["next"]), (&expected, &json!(OTHER)));
}
