//! `POST /api/v1/mailboxes/acknowledge`.

use super::door::Mail;
use crate::described::Octets;
use crate::hall::{Asker, Here};
use crate::problem::{Details, Kind, Problem};
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use halloo_wire::mailbox::{ACKNOWLEDGED_MAX, SignedAsk, What};

/// Longest body: the largest ask is this one.
pub(super) const BODY_MAX: usize = 44 + 16 * ACKNOWLEDGED_MAX + 64;

/// Forgets items that have arrived; when the answer comes they are gone, also after a power cut.
#[utoipa::path(
    post,
    path = "/acknowledge",
    tag = "mailbox",
    request_body(content = Octets, content_type = "application/octet-stream", description = "A signed ask, drawn in docs/spec/coordinator.md"),
    responses(
        (status = 204, description = "They are gone"),
        (status = 400, description = "Cannot be read", body = Details, content_type = "application/problem+json"),
        (status = 403, description = "Signature or clock", body = Details, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn acknowledge(
    State(mail): State<Mail>,
    Asker(name): Asker,
    here: Here,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Problem> {
    mail.asks.pass(&name)?;
    let (ask, now_ms) = (SignedAsk::read(&body?)?, mail.hall.world.now_ms());
    let ask = here.verified(|origin| ask.clone().verify(origin, now_ms))?;
    let What::Acknowledge(items) = ask.what else {
        return Err(Problem::new(Kind::Malformed, "this asks for something else than acknowledging"));
    };
    let turn = mail.hall.turn().await;
    let store = &*mail.hall.store;
    let forget = |mailboxes: &mut super::service::Mailboxes| {
        mailboxes.acknowledge(store, &ask.address, &items).map(|prepared| (prepared, ()))
    };
    // Also where nothing is left to forget: it may be on its way to the disk, and this waits behind it.
    let (commit, ()) = mail.change(turn, forget, |_| {})?;
    commit.durable().await?;
    Ok(StatusCode::NO_CONTENT)
}
