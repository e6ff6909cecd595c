//! Who is kept out of the door on loopback, what every answer says, and that the description is whole.

pub(super) mod rig;

use axum::http::Method;
use rig::{GROUP, Rig, group};
use serde_json::{Value, json};

fn with(headers: &[(String, String)], name: &str, value: Option<&str>) -> Vec<(String, String)> {
    let mut headers: Vec<_> = headers.iter().filter(|(known, _)| known != name).cloned().collect();
    headers.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    headers
}

#[tokio::test]
async fn another_host_is_refused_whatever_else_is_right() {
    let rig = Rig::open();
    let groups = (Method::GET, "/api/v1/groups/zz");
    for host in [
        Some("halloo.example:4711"),
        Some("127.0.0.1"),
        Some("127.0.0.1:80"),
        Some("127.0.0.1.nip.example:4711"),
        Some("localhost"),
        Some("[::1]:4711"),
        Some(""),
        None,
    ] {
        let headers = with(&rig.headers(), "host", host);
        let answer = rig.send(groups.clone(), &headers, Vec::new()).await;
        assert_eq!(answer.problem(), (421, "wrong-host".into()), "{host:?}");
    }
    let mut twice = rig.headers();
    twice.push(("host".into(), "halloo.example".into()));
    assert_eq!(rig.send(groups.clone(), &twice, Vec::new()).await.status, 421);
    let absolute = (Method::GET, "http://halloo.example:4711/api/v1/groups/zz");
    assert_eq!(rig.send(absolute, &rig.headers(), Vec::new()).await.status, 421);
    for host in ["127.0.0.1:4711", "localhost:4711", "LOCALHOST:4711"] {
        let headers = with(&rig.headers(), "host", Some(host));
        // It comes as far as the id, which is none.
        assert_eq!(rig.send(groups.clone(), &headers, Vec::new()).await.status, 400, "{host}");
    }
}

#[tokio::test]
async fn a_page_from_elsewhere_is_refused_and_no_other_origin_is_ever_allowed() {
    let rig = Rig::open();
    let groups = (Method::GET, "/api/v1/groups/zz");
    for origin in [
        "https://halloo.example",
        "null",
        "http://127.0.0.1:80",
        "http://127.0.0.1",
        "http://localhost:4711",
        "https://127.0.0.1:4711",
        "http://127.0.0.1:4711/",
    ] {
        let headers = with(&rig.headers(), "origin", Some(origin));
        let answer = rig.send(groups.clone(), &headers, Vec::new()).await;
        assert_eq!(answer.problem(), (403, "wrong-origin".into()), "{origin}");
        let preflight = rig.send((Method::OPTIONS, "/api/v1/groups"), &headers, Vec::new()).await;
        for answer in [answer, preflight] {
            let cors = answer.headers.keys().find(|name| name.as_str().starts_with("access-control-"));
            assert!(cors.is_none(), "{cors:?}");
        }
    }
    let own = with(&rig.headers(), "origin", Some("http://127.0.0.1:4711"));
    assert_eq!(rig.send(groups, &own, Vec::new()).await.status, 400);
}

#[tokio::test]
async fn without_a_session_nothing_of_a_member_is_told() {
    let rig = Rig::open();
    let api: Value = {
        let answer = rig.send((Method::GET, "/api/v1/openapi.json"), &rig.headers(), Vec::new()).await;
        answer.json()
    };
    let wrong = [
        None,
        Some(String::new()),
        Some("Bearer".into()),
        Some(format!("Bearer {}", "0".repeat(64))),
        Some(format!("Basic {}", rig.bearer)),
        Some(format!("Bearer {}x", rig.bearer)),
    ];
    let mut tried = 0;
    for (path, methods) in api["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if operation["security"].is_null() {
                continue;
            }
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let path = path.replace("{group_id}", GROUP).replace("{session_id}", GROUP);
            for authorization in &wrong {
                let headers = with(&rig.headers(), "authorization", authorization.as_deref());
                let answer = rig.send((method.clone(), &path), &headers, Vec::new()).await;
                assert_eq!(answer.problem(), (401, "token-needed".into()), "{method} {path}");
                assert_eq!(answer.headers["www-authenticate"], "Bearer");
                tried += 1;
            }
        }
    }
    assert!(tried >= 18 * wrong.len(), "only {tried} were tried");
}

#[tokio::test]
async fn a_browser_is_in_by_its_cookie_where_the_request_is_of_our_own_page() {
    let rig = Rig::open();
    let path = (Method::GET, "/api/v1/groups/zz");
    let mut headers = with(&rig.headers(), "authorization", None);
    headers.push(("cookie".into(), format!("theme=dark; halloo-4711={}", rig.bearer)));
    assert_eq!(rig.send(path.clone(), &headers, Vec::new()).await.status, 400);
    for (site, status) in [("same-origin", 400), ("none", 400), ("same-site", 401), ("cross-site", 401)] {
        let headers = with(&headers, "sec-fetch-site", Some(site));
        assert_eq!(rig.send(path.clone(), &headers, Vec::new()).await.status, status, "{site}");
    }
    let other = with(&headers, "cookie", Some(&format!("halloo-4712={}", rig.bearer)));
    assert_eq!(rig.send(path, &other, Vec::new()).await.status, 401);
}

