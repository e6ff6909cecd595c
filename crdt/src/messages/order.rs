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

/// Most contents visited to decide whether two lines are concurrent; further than this they count as concurrent.
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

impl Messages {
    /// Whether `earlier` (sorting before `later`) is in the causal past of `later`.
    pub(super) fn follows(&self, later: &Key, earlier: &Key) -> bool {
        assert!(earlier < later, "asked in timeline order");
        let mut to_visit = BTreeSet::from([*later]);
        for _ in 0..MAX_VISITS {
            let Some(key) = to_visit.pop_last() else { return false };
            if key == *earlier {
                return true;
            }
            let deps = self.entries.get(&key.id).map_or(&[][..], |e| &e.content.content().deps);
            let keys = deps.iter().filter_map(|id| self.entries.get(id)).map(|e| e.key);
            to_visit.extend(keys.filter(|k| k >= earlier));
        }
        false
    }
}
