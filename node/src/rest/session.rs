//! `POST /api/v1/session`, `DELETE /api/v1/session`: a one-time token becomes a session, and a session ends.

use super::described::Refusals;
use super::gate::{Bearer, cookie_name};
use super::house::House;
use super::moment::in_words;
use super::problem::Problem;
use super::taken::Body;
use crate::door::{DoorError, SESSION_LIFE};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};

/// What opens a session.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EnterAsk {
    /// What `halloo up --rest` or `halloo rest-token` printed; it works once.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    token: String,
    /// For a page: the session comes as a cookie that no script can read.
    #[serde(default)]
    browser: bool,
}

/// An open session.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Entered {
    /// Sent as `Authorization: Bearer …`; null where it came as a cookie.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    session: Option<String>,
    /// When it ends.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// Opens a session by a one-time token, which is dead afterwards.
#[utoipa::path(
    post,
    path = "/api/v1/session",
    tag = "door",
    operation_id = "enter",
    request_body = EnterAsk,
    responses((status = 201, description = "A session", body = Entered), Refusals)
)]
pub(super) async fn open(
    State(house): State<House>,
    Body(ask): Body<EnterAsk>,
) -> Result<impl IntoResponse, Problem> {
    let opened = house.entrance.enter(&ask.token);
    let opened = opened.map_err(|error| DoorError::new("world", error.to_string(), "restart the machine"))?;
    let session = opened.ok_or_else(|| Problem::new("token-needed", "this token is not good any more"))?.0;
    let (mut headers, life_s) = (HeaderMap::new(), SESSION_LIFE.as_secs());
    if ask.browser {
        let name = cookie_name(house.entrance.local().port());
        let cookie = format!("{name}={session}; Path=/; Max-Age={life_s}; HttpOnly; SameSite=Strict");
        let cookie = HeaderValue::from_str(&cookie).expect("digits and letters only");
        headers.insert(header::SET_COOKIE, cookie);
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let expires_ms = u64::try_from((now + SESSION_LIFE).as_millis()).unwrap_or(u64::MAX);
    let entered = Entered { session: (!ask.browser).then_some(session), expires_at: in_words(expires_ms) };
    Ok((StatusCode::CREATED, headers, Json(entered)))
}

/// Ends the session that asks.
#[utoipa::path(
    delete,
    path = "/api/v1/session",
    tag = "door",
    operation_id = "leave",
    security(("bearer" = [])),
    responses((status = 204, description = "It has ended"), Refusals)
)]
pub(super) async fn end(
    State(house): State<House>,
    Extension(Bearer(bearer)): Extension<Bearer>,
) -> StatusCode {
    house.entrance.leave(&bearer);
    StatusCode::NO_CONTENT
}

#[cfg(test)]
mod tests;
