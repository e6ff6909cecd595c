//! Asking for a ticket: `POST /api/v1/auth/ticket`. What is signed is drawn in [`halloo_crypto::ticket`].

use core::fmt;
use halloo_crypto::base16;
use halloo_crypto::id::{ClientId, Signature};
use halloo_crypto::ticket::{Room, Ticket, TicketRequest};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// Path of the request.
pub const PATH: &str = "/api/v1/auth/ticket";
/// The scheme of the header that carries a ticket: `Authorization: Halloo <ticket in hex>`.
pub const SCHEME: &str = "Halloo";

/// Largest float below which every integer is one of its own: 2^53 - 1.
const WHOLE_MAX: f64 = 9_007_199_254_740_991.0;

/// The body of the request. Fixed fields are lower-case hex.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TicketAsk {
    /// Name of the room.
    pub room: String,
    /// The client's public key.
    pub client: ClientId,
    /// The client's clock, Unix milliseconds.
    #[serde(deserialize_with = "whole")]
    pub time_ms: u64,
    /// 16 bytes in hex.
    pub nonce: String,
    /// The origin by which the client asks.
    pub origin: String,
    /// The client's signature.
    pub signature: Signature,
}

/// The answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TicketGiven {
    /// The ticket in hex: opaque to the client.
    pub ticket: String,
    /// When it ends, Unix milliseconds of the coordinator's clock.
    pub expires_ms: u64,
}

impl TicketAsk {
    /// From a request and its signature.
    #[must_use]
    pub fn new(request: &TicketRequest, signature: Signature) -> Self {
        TicketAsk {
            room: request.room.name().to_owned(),
            client: request.client,
            time_ms: request.time_ms,
            nonce: base16::encode(&request.nonce),
            origin: request.origin.clone(),
            signature,
        }
    }

    /// What is to be checked, or nothing where the room is not known or the nonce is no nonce.
    #[must_use]
    pub fn request(&self) -> Option<TicketRequest> {
        Some(TicketRequest {
            room: Room::of_name(&self.room)?,
            client: self.client,
            time_ms: self.time_ms,
            nonce: base16::decode_array(&self.nonce)?,
            origin: self.origin.clone(),
        })
    }
}

/// A whole number in any spelling of JSON: `5` and `5.0` are one number there, and some clients have no integers.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    struct Whole;
    impl Visitor<'_> for Whole {
        type Value = u64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a whole number that is not below zero")
        }

        fn visit_u64<E>(self, number: u64) -> Result<u64, E> {
            Ok(number)
        }

        fn visit_f64<E: Error>(self, number: f64) -> Result<u64, E> {
            let exact = number.fract() == 0.0 && (0.0..=WHOLE_MAX).contains(&number);
            // In these bounds a float of no fraction is one integer. A reader of JSON may round the last digit of the largest: what was
            // signed is another time then, and refused.
            if exact { Ok(number as u64) } else { Err(E::invalid_value(Unexpected::Float(number), &self)) }
        }
    }
    deserializer.deserialize_u64(Whole)
}

/// A ticket as text.
#[must_use]
pub fn to_text(ticket: &[u8; Ticket::LEN]) -> String {
    base16::encode(ticket)
}

/// A ticket from text; nothing is checked but its length.
#[must_use]
pub fn from_text(text: &str) -> Option<[u8; Ticket::LEN]> {
    base16::decode_array(text)
}

#[cfg(test)]
mod tests;
