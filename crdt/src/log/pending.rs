//! Operations whose parents have not arrived: bounded per author, and what is missing.

use std::collections::{BTreeMap, BTreeSet};

use halloo_crypto::id::{DeviceId, OpId};

use super::op::SignedOp;

/// Most operations held for one author device: a burst that overtook its parents is far smaller, and a liar who names
/// parents that do not exist wastes no more than this.
pub const MAX_PENDING_PER_AUTHOR: usize = 64;

/// Most operations held in all: signatures are checked, but a stranger can make as many keys as he likes.
pub const MAX_PENDING: usize = 1_024;

/// The waiting room.
#[derive(Clone, Debug, Default)]
pub(super) struct Pending {
    waiting: BTreeMap<OpId, SignedOp>,
    per_author: BTreeMap<DeviceId, usize>,
    /// Missing parent to those who wait for it.
    missing: BTreeMap<OpId, BTreeSet<OpId>>,
}

impl Pending {
    /// Holds an operation that waits for `missing` (not empty). False when there is no room: the sender still has it and
    /// reconciliation brings it again once the parents are here.
    pub(super) fn hold(&mut self, op: SignedOp, missing: &[OpId]) -> bool {
        assert!(!missing.is_empty(), "what misses nothing does not wait");
        if self.waiting.contains_key(&op.id()) {
            return true;
        }
        let count = self.per_author.entry(op.author()).or_default();
        if *count >= MAX_PENDING_PER_AUTHOR || self.waiting.len() >= MAX_PENDING {
            if *count == 0 {
                self.per_author.remove(&op.author());
            }
            return false;
        }
        *count += 1;
        for parent in missing {
            self.missing.entry(*parent).or_default().insert(op.id());
        }
        assert!(*count <= MAX_PENDING_PER_AUTHOR, "an author has his room and no more");
        self.waiting.insert(op.id(), op);
        assert!(self.waiting.len() <= MAX_PENDING, "the room has its limit");
        true
    }

    /// Takes out everything that waited for `arrived`; what still misses another parent is held again by the caller.
    pub(super) fn release(&mut self, arrived: &OpId) -> Vec<SignedOp> {
        let ids = self.missing.remove(arrived).unwrap_or_default();
        let released: Vec<SignedOp> = ids.iter().filter_map(|id| self.take(id)).collect();
        assert_eq!(released.len(), ids.len(), "who is listed as waiting waits");
        released
    }

    fn take(&mut self, id: &OpId) -> Option<SignedOp> {
        let op = self.waiting.remove(id)?;
        let count = self.per_author.get_mut(&op.author()).expect("every waiting operation is counted");
        assert!(*count > 0, "what waits is counted");
        *count -= 1;
        if *count == 0 {
            self.per_author.remove(&op.author());
        }
        for parent in op.parents() {
            if let Some(waiters) = self.missing.get_mut(parent) {
                waiters.remove(id);
                if waiters.is_empty() {
                    self.missing.remove(parent);
                }
            }
        }
        Some(op)
    }

    /// Parents that somebody waits for and that do not wait themselves: what to ask others for.
    pub(super) fn missing(&self) -> impl Iterator<Item = &OpId> {
        self.missing.keys().filter(|id| !self.waiting.contains_key(id))
    }

    /// Does an operation of somebody else than `author` wait for `id`?
    pub(super) fn wanted(&self, id: &OpId, author: &DeviceId) -> bool {
        self.missing.get(id).is_some_and(|waiters| {
            waiters.iter().filter_map(|id| self.waiting.get(id)).any(|op| op.author() != *author)
        })
    }

    pub(super) fn contains(&self, id: &OpId) -> bool {
        self.waiting.contains_key(id)
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests;
