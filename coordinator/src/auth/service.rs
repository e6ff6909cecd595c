//! Checks a request for a ticket and answers it; time is an argument, and nothing is kept but which requests were seen.

use super::seen::{Seen, SeenError};
use halloo_crypto::id::ClientId;
use halloo_crypto::secret::Secret;
use halloo_crypto::ticket::{CLOCK_SKEW_MAX_MS, Room, TicketError, TicketIssuer};
use halloo_wire::origin::Origin;
use halloo_wire::ticket::{self, TicketAsk, TicketGiven};

/// Why there is no ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The request names no room of ours, or its fields are none.
    #[error("the request for a ticket cannot be read, or names no room")]
    Malformed,
    /// It was signed for another coordinator.
    #[error("the request was signed for another origin than this coordinator has")]
    OtherOrigin,
    /// The key that is named did not sign it.
    #[error("the request is not signed by the key that it names")]
    BadSignature,
    /// It is dated too far from the time here.
    #[error("the request is dated more than two minutes from the time here")]
    ClockApart,
    /// It was seen before.
    #[error("this request was seen before")]
    Replayed,
    /// More requests than can be remembered.
    #[error("too many requests are remembered at the moment")]
    Busy,
}

/// Where tickets are given.
#[derive(Debug)]
pub struct Desk {
    issuer: TicketIssuer,
    seen: Seen,
}

impl Desk {
    /// A desk whose tickets are signed, and their subjects blinded, from this seed.
    #[must_use]
    pub fn new(seed: &Secret<[u8; 32]>) -> Self {
        Desk { issuer: TicketIssuer::from_seed(seed), seen: Seen::default() }
    }

    /// Answers a request that came by one of these origins.
    pub fn ask(&mut self, ask: &TicketAsk, origins: &[Origin], now_ms: u64) -> Result<TicketGiven, Refused> {
        let request = ask.request().ok_or(Refused::Malformed)?;
        if !origins.iter().any(|origin| origin.as_str() == request.origin) {
            return Err(Refused::OtherOrigin);
        }
        request.check(&ask.signature, now_ms).map_err(|error| match error {
            TicketError::ClockSkew => Refused::ClockApart,
            TicketError::BadSignature => Refused::BadSignature,
            _ => Refused::Malformed,
        })?;
        self.seen.first_time(request.nonce, request.time_ms + CLOCK_SKEW_MAX_MS, now_ms)?;
        Ok(self.give(&request.client, request.room, now_ms))
    }

    /// A ticket for a client that has proven itself.
    #[must_use]
    pub fn give(&self, client: &ClientId, room: Room, now_ms: u64) -> TicketGiven {
        let (ticket, expires_ms) = self.issuer.issue(client, room, now_ms);
        TicketGiven { ticket: ticket::to_text(&ticket), expires_ms }
    }
}

impl From<SeenError> for Refused {
    fn from(error: SeenError) -> Self {
        match error {
            SeenError::Replayed => Refused::Replayed,
            SeenError::Busy => Refused::Busy,
        }
    }
}

#[cfg(test)]
mod tests;
