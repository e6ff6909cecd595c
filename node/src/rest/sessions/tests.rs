//! Calls are listed, entered by the devices of the machine and by no file, and left.

use super::super::tests::rig::{GROUP, OTHER, Rig, no};
use super::*;
use axum::http::Method;
use serde_json::{Value, json};

const PATH: &str = "/api/v1/communication/sessions";

fn calls() -> Value {
    json!({ "calls": [{
        "group": GROUP, "name": "ride", "type": "voice", "started_ms": 1_700_000_000_000_u64, "own": true,
        "participants": [{
            "account": OTHER, "name": "Ana", "device": GROUP, "this": true, "microphone_muted": true,
            "speaker_muted": false, "voice": null,
        }],
    }] })
}

fn session() -> Value {
    json!({
        "session_id": GROUP, "group_id": GROUP, "type": "voice", "started_at": "2023-11-14T22:13:20Z", "own": true,
        "participants": [{
            "account_id": OTHER, "device_id": GROUP, "name": "Ana", "own": true, "microphone_muted": true,
            "speaker_muted": false, "voice": null,
        }],
    })
}

#[tokio::test]
async fn calls_are_listed_by_their_groups() {
    let mut rig = Rig::open();
    let (answer, asked) = rig.ask(Method::GET, PATH, Value::Null, vec![Ok(calls())]).await;
    assert!(matches!(asked.as_slice(), [(None, Request::Calls)]), "{asked:?}");
    assert_eq!(answer.json(), json!({ "sessions": [session()] }));
}

#[tokio::test]
async fn a_call_is_entered_and_shown_and_left() {
    let mut rig = Rig::open();
    let body =
        json!({ "group_id": GROUP, "type": "voice", "source": "null", "sink": "device:USB", "muted": true });
    let (answer, asked) = rig.ask(Method::POST, PATH, body, vec![Ok(json!({})), Ok(calls())]).await;
    assert_eq!((answer.status, answer.json()), (201, session()));
    let (Some(group), Request::Talk(talk)) = &asked[0] else { panic!("{asked:?}") };
    assert_eq!((group.as_str(), talk.source.as_str(), talk.sink.as_str()), (GROUP, "null", "device:USB"));
    assert!(talk.muted && !talk.push_to_talk && !talk.repeat);
    let (answer, asked) =
        rig.ask(Method::DELETE, &format!("{PATH}/{GROUP}"), Value::Null, vec![Ok(json!({}))]).await;
    assert_eq!(answer.status, 204);
    assert!(matches!(&asked[0], (Some(group), Request::Hush) if group == GROUP));
}

#[tokio::test]
async fn files_other_kinds_and_what_the_driver_refuses_are_refused() {
    let mut rig = Rig::open();
    for (key, value) in [
        ("sink", "/home/ana/.profile"),
        ("source", "secret.wav"),
        ("source", "-"),
        ("source", "device:"),
        ("type", "video"),
        ("group_id", "ride"),
    ] {
        let mut body = json!({ "group_id": GROUP, "type": "voice" });
        body[key] = json!(value);
        assert_eq!(rig.refused(Method::POST, PATH, body).await, (400, "malformed".into()), "{key} {value}");
    }
    let body = json!({ "group_id": GROUP, "type": "voice" });
    for code in ["in-call", "sound"] {
        let (answer, _) = rig.ask(Method::POST, PATH, body.clone(), vec![no(code)]).await;
        assert_eq!(answer.problem(), (409, code.into()));
    }
    let (answer, _) =
        rig.ask(Method::POST, PATH, body, vec![Ok(json!({})), Ok(json!({ "calls": [] }))]).await;
    assert_eq!(answer.problem(), (409, "no-call".into()));
}
