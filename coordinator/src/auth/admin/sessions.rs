//! `DELETE /api/v1/admin/accounts/{user_id}/sessions`.

use super::super::caller::{AccountsWrite, Allowed};
use super::super::office::Office;
use super::account_id;
use crate::problem::{Details, Problem};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use halloo_store::store::Store;

/// Ends all sessions of an account; its devices may log in again.
#[utoipa::path(
    delete,
    path = "/accounts/{user_id}/sessions",
    operation_id = "end_sessions_of_account",
    tag = "admin",
    security(("token" = []), ("key" = [])),
    params(
        ("DPoP" = Option<String>, Header, description = "With a token: a proof of its key for this request (RFC 9449)"),
        ("user_id" = String, Path, description = "The account", pattern = "^[0-9a-f]{32}$"),
    ),
    responses(
        (status = 204, description = "None is open"),
        (status = 400, description = "Cannot be read", body = Details, content_type = "application/problem+json"),
        (status = 401, description = "No token and no key, or none that is good", body = Details, content_type = "application/problem+json"),
        (status = 403, description = "No role or scope that allows this, a role that protects the account, or the clocks are apart", body = Details, content_type = "application/problem+json"),
        (status = 404, description = "There is no such account", body = Details, content_type = "application/problem+json"),
        (status = 409, description = "This proof was seen before", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Details, content_type = "application/problem+json"),
        (status = 507, description = "No room is left", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn end(
    State(office): State<Office>,
    allowed: Allowed<AccountsWrite>,
    Path(account): Path<String>,
) -> Result<StatusCode, Problem> {
    let account = account_id(&account)?;
    let keys = office.device_keys(&account)?;
    let held: Vec<&[u8]> = keys.iter().map(|key| &key.0[..]).chain([&account[..]]).collect();
    let end = |store: &dyn Store, hand| office.book.end_sessions(store, &account, &keys, hand);
    office.change_by(&allowed, &held, end).await?;
    Ok(StatusCode::NO_CONTENT)
}
