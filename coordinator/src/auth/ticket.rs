//! `POST /api/v1/auth/ticket`.

use super::office::Office;
use super::service::Refused;
use crate::hall::{Asker, Here};
use crate::problem::{Details, Kind, Problem};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use halloo_wire::ticket::{TicketAsk, TicketGiven};

/// Longest body: the fields and an origin, with room for another way of writing JSON.
pub(super) const BODY_MAX: usize = 2_048;

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let kind = match refused {
            Refused::Malformed => Kind::Malformed,
            Refused::OtherOrigin | Refused::BadSignature => Kind::BadSignature,
            Refused::ClockApart => Kind::ClockApart,
            Refused::Replayed => Kind::Replayed,
            Refused::Busy => Kind::Unavailable,
        };
        let problem = Problem::new(kind, refused.to_string());
        if refused == Refused::Busy { problem.after(60) } else { problem }
    }
}

/// A signed request for a ticket; the bytes under the signature are drawn in docs/spec/coordinator.md.
#[derive(utoipa::ToSchema, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[schema(as = TicketAsk)]
#[allow(dead_code)]
pub(super) struct AskShape {
    /// For which room.
    room: RoomShape,
    /// Public key of the client, Ed25519, in hex.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    client: String,
    /// Clock of the client, milliseconds since 1970 (UTC).
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_u64)]
    time_ms: u64,
    /// 16 bytes that were drawn for this request, in hex.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    nonce: String,
    /// The origin by which the client asks.
    #[schema(example = "https://halloo.example", max_length = 200)]
    origin: String,
    /// Ed25519 signature in hex.
    #[schema(pattern = "^[0-9a-f]{128}$")]
    signature: String,
}

/// A room that takes tickets.
#[derive(utoipa::ToSchema, serde::Deserialize)]
#[schema(as = Room)]
#[serde(rename_all = "lowercase")]
#[allow(dead_code)]
pub(super) enum RoomShape {
    Mailbox,
    Rendezvous,
    Turn,
    Blobs,
    Push,
    Sfu,
}

/// A ticket.
#[derive(utoipa::ToSchema)]
#[schema(as = TicketGiven)]
#[allow(dead_code)]
pub(super) struct GivenShape {
    /// Send it as `Authorization: Halloo TICKET`.
    ticket: String,
    /// When it ends, milliseconds since 1970 on the clock of the coordinator.
    expires_ms: u64,
}

/// Gives a ticket for one room to whoever signs.
#[utoipa::path(
    post,
    path = "/ticket",
    tag = "auth",
    request_body = AskShape,
    responses(
        (status = 200, description = "A ticket for ten minutes", body = GivenShape),
        (status = 400, description = "Cannot be read", body = Details, content_type = "application/problem+json"),
        (status = 402, description = "Part of a plan, which no account of this key has", body = Details, content_type = "application/problem+json"),
        (status = 403, description = "Signature or clock, or the account of this key is suspended", body = Details, content_type = "application/problem+json"),
        (status = 409, description = "Seen before", body = Details, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn ticket(
    State(office): State<Office>,
    Asker(name): Asker,
    here: Here,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<TicketGiven>, Problem> {
    office.limit.pass(&name)?;
    let ask: TicketAsk = serde_json::from_slice(&body?)
        .map_err(|_| Problem::new(Kind::Malformed, "the body is no request for a ticket"))?;
    let now_ms = office.hall.world.now_ms();
    let given = office.desk().ask(&ask, &here.origins, now_ms)?;
    // After the signature: whether the account of a key is suspended is told to who has the key.
    office.book.admit_device(&*office.hall.store, &ask.client)?;
    // Behind the signature: what a key has is told to nobody else.
    office.entitled_by_key(&ask.client, &ask.room)?;
    Ok(Json(given))
}

#[cfg(test)]
mod tests;
