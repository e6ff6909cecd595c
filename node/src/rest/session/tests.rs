//! A token opens one session, for a program or for a browser, and a session ends.

use super::super::tests::rig::Rig;
use axum::http::Method;
use serde_json::{Value, json};

async fn enter(rig: &Rig, body: &Value) -> super::super::tests::rig::Answer {
    let headers: Vec<_> = rig.headers().into_iter().filter(|(name, _)| name != "authorization").collect();
    rig.send((Method::POST, "/api/v1/session"), &headers, serde_json::to_vec(body).unwrap()).await
}

#[tokio::test]
async fn a_token_is_exchanged_once_for_a_bearer_that_is_then_in() {
    let mut rig = Rig::open();
    let token = rig.entrance.token().unwrap().token;
    let entered = enter(&rig, &json!({ "token": token })).await;
    assert_eq!(entered.status, 201, "{entered:?}");
    assert!(!entered.headers.contains_key("set-cookie"));
    assert!(entered.json()["expires_at"].as_str().unwrap().ends_with('Z'));
    rig.bearer = entered.json()["session"].as_str().unwrap().to_owned();
    let again = enter(&rig, &json!({ "token": token })).await;
    assert_eq!(again.problem(), (401, "token-needed".into()));
    let (listed, _) =
        rig.ask(Method::GET, "/api/v1/groups", Value::Null, vec![Ok(json!({"groups": []}))]).await;
    assert_eq!(listed.json(), json!({"groups": [], "next": null}));
    let (ended, _) = rig.ask(Method::DELETE, "/api/v1/session", Value::Null, Vec::new()).await;
    assert_eq!(ended.status, 204);
    assert_eq!(rig.refused(Method::GET, "/api/v1/groups", Value::Null).await.0, 401);
}

#[tokio::test]
async fn a_browser_gets_a_cookie_that_no_script_reads_and_no_other_site_sends() {
    let rig = Rig::open();
    let token = rig.entrance.token().unwrap().token;
    let entered = enter(&rig, &json!({ "token": token, "browser": true })).await;
    assert_eq!((entered.status, &entered.json()["session"]), (201, &Value::Null));
    let cookie = entered.headers["set-cookie"].to_str().unwrap();
    let bearer = cookie.strip_prefix("halloo-4711=").unwrap().split(';').next().unwrap();
    assert!(rig.entrance.is_open(bearer));
    for said in ["; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age=43200"] {
        assert!(cookie.contains(said), "{cookie}");
    }
}

#[tokio::test]
async fn what_is_no_token_opens_nothing() {
    let rig = Rig::open();
    for token in ["", "x", &rig.bearer, &"0".repeat(64)] {
        assert_eq!(enter(&rig, &json!({ "token": token })).await.problem().0, 401, "{token}");
    }
    assert_eq!(enter(&rig, &json!({ "token": 1 })).await.problem(), (400, "malformed".into()));
}
