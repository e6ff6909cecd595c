//! `GET`, `PUT` and `DELETE /api/v1/users/profile`: settings of an account. What a person is to a group is told to the group only.

use super::book::rows::Names;
use super::named;
use super::office::{Office, json};
use super::signed::Signed;
use crate::problem::{Details, Problem};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use halloo_crypto::base16;
use halloo_store::store::Store;

/// Settings of an account.
#[derive(serde::Serialize, utoipa::ToSchema)]
pub(super) struct Profile {
    /// The account.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    user_id: String,
    /// A name that nobody else has here.
    username: Option<String>,
    /// Where to write to; nobody has checked it.
    email: Option<String>,
    /// The day on which the account began, as a date.
    #[schema(example = "2027-01-15", format = Date)]
    created: String,
}

/// What an account's owner may set; what is left out is taken away.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfileSet {
    /// A name that nobody else has here.
    #[serde(default)]
    #[schema(pattern = "^[a-z0-9][a-z0-9._-]{2,31}$")]
    username: Option<String>,
    /// Where to write to; nobody checks it.
    #[serde(default)]
    #[schema(min_length = 3, max_length = 254, pattern = "^[!-?A-~]+@[!-?A-~]+$")]
    email: Option<String>,
}

fn shown(account: &[u8; 16], names: Names, created: u32) -> Json<Profile> {
    let (user_id, created) = (base16::encode(account), named::date(created));
    Json(Profile { user_id, username: names.username, email: names.email, created })
}

/// The settings of the account that asks.
#[utoipa::path(
    get,
    path = "/profile",
    operation_id = "get_profile",
    tag = "users",
    security(("token" = [])),
    params(
        ("DPoP" = String, Header, description = "A proof of the token's key for this request (RFC 9449)"),
    ),
    responses(
        (status = 200, description = "Its settings", body = Profile),
        (status = 401, description = "No token, or no proof of its key", body = Details, content_type = "application/problem+json"),
        (status = 403, description = "The account is suspended, or the clocks are apart", body = Details, content_type = "application/problem+json"),
        (status = 404, description = "Nothing of this name", body = Details, content_type = "application/problem+json"),
        (status = 409, description = "This proof was seen before", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn get(State(office): State<Office>, signed: Signed) -> Result<Json<Profile>, Problem> {
    let (names, created) = office.book.profile(&*office.hall.store, &signed.account)?;
    Ok(shown(&signed.account, names, created))
}

/// Sets the settings of the account that asks, all of them.
#[utoipa::path(
    put,
    path = "/profile",
    operation_id = "set_profile",
    tag = "users",
    security(("token" = [])),
    params(
        ("DPoP" = String, Header, description = "A proof of the token's key for this request (RFC 9449)"),
    ),
    request_body = ProfileSet,
    responses(
        (status = 200, description = "They are set", body = Profile),
        (status = 400, description = "Cannot be read", body = Details, content_type = "application/problem+json"),
        (status = 401, description = "No token, or no proof of its key", body = Details, content_type = "application/problem+json"),
        (status = 403, description = "The account is suspended, or the clocks are apart", body = Details, content_type = "application/problem+json"),
        (status = 404, description = "Nothing of this name", body = Details, content_type = "application/problem+json"),
        (status = 409, description = "The name is taken, or needed by a password, or this proof was seen before", body = Details, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Details, content_type = "application/problem+json"),
        (status = 507, description = "No room is left", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn put(
    State(office): State<Office>,
    signed: Signed,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Profile>, Problem> {
    let set: ProfileSet = json(body)?;
    office.changes.pass(&signed.account)?;
    let names = named::names(set.username, set.email)?;
    let tag = names.username.as_deref().map(|username| office.book.tag(username));
    let held: Vec<&[u8]> = tag.iter().map(|tag| &tag[..]).collect();
    let mut rng = office.hall.world.chance();
    let set = |store: &dyn Store| office.book.set_profile(store, &signed.account, &names, &mut rng);
    let created = office.change_of(&signed, &held, set).await?;
    Ok(shown(&signed.account, names, created))
}

/// Forgets the account that asks: its names, its devices and its sessions. The audit log keeps that it was there.
#[utoipa::path(
    delete,
    path = "/profile",
    operation_id = "forget_profile",
    tag = "users",
    security(("token" = [])),
    params(
        ("DPoP" = String, Header, description = "A proof of the token's key for this request (RFC 9449)"),
    ),
    responses(
        (status = 204, description = "It is forgotten"),
        (status = 401, description = "No token, or no proof of its key", body = Details, content_type = "application/problem+json"),
        (status = 403, description = "The account is suspended, or the clocks are apart", body = Details, content_type = "application/problem+json"),
        (status = 404, description = "Nothing of this name", body = Details, content_type = "application/problem+json"),
        (status = 409, description = "This proof was seen before", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Details, content_type = "application/problem+json"),
        (status = 507, description = "No room is left", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn delete(State(office): State<Office>, signed: Signed) -> Result<StatusCode, Problem> {
    let keys = office.device_keys(&signed.account)?;
    let held: Vec<&[u8]> = keys.iter().map(|key| &key.0[..]).collect();
    let forget = |store: &dyn Store| Ok((office.book.forget(store, &signed.account, &keys)?, ()));
    office.change_of(&signed, &held, forget).await?;
    Ok(StatusCode::NO_CONTENT)
}
