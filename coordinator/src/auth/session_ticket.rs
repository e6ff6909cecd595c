//! `POST /api/v1/auth/sessions/ticket`.

use super::office::{Office, json};
use super::signed::Signed;
use super::ticket::{GivenShape, RoomShape};
use crate::problem::{Details, Kind, Problem};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use halloo_crypto::ticket::Room;
use halloo_wire::ticket::TicketGiven;

/// For which room.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    room: String,
}

/// Which room a ticket is wanted for.
#[derive(utoipa::ToSchema, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[schema(as = SessionTicketAsk)]
#[allow(dead_code)]
pub(super) struct AskShape {
    /// The room.
    room: RoomShape,
}

/// Gives a ticket for one room to the device of a session: the same as `POST /api/v1/auth/ticket` gives to its key, without another signature.
#[utoipa::path(
    post,
    path = "/sessions/ticket",
    tag = "auth",
    security(("token" = [])),
    params(
        ("DPoP" = String, Header, description = "A proof of the token's key for this request (RFC 9449)"),
    ),
    request_body = AskShape,
    responses(
        (status = 200, description = "A ticket for ten minutes", body = GivenShape),
        (status = 400, description = "Cannot be read", body = Details, content_type = "application/problem+json"),
        (status = 401, description = "No token, or no proof of its key", body = Details, content_type = "application/problem+json"),
        (status = 402, description = "Part of a plan that the account does not have", body = Details, content_type = "application/problem+json"),
        (status = 403, description = "The account is suspended, or the clocks are apart", body = Details, content_type = "application/problem+json"),
        (status = 409, description = "This proof was seen before", body = Details, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
        (status = 503, description = "Not now", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn session_ticket(
    State(office): State<Office>,
    signed: Signed,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<TicketGiven>, Problem> {
    let ask: Ask = json(body)?;
    office.still(&signed)?;
    let unknown = || Problem::new(Kind::Malformed, "the request names no room that takes tickets");
    let room = Room::of_name(&ask.room).ok_or_else(unknown)?;
    office.entitled(room, || Ok(Some(signed.account)))?;
    Ok(Json(office.desk().give(&signed.device, room, office.hall.world.now_ms())))
}
