//! `POST /api/v1/push/registrations/forget`.

use super::door::Push;
use crate::described::Octets;
use crate::hall::{Asker, Here};
use crate::problem::{Details, Kind, Problem};
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use halloo_wire::push::{SignedAsk, What};

/// Forgets the token of an address; when the answer comes it is gone, also where there was none.
#[utoipa::path(
    post,
    path = "/registrations/forget",
    tag = "push",
    request_body(content = Octets, content_type = "application/octet-stream", description = "A signed ask, drawn in docs/spec/coordinator.md"),
    responses(
        (status = 204, description = "It is gone"),
        (status = 400, description = "Cannot be read", body = Details, content_type = "application/problem+json"),
        (status = 403, description = "Signature or clock", body = Details, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn forget(
    State(push): State<Push>,
    Asker(name): Asker,
    here: Here,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Problem> {
    push.asks.pass(&name)?;
    let (ask, now_ms) = (SignedAsk::read(&body?)?, push.hall.world.now_ms());
    let ask = here.verified(|origin| ask.clone().verify(origin, now_ms))?;
    if ask.what != What::Forget {
        return Err(Problem::new(Kind::Malformed, "this asks for something else than forgetting"));
    }
    push.relay()?.forget(ask.address, None).await?;
    Ok(StatusCode::NO_CONTENT)
}
