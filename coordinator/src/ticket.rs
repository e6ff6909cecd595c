//! The hallway between auth and the other rooms: a ticket in the header of a request, checked with the public key and nothing else.

use crate::hall::Hall;
use crate::limits::Name;
use crate::problem::{Kind, Problem};
use axum::extract::{FromRef, FromRequestParts};
use axum::http::header;
use axum::http::request::Parts;
use halloo_crypto::ticket::{self, Room, TicketError};
use halloo_wire::ticket::{SCHEME, from_text};
use std::marker::PhantomData;

/// A room that takes tickets.
pub trait Takes: Send + Sync + 'static {
    /// Which one.
    const ROOM: Room;
}

/// The ticket of a request, checked for one room.
#[derive(Debug)]
pub struct Ticket<R> {
    /// Whom it stands for: in this room, on this day.
    pub subject: Name,
    /// When it ends, Unix milliseconds.
    pub expires_ms: u64,
    room: PhantomData<R>,
}

impl<R: Takes, S> FromRequestParts<S> for Ticket<R>
where
    S: Send + Sync,
    Hall: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let refuse = |why: &'static str| Problem::new(Kind::TicketNeeded, why);
        let header = parts.headers.get(header::AUTHORIZATION).ok_or(refuse("no ticket was sent"))?;
        let (scheme, text) = header.to_str().ok().and_then(|text| text.split_once(' ')).unwrap_or_default();
        if !scheme.eq_ignore_ascii_case(SCHEME) {
            return Err(refuse("the header is not `Authorization: Halloo TICKET`"));
        }
        let bytes = from_text(text.trim()).ok_or(refuse("this is no ticket"))?;
        let hall = Hall::from_ref(state);
        let checked = ticket::Ticket::check(&bytes, &hall.known.ticket_key, R::ROOM, hall.world.now_ms());
        let checked = checked.map_err(|error| {
            refuse(match error {
                TicketError::OtherRoom => "the ticket is for another room",
                TicketError::Expired => "the ticket has ended",
                TicketError::BadSignature => "the ticket is not from this coordinator",
                TicketError::Malformed | TicketError::ClockSkew => "this is no ticket",
            })
        })?;
        Ok(Ticket { subject: checked.subject, expires_ms: checked.expires_ms, room: PhantomData })
    }
}
