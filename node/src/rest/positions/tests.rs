//! Places are shown with their coordinates, and whoever is near with distance and direction, the nearest first.

use super::super::tests::rig::{GROUP, OTHER, Rig};
use axum::http::Method;
use serde_json::{Value, json};

fn location(device: &str, name: &str, distance: Option<f64>) -> Value {
    json!({
        "account": OTHER, "device": device, "name": name, "latitude": 46.5, "longitude": 7.75, "accuracy_m": 4.0,
        "altitude_m": 812.0, "speed_mps": 8.5, "heading_deg": 270.0, "precision": "exact",
        "taken_ms": 1_700_000_000_000_u64, "age_ms": 10, "received_ms_ago": 5, "distance_m": distance,
        "bearing_deg": distance.map(|_| 45.0), "direction": distance.map(|_| "NE"), "own": name == "me",
    })
}

#[tokio::test]
async fn everybody_who_shares_it_is_shown_with_every_field() {
    let mut rig = Rig::open();
    let known = json!({ "locations": [location(GROUP, "Ana", None), location(OTHER, "me", None)] });
    let path = format!("/api/v1/location/group/{GROUP}?limit=1");
    let (answer, _) = rig.ask(Method::GET, &path, Value::Null, vec![Ok(known)]).await;
    let page = answer.json();
    assert_eq!(page["next"], OTHER);
    assert_eq!(
        page["locations"],
        json!([{
            "account_id": OTHER, "device_id": OTHER, "name": "me", "own": true,
            "coordinates": { "latitude": 46.5, "longitude": 7.75 }, "accuracy": 4.0, "altitude": 812.0, "speed": 8.5,
            "heading": 270.0, "precision": "exact", "taken_at": "2023-11-14T22:13:20Z",
        }])
    );
}

#[tokio::test]
async fn the_nearest_stands_first_and_one_does_not_stand_near_oneself() {
    let mut rig = Rig::open();
    let known = json!({ "locations": [
        location(GROUP, "far", Some(900.0)), location(OTHER, "me", None), location(OTHER, "unknown", None),
        location(OTHER, "near", Some(20.5)),
    ] });
    let path = format!("/api/v1/location/proximity/{GROUP}");
    let (answer, _) = rig.ask(Method::GET, &path, Value::Null, vec![Ok(known.clone())]).await;
    let near = answer.json();
    let names: Vec<&str> =
        near["members"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["near", "far", "unknown"]);
    assert_eq!(
        near["members"][0],
        json!({
            "account_id": OTHER, "device_id": OTHER, "name": "near", "distance": 20.5, "bearing": 45.0, "direction": "NE",
            "taken_at": "2023-11-14T22:13:20Z",
        })
    );
    let (answer, _) = rig.ask(Method::GET, &format!("{path}?limit=1"), Value::Null, vec![Ok(known)]).await;
    assert_eq!(answer.json()["members"].as_array().unwrap().len(), 1);
    let none = rig.refused(Method::GET, &format!("{path}?limit=0"), Value::Null).await;
    assert_eq!(none, (400, "malformed".into()));
}
