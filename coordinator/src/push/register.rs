//! `POST /api/v1/push/registrations`.

use super::door::Push;
use super::service::Registered;
use crate::described::Octets;
use crate::hall::{Asker, Here};
use crate::problem::{Details, Kind, Problem};
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use halloo_wire::push::{SignedAsk, What};

/// Keeps a sealed token for an address of a mailbox; when the answer comes it is durable.
#[utoipa::path(
    post,
    path = "/registrations",
    operation_id = "register_push",
    tag = "push",
    request_body(content = Octets, content_type = "application/octet-stream", description = "A signed ask, drawn in docs/spec/coordinator.md"),
    responses(
        (status = 204, description = "It is kept"),
        (status = 400, description = "Cannot be read", body = Details, content_type = "application/problem+json"),
        (status = 403, description = "Signature, clock or gateway", body = Details, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Details, content_type = "application/problem+json"),
        (status = 507, description = "No room", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn register(
    State(push): State<Push>,
    Asker(name): Asker,
    here: Here,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Problem> {
    push.asks.pass(&name)?;
    let (ask, now_ms) = (SignedAsk::read(&body?)?, push.hall.world.now_ms());
    let ask = here.verified(|origin| ask.clone().verify(origin, now_ms))?;
    let What::Register { days, gateway, token } = ask.what else {
        return Err(Problem::new(Kind::Malformed, "this asks for something else than registering"));
    };
    // Who writes out this coordinator means it.
    let gateway = gateway.filter(|gateway| !here.origins.contains(gateway));
    let relay = push.relay()?;
    if !relay.knows(gateway.as_ref()) {
        return Err(Problem::new(Kind::GatewayNotListed, "nothing is sent to this gateway from here"));
    }
    relay.register((ask.address, Registered { gateway, token }), days).await?;
    Ok(StatusCode::NO_CONTENT)
}
