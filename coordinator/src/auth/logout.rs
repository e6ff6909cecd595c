//! `POST /api/v1/auth/logout`.

use super::book::audit::What;
use super::office::Office;
use super::signed::Signed;
use crate::problem::{Details, Problem};
use axum::extract::State;
use axum::http::StatusCode;

/// Ends the session that asks.
#[utoipa::path(
    post,
    path = "/logout",
    tag = "auth",
    security(("token" = [])),
    params(
        ("DPoP" = String, Header, description = "A proof of the token's key for this request (RFC 9449)"),
    ),
    responses(
        (status = 204, description = "It has ended"),
        (status = 401, description = "No token, or no proof of its key", body = Details, content_type = "application/problem+json"),
        (status = 403, description = "The account is suspended, or the clocks are apart", body = Details, content_type = "application/problem+json"),
        (status = 404, description = "It had ended", body = Details, content_type = "application/problem+json"),
        (status = 409, description = "This proof was seen before", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Details, content_type = "application/problem+json"),
        (status = 507, description = "No room is left", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn logout(State(office): State<Office>, signed: Signed) -> Result<StatusCode, Problem> {
    let session = (&signed.device, &signed.session);
    let end = |store: &dyn halloo_store::store::Store| {
        Ok((office.book.end_session(store, session, What::LoggedOut)?, ()))
    };
    office.change_of(&signed, &[], end).await?;
    Ok(StatusCode::NO_CONTENT)
}
