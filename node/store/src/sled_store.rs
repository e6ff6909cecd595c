//! The default engine: sled 0.34.7 with the guards that make it survive what sled alone does not.
//!
//! 1. A commit is `flush` (which only asks the kernel to begin writing) and then `sync_all` on a descriptor of our own.
//! 2. After creation `conf`, `db`, the folders and then our `format` file are synced; without `format` nothing was ever
//!    acknowledged.
//! 3. Values over 64 KiB are refused, and larger than 4 KiB are split (see `record.rs`), so that sled makes no blob files.
//! 4. Before opening, `snap.*.generating` is removed; what sled calls corruption is met in steps (`open.rs`), never by a panic.
//! 5. One writer: commits are serialised here, `writer.rs` groups them.
//! 6. Every record carries version and checksum; [`SledStore::keep_copy`] writes the logical copy that repair falls back on.
//!
//! ```text
//!   DIR/lock           held while open; the process id, for messages
//!   DIR/format         "halloo-store 1\n", written last at creation
//!   DIR/db/            sled's own files
//!   DIR/last.export    the last logical copy
//!   DIR/floor          how many commits there are at least: sled opens a ruined log as an empty one without a word
//!   DIR/ballast        room to be given up on a full disk, so that reopening works
//!   DIR/quarantine/    damaged files, moved here by repair
//! ```

mod open;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::batch::{Batch, Write};
use crate::error::StoreError;
use crate::export;
use crate::files::Lock;
use crate::record;
use crate::store::{self, BackupReport, CheckReport, Record, Store};

pub use open::{FORMAT, Opened};

/// Most damaged keys that a check names.
const MAX_DAMAGED: usize = 100;
/// Commits between two notes of their number outside the database: one more fsync in so many.
const FLOOR_EVERY: u64 = 1_000;

/// sled and our own descriptor of its file.
#[derive(Debug)]
struct Engine {
    db: sled::Db,
    file: File,
    /// Commits made since creation; a record in the database says the same.
    commits: u64,
}

/// A store in a folder. Dropping it closes it; nothing acknowledged is lost by not doing so.
#[derive(Debug)]
pub struct SledStore {
    dir: PathBuf,
    /// `None` after a failed write, until the next call reopens it.
    engine: Mutex<Option<Engine>>,
    /// Held by who changes something, and by a backup from its first row to its last; always taken before the engine.
    writes: Mutex<()>,
    _lock: Lock,
}

impl SledStore {
    /// Opens or creates the store in `dir`, repairing what a crash or a damaged disk left. What was repaired is in the second
    /// part of the result; it is worth a line in the log.
    pub fn open(dir: &Path) -> Result<(Self, Opened), StoreError> {
        crate::files::make_dir(dir)?;
        let lock = Lock::take(dir)?;
        let (engine, opened) = open::open(dir)?;
        let (engine, writes) = (Mutex::new(Some(engine)), Mutex::new(()));
        Ok((Self { dir: dir.to_owned(), engine, writes, _lock: lock }, opened))
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Closes the store and removes its folder with everything in it: copies, quarantine and all. Durable.
    pub fn remove(mut self) -> Result<(), StoreError> {
        // sled's threads make files by name for a little longer; in a folder that is gone they would panic.
        drop(self.engine.get_mut().unwrap_or_else(PoisonError::into_inner).take());
        open::wait_for_old_threads(&self.dir);
        crate::files::remove_dir(&self.dir)
    }

    /// Removes the folder of a store that nobody has open, whole or half made. Durable.
    pub fn remove_closed(dir: &Path) -> Result<(), StoreError> {
        let _held = Lock::take(dir)?;
        crate::files::remove_dir(dir)
    }

    /// Writes the logical copy that repair falls back on; call it hourly and after large changes. Commits wait meanwhile.
    pub fn keep_copy(&self) -> Result<BackupReport, StoreError> {
        let report = self.backup_to(&self.dir.join(open::COPY))?;
        self.with(|engine| open::write_floor(&self.dir, engine.commits))?;
        Ok(report)
    }

    /// The engine, reopened if an earlier write failed.
    fn engine(&self) -> Result<MutexGuard<'_, Option<Engine>>, StoreError> {
        // A panic of ours while the lock was held left at worst a batch that was not acknowledged.
        let mut guard = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        if guard.is_none() {
            *guard = Some(open::reopen(&self.dir)?);
        }
        Ok(guard)
    }

    fn with<T>(&self, work: impl FnOnce(&Engine) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let guard = self.engine()?;
        work(guard.as_ref().expect("engine() fills it"))
    }

    fn fault(&self, doing: &'static str, error: sled::Error) -> StoreError {
        open::fault(&self.dir, doing, error)
    }

    fn read_one(&self, db: &sled::Db, key: &[u8], head: &[u8]) -> Result<Vec<u8>, StoreError> {
        record::decode(key, head, |index| {
            let found = db.get(record::chunk_key(key, index)).map_err(|e| self.fault("reading", e))?;
            Ok(found.map(|bytes| bytes.to_vec()))
        })
    }

