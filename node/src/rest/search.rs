//! `GET /api/v1/groups/{group_id}/messages/search`.

use super::described::Refusals;
use super::house::House;
use super::messages::{MessagePage, MessageShown};
use super::paging::{PAGE_MAX, page};
use super::problem::Problem;
use super::taken::{Id, Sought, as_long, whole_id, within};
use crate::door::Request;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;

/// Longest text that is sought, in characters.
const SOUGHT_MAX: usize = 256;

/// What is sought.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SearchAsk {
    /// A text, in any case of its letters.
    #[param(min_length = 1, max_length = 256)]
    q: String,
    /// At most so many.
    #[param(minimum = 1, maximum = 500, default = 100, required = false)]
    #[serde(default = "page")]
    limit: usize,
    /// Older than this line: `next` of the page before.
    #[param(value_type = String, pattern = "^[0-9a-f]{64}$", required = false)]
    #[serde(default)]
    before: Option<String>,
}

/// What was found, as the driver answers.
#[derive(Deserialize)]
struct Found {
    messages: Vec<MessageShown>,
    older: Option<String>,
}

/// The lines of a group that hold a text. A page looks through some thousand lines: one that found nothing may have a `next`.
#[utoipa::path(
    get,
    path = "/api/v1/groups/{group_id}/messages/search",
    tag = "messages",
    operation_id = "search_messages",
    security(("bearer" = [])),
    params(("group_id" = String, Path, description = "Its id", pattern = "^[0-9a-f]{64}$"), SearchAsk),
    responses((status = 200, description = "A page of lines", body = MessagePage), Refusals)
)]
pub(super) async fn search(
    State(house): State<House>,
    Id(id): Id,
    Sought(ask): Sought<SearchAsk>,
) -> Result<Json<MessagePage>, Problem> {
    as_long("q", &ask.q, 1..=SOUGHT_MAX)?;
    let limit = within("limit", ask.limit, 1..=PAGE_MAX)?;
    if let Some(before) = &ask.before {
        whole_id("before", before)?;
    }
    let search = Request::Search { text: ask.q, limit, before: ask.before };
    let Found { messages, older } = house.ask_for(Some(&id), search).await?;
    Ok(Json(MessagePage { messages, next: older }))
}

#[cfg(test)]
mod tests;
