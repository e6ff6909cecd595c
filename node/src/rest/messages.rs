//! `GET /api/v1/groups/{group_id}/messages`, `POST /api/v1/groups/{group_id}/messages`.

use super::described::Refusals;
use super::house::House;
use super::moment::moment;
use super::paging::{PAGE_MAX, page};
use super::problem::Problem;
use super::taken::{Body, Id, Sought, as_long, whole_id, within};
use crate::door::Request;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use halloo_crdt::content::MAX_TEXT_BYTES;
use serde::{Deserialize, Serialize};

/// A line.
#[derive(Deserialize, Serialize, utoipa::ToSchema)]
pub(super) struct MessageShown {
    /// Its id.
    #[serde(alias = "message")]
    #[schema(pattern = "^[0-9a-f]{64}$")]
    message_id: String,
    /// Who wrote it.
    #[serde(alias = "account")]
    #[schema(pattern = "^[0-9a-f]{64}$")]
    account_id: String,
    /// How that person is called.
    from: String,
    /// When, by the clock of the device that it was written on.
    #[serde(alias = "sent_ms", default, deserialize_with = "moment")]
    #[schema(format = DateTime)]
    sent_at: Option<String>,
    /// The text; empty where it was taken back.
    text: String,
    /// The line that it answers.
    reply_to: Option<String>,
    /// Whether it had another text.
    edited: bool,
    /// Whether it was taken back.
    deleted: bool,
    /// Whether this person wrote it.
    own: bool,
    /// Whether it is read, on any device of this person.
    read: bool,
    /// Whether it was written without having what stands above it.
    apart: bool,
    /// Whether it is older than this person's membership and was handed on.
    forwarded: bool,
    /// What others put on it.
    reactions: Vec<ReactionShown>,
    /// Accounts that have it.
    delivered_to: Vec<String>,
    /// Accounts that have read it.
    read_by: Vec<String>,
}

/// What people put on a line.
#[derive(Deserialize, Serialize, utoipa::ToSchema)]
pub(super) struct ReactionShown {
    /// An emoji, or a short word.
    emoji: String,
    /// The accounts.
    by: Vec<String>,
    /// How they are called.
    names: Vec<String>,
}

/// Which lines are wanted.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LinesAsk {
    /// At most so many.
    #[param(minimum = 1, maximum = 500, default = 100, required = false)]
    #[serde(default = "page")]
    limit: usize,
    /// Older than this one: `next` of the page before.
    #[param(value_type = String, pattern = "^[0-9a-f]{64}$", required = false)]
    #[serde(default)]
    before: Option<String>,
}

/// The lines, as the driver lists them.
#[derive(Deserialize)]
struct Listed {
    messages: Vec<MessageShown>,
    more: bool,
}

/// A page of lines.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct MessagePage {
    /// The newest first.
    #[schema(max_items = 500)]
    pub(super) messages: Vec<MessageShown>,
    /// What `before` takes for the older ones; null where there are none.
    pub(super) next: Option<String>,
}

/// A line to write.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MessageAsk {
    /// At most 16 KiB of UTF-8.
    #[schema(min_length = 1, max_length = 16384)]
    text: String,
    /// The line that it answers.
    #[serde(default)]
    #[schema(pattern = "^[0-9a-f]{64}$")]
    reply_to: Option<String>,
}

/// A line that is written, and durable here.
#[derive(Deserialize, Serialize, utoipa::ToSchema)]
pub(super) struct MessageWritten {
    /// Its id.
    #[serde(alias = "message")]
    #[schema(pattern = "^[0-9a-f]{64}$")]
    message_id: String,
}

/// The newest lines of a group.
#[utoipa::path(
    get,
    path = "/api/v1/groups/{group_id}/messages",
    tag = "messages",
    operation_id = "list_messages",
    security(("bearer" = [])),
    params(("group_id" = String, Path, description = "Its id", pattern = "^[0-9a-f]{64}$"), LinesAsk),
    responses((status = 200, description = "A page of lines", body = MessagePage), Refusals)
)]
pub(super) async fn list(
    State(house): State<House>,
    Id(id): Id,
    Sought(ask): Sought<LinesAsk>,
) -> Result<Json<MessagePage>, Problem> {
    let limit = within("limit", ask.limit, 1..=PAGE_MAX)?;
    if let Some(before) = &ask.before {
        whole_id("before", before)?;
    }
    let Listed { messages, more } =
        house.ask_for(Some(&id), Request::Log { limit, before: ask.before }).await?;
    let next = messages.last().filter(|_| more).map(|last| last.message_id.clone());
    Ok(Json(MessagePage { messages, next }))
}

/// Writes to the group.
#[utoipa::path(
    post,
    path = "/api/v1/groups/{group_id}/messages",
    tag = "messages",
    operation_id = "write_message",
    security(("bearer" = [])),
    params(("group_id" = String, Path, description = "Its id", pattern = "^[0-9a-f]{64}$")),
    request_body = MessageAsk,
    responses((status = 201, description = "It is written", body = MessageWritten), Refusals)
)]
pub(super) async fn write(
    State(house): State<House>,
    Id(id): Id,
    Body(ask): Body<MessageAsk>,
) -> Result<(StatusCode, Json<MessageWritten>), Problem> {
    as_long("text", &ask.text, 1..=MAX_TEXT_BYTES)?;
    if let Some(reply_to) = &ask.reply_to {
        whole_id("reply_to", reply_to)?;
    }
    let say = Request::Say { text: ask.text, reply_to: ask.reply_to };
    let written = house.ask_for(Some(&id), say).await?;
    Ok((StatusCode::CREATED, Json(written)))
}

#[cfg(test)]
mod tests;
