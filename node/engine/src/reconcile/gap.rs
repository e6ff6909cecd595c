//! A gap: something is referred to that is not here, and neighbour after neighbour is asked until it is, or until all were.
//!
//! ```text
//!   noticed --GAP_DELAY--> one neighbour --its session ends, GAP_DELAY--> still missing? the next one ... all had a turn: closed
//!                                        --PATIENCE, no answer----------/
//! ```
//!
//! A neighbour may lack the same as we do, or may be the one who made the gap up. What nobody has costs one session with each.

use core::time::Duration;

use super::PATIENCE;
use crate::time::Time;

/// How soon a gap is filled: what is missing is often already on its way.
pub(super) const GAP_DELAY: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    /// When something was last found missing: who had a turn after that need not be asked again.
    since: Time,
    /// When the next neighbour is asked.
    at: Time,
    /// Nobody was asked yet. What tells of a gap may not be listed anywhere, such as a word of an epoch that is not known.
    fresh: bool,
}

/// What to do about a gap that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Compare with the neighbour whose turn it is.
    Ask,
    /// It is filled, or everybody was asked.
    Close,
}

impl Gap {
    /// Something more is missing.
    pub(super) fn noticed(before: Option<Self>, now: Time) -> Self {
        let soon = now.after(GAP_DELAY);
        // More and more that is missing must not put off the first question.
        Self { since: now, at: before.map_or(soon, |gap| gap.at.min(soon)), fresh: true }
    }

    pub(super) fn at(&self) -> Time {
        self.at
    }

    /// A session ended: what it brings is here soon.
    pub(super) fn session_ended(&mut self, now: Time) {
        self.at = self.at.min(now.after(GAP_DELAY));
    }

    /// It is due. `turn` is when the neighbour that was asked longest ago had its turn, `None` for never; `missing` whether anything
    /// that is referred to is known to be lacking.
    pub(super) fn due(&mut self, now: Time, turn: Option<Time>, missing: bool) -> Verdict {
        let unasked = turn.is_none_or(|turn| turn < self.since);
        let open = self.fresh || (missing && unasked);
        if !open {
            return Verdict::Close;
        }
        self.fresh = false;
        self.at = now.after(PATIENCE);
        Verdict::Ask
    }
}

#[cfg(test)]
mod tests;
