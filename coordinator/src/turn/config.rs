//! What a person who hosts may decide about TURN.

use super::service::Quotas;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::path::PathBuf;

/// Settings of the room.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TurnConfig {
    /// Addresses of this host on which relays are opened, one of each family at most; none: the one that is listened on, or
    /// those by which this host reaches others.
    pub relay: Vec<IpAddr>,
    /// The same as peers see them, where a router in front translates one to one.
    pub seen: Vec<IpAddr>,
    /// First and last UDP port of relays, where a firewall wants to know; 0: whatever the system gives.
    pub first_port: u16,
    /// See `first_port`.
    pub last_port: u16,
    /// Ranges that relays may reach although they are not the internet, such as `192.168.7.0/24`.
    pub allow: Vec<IpNet>,
    /// A file that holds a secret shared with other TURN servers (coturn's `static-auth-secret`); none: one of this
    /// coordinator's own.
    pub secret_file: PathBuf,
    /// How much is given to whom.
    pub quotas: Quotas,
}
