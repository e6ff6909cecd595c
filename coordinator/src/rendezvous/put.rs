//! `PUT /api/v1/rendezvous/{place}/{slot}`.

use super::door::{Meetings, Rendezvous, name};
use crate::described::Octets;
use crate::hall::Asker;
use crate::problem::{Details, Kind, Problem};
use crate::ticket::Ticket;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;

/// How long it is to lie there.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LeaseQuery {
    /// Seconds, from the moment of the request.
    #[param(minimum = 1, maximum = 43200)]
    ttl_seconds: u32,
}

/// Puts a sealed record at a place, or renews it.
#[utoipa::path(
    put,
    path = "/{place}/{slot}",
    operation_id = "put_record",
    tag = "rendezvous",
    security(("ticket" = [])),
    params(
        ("place" = String, Path, description = "32 bytes in hex", pattern = "^[0-9a-f]{64}$"),
        ("slot" = String, Path, description = "16 bytes in hex, drawn at random", pattern = "^[0-9a-f]{32}$"),
        LeaseQuery,
    ),
    request_body(content = Octets, content_type = "application/octet-stream", description = "1,024 bytes"),
    responses(
        (status = 204, description = "It lies there"),
        (status = 400, description = "Cannot be read", body = Details, content_type = "application/problem+json"),
        (status = 401, description = "No ticket", body = Details, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 507, description = "No room", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn put(
    State(meetings): State<Meetings>,
    ticket: Ticket<Rendezvous>,
    Asker(household): Asker,
    Path((place, slot)): Path<(String, String)>,
    lease: Result<Query<LeaseQuery>, QueryRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Problem> {
    meetings.puts.pass(&ticket.subject)?;
    let Query(lease) =
        lease.map_err(|_| Problem::new(Kind::Malformed, "ttl_seconds is missing or no number"))?;
    let (at, record) = ((name(&place)?, name(&slot)?), body?.to_vec());
    let now_ms = meetings.now_ms();
    meetings.places().put(at, (record, household), lease.ttl_seconds, now_ms)?;
    Ok(StatusCode::NO_CONTENT)
}
