//! How much is kept in mailboxes, and how often may be left and fetched.

use super::service::Limits;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

/// Settings of the room.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MailboxConfig {
    /// Whole days that an item is kept if nobody fetches it.
    pub days: u32,
    /// Most items of one address: what a busy group says to one of its devices in a day.
    pub items_per_address: u32,
    /// Most bytes of one address.
    pub bytes_per_address: u64,
    /// Most bytes of all addresses together.
    pub bytes: u64,
    /// Most items left at once by one ticket.
    pub deposits_burst: NonZeroU32,
    /// And how many more in a minute.
    pub deposits_per_minute: NonZeroU32,
    /// Most KiB left at once from one bucket of addresses: whoever makes up clients to get more tickets shares this.
    pub kib_burst: NonZeroU32,
    /// And how many more in a minute; all that the room holds takes one bucket hours to fill.
    pub kib_per_minute: NonZeroU32,
    /// Most requests of owners (fetch, acknowledge, watch) at once from one bucket of addresses.
    pub asks_burst: NonZeroU32,
    /// And how many more in a minute.
    pub asks_per_minute: NonZeroU32,
    /// Most addresses that one socket watches: three days of each group that a device is in.
    pub addresses_per_socket: usize,
    /// Most sockets at once.
    pub sockets: usize,
}

impl Default for MailboxConfig {
    fn default() -> Self {
        let number = |n| NonZeroU32::new(n).expect("above zero");
        MailboxConfig {
            days: 14,
            items_per_address: 1_024,
            bytes_per_address: 16 << 20,
            bytes: 4 << 30,
            deposits_burst: number(1_024),
            deposits_per_minute: number(1_024),
            kib_burst: number(65_536),
            kib_per_minute: number(16_384),
            asks_burst: number(6_000),
            asks_per_minute: number(6_000),
            addresses_per_socket: 256,
            sockets: 16_384,
        }
    }
}

impl MailboxConfig {
    /// What the service holds to.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            days: self.days,
            items_per_address: self.items_per_address,
            bytes_per_address: self.bytes_per_address,
            bytes: self.bytes,
        }
    }
}
