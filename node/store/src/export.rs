//! The logical copy of a store: all records in order of key, for backups and as the last resort of repair.
//!
//! ```text
//!   "halloo-export 1\n" | commits 8 | n x { key length 2, value length 4, key, value } | 0xFFFF | n 8 | crc32 4 of everything before
//! ```
//!
//! Little endian; `commits` says how many commits the store had seen. A copy without its tail is no copy: it was being written when something stopped it.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;

use crate::batch::{Batch, MAX_BATCH_BYTES, MAX_KEY_BYTES, MAX_VALUE_BYTES};
use crate::error::StoreError;
use crate::files;
use crate::store::{BackupReport, Record};

const MAGIC: &[u8; 16] = b"halloo-export 1\n";
const END: u16 = 0xFFFF;
/// Records read from the store at a time.
const STEP: usize = 1_000;
/// A restored batch is committed when it reaches this, bytes.
const RESTORE_BYTES: usize = MAX_BATCH_BYTES / 16;

/// What [`read`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// Records handed out.
    pub records: u64,
    /// Commits that the store had seen when the copy was made.
    pub commits: u64,
}

/// Writes the copy: `page` gives the next records after a key.
pub(crate) fn write(
    path: &Path,
    commits: u64,
    mut page: impl FnMut(Option<&[u8]>, usize) -> Result<Vec<Record>, StoreError>,
) -> Result<BackupReport, StoreError> {
    files::replace(path, |file| {
        let mut out = Summed { inner: BufWriter::new(file), crc: crc32fast::Hasher::new(), bytes: 0 };
        let io = |e| StoreError::io("writing", path, e);
        out.put(MAGIC).map_err(io)?;
        out.put(&commits.to_le_bytes()).map_err(io)?;
        let mut records: u64 = 0;
        let mut after: Option<Vec<u8>> = None;
        loop {
            let found = page(after.as_deref(), STEP)?;
            let Some((last, _)) = found.last() else { break };
            after = Some(last.clone());
            for (key, value) in &found {
                out.put(&(key.len() as u16).to_le_bytes()).map_err(io)?;
                out.put(&(value.len() as u32).to_le_bytes()).map_err(io)?;
                out.put(key).map_err(io)?;
                out.put(value).map_err(io)?;
                records += 1;
            }
        }
        out.put(&END.to_le_bytes()).map_err(io)?;
        out.put(&records.to_le_bytes()).map_err(io)?;
        let crc = out.crc.clone().finalize();
        out.put(&crc.to_le_bytes()).map_err(io)?;
        out.inner.flush().map_err(io)?;
        Ok(BackupReport { records, bytes: out.bytes })
    })
}

/// Reads a copy twice: once to see that it is whole, once to hand out its records in batches.
pub fn read(
    path: &Path,
    mut commit: impl FnMut(Batch) -> Result<(), StoreError>,
) -> Result<Copied, StoreError> {
    verify(path)?;
    let mut batch = Batch::new();
    let copied = walk(path, |key, value| {
        batch.put(key, value);
        if batch.bytes() >= RESTORE_BYTES { commit(std::mem::take(&mut batch)) } else { Ok(()) }
    })?;
    if !batch.is_empty() {
        commit(batch)?;
    }
    Ok(copied)
}

/// Reads a copy to its end and checks it.
pub fn verify(path: &Path) -> Result<Copied, StoreError> {
    walk(path, |_, _| Ok(()))
}

fn walk(
    path: &Path,
    mut each: impl FnMut(Vec<u8>, Vec<u8>) -> Result<(), StoreError>,
) -> Result<Copied, StoreError> {
    let file = File::open(path).map_err(|e| StoreError::io("opening", path, e))?;
    let mut from = Summed { inner: BufReader::new(file), crc: crc32fast::Hasher::new(), bytes: 0 };
    let broken = || StoreError::Corrupt {
        path: path.to_owned(),
        what: "not a whole copy of a store".to_owned(),
        quarantine: path.to_owned(),
    };
    let ended = |_| broken();
    if from.array::<16>().map_err(ended)? != *MAGIC {
        return Err(broken());
    }
    let commits = u64::from_le_bytes(from.array().map_err(ended)?);
    let mut records: u64 = 0;
    loop {
        let key_len = u16::from_le_bytes(from.array().map_err(ended)?);
        if key_len == END {
            break;
        }
        let value_len = u32::from_le_bytes(from.array().map_err(ended)?) as usize;
        if usize::from(key_len) > MAX_KEY_BYTES || value_len > MAX_VALUE_BYTES {
            return Err(broken());
        }
        let key = from.vec(usize::from(key_len)).map_err(ended)?;
        let value = from.vec(value_len).map_err(ended)?;
        each(key, value)?;
        records += 1;
    }
    let count = u64::from_le_bytes(from.array().map_err(ended)?);
    let crc = from.crc.clone().finalize();
    let whole = count == records && u32::from_le_bytes(from.array().map_err(ended)?) == crc;
    if whole { Ok(Copied { records, commits }) } else { Err(broken()) }
}

/// Counts and sums what goes through.
struct Summed<T> {
    inner: T,
    crc: crc32fast::Hasher,
    bytes: u64,
}

impl<T: Write> Summed<T> {
    fn put(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.crc.update(bytes);
        self.bytes += bytes.len() as u64;
        self.inner.write_all(bytes)
    }
}

impl<T: Read> Summed<T> {
    fn array<const N: usize>(&mut self) -> std::io::Result<[u8; N]> {
        let mut out = [0; N];
        self.inner.read_exact(&mut out)?;
        self.crc.update(&out);
        Ok(out)
    }

    fn vec(&mut self, len: usize) -> std::io::Result<Vec<u8>> {
        let mut out = vec![0; len];
        self.inner.read_exact(&mut out)?;
        self.crc.update(&out);
        Ok(out)
    }
}
