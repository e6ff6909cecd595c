//! The endpoints of the room, and what they share.

use super::config::RendezvousConfig;
use super::service::{Places, Refused};
use super::{delete, get, put};
use crate::hall::Hall;
use crate::limits::Limit;
use crate::problem::{Kind, Problem};
use crate::ticket::Takes;
use axum::extract::{DefaultBodyLimit, FromRef};
use halloo_crypto::base16;
use halloo_crypto::ticket::Room;
use halloo_wire::rendezvous::RECORD_BYTES;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The room, for tickets.
#[derive(Debug)]
pub(super) struct Rendezvous;

impl Takes for Rendezvous {
    const ROOM: Room = Room::Rendezvous;
}

/// What the endpoints share; cheap to clone.
#[derive(Clone, Debug)]
pub struct Meetings {
    pub(super) hall: Hall,
    pub(super) puts: Arc<Limit>,
    pub(super) looks: Arc<Limit>,
    places: Arc<Mutex<Places>>,
}

impl FromRef<Meetings> for Hall {
    fn from_ref(meetings: &Meetings) -> Hall {
        meetings.hall.clone()
    }
}

impl Meetings {
    /// Opens the room; it is empty after every start.
    #[must_use]
    pub fn open(hall: &Hall, config: &RendezvousConfig) -> Self {
        Meetings {
            hall: hall.clone(),
            puts: hall.limit(config.puts_burst, config.puts_per_minute),
            looks: hall.limit(config.looks_burst, config.looks_per_minute),
            places: Arc::new(Mutex::new(Places::new(config.records))),
        }
    }

    pub(super) fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time that leases are counted by: a machine whose clock is set while it runs ends none of them.
    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.hall.world.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Forgets what has ended.
    pub fn round(&self) {
        let now_ms = self.now_ms();
        self.places().forget_ended(now_ms);
    }
}

/// A name of fixed length out of a path: lower-case hex, in that one spelling.
pub(super) fn name<const N: usize>(text: &str) -> Result<[u8; N], Problem> {
    let refuse = || Problem::new(Kind::Malformed, "a place has 64 digits of lower-case hex, a slot 32");
    let one_spelling = !text.bytes().any(|letter| letter.is_ascii_uppercase());
    base16::decode_array(text).filter(|_| one_spelling).ok_or_else(refuse)
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Length | Refused::Lease => Problem::new(Kind::Malformed, refused.to_string()),
            Refused::Full => Problem::new(Kind::Full, refused.to_string()).after(60),
        }
    }
}

/// The routes of the room, below `/api/v1/rendezvous`.
pub fn door(meetings: Meetings) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(put::put, delete::delete))
        .routes(routes!(get::get))
        .layer(DefaultBodyLimit::max(RECORD_BYTES))
        .with_state(meetings)
}

#[cfg(test)]
mod tests;
