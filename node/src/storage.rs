//! The disk of a node: batches of all engines go to one writer thread, sealed and split, and are confirmed when durable.
//!
//! ```text
//! store key                                  value
//! 'g' group id (32)  engine key              0x00, sealed value         up to one record
//! 'g' group id (32)  engine key              0x01, pieces (u16 BE)      larger: the pieces lie at
//! 'p' group id (32)  engine key  n (u16 BE)  piece n of the sealed value
//! 'l' local key                              sealed value               the node's own notes
//! ```
//! A value is sealed as a whole for its place (its store key) before it is split. Jobs that wait while the disk works are
//! committed together with the next sync. A full disk loses nothing: the batch is tried again every second until there is
//! room, whoever waits for an answer is told so, and nothing is confirmed before it is durable.

use crate::door::DoorError;
use crate::vault::{Vault, VaultError};
use halloo_crypto::id::GroupId;
use halloo_engine::output::{Batch, WriteId};
use halloo_engine::snapshot::Snapshot;
use halloo_store::batch::Batch as StoreBatch;
use halloo_store::error::StoreError;
use halloo_store::sled_store::SledStore;
use halloo_store::store::Store;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Jobs that may wait for the disk; then the driver waits too.
const JOBS_MAX: usize = 256;
/// Events that may wait for the driver.
const EVENTS_MAX: usize = 1024;
/// Jobs committed with one sync.
const JOBS_PER_SYNC: usize = 64;
/// Bytes committed with one sync, so that a batch of batches stays below the store's own limit.
const BYTES_PER_SYNC: usize = 8 * 1024 * 1024;
/// Bytes of one piece, one below the record limit for the leading byte.
const PIECE: usize = halloo_store::batch::MAX_VALUE_BYTES - 1;
/// How long a full or failing disk is left alone before the next try.
const PAUSE: Duration = Duration::from_secs(1);

const WHOLE: u8 = 0;
const SPLIT: u8 = 1;

/// What the disk tells the driver.
#[derive(Debug)]
pub enum StorageEvent {
    /// The batch of this group is durable.
    Written(GroupId, WriteId),
    /// The disk takes nothing at the moment; it is tried again by itself.
    Stuck(DoorError),
}

/// What lay on the disk at the start.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The state of each group.
    pub groups: BTreeMap<GroupId, Snapshot>,
    /// The node's own notes.
    pub local: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What the store repaired while it was opened, in words.
    pub repaired: Vec<String>,
}

/// Why the disk cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A value does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A value that was split is not whole.
    #[error("a stored value is not whole ({0}); restore the last backup of this home")]
    Pieces(&'static str),
}

enum Job {
    Group(GroupId, Batch),
    Local(Vec<u8>, Option<Vec<u8>>),
}

/// The handle of the writer thread.
pub struct Storage {
    jobs: Option<mpsc::Sender<Job>>,
    events: mpsc::Receiver<StorageEvent>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Storage {
    /// Opens the store of a home, reads everything, and starts the writer.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn open(path: &Path, vault: Arc<Vault>) -> Result<(Self, Loaded), StorageError> {
        let (store, opened) = SledStore::open(path)?;
        let mut sealed = Sealed { vault, pieces: BTreeMap::new() };
        let mut loaded = sealed.load(&store)?;
        loaded.repaired = opened.repaired;
        let (jobs, queue) = mpsc::channel(JOBS_MAX);
        let (tell, events) = mpsc::channel(EVENTS_MAX);
        let writer = Writer { store: Some(store), path: path.to_path_buf(), sealed, queue, tell };
        let thread = std::thread::Builder::new()
            .name("halloo-disk".into())
            .spawn(move || writer.run())
            .map_err(|error| StoreError::Io {
                doing: "starting the writer of",
                path: path.to_path_buf(),
                source: error,
            })?;
        Ok((Storage { jobs: Some(jobs), events, thread: Some(thread) }, loaded))
    }

    /// Asks for a batch of a group to be made durable.
    pub async fn write(&self, group: GroupId, batch: Batch) {
        self.put(Job::Group(group, batch)).await;
    }

    /// Sets or removes a note of the node itself; not confirmed.
    pub async fn put_local(&self, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.put(Job::Local(key, value)).await;
    }

