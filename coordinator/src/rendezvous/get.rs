//! `GET /api/v1/rendezvous/{place}`.

use super::door::{Meetings, name};
use crate::described::Octets;
use crate::hall::Asker;
use crate::problem::{Details, Problem};
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use halloo_wire::rendezvous::write_records;

/// Gives what lies at a place; who does not know its key cannot read it.
#[utoipa::path(
    get,
    path = "/{place}",
    operation_id = "get_records",
    tag = "rendezvous",
    params(("place" = String, Path, description = "32 bytes in hex", pattern = "^[0-9a-f]{64}$")),
    responses(
        (status = 200, description = "At most 64 records", body = Octets, content_type = "application/octet-stream"),
        (status = 400, description = "Cannot be read", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn get(
    State(meetings): State<Meetings>,
    Asker(asker): Asker,
    Path(place): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    meetings.looks.pass(&asker)?;
    let (place, now_ms) = (name(&place)?, meetings.now_ms());
    let body = write_records(&meetings.places().look(&place, now_ms));
    Ok(([(CONTENT_TYPE, "application/octet-stream")], body))
}