#[tokio::test]
async fn every_answer_is_strict_about_what_a_page_may_do_with_it() {
    let mut rig = Rig::open();
    let listed = Ok(json!({ "groups": [group(GROUP, "ride")] }));
    let (listed, _) = rig.ask(Method::GET, "/api/v1/groups", Value::Null, vec![listed]).await;
    let mut answers = vec![listed];
    for path in ["/", "/enter.js", "/api/v1/docs/", "/api/v1/openapi.json", "/nowhere", "/api/v1/groups/x"] {
        answers.push(rig.send((Method::GET, path), &rig.headers(), Vec::new()).await);
    }
    answers.push(rig.send((Method::GET, "/"), &[], Vec::new()).await);
    for answer in answers {
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(answer.headers["referrer-policy"], "no-referrer");
    }
}

#[tokio::test]
async fn the_local_door_is_described_and_its_pages_fetch_nothing_from_elsewhere() {
    let rig = Rig::open();
    let get = async |path: &str| rig.send((Method::GET, path), &rig.headers(), Vec::new()).await;
    let api = get("/api/v1/openapi.json").await.json();
    assert_eq!(api["openapi"], "3.1.0");
    for (path, methods) in [
        ("/api/v1/groups", &["get", "post"][..]),
        ("/api/v1/groups/{group_id}", &["get", "put"]),
        ("/api/v1/groups/{group_id}/invite", &["post"]),
        ("/api/v1/groups/{group_id}/members", &["get"]),
        ("/api/v1/groups/{group_id}/messages", &["get", "post"]),
        ("/api/v1/groups/{group_id}/messages/search", &["get"]),
        ("/api/v1/groups/join", &["post"]),
        ("/api/v1/location/update", &["post"]),
        ("/api/v1/location/group/{group_id}", &["get"]),
        ("/api/v1/location/proximity/{group_id}", &["get"]),
        ("/api/v1/communication/sessions", &["get", "post"]),
        ("/api/v1/communication/sessions/{session_id}", &["delete"]),
        ("/ws/communication", &["get"]),
    ] {
        for method in methods {
            assert!(api["paths"][path][method]["responses"]["401"].is_object(), "{method} {path}");
            assert_eq!(api["paths"][path][method]["security"][0]["bearer"], json!([]), "{method} {path}");
        }
    }
    let operations =
        api["paths"].as_object().unwrap().values().flat_map(|methods| methods.as_object().unwrap());
    let names: Vec<&str> = operations.map(|(_, of)| of["operationId"].as_str().unwrap()).collect();
    let once: std::collections::BTreeSet<&&str> = names.iter().collect();
    assert_eq!(once.len(), names.len(), "clients are generated by these names: {names:?}");
    assert!(api["components"]["schemas"]["Problem"].is_object(), "{api}");
    for path in
        ["/", "/enter.js", "/api/v1/docs/", "/api/v1/docs/swagger-initializer.js", "/api/v1/docs/index.css"]
    {
        let page = get(path).await;
        assert_eq!(page.status, 200, "{path}");
        let text = String::from_utf8(page.body).unwrap();
        for active in ["src=\"http", "href=\"http", "url(http", "<style", "onload=\""] {
            assert!(!text.contains(active), "{path}: {active}");
        }
    }
}

#[tokio::test]
async fn what_is_not_there_or_too_long_or_no_json_is_told_so() {
    let mut rig = Rig::open();
    assert_eq!(rig.refused(Method::GET, "/nowhere", Value::Null).await, (404, "not-found".into()));
    let wrong = rig.refused(Method::DELETE, "/api/v1/groups", Value::Null).await;
    assert_eq!(wrong, (405, "method-not-allowed".into()));
    let post = (Method::POST, "/api/v1/groups");
    let plain = with(&rig.headers(), "content-type", Some("text/plain"));
    assert_eq!(rig.send(post.clone(), &plain, b"{}".to_vec()).await.problem(), (415, "media-type".into()));
    let long = vec![b' '; super::BODY_MAX + 1];
    let long = rig.send(post.clone(), &rig.headers(), long).await;
    assert_eq!(long.problem(), (413, "too-large-body".into()));
    for body in [&b"[\"ride\"]"[..], b"", b"null", b"{\"name\":\"ride\",\"fly\":1}", b"\xff", b"{\"name\":1}"]
    {
        let answer = rig.send(post.clone(), &rig.headers(), body.to_vec()).await;
        assert_eq!(answer.problem(), (400, "malformed".into()), "{body:?}");
    }
}

#[tokio::test]
async fn a_driver_that_has_ended_is_told_as_such() {
    let mut rig = Rig::open();
    let (answer, _) = rig.ask(Method::GET, "/api/v1/groups", Value::Null, vec![rig::no("stopped")]).await;
    assert_eq!(answer.problem(), (503, "stopped".into()));
    let (answer, _) =
        rig.ask(Method::GET, "/api/v1/groups", Value::Null, vec![Ok(json!({"groups": 1}))]).await;
    assert_eq!(answer.problem(), (500, "mistake".into()));
}
