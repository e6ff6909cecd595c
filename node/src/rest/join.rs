//! `POST /api/v1/groups/join`.

use super::described::Refusals;
use super::house::House;
use super::problem::Problem;
use super::taken::{Body, as_long};
use crate::door::{JoinAsk, Request};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

/// Longest invite: a link with addresses, as a QR holds it.
const INVITE_MAX: usize = 4_096;

/// Into which group to come.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct JoinWanted {
    /// A short code (7-otter-quartz), alone or as `CODE@HOST`, a link, or the text of a QR.
    #[schema(min_length = 1, max_length = 4096)]
    invite_code: String,
}

/// The group that this home is in from now on.
#[derive(Deserialize, Serialize, utoipa::ToSchema)]
pub(super) struct JoinedGroup {
    /// Its id.
    #[serde(alias = "group")]
    #[schema(pattern = "^[0-9a-f]{64}$")]
    group_id: String,
    /// Its name.
    name: String,
    /// Four signs that whoever invites sees as well: the same at both, nobody stands between.
    #[schema(max_items = 4)]
    emoji: Vec<String>,
}

/// Comes into a group; answered when this home is in it, or when nobody answered within half a minute.
#[utoipa::path(
    post,
    path = "/api/v1/groups/join",
    tag = "groups",
    operation_id = "join_group",
    security(("bearer" = [])),
    request_body = JoinWanted,
    responses((status = 200, description = "This home is in it", body = JoinedGroup), Refusals)
)]
pub(super) async fn join(
    State(house): State<House>,
    Body(ask): Body<JoinWanted>,
) -> Result<Json<JoinedGroup>, Problem> {
    as_long("invite_code", &ask.invite_code, 1..=INVITE_MAX)?;
    let ask = JoinAsk { invite: ask.invite_code, profile: None, via: None };
    house.ask_for(None, Request::Join(ask)).await.map(Json)
}

#[cfg(test)]
mod tests;
