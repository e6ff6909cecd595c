//! Lines that hold a text are found, and where to go on is told.

use super::super::tests::rig::{GROUP, OTHER, Rig};
use super::*;
use axum::http::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn what_is_sought_reaches_the_driver_and_where_to_go_on_comes_back() {
    let mut rig = Rig::open();
    let path = format!("/api/v1/groups/{GROUP}/messages/search?q=the%20bridge&limit=5");
    let found = Ok(json!({ "messages": [], "older": OTHER }));
    let (answer, asked) = rig.ask(Method::GET, &path, Value::Null, vec![found]).await;
    assert_eq!(answer.json(), json!({ "messages": [], "next": OTHER }));
    let (Some(group), Request::Search { text, limit: 5, before: None }) = &asked[0] else {
        panic!("{asked:?}")
    };
    assert_eq!((group.as_str(), text.as_str()), (GROUP, "the bridge"));
    for query in ["", "q=", "q=x&limit=0", "q=x&before=last", &format!("q={}", "x".repeat(SOUGHT_MAX + 1))] {
        let path = format!("/api/v1/groups/{GROUP}/messages/search?{query}");
        assert_eq!(rig.refused(Method::GET, &path, Value::Null).await, (400, "malformed".into()), "{query}");
    }
}
