//! How many records are kept, and how often may be put and looked.

use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

/// Settings of the room.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RendezvousConfig {
    /// Most records at all places together, about 1,200 bytes of memory each.
    pub records: usize,
    /// Most records put or taken away at once by one ticket: one for each group of a device.
    pub puts_burst: NonZeroU32,
    /// And how many more in a minute.
    pub puts_per_minute: NonZeroU32,
    /// Most looks at once from one bucket of addresses.
    pub looks_burst: NonZeroU32,
    /// And how many more in a minute.
    pub looks_per_minute: NonZeroU32,
}

impl Default for RendezvousConfig {
    fn default() -> Self {
        let number = |n| NonZeroU32::new(n).expect("above zero");
        RendezvousConfig {
            records: 32_768,
            puts_burst: number(120),
            puts_per_minute: number(60),
            looks_burst: number(600),
            looks_per_minute: number(600),
        }
    }
}
