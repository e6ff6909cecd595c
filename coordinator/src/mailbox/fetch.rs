//! `POST /api/v1/mailboxes/fetch`.

use super::door::Mail;
use super::service::Mailboxes;
use crate::described::Octets;
use crate::hall::{Asker, Here, store_problem};
use crate::problem::{Details, Kind, Problem};
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use halloo_wire::mailbox::{MEDIA_TYPE, SignedAsk, What};
use std::sync::Arc;

/// Gives the owner of an address a page of what lies there; nothing changes by it.
#[utoipa::path(
    post,
    path = "/fetch",
    tag = "mailbox",
    request_body(content = Octets, content_type = "application/octet-stream", description = "A signed ask, drawn in docs/spec/coordinator.md"),
    responses(
        (status = 200, description = "A page of items", body = Octets, content_type = "application/octet-stream"),
        (status = 400, description = "Cannot be read", body = Details, content_type = "application/problem+json"),
        (status = 403, description = "Signature or clock", body = Details, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn fetch(
    State(mail): State<Mail>,
    Asker(name): Asker,
    here: Here,
    body: Result<Bytes, BytesRejection>,
) -> Result<impl IntoResponse, Problem> {
    mail.asks.pass(&name)?;
    let now_ms = mail.hall.world.now_ms();
    let ask = SignedAsk::read(&body?)?;
    let ask = here.verified(|origin| ask.clone().verify(origin, now_ms))?;
    let What::Fetch { after, limit } = ask.what else {
        return Err(Problem::new(Kind::Malformed, "this asks for something else than fetching"));
    };
    // A page may come from the disk: workers are not to wait for it.
    let store = Arc::clone(&mail.hall.store);
    let page = tokio::task::spawn_blocking(move || {
        Mailboxes::fetch(&*store, &ask.address, after.as_ref(), limit, now_ms)
    });
    let page = page.await.map_err(|_| Problem::new(Kind::Unavailable, "reading was broken off"))?;
    let page = page.map_err(|error| store_problem(&error))?;
    mail.hall.meters.fetched(page.items.len());
    Ok(([(CONTENT_TYPE, MEDIA_TYPE)], page.write()))
}