    async fn put(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            // The writer ends only after this handle: a closed queue means that the process is going down.
            let _ending = jobs.send(job).await;
        }
    }

    /// The next event; `None` when the writer has ended.
    pub async fn next(&mut self) -> Option<StorageEvent> {
        self.events.recv().await
    }

    /// Waits until everything asked for is on the disk, then ends the writer.
    pub async fn close(mut self) {
        self.jobs = None;
        self.events.close();
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has said so on stderr; there is nothing left to wait for.
            let _ended = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

/// The store key of the addresses at which a peer was last seen.
pub fn address_key(peer: &[u8; 32]) -> Vec<u8> {
    [b"a", peer.as_slice()].concat()
}

/// The store key of a group's note: with whom, if it is a conversation of two.
pub fn group_key(group: &GroupId) -> Vec<u8> {
    [b"n", group.as_bytes().as_slice()].concat()
}

struct Writer {
    store: Option<SledStore>,
    path: PathBuf,
    sealed: Sealed,
    queue: mpsc::Receiver<Job>,
    tell: mpsc::Sender<StorageEvent>,
}

impl Writer {
    fn run(mut self) {
        while let Some(first) = self.queue.blocking_recv() {
            let mut batch = StoreBatch::new();
            let mut written = Vec::new();
            let mut next = Some(first);
            while let Some(job) = next {
                match self.sealed.add(&mut batch, &job) {
                    Ok(()) => written.extend(job.id()),
                    Err(error) => self.stuck(&error),
                }
                let more = written.len() < JOBS_PER_SYNC && batch.bytes() < BYTES_PER_SYNC;
                next = if more { self.queue.try_recv().ok() } else { None };
            }
            self.commit(&batch);
            for (group, id) in written {
                // The driver has gone: nobody waits for the confirmation any more.
                let _gone = self.tell.blocking_send(StorageEvent::Written(group, id));
            }
        }
    }

    /// Commits, trying again for as long as the process lives; gives up only when the driver is gone.
    fn commit(&mut self, batch: &StoreBatch) {
        loop {
            let outcome = match self.store.take() {
                None => SledStore::open(&self.path).map(|(store, _)| store),
                Some(store) => Ok(store),
            };
            let outcome = outcome.and_then(|store| {
                let committed = store.commit(batch);
                // After anything but a full disk the store is opened again, which repairs what it can.
                if matches!(committed, Ok(()) | Err(StoreError::Full { .. })) {
                    self.store = Some(store);
                }
                committed
            });
            let Err(error) = outcome else { return };
            self.stuck(&error);
            if self.tell.is_closed() {
                return;
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn stuck(&self, error: &dyn std::fmt::Display) {
        let text = error.to_string();
        let (what, next) = text.split_once(": ").unwrap_or((text.as_str(), "check the disk"));
        let _gone = self.tell.blocking_send(StorageEvent::Stuck(DoorError::new("disk", what, next)));
    }
}

impl Job {
    fn id(&self) -> Option<(GroupId, WriteId)> {
        match self {
            Job::Group(group, batch) => Some((*group, batch.id)),
            Job::Local(..) => None,
        }
    }
}

/// Sealing, splitting and putting together.
struct Sealed {
    vault: Arc<Vault>,
    /// How many pieces each split value has now, so that the old ones go when it changes.
    pieces: BTreeMap<Vec<u8>, u16>,
}

impl Sealed {
    fn load(&mut self, store: &dyn Store) -> Result<Loaded, StorageError> {
        let mut loaded = Loaded::default();
        for (key, record) in store.range(b"g")? {
            let (Some(group), Some(name)) = (key.get(1..33), key.get(33..)) else {
                return Err(StorageError::Pieces("a key is too short"));
            };
            let group = GroupId::from_bytes(group.try_into().expect("the slice has 32 bytes"));
            let value = self.whole(store, &key, &record)?;
            let plain = self.vault.open_value(&key, &value)?;
            loaded.groups.entry(group).or_default().pairs.insert(name.to_vec(), plain);
        }
        for (key, record) in store.range(b"l")? {
            let plain = self.vault.open_value(&key, &record)?;
            loaded.local.insert(key[1..].to_vec(), plain);
        }
        Ok(loaded)
    }

    /// The sealed value behind a record, put together from its pieces where it was split.
    fn whole(&mut self, store: &dyn Store, key: &[u8], record: &[u8]) -> Result<Vec<u8>, StorageError> {
        match record.split_first() {
            Some((&WHOLE, value)) => Ok(value.to_vec()),
            Some((&SPLIT, count)) => {
                let count =
                    u16::from_be_bytes(count.try_into().map_err(|_| StorageError::Pieces("a count is cut"))?);
                let mut value = Vec::with_capacity(usize::from(count) * PIECE);
                for n in 0..count {
                    let piece = store.get(&piece_key(key, n))?;
                    value.extend(piece.ok_or(StorageError::Pieces("a piece is missing"))?);
                }
                self.pieces.insert(key.to_vec(), count);
                Ok(value)
            }
            _ => Err(StorageError::Pieces("a record has no kind")),
        }
    }

    fn add(&mut self, batch: &mut StoreBatch, job: &Job) -> Result<(), StorageError> {
        match job {
            Job::Group(group, changes) => {
                for (name, value) in &changes.puts {
                    let key = [b"g", group.as_bytes().as_slice(), name].concat();
                    let sealed = self.vault.seal(&key, value)?;
                    self.put(batch, key, &sealed)?;
                }
                for name in &changes.dels {
                    let key = [b"g", group.as_bytes().as_slice(), name].concat();
                    self.forget_pieces(batch, &key, 0);
                    batch.del(key);
                }
            }
            Job::Local(name, value) => {
                let key = [b"l", name.as_slice()].concat();
                match value {
                    Some(value) => batch.put(key.clone(), self.vault.seal(&key, value)?),
                    None => batch.del(key),
                };
            }
        }
        Ok(())
    }

    fn put(&mut self, batch: &mut StoreBatch, key: Vec<u8>, sealed: &[u8]) -> Result<(), StorageError> {
        if sealed.len() <= PIECE {
            self.forget_pieces(batch, &key, 0);
            batch.put(key, [&[WHOLE], sealed].concat());
            return Ok(());
        }
        let count = u16::try_from(sealed.chunks(PIECE).len())
            .map_err(|_| StorageError::Pieces("a value is over 4 GB"))?;
        for (n, piece) in (0..count).zip(sealed.chunks(PIECE)) {
            batch.put(piece_key(&key, n), piece);
        }
        self.forget_pieces(batch, &key, count);
        batch.put(key.clone(), [&[SPLIT], count.to_be_bytes().as_slice()].concat());
        self.pieces.insert(key, count);
        Ok(())
    }

    /// Deletes the pieces that an earlier, longer value of this key left, from number `from` on.
    fn forget_pieces(&mut self, batch: &mut StoreBatch, key: &[u8], from: u16) {
        if let Some(count) = self.pieces.remove(key) {
            for n in from..count {
                batch.del(piece_key(key, n));
            }
        }
    }
}

fn piece_key(key: &[u8], n: u16) -> Vec<u8> {
    [b"p", &key[1..], n.to_be_bytes().as_slice()].concat()
}

#[cfg(test)]
mod tests;
