//! An engine in memory that fails on demand: for tests, and for simulations that cut the power.
//!
//! It stands for a log on a disk: every commit is one frame with length and checksum, what a crash leaves is a prefix of the log,
//! cut wherever the fault says, and opening replays the whole frames and drops the torn tail. What is whole is kept as records
//! only, as a compacted log would be: thousands of simulated devices share one memory.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::batch::{Batch, Write};
use crate::error::StoreError;
use crate::export;
use crate::store::{self, BackupReport, CheckReport, Record, Store};

/// What the next commit meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The disk is full: the commit fails, nothing of it counts, the next one is free to succeed.
    Full,
    /// The power goes before anything of the commit is durable.
    CrashBeforeDurable,
    /// The power goes when this many bytes of the commit's frame reached the disk (at most all but one).
    TornWrite {
        /// Bytes that reached the disk.
        bytes: usize,
    },
    /// The power goes after the commit is durable, before anybody is told.
    CrashAfterDurable,
}

#[derive(Debug, Default)]
struct Disk {
    /// The records of all whole frames.
    map: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What a power cut left of the frame after them.
    tail: Vec<u8>,
    next: Option<Fault>,
    crashed: bool,
}

/// The engine.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Disk>);

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// The store that a machine finds on a disk with these bytes: whole frames count, a torn tail does not.
    pub fn from_disk(bytes: &[u8]) -> Self {
        let mut map = BTreeMap::new();
        let mut whole = 0;
        while let Some((writes, len)) = unframe(&bytes[whole..]) {
            apply(&mut map, &writes);
            whole += len;
        }
        Self(Mutex::new(Disk { map, ..Disk::default() }))
    }

    /// What is on the disk now, compacted: for [`Self::from_disk`] after a crash.
    pub fn disk(&self) -> Vec<u8> {
        let disk = self.disk_now();
        let records = disk.map.iter().flat_map(|(key, value)| {
            let mut batch = Batch::new();
            batch.put(key.clone(), value.clone());
            frame(&batch)
        });
        let mut bytes: Vec<u8> = records.collect();
        bytes.extend_from_slice(&disk.tail);
        bytes
    }

    /// Lets the next commit meet a fault.
    pub fn fail_next(&self, fault: Fault) {
        self.disk_now().next = Some(fault);
    }

    fn disk_now(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn alive(&self) -> Result<MutexGuard<'_, Disk>, StoreError> {
        let disk = self.disk_now();
        if disk.crashed { Err(StoreError::Poisoned) } else { Ok(disk) }
    }
}

impl Store for MemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.alive()?.map.get(key).cloned())
    }

    fn page(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Record>, StoreError> {
        let disk = self.alive()?;
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let records = disk.map.range::<[u8], _>((from, Bound::Unbounded));
        let under = records.take_while(|(key, _)| key.starts_with(prefix));
        Ok(under.take(limit).map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        store::check(batch)?;
        let mut disk = self.alive()?;
        let Some(fault) = disk.next.take() else {
            apply(&mut disk.map, batch.writes());
            return Ok(());
        };
        let frame = frame(batch);
        let cut = match fault {
            Fault::Full => return Err(StoreError::Full { path: Path::new("memory").to_owned() }),
            Fault::CrashBeforeDurable => 0,
            Fault::TornWrite { bytes } => bytes.min(frame.len() - 1),
            Fault::CrashAfterDurable => frame.len(),
        };
        disk.tail = frame[..cut].to_vec();
        disk.crashed = true;
        Err(StoreError::Poisoned)
    }

    fn check(&self) -> Result<CheckReport, StoreError> {
        let disk = self.alive()?;
        let bytes = disk.map.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum();
        Ok(CheckReport { records: disk.map.len() as u64, bytes, damaged: Vec::new() })
    }

    fn backup_to(&self, file: &Path) -> Result<BackupReport, StoreError> {
        export::write(file, 0, |after, limit| self.page(&[], after, limit))
    }
}

fn apply(map: &mut BTreeMap<Vec<u8>, Vec<u8>>, writes: &[(Vec<u8>, Write)]) {
    for (key, write) in writes {
        match write {
            Write::Put(value) => map.insert(key.clone(), value.clone()),
            Write::Del => map.remove(key),
        };
    }
}

/// ```text
///   length 4 (of the rest) | crc32 4 | n x { 0 del | 1 put, key length 2, value length 4, key, value }
/// ```
fn frame(batch: &Batch) -> Vec<u8> {
    let mut body = Vec::new();
    for (key, write) in batch.writes() {
        let (tag, value): (u8, &[u8]) = match write {
            Write::Del => (0, &[]),
            Write::Put(value) => (1, value),
        };
        body.push(tag);
        body.extend_from_slice(&(key.len() as u16).to_le_bytes());
        body.extend_from_slice(&(value.len() as u32).to_le_bytes());
        body.extend_from_slice(key);
        body.extend_from_slice(value);
    }
    let mut out = Vec::with_capacity(8 + body.len());
    out.extend_from_slice(&(body.len() as u32).to_le_bytes());
    out.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
    out.extend_from_slice(&body);
    out
}

type Writes = Vec<(Vec<u8>, Write)>;

/// The first whole frame and its length.
fn unframe(bytes: &[u8]) -> Option<(Writes, usize)> {
    let (&[a, b, c, d, e, f, g, h], rest) = bytes.split_first_chunk::<8>()?;
    let len = u32::from_le_bytes([a, b, c, d]) as usize;
    let mut body = rest.get(..len)?;
    if crc32fast::hash(body) != u32::from_le_bytes([e, f, g, h]) {
        return None;
    }
    let mut writes = Vec::new();
    while let Some((&[tag, k0, k1, v0, v1, v2, v3], tail)) = body.split_first_chunk::<7>() {
        let (key, tail) = tail.split_at_checked(usize::from(u16::from_le_bytes([k0, k1])))?;
        let (value, tail) = tail.split_at_checked(u32::from_le_bytes([v0, v1, v2, v3]) as usize)?;
        let write = if tag == 1 { Write::Put(value.to_vec()) } else { Write::Del };
        writes.push((key.to_vec(), write));
        body = tail;
    }
    body.is_empty().then_some((writes, 8 + len))
}

#[cfg(test)]
mod tests;
