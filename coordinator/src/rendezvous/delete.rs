//! `DELETE /api/v1/rendezvous/{place}/{slot}`.

use super::door::{Meetings, Rendezvous, name};
use crate::problem::{Details, Problem};
use crate::ticket::Ticket;
use axum::extract::{Path, State};
use axum::http::StatusCode;

/// Takes a record away; only who put it there knows its slot.
#[utoipa::path(
    delete,
    path = "/{place}/{slot}",
    operation_id = "delete_record",
    tag = "rendezvous",
    security(("ticket" = [])),
    params(
        ("place" = String, Path, description = "32 bytes in hex", pattern = "^[0-9a-f]{64}$"),
        ("slot" = String, Path, description = "16 bytes in hex", pattern = "^[0-9a-f]{32}$"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 400, description = "Cannot be read", body = Details, content_type = "application/problem+json"),
        (status = 401, description = "No ticket", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn delete(
    State(meetings): State<Meetings>,
    ticket: Ticket<Rendezvous>,
    Path((place, slot)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    meetings.puts.pass(&ticket.subject)?;
    meetings.places().remove((name(&place)?, name(&slot)?));
    Ok(StatusCode::NO_CONTENT)
}
