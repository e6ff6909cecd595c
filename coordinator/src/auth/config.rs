//! How many tickets are given.

use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

/// Settings of the room.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthConfig {
    /// Most requests for tickets at once from one bucket of addresses (a /24 or a /48): a group behind one NAT that starts together.
    pub burst: NonZeroU32,
    /// And how many more in a minute.
    pub per_minute: NonZeroU32,
}

impl Default for AuthConfig {
    fn default() -> Self {
        let number = |n| NonZeroU32::new(n).expect("above zero");
        AuthConfig { burst: number(600), per_minute: number(600) }
    }
}
