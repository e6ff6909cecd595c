//! What a coordinator says of itself, and whether it lives.

use crate::hall::{Closing, Hall};
use crate::problem::{Kind, Problem};
use axum::Json;
use axum::extract::{FromRef, State};
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
    /// What rooms are given.
    pub hall: Hall,
}

impl FromRef<House> for Closing {
    fn from_ref(house: &House) -> Closing {
        house.hall.closing.clone()
    }
}

/// What a coordinator says of itself.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ServerInfo {
    /// Version of the program.
    version: String,
    /// What it calls itself to people.
    name: String,
    /// The rooms that are open.
    rooms: Vec<String>,
    /// Its clock, milliseconds since 1970 (UTC).
    time_ms: u64,
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
    responses((status = 200, description = "What it is", body = ServerInfo))
)]
async fn server(State(house): State<House>) -> Json<ServerInfo> {
    Json(ServerInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        name: house.name.to_string(),
        rooms: house.rooms.iter().map(|room| (*room).to_owned()).collect(),
        time_ms: house.hall.world.now_ms(),
    })
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
