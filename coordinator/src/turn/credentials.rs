//! `POST /api/v1/turn/credentials`.

use super::credential::CREDENTIAL_SECONDS;
use super::door::Desk;
use crate::problem::{Details, Problem};
use crate::ticket::{Takes, Ticket};
use axum::Json;
use axum::extract::State;
use halloo_crypto::base16;
use halloo_crypto::ticket::Room;
use halloo_wire::turn::TurnGiven;

/// The room that tickets are for.
#[derive(Debug)]
pub(super) struct ForTurn;

impl Takes for ForTurn {
    const ROOM: Room = Room::Turn;
}

/// What opens a TURN relay.
#[derive(utoipa::ToSchema)]
#[schema(as = TurnGiven)]
#[allow(dead_code)]
pub(super) struct GivenShape {
    /// Who asks at the relay.
    #[schema(example = "1700043200:9f86d081884c7d659a2feaa0c55ad015")]
    username: String,
    /// Its password, used as it is.
    credential: String,
    /// UDP and TCP port on the host of the origin.
    port: u16,
    /// Until when it opens relays, milliseconds since 1970 on the clock of the coordinator.
    expires_ms: u64,
}

/// Gives a credential for TURN, good for twelve hours.
#[utoipa::path(
    post,
    path = "/credentials",
    tag = "turn",
    security(("ticket" = [])),
    responses(
        (status = 200, description = "A credential", body = GivenShape),
        (status = 401, description = "No ticket of this room", body = Details, content_type = "application/problem+json"),
        (status = 429, description = "Too often", body = Details, content_type = "application/problem+json"),
    )
)]
pub(super) async fn credentials(
    State(desk): State<Desk>,
    ticket: Ticket<ForTurn>,
) -> Result<Json<TurnGiven>, Problem> {
    desk.limit.pass(&ticket.subject)?;
    let now = desk.hall.world.now_ms() / 1000;
    let given = desk.keys.mint(&base16::encode(&ticket.subject), now);
    Ok(Json(TurnGiven {
        username: given.username,
        credential: given.password,
        port: desk.port,
        expires_ms: (now + CREDENTIAL_SECONDS) * 1000,
    }))
}
