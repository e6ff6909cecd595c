//! What a coordinator says of itself: `GET /api/v1/server`.

use halloo_crypto::id::CoordinatorId;
use serde::{Deserialize, Serialize};

/// Path of the request.
pub const PATH: &str = "/api/v1/server";

/// What a coordinator says of itself. Fields that a node does not know are left alone, so that a newer coordinator may say more.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ServerInfo {
    /// Version of the program, for people.
    pub version: String,
    /// Names of the rooms that are open, as in [`halloo_crypto::ticket::Room::name`], and `relay`.
    pub rooms: Vec<String>,
    /// Its clock, Unix milliseconds.
    pub time_ms: u64,
    /// What its tickets are checked with.
    pub ticket_key: CoordinatorId,
    /// The libp2p relay, where that room is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay: Option<RelayInfo>,
}

/// The libp2p relay of a coordinator.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RelayInfo {
    /// Its peer id, base58.
    pub peer_id: String,
    /// The TCP port on the origin's host.
    pub port: u16,
}
