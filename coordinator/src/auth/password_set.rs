//! `PUT /api/v1/users/password`.

use super::office::{Office, json};
use super::password::is_good;
use super::signed::Signed;
use crate::hall::Asker;
use crate::problem::{Details, Kind, Problem};
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use halloo_store::store::Store;
use rand_core::Rng as _;

/// A password, or none.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordSet {
    /// What opens the account where no key is, under its username; left out, none does.
    #[serde(default)]
    #[schema(min_length = 10, max_length = 128)]
    password: Option<String>,
}

/// Sets the password of the account that asks, or takes it away.
#[utoipa::path(
    put,
    path = "/password",
    tag = "users",
    security(("token" = [])),
    params(
        ("DPoP" = String, Header, description = "A proof of the token's key for this request (RFC 9449)"),
    ),
    request_body = PasswordSet,
    responses(
        (status = 204, description = "It is set"),
        (status = 400, description = "Cannot be read", body = Details, content_type = "application/problem+json"),
        (status = 401, description = "No token, or no proof of its key", body = Details, content_type = "application/problem+json"),
        (status = 403, description = "The account is suspended, or the clocks are apart", body = Details, content_type = "application/problem+json"),
        (status = 404, description = "Nothing of this name", body = Details, content_type = "application/problem+json"),
        (status = 409, description = "A password needs a username, or this proof was seen before", body = Details, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Details, content_type = "application/problem+json"),
        (status = 507, description = "No room is left", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn set(
    State(office): State<Office>,
    signed: Signed,
    Asker(name): Asker,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Problem> {
    let ask: PasswordSet = json(body)?;
    office.changes.pass(&signed.account)?;
    let password = match ask.password {
        Some(text) if is_good(&text) => {
            // Stretching is the same work as a guess, and shares its limit.
            office.passwords.pass(&name)?;
            let mut salt = [0; 16];
            office.hall.world.chance().fill_bytes(&mut salt);
            Some(office.stretcher.set(&text, salt).await?)
        }
        Some(_) => return Err(Problem::new(Kind::Malformed, "a password has 10 to 128 characters")),
        None => None,
    };
    let set = |store: &dyn Store| office.book.set_password(store, &signed.account, password);
    office.change_of(&signed, &[], set).await?;
    Ok(StatusCode::NO_CONTENT)
}
