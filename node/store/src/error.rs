//! What can go wrong with a store, grouped by whose fault it is; every message names the next step.

use std::io;
use std::path::{Path, PathBuf};

use crate::batch::{MAX_BATCH_BYTES, MAX_KEY_BYTES, MAX_VALUE_BYTES};

/// Why the store refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Caller: a value over [`MAX_VALUE_BYTES`].
    #[error("a value of {bytes} bytes exceeds {MAX_VALUE_BYTES}: split it, or keep it as a file")]
    ValueTooLarge {
        /// Its length.
        bytes: usize,
    },
    /// Caller: an empty key or one over [`MAX_KEY_BYTES`].
    #[error("a key of {bytes} bytes: keys have 1 to {MAX_KEY_BYTES}")]
    KeyLength {
        /// Its length.
        bytes: usize,
    },
    /// Caller: a batch over [`MAX_BATCH_BYTES`].
    #[error("a batch of {bytes} bytes exceeds {MAX_BATCH_BYTES}: commit it in parts")]
    BatchTooLarge {
        /// Its size.
        bytes: usize,
    },
    /// World: no room. Nothing of the batch counts; everything acknowledged before is safe. Retry after freeing space.
    #[error("the disk of {} is full: free some space; what was acknowledged is safe and writing resumes by itself", path.display())]
    Full {
        /// The store's folder.
        path: PathBuf,
    },
    /// World: another process has this store open.
    #[error("{} is in use by another process{}: stop that one, or use another home", path.display(), holder.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    Locked {
        /// The store's folder.
        path: PathBuf,
        /// The process, where it could be read.
        holder: Option<u32>,
    },
    /// World: written by a newer version of this program.
    #[error("{} was written by a newer version (format {found}, this one reads up to {known}): update this program", path.display())]
    TooNew {
        /// The store's folder.
        path: PathBuf,
        /// Its format version.
        found: u32,
        /// The newest that this build reads.
        known: u32,
    },
    /// World: stored bytes are not what was written, and no way to repair them was left.
    #[error("{} is damaged ({what}); the damaged files are kept in {}: restore a backup into an empty home", path.display(), quarantine.display())]
    Corrupt {
        /// The store's folder.
        path: PathBuf,
        /// What was found.
        what: String,
        /// Where the damaged files were moved to, or the store's folder if they were left.
        quarantine: PathBuf,
    },
    /// World: a record whose checksum is wrong, found while reading.
    #[error("a record is damaged (key {key}): reopen the store, which repairs what it can")]
    Record {
        /// The key in hexadecimal, at most 32 digits of it.
        key: String,
    },
    /// World: an earlier commit failed, so the disk may hold less than memory shows. Reopen before writing again.
    #[error("an earlier write failed: reopen the store before writing again")]
    Poisoned,
    /// World: the batch followed one that failed, and was made for a store that holds it. Nothing of it counts.
    #[error("a write that this one followed has failed: make it anew on what is stored now")]
    Overtaken,
    /// World: any other fault of the disk.
    #[error("{doing} {}: {source}: check the disk and its permissions", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl StoreError {
    /// Sorts a system error into full disk and everything else.
    pub(crate) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded, io::ErrorKind::FileTooLarge];
        if full.contains(&source.kind()) {
            return Self::Full { path: path.to_owned() };
        }
        Self::Io { doing, path: path.to_owned(), source }
    }
}
