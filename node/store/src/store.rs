//! The contract of every engine: an ordered map of bytes whose commits return only when they are durable.

use std::path::Path;

use crate::batch::{Batch, MAX_BATCH_BYTES, MAX_KEY_BYTES, MAX_VALUE_BYTES, Write};
use crate::error::StoreError;

/// A key and its value.
pub type Record = (Vec<u8>, Vec<u8>);

/// What [`Store::check`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Records read, every checksum computed.
    pub records: u64,
    /// Bytes of keys and values.
    pub bytes: u64,
    /// Keys whose record is damaged, at most 100.
    pub damaged: Vec<Vec<u8>>,
}

/// What [`Store::backup_to`] wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackupReport {
    /// Records written.
    pub records: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// One durable, ordered key-value log. Reads see every commit that returned; one writer at a time (engines serialise).
pub trait Store: Send + Sync {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// At most `limit` records whose key starts with `prefix` and is larger than `after`, in order of key.
    fn page(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Record>, StoreError>;

    /// Writes the whole batch and returns once it would survive a power cut. On an error nothing of it counts; after any error
    /// other than a refusal (key, value, batch too large) the engine must be reopened if [`StoreError::Poisoned`] follows.
    fn commit(&self, batch: &Batch) -> Result<(), StoreError>;

    /// Reads everything and verifies every checksum.
    fn check(&self) -> Result<CheckReport, StoreError>;

    /// Writes a logical copy to `file`, durable when it returns: `crate::export` reads it. An existing file is replaced only by a
    /// complete one.
    fn backup_to(&self, file: &Path) -> Result<BackupReport, StoreError>;

    /// All records whose key starts with `prefix`, in order of key. For prefixes of bounded size; else use [`Self::page`].
    fn range(&self, prefix: &[u8]) -> Result<Vec<Record>, StoreError> {
        self.page(prefix, None, usize::MAX)
    }
}

/// Refuses empty and too long keys, too long values and too large batches. Every engine asks this first, so that all refuse the
/// same; who makes a batch that others will stand on asks it before they do.
///
/// # Errors
/// The caller's fault, by [`StoreError`].
pub fn check(batch: &Batch) -> Result<(), StoreError> {
    if batch.bytes() > MAX_BATCH_BYTES {
        return Err(StoreError::BatchTooLarge { bytes: batch.bytes() });
    }
    for (key, write) in batch.writes() {
        if key.is_empty() || key.len() > MAX_KEY_BYTES {
            return Err(StoreError::KeyLength { bytes: key.len() });
        }
        match write {
            Write::Put(value) if value.len() > MAX_VALUE_BYTES => {
                return Err(StoreError::ValueTooLarge { bytes: value.len() });
            }
            _ => {}
        }
    }
    Ok(())
}
