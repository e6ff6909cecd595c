//! The endpoints of the room, and what they share.

use super::credential::Keys;
use super::credentials;
use super::room::Open;
use crate::hall::Hall;
use crate::limits::Limit;
use axum::extract::FromRef;
use std::num::NonZeroU32;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Credentials that one subject is given at once. It needs one in twelve hours, and one after each restart.
const BURST: NonZeroU32 = NonZeroU32::new(20).expect("above zero");

/// And so many more in a minute.
const PER_MINUTE: NonZeroU32 = NonZeroU32::MIN;

/// What the endpoints share.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    pub(super) hall: Hall,
    pub(super) limit: Arc<Limit>,
    pub(super) keys: Keys,
    pub(super) port: u16,
}

impl FromRef<Desk> for Hall {
    fn from_ref(desk: &Desk) -> Hall {
        desk.hall.clone()
    }
}

/// The routes of the room below `/api/v1/turn`.
pub fn door(hall: &Hall, open: &Open) -> OpenApiRouter {
    let limit = hall.limit(BURST, PER_MINUTE);
    let desk = Desk { hall: hall.clone(), limit, keys: open.keys.clone(), port: open.port };
    OpenApiRouter::new().routes(routes!(credentials::credentials)).with_state(desk)
}
