//! Hybrid logical clock: wall time with a counter, for display order only; authority never asks it.
//!
//! Kulkarni and others, "Logical Physical Clocks" (2014). Deviation: others' stamps pull the clock ahead of our
//! wall time by at most [`MAX_AHEAD_MS`], so that one member with a wrong or lying clock cannot drag a group
//! into the future; a stamp further ahead is still shown, it only moves nobody.

use serde::{Deserialize, Serialize};

/// How far the clock follows others beyond our own wall time, in milliseconds: phones on one network agree
/// within seconds, a minute forgives a badly set one.
pub const MAX_AHEAD_MS: u64 = 60_000;

/// One stamp. Ordered by time, then counter.
///
/// ```text
///  0          8           12        as bytes, big endian: byte order is stamp order
///  | wall_ms  | counter   |
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Hlc {
    /// Unix milliseconds, of the author or of somebody it had heard.
    pub wall_ms: u64,
    /// Distinguishes stamps of one millisecond.
    pub counter: u32,
}

impl Hlc {
    /// Length of [`Self::to_bytes`].
    pub const LEN: usize = 12;

    /// The twelve bytes drawn above.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0_u8; Self::LEN];
        bytes[..8].copy_from_slice(&self.wall_ms.to_be_bytes());
        bytes[8..].copy_from_slice(&self.counter.to_be_bytes());
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote; every value is a stamp.
    #[must_use]
    pub fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = bytes;
        Self {
            wall_ms: u64::from_be_bytes([a, b, c, d, e, f, g, h]),
            counter: u32::from_be_bytes([i, j, k, l]),
        }
    }

    /// The next larger stamp.
    fn successor(self) -> Self {
        match self.counter.checked_add(1) {
            Some(counter) => Self { counter, ..self },
            None => Self { wall_ms: self.wall_ms.saturating_add(1), counter: 0 },
        }
    }
}

/// The clock of one device in one group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    last: Hlc,
}

impl Clock {
    /// A clock that continues after `last`, for instance the stamp found in the snapshot.
    #[must_use]
    pub fn starting_at(last: Hlc) -> Self {
        Self { last }
    }

    /// The last stamp given out or followed.
    #[must_use]
    pub fn last(&self) -> Hlc {
        self.last
    }

    /// A stamp for something that happens now; larger than every stamp given out before, whatever the wall clock does.
    pub fn tick(&mut self, now_ms: u64) -> Hlc {
        let wall = Hlc { wall_ms: now_ms, counter: 0 };
        let next = wall.max(self.last.successor());
        assert!(next > self.last, "a clock never gives a stamp twice");
        self.last = next;
        next
    }

    /// Follows a stamp of another device, at most [`MAX_AHEAD_MS`] beyond `now_ms`.
    pub fn observe(&mut self, heard: Hlc, now_ms: u64) {
        if heard.wall_ms <= now_ms.saturating_add(MAX_AHEAD_MS) {
            self.last = self.last.max(heard);
            assert!(self.last >= heard, "what was heard is behind the clock now");
        }
    }
}

#[cfg(test)]
mod tests;
