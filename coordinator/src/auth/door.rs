//! The endpoints of the room.

use super::config::AuthConfig;
use super::office::{Office, Secrets};
use super::{
    authenticator, challenge_given, devices, jwks, login, logout, password_set, profile, refreshed, register,
    session_ticket, sessions, ticket,
};
use crate::hall::Hall;
use anyhow::Result;
use axum::extract::DefaultBodyLimit;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest body of all others than tickets: names, a description of a device, a proof and a token.
pub(super) const BODY_MAX: usize = 4_096;

/// Opens the room, with secrets of its own.
pub fn open(hall: &Hall, config: &AuthConfig, secrets: &Secrets) -> Result<Office> {
    Office::open(hall, config, secrets)
}

/// Its routes below `/api/v1/auth`.
pub fn door(office: &Office) -> OpenApiRouter {
    let accounts = OpenApiRouter::new()
        .routes(routes!(challenge_given::challenge))
        .routes(routes!(register::register))
        .routes(routes!(login::login))
        .routes(routes!(refreshed::refresh))
        .routes(routes!(logout::logout))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::revoke))
        .routes(routes!(devices::list))
        .routes(routes!(devices::revoke))
        .routes(routes!(authenticator::enrol, authenticator::remove))
        .routes(routes!(authenticator::verify))
        .routes(routes!(session_ticket::session_ticket))
        .layer(DefaultBodyLimit::max(BODY_MAX));
    OpenApiRouter::new()
        .routes(routes!(ticket::ticket))
        .layer(DefaultBodyLimit::max(ticket::BODY_MAX))
        .merge(accounts)
        .with_state(office.clone())
}

/// Its routes below `/api/v1/users`.
pub fn users_door(office: &Office) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(profile::get, profile::put, profile::delete))
        .routes(routes!(password_set::set))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(office.clone())
}

/// Its routes at the root.
pub fn root_door(office: &Office) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(jwks::jwks)).with_state(office.clone())
}
