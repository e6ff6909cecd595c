//! `POST /api/v1/mailboxes/deposits`.

use super::door::{Mail, Mailbox};
use crate::described::Octets;
use crate::hall::{Asker, Hall};
use crate::meters::{self, Meters};
use crate::problem::{Details, Kind, Problem};
use crate::ticket::Ticket;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use halloo_crypto::id::MailboxAddress;
use halloo_wire::mailbox::{MEDIA_TYPE, Outcome, read_deposits, write_outcomes};
use std::num::NonZeroU32;
use std::sync::Arc;

/// Leaves a batch of items; each outcome is true when the answer comes, also after a power cut.
#[utoipa::path(
    post,
    path = "/deposits",
    tag = "mailbox",
    security(("ticket" = [])),
    request_body(content = Octets, content_type = "application/octet-stream", description = "A batch, drawn in docs/spec/coordinator.md"),
    responses(
        (status = 200, description = "An outcome for each item", body = Octets, content_type = "application/octet-stream"),
        (status = 400, description = "Cannot be read", body = Details, content_type = "application/problem+json"),
        (status = 401, description = "No ticket", body = Details, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Details, content_type = "application/problem+json"),
        (status = 507, description = "The disk is full", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn deposits(
    State(mail): State<Mail>,
    ticket: Ticket<Mailbox>,
    Asker(asker): Asker,
    body: Result<Bytes, BytesRejection>,
) -> Result<impl IntoResponse, Problem> {
    let body = body?;
    let kib = u32::try_from(body.len().div_ceil(1 << 10)).ok().and_then(NonZeroU32::new);
    mail.kib.pass_many(&asker, kib.unwrap_or(NonZeroU32::MIN))?;
    let deposits = read_deposits(&body)?;
    let count = u32::try_from(deposits.len()).ok().and_then(NonZeroU32::new);
    let count = count.ok_or(Problem::new(Kind::Malformed, "a batch has items"))?;
    mail.deposits.pass_many(&ticket.subject, count)?;
    let turn = mail.hall.turn().await;
    let (store, now_ms) = (&*mail.hall.store, mail.hall.world.now_ms());
    let (watchers, hall) = (Arc::clone(&mail.watchers), mail.hall.clone());
    let (commit, outcomes) = mail.change(
        turn,
        |mailboxes| mailboxes.deposit(store, deposits, now_ms),
        move |touched| watchers.wake(touched).into_iter().for_each(|address| poke(&hall, address)),
    )?;
    commit.durable().await?;
    tally(&mail.hall.meters, &outcomes);
    Ok(([(CONTENT_TYPE, MEDIA_TYPE)], write_outcomes(&outcomes)))
}

/// Something came where nobody watches: its device may have to be woken.
fn poke(hall: &Hall, address: MailboxAddress) {
    if !hall.pokes.poke(address) {
        hall.meters.poked(meters::Pushed::full);
    }
}

fn tally(meters: &Meters, outcomes: &[Outcome]) {
    for outcome in outcomes {
        let became = match outcome {
            Outcome::Stored => meters::Outcome::stored,
            Outcome::Full => meters::Outcome::full,
            Outcome::NoAddress => meters::Outcome::refused,
        };
        meters.deposited(became, 1);
    }
}
