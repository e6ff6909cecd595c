//! `GET /api/v1/auth/sessions`, `DELETE /api/v1/auth/sessions/{session_id}`.

use super::book::audit::What;
use super::named;
use super::office::{Office, hex};
use super::signed::Signed;
use crate::problem::{Details, Problem};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use halloo_crypto::base16;
use halloo_store::store::Store;

/// The sessions of an account that are open.
#[derive(serde::Serialize, utoipa::ToSchema)]
pub(super) struct SessionList {
    /// One for each device that has one.
    #[schema(max_items = 16)]
    sessions: Vec<SessionShown>,
}

/// A session.
#[derive(serde::Serialize, utoipa::ToSchema)]
pub(super) struct SessionShown {
    /// Its name.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    session_id: String,
    /// The key of its device.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    device_key: String,
    /// The day on which it began, as a date.
    #[schema(example = "2027-01-15", format = Date)]
    since: String,
    /// The day on which it was last continued.
    #[schema(example = "2027-01-15", format = Date)]
    used: String,
    /// Whether it is the one that asks.
    current: bool,
}

/// The sessions of the account that asks.
#[utoipa::path(
    get,
    path = "/sessions",
    operation_id = "list_sessions",
    tag = "auth",
    security(("token" = [])),
    params(
        ("DPoP" = String, Header, description = "A proof of the token's key for this request (RFC 9449)"),
    ),
    responses(
        (status = 200, description = "Its sessions", body = SessionList),
        (status = 401, description = "No token, or no proof of its key", body = Details, content_type = "application/problem+json"),
        (status = 403, description = "The account is suspended, or the clocks are apart", body = Details, content_type = "application/problem+json"),
        (status = 409, description = "This proof was seen before", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(State(office): State<Office>, signed: Signed) -> Result<Json<SessionList>, Problem> {
    let now_ms = office.hall.world.now_ms();
    let devices = office.book.devices(&*office.hall.store, &signed.account)?;
    let shown = devices.iter().filter_map(|(key, row)| {
        let session = office.book.open_session(row, now_ms)?;
        Some(SessionShown {
            session_id: base16::encode(&session.id),
            device_key: key.to_string(),
            since: named::date(session.since),
            used: named::date(session.used),
            current: session.id == signed.session,
        })
    });
    Ok(Json(SessionList { sessions: shown.collect() }))
}

/// Ends a session of the account that asks; its device may log in again.
#[utoipa::path(
    delete,
    path = "/sessions/{session_id}",
    operation_id = "end_session",
    tag = "auth",
    security(("token" = [])),
    params(
        ("DPoP" = String, Header, description = "A proof of the token's key for this request (RFC 9449)"),
        ("session_id" = String, Path, description = "Name of the session", pattern = "^[0-9a-f]{32}$"),
    ),
    responses(
        (status = 204, description = "It has ended"),
        (status = 400, description = "Cannot be read", body = Details, content_type = "application/problem+json"),
        (status = 401, description = "No token, or no proof of its key", body = Details, content_type = "application/problem+json"),
        (status = 403, description = "The account is suspended, or the clocks are apart", body = Details, content_type = "application/problem+json"),
        (status = 404, description = "Nothing of this name", body = Details, content_type = "application/problem+json"),
        (status = 409, description = "This proof was seen before", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Details, content_type = "application/problem+json"),
        (status = 507, description = "No room is left", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn revoke(
    State(office): State<Office>,
    signed: Signed,
    Path(session): Path<String>,
) -> Result<StatusCode, Problem> {
    let session = hex(&session, "a session's name has 32 digits of lower-case hex")?;
    let devices = office.book.devices(&*office.hall.store, &signed.account)?;
    let of = |row: &super::book::rows::Device| row.session.as_ref().is_some_and(|open| open.id == session);
    let device = devices.into_iter().find(|(_, row)| of(row)).map(|(key, _)| key);
    let device = device.ok_or(super::book::Refused::Absent)?;
    let end = |store: &dyn Store| {
        Ok((office.book.end_session(store, (&device, &session), What::SessionRevoked)?, ()))
    };
    office.change_of(&signed, &[&device.0], end).await?;
    Ok(StatusCode::NO_CONTENT)
}
