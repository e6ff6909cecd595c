//! Remembers what may be used once, for as long as it could be used again; in memory, bounded.

use std::collections::{BTreeMap, BTreeSet};

/// Most names that are remembered (about 100 bytes each). Requests are forgotten after four minutes, so this is 1,000 a second.
pub const MAX_SEEN: usize = 262_144;

/// Why something is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeenError {
    /// It was used before.
    Replayed,
    /// More than can be remembered.
    Busy,
}

/// Names of what was used, until it is too old to be taken anyway.
#[derive(Debug, Default)]
pub struct Seen {
    names: BTreeMap<[u8; 16], u64>,
    by_end: BTreeSet<(u64, [u8; 16])>,
}

impl Seen {
    /// Notes that something is used that could be used until `ends_ms`.
    pub fn first_time(&mut self, name: [u8; 16], ends_ms: u64, now_ms: u64) -> Result<(), SeenError> {
        while let Some(&(end, old)) = self.by_end.first().filter(|(end, _)| *end < now_ms) {
            self.by_end.remove(&(end, old));
            self.names.remove(&old);
        }
        if self.names.contains_key(&name) {
            return Err(SeenError::Replayed);
        }
        if self.names.len() >= MAX_SEEN {
            return Err(SeenError::Busy);
        }
        self.names.insert(name, ends_ms);
        self.by_end.insert((ends_ms, name));
        Ok(())
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}
