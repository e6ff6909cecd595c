//! `POST /api/v1/location/update`.

use super::described::Refusals;
use super::house::House;
use super::object::object;
use super::problem::Problem;
use super::taken::{Body, whole_id, within};
use super::whole::whole_or_none;
use crate::door::{FixAsk, Request};
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

/// Longest that sharing goes on without another word, seconds: a week.
const SHARE_MAX_S: u64 = 7 * 24 * 3_600;

/// A place on the earth, WGS-84.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Coordinates {
    /// Degrees north.
    #[schema(minimum = -90, maximum = 90)]
    pub(super) latitude: f64,
    /// Degrees east.
    #[schema(minimum = -180, maximum = 180)]
    pub(super) longitude: f64,
}

/// Where this device is.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PositionAsk {
    /// The group that shall know, while the place is shared with it.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    group_id: String,
    /// The place.
    #[serde(deserialize_with = "object")]
    coordinates: Coordinates,
    /// Radius of uncertainty (68 %), metres; 10 where nothing is said.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1000000)]
    accuracy: Option<f64>,
    /// Over ground, metres a second.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 1000)]
    speed: Option<f64>,
    /// Of travel, degrees clockwise from true north.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 359.999)]
    heading: Option<f64>,
    /// Shares the place with the group for so many seconds from now; 0 stops it. Without it nothing changes in that.
    #[serde(default, deserialize_with = "whole_or_none")]
    #[schema(minimum = 0, maximum = 604800)]
    share_for: Option<u64>,
}

/// Says where this device is: to this node, for distances, and while the place is shared to the group, where it then stands among the others
/// as `own`.
#[utoipa::path(
    post,
    path = "/api/v1/location/update",
    tag = "location",
    operation_id = "update_location",
    security(("bearer" = [])),
    request_body = PositionAsk,
    responses((status = 204, description = "It is known"), Refusals)
)]
pub(super) async fn update(
    State(house): State<House>,
    Body(ask): Body<PositionAsk>,
) -> Result<StatusCode, Problem> {
    whole_id("group_id", &ask.group_id)?;
    let at = ask.coordinates;
    let metres = |accuracy| within("accuracy", accuracy, 0.0..=1e6).map(|metres: f64| metres as f32);
    let fix = FixAsk {
        latitude: within("latitude", at.latitude, -90.0..=90.0)?,
        longitude: within("longitude", at.longitude, -180.0..=180.0)?,
        accuracy: ask.accuracy.map(metres).transpose()?,
        speed: ask.speed.map(|speed| within("speed", speed, 0.0..=1e3)).transpose()?,
        heading: ask.heading.map(|heading| within("heading", heading, 0.0..=359.999)).transpose()?,
    };
    let share = ask.share_for.map(|seconds| within("share_for", seconds, 0..=SHARE_MAX_S)).transpose()?;
    let group = Some(ask.group_id.as_str());
    house.ask(group, Request::Fix(fix)).await?;
    if let Some(seconds) = share {
        house.ask(group, Request::Share { seconds }).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests;
