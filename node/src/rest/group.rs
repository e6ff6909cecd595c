//! `GET /api/v1/groups/{group_id}`, `PUT /api/v1/groups/{group_id}`.

use super::described::Refusals;
use super::groups::{GroupShown, Listed, NAME_MAX, no_picture};
use super::house::House;
use super::problem::Problem;
use super::taken::{Body, Id, as_long};
use crate::door::Request;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;

/// What of a group can be changed.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupChange {
    /// Its new name: at most 64 bytes of UTF-8 without control characters.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// Refused: groups have no pictures yet.
    #[serde(default)]
    avatar: Option<String>,
}

/// One group.
#[utoipa::path(
    get,
    path = "/api/v1/groups/{group_id}",
    tag = "groups",
    operation_id = "show_group",
    security(("bearer" = [])),
    params(("group_id" = String, Path, description = "Its id", pattern = "^[0-9a-f]{64}$")),
    responses((status = 200, description = "The group", body = GroupShown), Refusals)
)]
pub(super) async fn show(State(house): State<House>, Id(id): Id) -> Result<Json<GroupShown>, Problem> {
    shown(&house, &id).await.map(Json)
}

/// Gives the group another name.
#[utoipa::path(
    put,
    path = "/api/v1/groups/{group_id}",
    tag = "groups",
    operation_id = "change_group",
    security(("bearer" = [])),
    params(("group_id" = String, Path, description = "Its id", pattern = "^[0-9a-f]{64}$")),
    request_body = GroupChange,
    responses((status = 200, description = "The group as it is now", body = GroupShown), Refusals)
)]
pub(super) async fn change(
    State(house): State<House>,
    Id(id): Id,
    Body(ask): Body<GroupChange>,
) -> Result<Json<GroupShown>, Problem> {
    as_long("name", &ask.name, 1..=NAME_MAX)?;
    no_picture(ask.avatar.as_deref())?;
    house.ask(Some(&id), Request::Rename { name: ask.name }).await?;
    shown(&house, &id).await.map(Json)
}

async fn shown(house: &House, id: &str) -> Result<GroupShown, Problem> {
    let listed: Listed = house.ask_for(None, Request::Groups).await?;
    let group = listed.groups.into_iter().find(|group| group.group_id == id);
    group.ok_or_else(|| Problem::new("unknown", "no group of this home has this id"))
}

#[cfg(test)]
mod tests;
