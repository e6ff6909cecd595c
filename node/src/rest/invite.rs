//! `POST /api/v1/groups/{group_id}/invite`.

use super::described::Refusals;
use super::house::House;
use super::moment::moment;
use super::problem::Problem;
use super::taken::{Body, Id, within};
use super::whole::whole;
use crate::door::{InviteAsk, Request};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

/// Most people that one invite lets in.
const USES_MAX: u16 = 1_000;
/// Longest that one stays open, seconds: a year.
const OPEN_MAX_S: u64 = 366 * 24 * 3_600;

/// An invite to open; nothing said is one person within a day.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct InviteWanted {
    /// How many may come in by it.
    #[serde(default = "one", deserialize_with = "whole")]
    #[schema(minimum = 1, maximum = 1000, default = 1)]
    uses: u16,
    /// Seconds until it closes.
    #[serde(default = "a_day", deserialize_with = "whole")]
    #[schema(minimum = 1, maximum = 31622400, default = 86400)]
    expires_in: u64,
    /// What newcomers may do.
    #[serde(default)]
    role: RoleWanted,
}

fn one() -> u16 {
    1
}

fn a_day() -> u64 {
    24 * 3_600
}

/// A role.
#[derive(Clone, Copy, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum RoleWanted {
    /// Everything, also other admins.
    Owner,
    /// Invites, roles below, removals.
    Admin,
    /// Withdraws others' messages, removes members.
    Moderator,
    /// Talks, writes, moves.
    #[default]
    Member,
}

impl RoleWanted {
    fn word(self) -> &'static str {
        match self {
            RoleWanted::Owner => "owner",
            RoleWanted::Admin => "admin",
            RoleWanted::Moderator => "moderator",
            RoleWanted::Member => "member",
        }
    }
}

/// An open invite.
#[derive(Deserialize, Serialize, utoipa::ToSchema)]
pub(super) struct InviteShown {
    /// The short code that people tell each other; null once it was guessed at too often.
    #[serde(alias = "code")]
    invite_code: Option<String>,
    /// The same as a link.
    link: Option<String>,
    /// The same as the text of a QR.
    qr: Option<String>,
    /// When it closes.
    #[serde(alias = "expires_ms", default, deserialize_with = "moment")]
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// How many may come in by it.
    max_uses: u64,
    /// How many have.
    uses: u64,
    /// What newcomers may do.
    role: String,
}

/// The invite, as the driver answers.
#[derive(Deserialize)]
struct Opened {
    invite: InviteShown,
}

/// Opens an invite.
#[utoipa::path(
    post,
    path = "/api/v1/groups/{group_id}/invite",
    tag = "groups",
    operation_id = "open_invite",
    security(("bearer" = [])),
    params(("group_id" = String, Path, description = "Its id", pattern = "^[0-9a-f]{64}$")),
    request_body = InviteWanted,
    responses((status = 201, description = "It is open", body = InviteShown), Refusals)
)]
pub(super) async fn invite(
    State(house): State<House>,
    Id(id): Id,
    Body(ask): Body<InviteWanted>,
) -> Result<(StatusCode, Json<InviteShown>), Problem> {
    let uses = within("uses", ask.uses, 1..=USES_MAX)?;
    let seconds = within("expires_in", ask.expires_in, 1..=OPEN_MAX_S)?;
    let ask = InviteAsk { uses, seconds, role: ask.role.word().to_owned() };
    let opened: Opened = house.ask_for(Some(&id), Request::Invite(ask)).await?;
    Ok((StatusCode::CREATED, Json(opened.invite)))
}

#[cfg(test)]
mod tests;
