//! The order of a timeline: causal first, then by clock, the same at every member.
//!
//! ```text
//!   at(m)    = max(hlc(m), at(d) for d in deps(m))      never before its past, whatever clock the author claims
//!   depth(m) = 1 + max(depth(d) for d in deps(m))       parent before child where `at` is equal
//!   key(m)   = (at, depth, hlc, id)
//! ```
//!
//! All of it depends on the past of `m` alone, so a key never changes once the content is accepted. A clock that lies
//! years ahead drags its descendants with it in `at`, where `depth` and then their own clocks order them.

use std::collections::BTreeSet;

use halloo_crypto::id::MessageId;

use super::Messages;
use crate::clock::Hlc;

/// Most contents visited to decide what is in the past of a line; further than this nothing counts as being in it. Asked only where
/// no receipt says it, so this is about the last moments before the line.
const MAX_VISITS: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) at: Hlc,
    pub(super) depth: u32,
    pub(super) hlc: Hlc,
    pub(super) id: MessageId,
}

impl Key {
    pub(super) fn after<'a>(past: impl Iterator<Item = &'a Key>, hlc: Hlc, id: MessageId) -> Self {
        let first = Self { at: hlc, depth: 1, hlc, id };
        past.fold(first, |key, dep| {
            let depth = key.depth.max(dep.depth.saturating_add(1));
            Self { at: key.at.max(dep.at), depth, ..key }
        })
    }
}

/// A place in the timeline; opaque, stable for as long as the group lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(pub(super) Key);

impl Cursor {
    /// The line that it stands at.
    pub fn id(&self) -> MessageId {
        self.0.id
    }
}

/// The causal past of one content, walked backwards as far as it is asked for.
pub(super) struct Past<'a> {
    set: &'a Messages,
    to_visit: BTreeSet<Key>,
    visits: usize,
}

impl<'a> Past<'a> {
    pub(super) fn of(set: &'a Messages, key: &Key) -> Self {
        Self { set, to_visit: BTreeSet::from([*key]), visits: 0 }
    }

    /// Whether the past holds `earlier`. To be asked from late to early.
    pub(super) fn holds(&mut self, earlier: &Key) -> bool {
        loop {
            match self.to_visit.last() {
                Some(key) if key > earlier && self.visits < MAX_VISITS => {}
                last => return last == Some(earlier),
            }
            let Some(key) = self.to_visit.pop_last() else { return false };
            self.visits += 1;
            let deps = self.set.entries.get(&key.id).map_or(&[][..], |e| &e.content.content().deps);
            let keys = deps.iter().filter_map(|id| self.set.entries.get(id)).map(|e| e.key);
            // What was handed on stands at its author's clock: there a past may sort after what follows it, and is not walked.
            self.to_visit.extend(keys.filter(|dep| *dep < key));
        }
    }
}
