//! A place is told with all its fields, shared when that is said, and refused where it is none.

use super::super::tests::rig::{GROUP, Rig, no};
use super::*;
use axum::http::Method;
use serde_json::json;

const PATH: &str = "/api/v1/location/update";

#[tokio::test]
async fn a_place_reaches_the_driver_with_every_field_and_is_shared_when_asked() {
    let mut rig = Rig::open();
    let body = json!({
        "group_id": GROUP, "coordinates": { "latitude": 46.5, "longitude": 7.75 }, "accuracy": 4, "speed": 8.5,
        "heading": 270, "share_for": 3600,
    });
    let (answer, asked) = rig.ask(Method::POST, PATH, body, vec![Ok(json!({})), Ok(json!({}))]).await;
    assert_eq!(answer.status, 204);
    let [(Some(group), Request::Fix(fix)), (_, Request::Share { seconds: 3600 })] = asked.as_slice() else {
        panic!("{asked:?}")
    };
    assert_eq!((group.as_str(), fix.latitude, fix.longitude), (GROUP, 46.5, 7.75));
    assert_eq!((fix.accuracy, fix.speed, fix.heading), (Some(4.0), Some(8.5), Some(270.0)));
}

#[tokio::test]
async fn a_place_alone_is_not_shared_by_being_told() {
    let mut rig = Rig::open();
    let body = json!({ "group_id": GROUP, "coordinates": { "latitude": -90, "longitude": 180 } });
    let (answer, asked) = rig.ask(Method::POST, PATH, body.clone(), vec![Ok(json!({}))]).await;
    assert_eq!(answer.status, 204);
    assert!(matches!(asked.as_slice(), [(_, Request::Fix(_))]), "{asked:?}");
    let (answer, _) = rig.ask(Method::POST, PATH, body, vec![no("unknown")]).await;
    assert_eq!(answer.problem(), (404, "unknown".into()));
}

#[tokio::test]
async fn what_is_no_place_and_no_way_to_move_is_refused() {
    let mut rig = Rig::open();
    let here = json!({ "latitude": 46.5, "longitude": 7.75 });
    for (key, value) in [
        ("coordinates", json!({ "latitude": 90.5, "longitude": 0 })),
        ("coordinates", json!({ "latitude": 0, "longitude": -180.5 })),
        ("coordinates", json!({ "latitude": 0 })),
        ("coordinates", json!([46.5, 7.75])),
        ("coordinates", json!(null)),
        ("accuracy", json!(-1)),
        ("accuracy", json!(1e300)),
        ("speed", json!(-0.5)),
        ("speed", json!("fast")),
        ("heading", json!(360)),
        ("share_for", json!(604_801)),
        ("share_for", json!(-1)),
        ("group_id", json!("ride")),
    ] {
        let mut body = json!({ "group_id": GROUP, "coordinates": here });
        body[key] = value.clone();
        assert_eq!(rig.refused(Method::POST, PATH, body).await, (400, "malformed".into()), "{key} {value}");
    }
}
