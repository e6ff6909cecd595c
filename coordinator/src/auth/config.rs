//! How many tickets are given, and whether accounts are.

use super::book::rows::Cost;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

/// Who may make an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Everybody who asks, within the limits.
    Open,
    /// Who has an invitation, or has done the work that is asked for.
    Work,
    /// Who has an invitation.
    Invite,
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
    /// How much work stands for an account, in bits: 20 are a million hashes, about a second of a phone; each more doubles it.
    pub work_bits: u8,
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
    /// Most logins by a password and passwords that are set at once from one bucket of addresses.
    pub passwords_burst: NonZeroU32,
    /// And how many more in a minute.
    pub passwords_per_minute: NonZeroU32,
    /// Most accounts with a password that are made at once from one bucket of addresses.
    pub password_registrations_burst: NonZeroU32,
    /// And how many more in an hour.
    pub password_registrations_per_hour: NonZeroU32,
    /// Most logins by a password to one account at once, wherever they come from.
    pub account_burst: NonZeroU32,
    /// And how many more in a minute.
    pub account_per_minute: NonZeroU32,
    /// Most changes to accounts and keys of others by one account with a role, or by one API key, at once.
    pub admin_changes_burst: NonZeroU32,
    /// And how many more in an hour.
    pub admin_changes_per_hour: NonZeroU32,
    /// Memory of one guess of a password, KiB.
    pub password_memory_kib: u32,
    /// Passes over it.
    pub password_passes: u32,
}

impl AuthConfig {
    /// How much work one guess of a password is.
    #[must_use]
    pub fn cost(&self) -> Cost {
        Cost { memory_kib: self.password_memory_kib, passes: self.password_passes }
    }
}

impl Default for AuthConfig {
    fn default() -> Self {
        let number = |n| NonZeroU32::new(n).expect("above zero");
        AuthConfig {
            burst: number(600),
            per_minute: number(600),
            registration: Registration::Closed,
            work_bits: 20,
            accounts: 100_000,
            session_days: 90,
            audit_days: 180,
            registrations_burst: number(30),
            registrations_per_hour: number(30),
            passwords_burst: number(3),
            passwords_per_minute: number(3),
            password_registrations_burst: number(3),
            password_registrations_per_hour: number(3),
            account_burst: number(60),
            account_per_minute: number(30),
            admin_changes_burst: number(1_000),
            admin_changes_per_hour: number(1_000),
            password_memory_kib: 19_456,
            password_passes: 2,
        }
    }
}
