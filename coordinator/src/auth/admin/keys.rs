//! `GET` and `POST /api/v1/admin/keys`, `DELETE /api/v1/admin/keys/{key_id}`: for operators by a session, never by a key.

use super::super::book::api_key::KeyBegin;
use super::super::caller::{Allowed, Keys};
use super::super::named;
use super::super::office::{Office, hex, json};
use super::super::rights::{SCOPES, Scope};
use super::shown::{KeyGiven, KeyLine};
use crate::problem::{Details, Kind, Problem};
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use halloo_store::store::Store;
use serde::{Deserialize, Serialize};
use serde_json::Number;
use std::collections::BTreeSet;

/// The page of the book on which it stands how many keys there are.
pub(super) const PAGE: &[u8] = b"API keys";
/// For how many days a key is good at most, where that is said: ten years, and a few days more.
pub(super) const DAYS_MAX: u16 = 3_660;

/// All API keys.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = AdminKeyList)]
pub(super) struct KeyList {
    /// At most as many as a page has.
    #[schema(max_items = 50)]
    keys: Vec<KeyLine>,
}

/// A key that is to be made.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AdminKeyAsk)]
pub(super) struct KeyAsk {
    /// What it is called.
    #[schema(min_length = 1, max_length = 64, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    name: String,
    /// What it is made for.
    #[schema(value_type = Vec<Scope>, min_items = 1, max_items = 5)]
    scopes: Vec<String>,
    /// For how many days it is good, today not counted; for ever where none are said.
    #[serde(default)]
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 3660)]
    days: Option<Number>,
}

/// A number of days in any spelling of JSON: `5` and `5.0` are one number there. What is none, or too large, is no number that is allowed.
fn days(number: &Number) -> u16 {
    let spelled =
        number.as_f64().filter(|days| days.fract() == 0.0 && (0.0..=f64::from(u16::MAX)).contains(days));
    // A whole number of that range has the same value in either type.
    spelled.map_or(0, |days| days as u16)
}

/// What a key begins with, by the rules for all of them.
pub(super) fn begin(name: String, scopes: BTreeSet<Scope>, days: Option<u16>) -> Result<KeyBegin, Problem> {
    let refuse = |why: &'static str| Err(Problem::new(Kind::Malformed, why));
    if name.is_empty() || !named::is_line(&name) {
        return refuse("a key's name has 1 to 64 characters, on one line");
    }
    if scopes.is_empty() {
        return refuse("a key is made for at least one scope");
    }
    if days.is_some_and(|days| !(1..=DAYS_MAX).contains(&days)) {
        return refuse("a key is good for 1 to 3,660 days, or for ever where none are said");
    }
    Ok(KeyBegin { name, scopes, days })
}

/// The API keys that there are; what they open with is known to nobody here.
#[utoipa::path(
    get,
    path = "/keys",
    operation_id = "list_keys",
    tag = "admin",
    security(("token" = [])),
    params(
        ("DPoP" = String, Header, description = "A proof of the token's key for this request (RFC 9449)"),
    ),
    responses(
        (status = 200, description = "All of them", body = KeyList),
        (status = 401, description = "No token and no key, or none that is good", body = Details, content_type = "application/problem+json"),
        (status = 403, description = "No role or scope that allows this, or the clocks are apart", body = Details, content_type = "application/problem+json"),
        (status = 409, description = "This proof was seen before", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(office): State<Office>,
    _allowed: Allowed<Keys>,
) -> Result<Json<KeyList>, Problem> {
    Ok(Json(KeyList { keys: office.key_lines()? }))
}

/// Makes an API key, and tells it this once. It does what its scopes say, and only for as long as who made it may do that too.
#[utoipa::path(
    post,
    path = "/keys",
    operation_id = "make_key",
    tag = "admin",
    security(("token" = [])),
    params(
        ("DPoP" = String, Header, description = "A proof of the token's key for this request (RFC 9449)"),
    ),
    request_body = KeyAsk,
    responses(
        (status = 201, description = "A key, told this once", body = KeyGiven),
        (status = 400, description = "Cannot be read", body = Details, content_type = "application/problem+json"),
        (status = 401, description = "No token and no key, or none that is good", body = Details, content_type = "application/problem+json"),
        (status = 403, description = "No role or scope that allows this, or the clocks are apart", body = Details, content_type = "application/problem+json"),
        (status = 409, description = "This proof was seen before", body = Details, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Details, content_type = "application/problem+json"),
        (status = 507, description = "No room is left", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn make(
    State(office): State<Office>,
    allowed: Allowed<Keys>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<KeyGiven>), Problem> {
    let ask: KeyAsk = json(body)?;
    let unknown =
        || Problem::new(Kind::Malformed, "there is no scope of this name: /api/v1/docs has them all");
    if ask.scopes.len() > SCOPES.len() {
        return Err(unknown());
    }
    let scopes = ask.scopes.iter().map(|name| Scope::of_name(name).ok_or_else(unknown));
    let begin = begin(ask.name, scopes.collect::<Result<_, _>>()?, ask.days.as_ref().map(days))?;
    let world = &office.hall.world;
    let make = |store: &dyn Store, hand| {
        office.book.make_key(store, &begin, hand, (world.now_ms(), &mut world.chance()))
    };
    let key = office.change_by(&allowed, &[PAGE], make).await?;
    Ok((StatusCode::CREATED, Json(KeyGiven::of(&key))))
}

/// Takes an API key away for good; what it has begun is not done any more.
#[utoipa::path(
    delete,
    path = "/keys/{key_id}",
    operation_id = "revoke_key",
    tag = "admin",
    security(("token" = [])),
    params(
        ("DPoP" = String, Header, description = "A proof of the token's key for this request (RFC 9449)"),
        ("key_id" = String, Path, description = "Name of the key", pattern = "^[0-9a-f]{32}$"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 400, description = "Cannot be read", body = Details, content_type = "application/problem+json"),
        (status = 401, description = "No token and no key, or none that is good", body = Details, content_type = "application/problem+json"),
        (status = 403, description = "No role that allows this, a key of somebody who stands as high or of who hosts, or the clocks are apart", body = Details, content_type = "application/problem+json"),
        (status = 404, description = "There is no such key", body = Details, content_type = "application/problem+json"),
        (status = 409, description = "This proof was seen before", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Details, content_type = "application/problem+json"),
        (status = 507, description = "No room is left", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn revoke(
    State(office): State<Office>,
    allowed: Allowed<Keys>,
    Path(key): Path<String>,
) -> Result<StatusCode, Problem> {
    let key = hex(&key, "a key's name has 32 digits of lower-case hex")?;
    let revoke = |store: &dyn Store, hand| office.book.revoke_key(store, &key, hand);
    office.change_by(&allowed, &[&key], revoke).await?;
    Ok(StatusCode::NO_CONTENT)
}
