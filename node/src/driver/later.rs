//! What this node asks of its engines while wishes are granted: it waits, bounded, until they are.

use halloo_crypto::id::GroupId;
use halloo_engine::input::Input;
use std::collections::VecDeque;

/// Inputs that may wait. The wishes of one drain lead to a few; the most is a new group that meets every connected peer, or a word for
/// each of [`super::GROUPS_MAX`] groups: hundreds.
const LATER_MAX: usize = 4_096;

/// Inputs that wait, in order.
#[derive(Default)]
pub(super) struct Later {
    waiting: VecDeque<(GroupId, Input)>,
}

impl Later {
    /// Lets an input wait. Gives it back if too many wait: what asked for it must be told, or does it again by itself.
    #[must_use]
    pub(super) fn push(&mut self, group: GroupId, input: Input) -> Option<Input> {
        if self.waiting.len() >= LATER_MAX {
            return Some(input);
        }
        self.waiting.push_back((group, input));
        None
    }

    /// The one that waits longest.
    pub(super) fn pop(&mut self) -> Option<(GroupId, Input)> {
        self.waiting.pop_front()
    }
}

#[cfg(test)]
mod tests;
