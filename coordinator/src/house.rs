//! What a coordinator says of itself, and whether it lives.

use crate::hall::{Closing, Hall};
use crate::problem::{Kind, Problem};
use axum::Json;
use axum::extract::{FromRef, State};
use halloo_wire::server::{RelayInfo, ServerInfo};
use serde::Serialize;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What never changes while it runs.
#[derive(Clone, Debug)]
pub struct House {
    /// What it calls itself.
    pub name: Arc<str>,
    /// The open rooms.
    pub rooms: Arc<[&'static str]>,
    /// The libp2p relay, where that room is open.
    pub relay: Option<RelayInfo>,
    /// What rooms are given.
    pub hall: Hall,
}

impl FromRef<House> for Closing {
    fn from_ref(house: &House) -> Closing {
        house.hall.closing.clone()
    }
}

/// What a coordinator says of itself.
#[derive(Debug, Serialize)]
struct Said {
    #[serde(flatten)]
    info: ServerInfo,
    /// For people only.
    name: String,
}

/// What a coordinator says of itself.
#[derive(utoipa::ToSchema)]
#[schema(as = ServerInfo)]
#[allow(dead_code)]
struct ServerShape {
    /// Version of the program.
    version: String,
    /// What it calls itself to people.
    name: String,
    /// The rooms that are open.
    rooms: Vec<String>,
    /// Its clock, milliseconds since 1970 (UTC).
    time_ms: u64,
    /// What its tickets are checked with: an Ed25519 public key in hex.
    ticket_key: String,
    /// The libp2p relay, where that room is open.
    relay: Option<RelayShape>,
}

/// The libp2p relay of a coordinator.
#[derive(utoipa::ToSchema)]
#[schema(as = RelayInfo)]
#[allow(dead_code)]
struct RelayShape {
    /// Its peer id in base58.
    peer_id: String,
    /// Its TCP port on the host of the origin.
    port: u16,
}

/// The door of the house: what it is, and whether it lives.
pub fn door(house: House) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(server))
        .routes(routes!(livez))
        .routes(routes!(readyz))
        .with_state(house)
}

/// What this coordinator is: its rooms, its clock, its keys.
#[utoipa::path(
    get,
    path = "/api/v1/server",
    tag = "server",
    responses((status = 200, description = "What it is", body = ServerShape))
)]
async fn server(State(house): State<House>) -> Json<Said> {
    let info = ServerInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        rooms: house.rooms.iter().map(|room| (*room).to_owned()).collect(),
        time_ms: house.hall.world.now_ms(),
        ticket_key: house.hall.known.ticket_key,
        relay: house.relay,
    };
    Json(Said { info, name: house.name.to_string() })
}

/// Whether the process answers.
#[utoipa::path(get, path = "/livez", tag = "server", responses((status = 200, description = "It does", body = String)))]
async fn livez() -> &'static str {
    "ok\n"
}

/// Whether new work is welcome: not while it closes, and not when its store fails.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "server",
    responses(
        (status = 200, description = "It is", body = String),
        (status = 503, description = "Not now", body = crate::problem::Details, content_type = "application/problem+json"),
    )
)]
async fn readyz(State(house): State<House>) -> Result<&'static str, Problem> {
    if house.hall.closing.is_said() {
        return Err(Problem::new(Kind::Unavailable, "the coordinator is closing").after(5));
    }
    house.hall.store.page(b"k", None, 1).map_err(|error| crate::hall::store_problem(&error))?;
    Ok("ok\n")
}
