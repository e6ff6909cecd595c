//! What opens a TURN relay: `POST /api/v1/turn/credentials` with a ticket of the room `turn`, an empty body.
//!
//! ```text
//!  {"username": "1700043200:9f86d081884c7d65", "credential": "mGlOHqEwBxkf+0S0xYlGJn0vGQA=", "port": 7750, "expires_ms": 1700043200000}
//! ```
//! The relay is asked by UDP or TCP at that port of the origin's host. How username and credential are made is in
//! `docs/spec/turn.md`; who is given them uses them as they are.

use serde::{Deserialize, Serialize};

/// Path of the request.
pub const PATH: &str = "/api/v1/turn/credentials";

/// The answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TurnGiven {
    /// Who asks at the relay: an end, and a name of a day.
    pub username: String,
    /// Its password, base64 text that is used as it is.
    pub credential: String,
    /// UDP and TCP port on the origin's host.
    pub port: u16,
    /// Until when it opens relays, Unix milliseconds of the coordinator's clock.
    pub expires_ms: u64,
}
