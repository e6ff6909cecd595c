//! A rotation: the values of one store, sealed anew by another key, in another store, a bounded part at a time.
//!
//! ```text
//!   old store  a b c d e f g h      what is written meanwhile goes here and is acknowledged from here
//!                      ^ after      everything up to here is in both, with what has changed since
//!   new store  a b c d              sealed by the next key
//! ```
//! The old store is the one that counts until the end, so a crash costs nothing: the next run compares what is already in the
//! new store with the old one, value by value, and writes only what differs. Deletions count as differences.

use super::StorageError;
use super::sealed::{Sealed, TABLES};
use crate::vault::DataKey;
use halloo_store::batch::Batch as StoreBatch;
use halloo_store::store::{Record, Store};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Records looked at in one step: what is written meanwhile waits no longer than this takes.
const STEP_RECORDS: usize = 64;
/// Bytes that one step seals at most, but for a single larger value.
const STEP_BYTES: usize = 1024 * 1024;

/// How far a rotation is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Values looked at.
    pub done: u64,
    /// Values that there were when it began; what was written since comes on top.
    pub total: u64,
}

/// A running rotation.
pub(super) struct Rotation<S> {
    to: S,
    into: Sealed,
    counting: bool,
    table: usize,
    after: Option<Vec<u8>>,
    progress: Progress,
}

impl<S: Store> Rotation<S> {
    /// Begins, or goes on with what an earlier run left in the new store.
    pub(super) fn new(to: S, key: Arc<DataKey>) -> Self {
        let progress = Progress::default();
        Rotation { to, into: Sealed::by(key), counting: true, table: 0, after: None, progress }
    }

    pub(super) fn progress(&self) -> Progress {
        self.progress
    }

    /// The new store and how it is sealed.
    pub(super) fn into_parts(self) -> (S, Sealed) {
        (self.to, self.into)
    }

    /// One step: carries over what has just changed in the old store, and a part of what was not looked at yet. True when nothing
    /// is left: the two then hold the same.
    pub(super) fn step(
        &mut self,
        from: &dyn Store,
        old: &mut Sealed,
        changed: &[Vec<u8>],
    ) -> Result<bool, StorageError> {
        let mut batch = StoreBatch::new();
        let behind: BTreeSet<&Vec<u8>> = changed.iter().filter(|key| self.is_behind(key)).collect();
        for key in behind {
            match from.get(key)? {
                Some(record) => {
                    let plain = old.open(from, key, &record)?;
                    self.put(&mut batch, key.clone(), &plain)?;
                }
                None => self.into.del(&mut batch, key.clone()),
            }
        }
        if self.counting {
            self.count(from)?;
        } else {
            self.scan(from, old, &mut batch)?;
        }
        self.to.commit(&batch)?;
        Ok(self.table == TABLES.len())
    }

    /// Seals a value into a batch; what is in it already is committed first if it would grow over a step.
    fn put(&mut self, batch: &mut StoreBatch, key: Vec<u8>, plain: &[u8]) -> Result<(), StorageError> {
        if batch.bytes() + plain.len() > STEP_BYTES {
            self.to.commit(&std::mem::take(batch))?;
        }
        self.into.put(batch, key, plain)
    }

    /// Whether this key was looked at already.
    fn is_behind(&self, key: &[u8]) -> bool {
        let Some(table) = TABLES.iter().position(|table| key.first() == Some(table)) else { return false };
        !self.counting
            && (table < self.table
                || table == self.table && self.after.as_deref().is_some_and(|after| key <= after))
    }

    /// Counts a part of the old store.
    fn count(&mut self, from: &dyn Store) -> Result<(), StorageError> {
        let page = from.page(&[TABLES[self.table]], self.after.as_deref(), STEP_RECORDS)?;
        self.progress.total += page.len() as u64;
        self.after = page.last().map(|(key, _)| key.clone());
        if self.after.is_none() {
            self.table += 1;
        }
        if self.table == TABLES.len() {
            (self.counting, self.table) = (false, 0);
        }
        Ok(())
    }

    /// Makes a part of the new store like the old one.
    fn scan(
        &mut self,
        from: &dyn Store,
        old: &mut Sealed,
        batch: &mut StoreBatch,
    ) -> Result<(), StorageError> {
        let table = [TABLES[self.table]];
        let theirs = from.page(&table, self.after.as_deref(), STEP_RECORDS)?;
        let ours = self.to.page(&table, self.after.as_deref(), STEP_RECORDS)?;
        let end = end_of(&theirs, &ours);
        let mut sealed = 0;
        for key in union(&theirs, &ours, end.as_deref()) {
            if let Some((_, record)) = find(&theirs, &key) {
                let plain = old.open(from, &key, record)?;
                let there = find(&ours, &key).map(|(_, record)| self.into.open(&self.to, &key, record));
                if !there.is_some_and(|there| there.is_ok_and(|there| there == plain)) {
                    self.put(batch, key.clone(), &plain)?;
                }
                sealed += plain.len();
                self.progress.done += 1;
            } else {
                // Only for the number of its pieces: what it says is gone from the old store.
                let _gone = find(&ours, &key).map(|(_, record)| self.into.open(&self.to, &key, record));
                self.into.del(batch, key.clone());
            }
            self.after = Some(key);
            if sealed >= STEP_BYTES {
                return Ok(());
            }
        }
        if end.is_none() {
            (self.table, self.after) = (self.table + 1, None);
        }
        Ok(())
    }
}

/// Up to which key both pages show everything; `None` for the end of the table.
fn end_of(theirs: &[Record], ours: &[Record]) -> Option<Vec<u8>> {
    let full = [theirs, ours].into_iter().filter(|page| page.len() == STEP_RECORDS);
    full.filter_map(|page| page.last()).map(|(key, _)| key.clone()).min()
}

/// The keys of both, in order, up to the end.
fn union(theirs: &[Record], ours: &[Record], end: Option<&[u8]>) -> BTreeSet<Vec<u8>> {
    let keys = theirs.iter().chain(ours).map(|(key, _)| key.clone());
    keys.filter(|key| end.is_none_or(|end| key.as_slice() <= end)).collect()
}

fn find<'a>(page: &'a [Record], key: &[u8]) -> Option<&'a Record> {
    page.binary_search_by(|(there, _)| there.as_slice().cmp(key)).ok().map(|at| &page[at])
}

#[cfg(test)]
mod tests;
