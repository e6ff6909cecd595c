//! `GET /api/v1/admin/accounts`, `GET` and `DELETE /api/v1/admin/accounts/{user_id}`.

use super::super::access::Id;
use super::super::caller::{AccountsDelete, AccountsRead, Allowed};
use super::super::cursor::List;
use super::super::named::{self, date};
use super::super::office::Office;
use super::super::rights::Role;
use super::account_id;
use super::shown::AccountLine;
use crate::problem::{Details, Kind, Problem};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use halloo_store::store::Store;
use serde::{Deserialize, Serialize};

/// Which accounts are asked for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AccountsQuery {
    /// So many at most; 50 where nothing is said.
    #[param(minimum = 1, maximum = 50)]
    limit: Option<u8>,
    /// What the page before gave as `next`.
    #[param(pattern = "^[0-9a-f]{66}$")]
    cursor: Option<String>,
    /// Only the one that is called so.
    #[param(pattern = "^[a-z0-9][a-z0-9._-]{2,31}$")]
    username: Option<String>,
}

/// A page of accounts.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = AdminAccountList)]
pub(super) struct AccountList {
    /// In an order that says nothing.
    #[schema(max_items = 50)]
    pub(super) accounts: Vec<AccountLine>,
    /// The cursor of the next page, where there is one.
    #[schema(pattern = "^[0-9a-f]{66}$")]
    pub(super) next: Option<String>,
}

/// All that an operator sees of an account: neither the keys nor the names of its devices.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = AdminAccountShown)]
pub(super) struct AccountShown {
    /// The account.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    user_id: String,
    /// What its owner calls it.
    username: Option<String>,
    /// Where to write to; nobody has checked it.
    email: Option<String>,
    /// The day on which it began, as a date.
    #[schema(example = "2027-01-15", format = Date)]
    created: String,
    /// What it may do to others.
    role: Option<Role>,
    /// The day since which it is suspended.
    #[schema(example = "2027-01-15", format = Date)]
    suspended: Option<String>,
    /// Its devices.
    #[schema(maximum = 16)]
    devices: usize,
    /// Its sessions that are open.
    #[schema(maximum = 16)]
    sessions: usize,
    /// The day on which one of them was last continued.
    #[schema(example = "2027-01-15", format = Date)]
    used: Option<String>,
    /// Whether a password opens it.
    password: bool,
    /// Whether codes of an authenticator are asked for.
    authenticator: bool,
}

/// The accounts of this coordinator, a page at a time.
#[utoipa::path(
    get,
    path = "/accounts",
    operation_id = "list_accounts",
    tag = "admin",
    security(("token" = []), ("key" = [])),
    params(
        ("DPoP" = Option<String>, Header, description = "With a token: a proof of its key for this request (RFC 9449)"),
        AccountsQuery,
    ),
    responses(
        (status = 200, description = "A page of them", body = AccountList),
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
    _allowed: Allowed<AccountsRead>,
    query: Result<Query<AccountsQuery>, QueryRejection>,
) -> Result<Json<AccountList>, Problem> {
    let Query(query) = query.map_err(|_| {
        Problem::new(Kind::Malformed, "limit is 1 to 50, and cursor what the page before gave as next")
    })?;
    let (limit, after) = office.page(List::Accounts, query.limit, query.cursor.as_deref())?;
    if let Some(username) = query.username {
        let username = named::names(Some(username), None)?.username.unwrap_or_default();
        let found = office.book.named(&*office.hall.store, &office.book.tag(&username))?;
        let line = found.map(|(id, row)| office.account_line(&id, &row)).transpose()?;
        return Ok(Json(AccountList { accounts: line.into_iter().collect(), next: None }));
    }
    Ok(Json(page(&office, limit, after.as_ref())?))
}

/// A page of accounts behind this one.
pub(super) fn page(office: &Office, limit: usize, after: Option<&Id>) -> Result<AccountList, Problem> {
    let (rows, next) = office.book.accounts(&*office.hall.store, after, limit)?;
    let next = next.map(|id| office.cursors.give(List::Accounts, id));
    let lines = rows.iter().map(|(id, row)| office.account_line(id, row));
    Ok(AccountList { accounts: lines.collect::<Result<_, _>>()?, next })
}

/// What is kept of an account.
#[utoipa::path(
    get,
    path = "/accounts/{user_id}",
    operation_id = "show_account",
    tag = "admin",
    security(("token" = []), ("key" = [])),
    params(
        ("DPoP" = Option<String>, Header, description = "With a token: a proof of its key for this request (RFC 9449)"),
        ("user_id" = String, Path, description = "The account", pattern = "^[0-9a-f]{32}$"),
    ),
    responses(
        (status = 200, description = "What is kept of it", body = AccountShown),
        (status = 400, description = "Cannot be read", body = Details, content_type = "application/problem+json"),
        (status = 401, description = "No token and no key, or none that is good", body = Details, content_type = "application/problem+json"),
        (status = 403, description = "No role or scope that allows this, or the clocks are apart", body = Details, content_type = "application/problem+json"),
        (status = 404, description = "There is no such account", body = Details, content_type = "application/problem+json"),
        (status = 409, description = "This proof was seen before", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    State(office): State<Office>,
    _allowed: Allowed<AccountsRead>,
    Path(account): Path<String>,
) -> Result<Json<AccountShown>, Problem> {
    let (id, store) = (account_id(&account)?, &*office.hall.store);
    let row = office.book.account(store, &id)?;
    let AccountLine { user_id, username, created, role, suspended } = office.account_line(&id, &row)?;
    let (names, _) = office.book.profile(store, &id)?;
    let (devices, now_ms) = (office.book.devices(store, &id)?, office.hall.world.now_ms());
    let sessions = || devices.iter().filter_map(|(_, row)| office.book.open_session(row, now_ms));
    Ok(Json(AccountShown {
        user_id,
        username,
        email: names.email,
        created,
        role,
        suspended,
        devices: devices.len(),
        sessions: sessions().count(),
        used: sessions().map(|session| session.used).max().map(date),
        password: row.password.is_some(),
        authenticator: row.second.is_some_and(|second| second.confirmed),
    }))
}

/// Forgets an account: its names, its devices and its sessions. The audit log keeps that it was there.
#[utoipa::path(
    delete,
    path = "/accounts/{user_id}",
    operation_id = "forget_account",
    tag = "admin",
    security(("token" = []), ("key" = [])),
    params(
        ("DPoP" = Option<String>, Header, description = "With a token: a proof of its key for this request (RFC 9449)"),
        ("user_id" = String, Path, description = "The account", pattern = "^[0-9a-f]{32}$"),
    ),
    responses(
        (status = 204, description = "It is forgotten"),
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
pub(super) async fn delete(
    State(office): State<Office>,
    allowed: Allowed<AccountsDelete>,
    Path(account): Path<String>,
) -> Result<StatusCode, Problem> {
    let account = account_id(&account)?;
    let keys = office.device_keys(&account)?;
    let held: Vec<&[u8]> = keys.iter().map(|key| &key.0[..]).chain([&account[..]]).collect();
    let forget = |store: &dyn Store, hand| office.book.forget_by(store, &account, &keys, hand);
    office.change_by(&allowed, &held, forget).await?;
    Ok(StatusCode::NO_CONTENT)
}
