//! What newcomers are given of what was written before they came: the group's own word on it, signed into its log.

use serde::{Deserialize, Serialize};

/// Most lines that a newcomer is given: one content names them all, and a screen shows fewer.
pub const MAX_HISTORY_LINES: u16 = 500;

/// Oldest that a line may be that a newcomer is given: ten years of days.
pub const MAX_HISTORY_DAYS: u16 = 3_660;

/// Milliseconds of a day.
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// How much of the past a newcomer gets. The default is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct History {
    /// At most so many of the last lines; 0 is nothing.
    pub lines: u16,
    /// None that is older than so many days when the newcomer is added; 0 is any age.
    pub days: u16,
}

impl History {
    /// Nothing: whoever comes reads what is written from then on.
    pub const NONE: Self = Self { lines: 0, days: 0 };

    /// The last lines, however old.
    #[must_use]
    pub const fn last(lines: u16) -> Self {
        Self { lines, days: 0 }
    }

    /// The lines of the last days, [`MAX_HISTORY_LINES`] of them at most.
    #[must_use]
    pub const fn of_days(days: u16) -> Self {
        Self { lines: MAX_HISTORY_LINES, days }
    }

    /// Whether it is within the limits, and the only spelling of what it says.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        self.lines <= MAX_HISTORY_LINES && self.days <= MAX_HISTORY_DAYS && (self.lines > 0 || self.days == 0)
    }

    /// Of two that nobody saw together: what both allow.
    #[must_use]
    pub(super) fn strictest(self, other: Self) -> Self {
        let days = match (self.days, other.days) {
            (0, days) | (days, 0) => days,
            (one, another) => one.min(another),
        };
        let lines = self.lines.min(other.lines);
        Self { lines, days: if lines == 0 { 0 } else { days } }
    }

    /// Whether a line written at `line_ms` is young enough for somebody added at `added_ms`, by the stamps of their authors.
    #[must_use]
    pub fn reaches(&self, line_ms: u64, added_ms: u64) -> bool {
        self.lines > 0
            && (self.days == 0 || line_ms.saturating_add(u64::from(self.days) * DAY_MS) >= added_ms)
    }
}
