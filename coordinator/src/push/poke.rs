//! `POST /api/v1/push/poke`.

use super::door::Push;
use crate::described::Octets;
use crate::hall::Asker;
use crate::problem::{Details, Problem};
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use halloo_wire::mailbox::MEDIA_TYPE;
use halloo_wire::push::read_poke;

/// Wakes the device of a sealed token; who has the token may, and learns nothing of it but whether it is still one.
#[utoipa::path(
    post,
    path = "/poke",
    tag = "push",
    request_body(content = Octets, content_type = "application/octet-stream", description = "A sealed token, drawn in docs/spec/coordinator.md"),
    responses(
        (status = 200, description = "What is made of it", body = Octets, content_type = "application/octet-stream"),
        (status = 400, description = "Cannot be read", body = Details, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn poke(
    State(push): State<Push>,
    Asker(name): Asker,
    body: Result<Bytes, BytesRejection>,
) -> Result<impl IntoResponse, Problem> {
    push.pokes.pass(&name)?;
    let poked = push.waker()?.poke(&read_poke(&body?)?);
    Ok(([(CONTENT_TYPE, MEDIA_TYPE)], poked.write()))
}
