//! `POST /api/v1/auth/login`.

use super::office::{Office, ProofShape, TokensGiven, json};
use crate::hall::{Asker, Here};
use crate::problem::{Details, Problem};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use halloo_wire::login::Purpose;

/// Somebody with a key that has an account.
#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LoginAsk {
    /// That the key is held.
    proof: ProofShape,
}

/// Opens a session for the key of a device; the one that it had ends.
#[utoipa::path(
    post,
    path = "/login",
    tag = "auth",
    request_body = LoginAsk,
    responses(
        (status = 200, description = "A session", body = TokensGiven),
        (status = 400, description = "Cannot be read", body = Details, content_type = "application/problem+json"),
        (status = 403, description = "The key has no account here, or the signature does not hold", body = Details, content_type = "application/problem+json"),
        (status = 409, description = "The challenge was answered before", body = Details, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Details, content_type = "application/problem+json"),
        (status = 507, description = "No room is left", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn login(
    State(office): State<Office>,
    Asker(name): Asker,
    here: Here,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<TokensGiven>, Problem> {
    office.limit.pass(&name)?;
    let ask: LoginAsk = json(body)?;
    let device = ask.proof.device()?;
    let origin = office.proven(Purpose::Login, &ask.proof, &here)?;
    let world = &office.hall.world;
    let login = |store: &dyn halloo_store::store::Store| {
        office.book.login(store, device, (world.now_ms(), &mut world.chance()))
    };
    let opened = office.change(&[&device.0], login).await?;
    Ok(Json(office.tokens(&device, &origin, &opened)))
}
