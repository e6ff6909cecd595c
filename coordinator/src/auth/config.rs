//! How many tickets are given, and whether accounts are.

use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

/// Who may make an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Everybody who asks, within the limits.
    Open,
    /// Nobody: what a group needs works without accounts.
    Closed,
}

/// Settings of the room.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// Most requests for tickets at once from one bucket of addresses (a /24 or a /48): a group behind one NAT that starts together.
    pub burst: NonZeroU32,
    /// And how many more in a minute.
    pub per_minute: NonZeroU32,
    /// Who may make an account.
    pub registration: Registration,
    /// Most accounts; a few hundred bytes each.
    pub accounts: usize,
    /// Days after which a session ends that was not continued.
    pub session_days: u32,
    /// Days for which the audit log is kept.
    pub audit_days: u32,
    /// Most accounts that are made by a key at once from one bucket of addresses: a group behind one NAT that registers together.
    pub registrations_burst: NonZeroU32,
    /// And how many more in an hour.
    pub registrations_per_hour: NonZeroU32,
}

impl Default for AuthConfig {
    fn default() -> Self {
        let number = |n| NonZeroU32::new(n).expect("above zero");
        AuthConfig {
            burst: number(600),
            per_minute: number(600),
            registration: Registration::Closed,
            accounts: 100_000,
            session_days: 90,
            audit_days: 180,
            registrations_burst: number(30),
            registrations_per_hour: number(30),
        }
    }
}
