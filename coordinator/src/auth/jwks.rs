//! `GET /.well-known/jwks.json`: what access tokens are checked with (RFC 7517).

use super::jose::{self, Jwk};
use super::office::Office;
use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

/// Media type of a set of keys (RFC 7517, 8.5.2).
const MEDIA_TYPE: &str = "application/jwk-set+json";

/// A set of keys.
#[derive(serde::Serialize, utoipa::ToSchema)]
pub(super) struct JwkSet {
    /// The one that signs.
    #[schema(min_items = 1, max_items = 1)]
    keys: [JwkShown; 1],
}

/// A key (RFC 8037).
#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = Jwk)]
pub(super) struct JwkShown {
    /// `OKP`.
    kty: String,
    /// `Ed25519`.
    crv: String,
    /// The key in base64url.
    #[schema(pattern = "^[A-Za-z0-9_-]{43}$")]
    x: String,
    /// Its thumbprint (RFC 7638).
    #[schema(pattern = "^[A-Za-z0-9_-]{43}$")]
    kid: String,
    /// `EdDSA`.
    alg: &'static str,
    /// `sig`.
    #[serde(rename = "use")]
    usage: &'static str,
}

/// What access tokens are checked with.
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    tag = "auth",
    responses((status = 200, description = "The key", body = JwkSet, content_type = "application/jwk-set+json"))
)]
pub(super) async fn jwks(State(office): State<Office>) -> impl IntoResponse {
    let (key, kid) = office.issuer.public();
    let Jwk { kty, crv, x, .. } = Jwk::of(&key);
    let shown = JwkShown { kty, crv, x, kid: kid.to_owned(), alg: jose::ALGORITHM, usage: "sig" };
    ([(CONTENT_TYPE, MEDIA_TYPE)], Json(JwkSet { keys: [shown] }))
}