    fn page_of(
        &self,
        db: &sled::Db,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        let head_prefix = record::head_key(prefix);
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(record::head_key(after)),
            _ => Bound::Included(head_prefix.clone()),
        };
        let mut found = Vec::new();
        for item in db.range((from, Bound::Unbounded)).take(limit) {
            let (head_key, head) = item.map_err(|e| self.fault("reading", e))?;
            if !head_key.starts_with(&head_prefix) {
                break;
            }
            let Some(key) = record::key_of(&head_key) else { break };
            found.push((key.to_vec(), self.read_one(db, key, &head)?));
        }
        Ok(found)
    }

    /// sled's batch: heads, chunks, and the removal of chunks that no head counts any more.
    fn translate(&self, db: &sled::Db, batch: &Batch) -> Result<sled::Batch, StoreError> {
        let mut out = sled::Batch::default();
        // What this batch itself wrote before: sled does not show it yet.
        let mut counts = std::collections::BTreeMap::<&[u8], usize>::new();
        for (key, write) in batch.writes() {
            let head_key = record::head_key(key);
            let old = match counts.get(key.as_slice()) {
                Some(count) => *count,
                None => {
                    let head = db.get(&head_key).map_err(|e| self.fault("reading", e))?;
                    head.map_or(0, |head| record::chunk_count(&head))
                }
            };
            let new = match write {
                Write::Put(value) => {
                    let (head, chunks) = record::encode(key, value);
                    out.insert(head_key, head);
                    for (index, chunk) in (1..).zip(&chunks) {
                        out.insert(record::chunk_key(key, index), *chunk);
                    }
                    chunks.len()
                }
                Write::Del => {
                    out.remove(head_key);
                    0
                }
            };
            for index in new + 1..=old {
                out.remove(record::chunk_key(key, index));
            }
            counts.insert(key, new);
        }
        Ok(out)
    }

    fn write(&self, engine: &Engine, batch: &Batch) -> Result<(), StoreError> {
        let mut translated = self.translate(&engine.db, batch)?;
        translated.insert(&record::COUNT_KEY, &record::encode_count(engine.commits + 1));
        engine.db.apply_batch(translated).map_err(|e| self.fault("writing", e))?;
        engine.db.flush().map_err(|e| self.fault("writing", e))?;
        engine.file.sync_all().map_err(|e| StoreError::io("syncing", &self.dir, e))
    }
}

impl Store for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.with(|engine| {
            let head = engine.db.get(record::head_key(key)).map_err(|e| self.fault("reading", e))?;
            head.map(|head| self.read_one(&engine.db, key, &head)).transpose()
        })
    }

    fn page(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Record>, StoreError> {
        self.with(|engine| self.page_of(&engine.db, prefix, after, limit))
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        store::check(batch)?;
        if batch.is_empty() {
            return Ok(());
        }
        let _turn = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut guard = self.engine()?;
        let engine = guard.as_mut().expect("engine() fills it");
        let written = self.write(engine, batch);
        if written.is_err() {
            // After a failed write memory may show what the disk does not hold: only reopening tells the truth.
            *guard = None;
            open::drop_ballast(&self.dir);
            return written;
        }
        engine.commits += 1;
        if engine.commits.is_multiple_of(FLOOR_EVERY) {
            // The batch is durable whatever becomes of this note.
            let _ = open::write_floor(&self.dir, engine.commits);
        }
        Ok(())
    }

    fn check(&self) -> Result<CheckReport, StoreError> {
        self.with(|engine| {
            let mut report = CheckReport::default();
            for item in engine.db.range(record::head_key(&[])..) {
                let (head_key, head) = item.map_err(|e| self.fault("reading", e))?;
                let Some(key) = record::key_of(&head_key) else { break };
                report.records += 1;
                match self.read_one(&engine.db, key, &head) {
                    Ok(value) => report.bytes += (key.len() + value.len()) as u64,
                    Err(StoreError::Record { .. }) if report.damaged.len() < MAX_DAMAGED => {
                        report.damaged.push(key.to_vec());
                    }
                    Err(StoreError::Record { .. }) => {}
                    Err(other) => return Err(other),
                }
            }
            Ok(report)
        })
    }

    fn backup_to(&self, file: &Path) -> Result<BackupReport, StoreError> {
        // Writers wait until the copy is whole; readers, who may run where nothing else does meanwhile, do not.
        let _turn = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        let (db, commits) = self.with(|engine| Ok((engine.db.clone(), engine.commits)))?;
        export::write(file, commits, |after, limit| self.page_of(&db, &[], after, limit))
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        let guard = self.engine.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = guard {
            // A note for the next opening; without it that one checks a little less.
            let _ = open::write_floor(&self.dir, engine.commits);
        }
    }
}
