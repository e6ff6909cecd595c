//! `GET /api/v1/groups`, `POST /api/v1/groups`.

use super::described::Refusals;
use super::house::House;
use super::invite::InviteShown;
use super::moment::moment;
use super::paging::PageAsk;
use super::problem::Problem;
use super::taken::{Body, Sought, as_long};
use crate::door::{NewAsk, Request};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

/// Longest name of a group in characters; in bytes of UTF-8 as well, which no JSON schema can say.
pub(super) const NAME_MAX: usize = halloo_engine::output::MAX_NAME_BYTES;

/// A group of this home.
#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
pub(super) struct GroupShown {
    /// Its id.
    #[serde(alias = "group")]
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub(super) group_id: String,
    /// Its name.
    name: String,
    /// Always null: groups have no pictures yet.
    #[serde(default)]
    avatar: Option<String>,
    /// How many people are in it.
    member_count: u64,
    /// When the newest line was written; null before the first.
    #[serde(alias = "last_active_ms", default, deserialize_with = "moment")]
    #[schema(format = DateTime)]
    last_active: Option<String>,
    /// Lines that are not read yet; counted up to 500.
    unread: u64,
    /// Whether this device is still in it.
    member: bool,
    /// The other account, where it is a conversation of two.
    #[serde(default)]
    with: Option<String>,
}

/// The groups of this home, as the driver lists them.
#[derive(Debug, Deserialize)]
pub(super) struct Listed {
    pub(super) groups: Vec<GroupShown>,
}

/// A page of groups.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct GroupPage {
    /// In the order of their ids.
    #[schema(max_items = 500)]
    groups: Vec<GroupShown>,
    /// What `after` takes for the next page; null on the last.
    next: Option<String>,
}

/// A new group.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupAsk {
    /// Its name: at most 64 bytes of UTF-8 without control characters.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// Refused: groups have no pictures yet.
    #[serde(default)]
    avatar: Option<String>,
}

/// A group that has begun.
#[derive(Deserialize, Serialize, utoipa::ToSchema)]
pub(super) struct GroupBegun {
    /// Its id.
    #[serde(alias = "group")]
    #[schema(pattern = "^[0-9a-f]{64}$")]
    group_id: String,
    /// Its name.
    name: String,
    /// Its first invite: for sixteen people, for a day.
    invite: InviteShown,
}

/// The groups of this home.
#[utoipa::path(
    get,
    path = "/api/v1/groups",
    tag = "groups",
    operation_id = "list_groups",
    security(("bearer" = [])),
    params(PageAsk),
    responses((status = 200, description = "A page of groups", body = GroupPage), Refusals)
)]
pub(super) async fn list(
    State(house): State<House>,
    Sought(page): Sought<PageAsk>,
) -> Result<Json<GroupPage>, Problem> {
    let listed: Listed = house.ask_for(None, Request::Groups).await?;
    let (groups, next) = page.cut(listed.groups, |group| &group.group_id)?;
    Ok(Json(GroupPage { groups, next }))
}

/// Begins a group and opens its first invite.
#[utoipa::path(
    post,
    path = "/api/v1/groups",
    tag = "groups",
    operation_id = "begin_group",
    security(("bearer" = [])),
    request_body = GroupAsk,
    responses((status = 201, description = "It has begun", body = GroupBegun), Refusals)
)]
pub(super) async fn create(
    State(house): State<House>,
    Body(ask): Body<GroupAsk>,
) -> Result<(StatusCode, Json<GroupBegun>), Problem> {
    as_long("name", &ask.name, 1..=NAME_MAX)?;
    no_picture(ask.avatar.as_deref())?;
    let begun =
        house.ask_for(None, Request::New(NewAsk { name: ask.name, profile: None, via: None })).await?;
    Ok((StatusCode::CREATED, Json(begun)))
}

/// Refuses a picture: who sets one must not believe that the others see it.
///
/// # Errors
/// There is one.
pub(super) fn no_picture(avatar: Option<&str>) -> Result<(), Problem> {
    match avatar {
        None => Ok(()),
        Some(_) => Err(Problem::new("not-built", "pictures of groups are not built")),
    }
}

#[cfg(test)]
mod tests;
