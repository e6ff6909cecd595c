//! `POST /api/v1/auth/refresh`.

use super::book::refresh::Refresh;
use super::office::{Office, TokensGiven, hex, json};
use super::signed::Holder;
use crate::hall::Here;
use crate::problem::{Details, Kind, Problem};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use halloo_crypto::id::ClientId;
use halloo_store::store::Store;

/// A session that is to go on.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RefreshAsk {
    /// The last token that was given for it.
    #[schema(pattern = "^[0-9a-f]{128}$")]
    refresh_token: String,
}

/// Continues a session: consumes a refresh token and gives its successor. The proof is by the key of the session. A repeat of the consumed token
/// is answered with the same successor until that is used; after that it ends the session.
#[utoipa::path(
    post,
    path = "/refresh",
    tag = "auth",
    params(
        ("DPoP" = String, Header, description = "A proof of the token's key for this request (RFC 9449)"),
    ),
    request_body = RefreshAsk,
    responses(
        (status = 200, description = "The session goes on", body = TokensGiven),
        (status = 400, description = "Cannot be read", body = Details, content_type = "application/problem+json"),
        (status = 401, description = "No proof of the key", body = Details, content_type = "application/problem+json"),
        (status = 403, description = "The session has ended, the account is suspended, or the clocks are apart", body = Details, content_type = "application/problem+json"),
        (status = 409, description = "This proof was seen before", body = Details, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Details, content_type = "application/problem+json"),
        (status = 507, description = "No room is left", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn refresh(
    State(office): State<Office>,
    Holder(proven): Holder,
    here: Here,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<TokensGiven>, Problem> {
    let ask: RefreshAsk = json(body)?;
    let token =
        Refresh::of_bytes(hex(&ask.refresh_token, "a refresh token has 128 digits of lower-case hex")?);
    let (device, world) = (ClientId(proven.key), &office.hall.world);
    office.book.continued(&*office.hall.store, (&device, &token), world.now_ms())?;
    office.remember(&proven)?;
    let refresh = |store: &dyn Store| {
        office.book.refresh(store, (&device, &token), (world.now_ms(), &mut world.chance()))
    };
    let opened = office.change(&[&device.0], refresh).await??;
    // A proof that holds names one of the origins, and which of them makes no difference to whoever reaches several.
    let origin = here.origins.first().ok_or_else(|| Problem::new(Kind::Unavailable, "no origin is set"))?;
    Ok(Json(office.tokens(&device, origin, &opened)))
}
