//! `PUT` and `DELETE /api/v1/admin/accounts/{user_id}/suspension`.

use super::super::caller::{AccountsWrite, Allowed};
use super::super::office::Office;
use super::account_id;
use crate::problem::{Details, Problem};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use halloo_crypto::mailbox::Day;
use halloo_store::store::Store;

/// Suspends an account: from now on it does not log in, its sessions are not continued, and neither they nor the keys of its devices are
/// given anything, tickets included. What it was given before ends by itself: tickets and tokens within ten minutes.
#[utoipa::path(
    put,
    path = "/accounts/{user_id}/suspension",
    operation_id = "suspend_account",
    tag = "admin",
    security(("token" = []), ("key" = [])),
    params(
        ("DPoP" = Option<String>, Header, description = "With a token: a proof of its key for this request (RFC 9449)"),
        ("user_id" = String, Path, description = "The account", pattern = "^[0-9a-f]{32}$"),
    ),
    responses(
        (status = 204, description = "It is suspended"),
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
pub(super) async fn suspend(
    State(office): State<Office>,
    allowed: Allowed<AccountsWrite>,
    Path(account): Path<String>,
) -> Result<StatusCode, Problem> {
    set(&office, &allowed, &account, Some(Day::of_ms(office.hall.world.now_ms()))).await
}

/// Lets an account in again; its sessions go on where they were.
#[utoipa::path(
    delete,
    path = "/accounts/{user_id}/suspension",
    operation_id = "unsuspend_account",
    tag = "admin",
    security(("token" = []), ("key" = [])),
    params(
        ("DPoP" = Option<String>, Header, description = "With a token: a proof of its key for this request (RFC 9449)"),
        ("user_id" = String, Path, description = "The account", pattern = "^[0-9a-f]{32}$"),
    ),
    responses(
        (status = 204, description = "It is let in"),
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
pub(super) async fn lift(
    State(office): State<Office>,
    allowed: Allowed<AccountsWrite>,
    Path(account): Path<String>,
) -> Result<StatusCode, Problem> {
    set(&office, &allowed, &account, None).await
}

async fn set(
    office: &Office,
    allowed: &Allowed<AccountsWrite>,
    account: &str,
    since: Option<Day>,
) -> Result<StatusCode, Problem> {
    let account = account_id(account)?;
    let set = |store: &dyn Store, hand| office.book.set_suspended(store, &account, since, hand);
    office.change_by(allowed, &[&account], set).await?;
    Ok(StatusCode::NO_CONTENT)
}
