//! `GET /api/v1/location/group/{group_id}`, `GET /api/v1/location/proximity/{group_id}`.

use super::described::Refusals;
use super::house::{House, shaped};
use super::moment::moment;
use super::paging::{PAGE_MAX, PageAsk, page};
use super::position::Coordinates;
use super::problem::Problem;
use super::taken::{Id, Sought, within};
use crate::door::Request;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Where a device is.
#[derive(Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct PositionShown {
    /// Whose.
    #[serde(alias = "account")]
    #[schema(pattern = "^[0-9a-f]{64}$")]
    account_id: String,
    /// Which device.
    #[serde(alias = "device")]
    #[schema(pattern = "^[0-9a-f]{64}$")]
    device_id: String,
    /// How the person is called.
    name: String,
    /// Whether it is this device.
    own: bool,
    /// The place.
    coordinates: Coordinates,
    /// Radius of uncertainty, metres.
    #[serde(alias = "accuracy_m")]
    accuracy: f64,
    /// Height, metres.
    #[serde(alias = "altitude_m")]
    altitude: Option<f64>,
    /// Over ground, metres a second.
    #[serde(alias = "speed_mps")]
    speed: Option<f64>,
    /// Of travel, degrees clockwise from true north.
    #[serde(alias = "heading_deg")]
    heading: Option<f64>,
    /// How exact it is meant to be.
    #[schema(pattern = "^(exact|approximate|city)$")]
    precision: String,
    /// When it was taken, by the clock of that device.
    #[serde(alias = "taken_ms", default, deserialize_with = "moment")]
    #[schema(format = DateTime)]
    taken_at: Option<String>,
}

/// A page of places.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct PositionPage {
    /// The group.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    group_id: String,
    /// In the order of the devices.
    #[schema(max_items = 500)]
    locations: Vec<PositionShown>,
    /// What `after` takes for the next page; null on the last.
    next: Option<String>,
}

/// How far another device is, and in which direction.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct Near {
    /// Whose.
    #[serde(alias = "account")]
    #[schema(pattern = "^[0-9a-f]{64}$")]
    account_id: String,
    /// Which device.
    #[serde(alias = "device")]
    #[schema(pattern = "^[0-9a-f]{64}$")]
    device_id: String,
    /// How the person is called.
    name: String,
    /// Metres along the earth; null while this node does not know its own place.
    #[serde(alias = "distance_m")]
    distance: Option<f64>,
    /// Degrees clockwise from true north; null as `distance`.
    #[serde(alias = "bearing_deg")]
    bearing: Option<f64>,
    /// The nearest point of the compass; null as `distance`.
    #[schema(pattern = "^(N|NE|E|SE|S|SW|W|NW)$")]
    direction: Option<String>,
    /// When the place was taken, by the clock of that device.
    #[serde(alias = "taken_ms", default, deserialize_with = "moment")]
    #[schema(format = DateTime)]
    taken_at: Option<String>,
}

/// Who is near.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Proximity {
    /// The group.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    group_id: String,
    /// The nearest first.
    #[schema(max_items = 500)]
    members: Vec<Near>,
}

/// How many are wanted.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct NearAsk {
    /// At most so many.
    #[param(minimum = 1, maximum = 500, default = 100, required = false)]
    #[serde(default = "page")]
    limit: usize,
}

/// Where everybody is who shares it.
#[utoipa::path(
    get,
    path = "/api/v1/location/group/{group_id}",
    tag = "location",
    operation_id = "list_locations",
    security(("bearer" = [])),
    params(("group_id" = String, Path, description = "Its id", pattern = "^[0-9a-f]{64}$"), PageAsk),
    responses((status = 200, description = "A page of places", body = PositionPage), Refusals)
)]
pub(super) async fn of_group(
    State(house): State<House>,
    Id(group_id): Id,
    Sought(page): Sought<PageAsk>,
) -> Result<Json<PositionPage>, Problem> {
    let mut known = locations(&house, &group_id).await?;
    for location in &mut known {
        location["coordinates"] =
            serde_json::json!({ "latitude": location["latitude"], "longitude": location["longitude"] });
    }
    let known: Vec<PositionShown> = shaped(Value::Array(known))?;
    let (locations, next) = page.cut(known, |location| &location.device_id)?;
    Ok(Json(PositionPage { group_id, locations, next }))
}

/// How far the others are and in which direction, as the crow flies from where this device was last said to be.
#[utoipa::path(
    get,
    path = "/api/v1/location/proximity/{group_id}",
    tag = "location",
    operation_id = "show_proximity",
    security(("bearer" = [])),
    params(("group_id" = String, Path, description = "Its id", pattern = "^[0-9a-f]{64}$"), NearAsk),
    responses((status = 200, description = "Who is near", body = Proximity), Refusals)
)]
pub(super) async fn proximity(
    State(house): State<House>,
    Id(group_id): Id,
    Sought(ask): Sought<NearAsk>,
) -> Result<Json<Proximity>, Problem> {
    let limit = within("limit", ask.limit, 1..=PAGE_MAX)?;
    let mut known = locations(&house, &group_id).await?;
    known.retain(|location| location["own"] == false);
    let mut members: Vec<Near> = shaped(Value::Array(known))?;
    let far = |near: &Near| near.distance.unwrap_or(f64::INFINITY);
    members.sort_by(|a, b| far(a).total_cmp(&far(b)));
    members.truncate(limit);
    Ok(Json(Proximity { group_id, members }))
}

async fn locations(house: &House, group: &str) -> Result<Vec<Value>, Problem> {
    #[derive(Deserialize)]
    struct Known {
        locations: Vec<Value>,
    }
    let known: Known = house.ask_for(Some(group), Request::Where).await?;
    Ok(known.locations)
}

#[cfg(test)]
mod tests;
