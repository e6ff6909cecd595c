//! The endpoints of the room, and what they share.

use super::config::AuthConfig;
use super::service::Desk;
use super::ticket;
use crate::hall::Hall;
use crate::limits::Limit;
use axum::extract::{DefaultBodyLimit, FromRef};
use halloo_crypto::secret::Secret;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What the endpoints share.
#[derive(Clone, Debug)]
pub(super) struct Auth {
    pub(super) hall: Hall,
    pub(super) limit: Arc<Limit>,
    desk: Arc<Mutex<Desk>>,
}

impl Auth {
    pub(super) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FromRef<Auth> for Hall {
    fn from_ref(auth: &Auth) -> Hall {
        auth.hall.clone()
    }
}

/// Opens the room: its routes below `/api/v1/auth`, with a seed of its own.
pub fn door(hall: &Hall, config: &AuthConfig, seed: &Secret<[u8; 32]>) -> OpenApiRouter {
    let limit = hall.limit(config.burst, config.per_minute);
    let auth = Auth { hall: hall.clone(), limit, desk: Arc::new(Mutex::new(Desk::new(seed))) };
    OpenApiRouter::new()
        .routes(routes!(ticket::ticket))
        .layer(DefaultBodyLimit::max(ticket::BODY_MAX))
        .with_state(auth)
}
