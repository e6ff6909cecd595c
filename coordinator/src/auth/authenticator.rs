//! `POST` and `DELETE /api/v1/auth/totp`, `POST /api/v1/auth/totp/verify`: an authenticator beside a password (RFC 6238).

use super::office::{Office, json};
use super::signed::Signed;
use super::totp;
use crate::problem::{Details, Problem};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use halloo_store::store::Store;

/// What an authenticator is told.
#[derive(serde::Serialize, utoipa::ToSchema)]
pub(super) struct TotpGiven {
    /// The secret in base32.
    #[schema(pattern = "^[A-Z2-7]{32}$")]
    secret: String,
    /// The same for a QR: SHA-1, six digits, 30 seconds, as every authenticator takes it.
    uri: String,
}

/// A code of it.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TotpVerify {
    /// Six digits.
    #[schema(pattern = "^[0-9]{6}$")]
    code: String,
}

/// What stands in for codes.
#[derive(serde::Serialize, utoipa::ToSchema)]
pub(super) struct RecoveryCodes {
    /// Each is good once; they are never told again.
    #[schema(min_items = 10, max_items = 10)]
    recovery_codes: Vec<String>,
}

/// Draws a secret for an authenticator; codes are asked for at logins by a password once one was verified.
#[utoipa::path(
    post,
    path = "/totp",
    tag = "auth",
    security(("token" = [])),
    params(
        ("DPoP" = String, Header, description = "A proof of the token's key for this request (RFC 9449)"),
    ),
    responses(
        (status = 200, description = "A secret, told this once", body = TotpGiven),
        (status = 401, description = "No token, or no proof of its key", body = Details, content_type = "application/problem+json"),
        (status = 403, description = "The account is suspended, or the clocks are apart", body = Details, content_type = "application/problem+json"),
        (status = 404, description = "Nothing of this name", body = Details, content_type = "application/problem+json"),
        (status = 409, description = "There is one already, or this proof was seen before", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Details, content_type = "application/problem+json"),
        (status = 507, description = "No room is left", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn enrol(State(office): State<Office>, signed: Signed) -> Result<Json<TotpGiven>, Problem> {
    office.changes.pass(&signed.account)?;
    let mut rng = office.hall.world.chance();
    let enrol = |store: &dyn Store| office.book.enrol(store, &signed.account, &mut rng);
    let secret = totp::base32(&office.change_of(&signed, &[], enrol).await?);
    let uri = format!("otpauth://totp/halloo?secret={secret}&issuer=halloo");
    Ok(Json(TotpGiven { secret, uri }))
}

/// Takes the first code of an authenticator, and gives codes for when it is lost.
#[utoipa::path(
    post,
    path = "/totp/verify",
    tag = "auth",
    security(("token" = [])),
    params(
        ("DPoP" = String, Header, description = "A proof of the token's key for this request (RFC 9449)"),
    ),
    request_body = TotpVerify,
    responses(
        (status = 200, description = "Codes are asked for from now on", body = RecoveryCodes),
        (status = 400, description = "Cannot be read", body = Details, content_type = "application/problem+json"),
        (status = 401, description = "No token, or no proof of its key", body = Details, content_type = "application/problem+json"),
        (status = 403, description = "The code is wrong, the account is suspended, or the clocks are apart", body = Details, content_type = "application/problem+json"),
        (status = 404, description = "Nothing of this name", body = Details, content_type = "application/problem+json"),
        (status = 409, description = "It was verified before, or this proof was seen before", body = Details, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Details, content_type = "application/problem+json"),
        (status = 507, description = "No room is left", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn verify(
    State(office): State<Office>,
    signed: Signed,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<RecoveryCodes>, Problem> {
    let ask: TotpVerify = json(body)?;
    office.by_account.pass(&signed.account)?;
    let world = &office.hall.world;
    let confirm = |store: &dyn Store| {
        let now = (world.now_ms(), &mut world.chance());
        office.book.confirm(store, (&signed.account, &ask.code), now)
    };
    let recovery_codes = office.change_of(&signed, &[], confirm).await??;
    Ok(Json(RecoveryCodes { recovery_codes }))
}

/// Forgets the authenticator of the account that asks; its password is enough then.
#[utoipa::path(
    delete,
    path = "/totp",
    tag = "auth",
    security(("token" = [])),
    params(
        ("DPoP" = String, Header, description = "A proof of the token's key for this request (RFC 9449)"),
    ),
    responses(
        (status = 204, description = "It is forgotten"),
        (status = 401, description = "No token, or no proof of its key", body = Details, content_type = "application/problem+json"),
        (status = 403, description = "The account is suspended, or the clocks are apart", body = Details, content_type = "application/problem+json"),
        (status = 404, description = "There is none", body = Details, content_type = "application/problem+json"),
        (status = 409, description = "This proof was seen before", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Details, content_type = "application/problem+json"),
        (status = 507, description = "No room is left", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn remove(State(office): State<Office>, signed: Signed) -> Result<StatusCode, Problem> {
    office.changes.pass(&signed.account)?;
    let remove = |store: &dyn Store| office.book.unenrol(store, &signed.account);
    office.change_of(&signed, &[], remove).await?;
    Ok(StatusCode::NO_CONTENT)
}
