//! `GET /api/v1/groups/{group_id}/members`.

use super::described::Refusals;
use super::house::House;
use super::paging::PageAsk;
use super::problem::Problem;
use super::taken::{Id, Sought};
use crate::door::Request;
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

/// A member.
#[derive(Deserialize, Serialize, utoipa::ToSchema)]
pub(super) struct MemberShown {
    /// Whose account.
    #[serde(alias = "account")]
    #[schema(pattern = "^[0-9a-f]{64}$")]
    account_id: String,
    /// The display name.
    name: String,
    /// What the member may do.
    #[schema(pattern = "^(owner|admin|moderator|member)$")]
    role: String,
    /// Whether it is this person.
    own: bool,
    /// Whether any of the member's devices is there.
    online: bool,
}

/// The members, as the driver lists them.
#[derive(Deserialize)]
struct Listed {
    members: Vec<MemberShown>,
}

/// A page of members.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct MemberPage {
    /// In the order of their accounts.
    #[schema(max_items = 500)]
    members: Vec<MemberShown>,
    /// What `after` takes for the next page; null on the last.
    next: Option<String>,
}

/// The members of a group.
#[utoipa::path(
    get,
    path = "/api/v1/groups/{group_id}/members",
    tag = "groups",
    operation_id = "list_members",
    security(("bearer" = [])),
    params(("group_id" = String, Path, description = "Its id", pattern = "^[0-9a-f]{64}$"), PageAsk),
    responses((status = 200, description = "A page of members", body = MemberPage), Refusals)
)]
pub(super) async fn list(
    State(house): State<House>,
    Id(id): Id,
    Sought(page): Sought<PageAsk>,
) -> Result<Json<MemberPage>, Problem> {
    let listed: Listed = house.ask_for(Some(&id), Request::Members).await?;
    let (members, next) = page.cut(listed.members, |member| &member.account_id)?;
    Ok(Json(MemberPage { members, next }))
}

#[cfg(test)]
mod tests;
