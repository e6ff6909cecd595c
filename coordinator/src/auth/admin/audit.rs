//! `GET /api/v1/admin/audit`.

use super::super::book::Refused;
use super::super::book::audit::{self, Noted, What};
use super::super::caller::{Allowed, AuditRead};
use super::super::cursor::List;
use super::super::office::Office;
use super::super::rights::By;
use crate::problem::{Details, Kind, Problem};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use halloo_crypto::base16;
use serde::{Deserialize, Serialize};

/// Which rows are asked for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditQuery {
    /// So many at most; 50 where nothing is said.
    #[param(minimum = 1, maximum = 50)]
    limit: Option<u8>,
    /// What the page before gave as `next`.
    #[param(pattern = "^[0-9a-f]{66}$")]
    cursor: Option<String>,
}

/// Who did something.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = AuditBy)]
enum Who {
    /// The owner of the account, or somebody who tried to come in as that.
    Owner,
    /// Who hosts, by a command on the machine itself.
    Host,
    /// An account, by its role.
    Account,
    /// An API key.
    Key,
}

/// A row of the audit log.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = AuditRow)]
pub(super) struct RowShown {
    /// Its number.
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_u64)]
    number: u64,
    /// When, milliseconds since 1970 (UTC).
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    time_ms: u64,
    /// What was done.
    what: What,
    /// To which account; of `key-made` and `key-revoked` the key.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    subject: String,
    /// Who did it.
    by: Who,
    /// Which account or key that was.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    by_id: Option<String>,
}

/// A page of the audit log.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = AuditPage)]
pub(super) struct AuditPage {
    /// The newest first.
    #[schema(max_items = 50)]
    rows: Vec<RowShown>,
    /// The cursor of the next page, where there is one.
    #[schema(pattern = "^[0-9a-f]{66}$")]
    next: Option<String>,
}

fn shown(noted: &Noted) -> RowShown {
    let (by, by_id) = match noted.event.by {
        None => (Who::Owner, None),
        Some(By::Host) => (Who::Host, None),
        Some(By::Account(id)) => (Who::Account, Some(base16::encode(&id))),
        Some(By::Key(id)) => (Who::Key, Some(base16::encode(&id))),
    };
    let (number, time_ms, what) = (noted.number, noted.time_ms, noted.event.what);
    RowShown { number, time_ms, what, subject: base16::encode(&noted.event.subject), by, by_id }
}

/// What was done to accounts, the newest first, a page at a time. That no row was changed is said by `halloo-coordinator audit verify`.
#[utoipa::path(
    get,
    path = "/audit",
    operation_id = "list_audit_rows",
    tag = "admin",
    security(("token" = []), ("key" = [])),
    params(
        ("DPoP" = Option<String>, Header, description = "With a token: a proof of its key for this request (RFC 9449)"),
        AuditQuery,
    ),
    responses(
        (status = 200, description = "A page of it", body = AuditPage),
        (status = 400, description = "Cannot be read", body = Details, content_type = "application/problem+json"),
        (status = 401, description = "No token and no key, or none that is good", body = Details, content_type = "application/problem+json"),
        (status = 403, description = "No role or scope that allows this, or the clocks are apart", body = Details, content_type = "application/problem+json"),
        (status = 404, description = "The cursor was not given for this list", body = Details, content_type = "application/problem+json"),
        (status = 409, description = "This proof was seen before", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(office): State<Office>,
    _allowed: Allowed<AuditRead>,
    query: Result<Query<AuditQuery>, QueryRejection>,
) -> Result<Json<AuditPage>, Problem> {
    let Query(query) = query.map_err(|_| {
        Problem::new(Kind::Malformed, "limit is 1 to 50, and cursor what the page before gave as next")
    })?;
    let (limit, before) = office.page(List::Audit, query.limit, query.cursor.as_deref())?;
    // A position has 16 bytes, a number of a row eight of them.
    let before = before.map(|at| u64::from_be_bytes(*at.last_chunk().expect("16 bytes hold 8")));
    let (noted, next) = audit::newest(&*office.hall.store, before, limit).map_err(Refused::from)?;
    let next = next.map(|number| office.cursors.give(List::Audit, u128::from(number).to_be_bytes()));
    Ok(Json(AuditPage { rows: noted.iter().map(shown).collect(), next }))
}
