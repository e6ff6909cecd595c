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
//!
//! Everything in one store is sealed by one key. Between two batches a rotation copies a part of it, sealed by the next key,
//! into a store of its own that takes its place in the end (`rotation`, `shelves`): what sled's log keeps of values that were
//! overwritten or deleted goes with the old folder.

mod folders;
mod rotation;
mod sealed;
mod shelves;
mod writer;

pub use rotation::Progress;

use crate::door::DoorError;
use crate::home::Home;
use crate::vault::{Vault, VaultError};
use halloo_crypto::id::{DeviceId, GroupId};
use halloo_engine::output::{Batch, WriteId};
use halloo_engine::snapshot::Snapshot;
use halloo_store::error::StoreError;
use shelves::Shelves;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc;
use writer::Writer;

/// Jobs that may wait for the disk; then the driver waits too.
const JOBS_MAX: usize = 256;
/// Events that may wait for the driver.
const EVENTS_MAX: usize = 1024;
/// What the disk tells the driver.
#[derive(Debug)]
pub enum StorageEvent {
    /// The batch of this group is durable.
    Written(GroupId, WriteId),
    /// The disk takes nothing at the moment; it is tried again by itself.
    Stuck(DoorError),
    /// A rotation has come this far.
    Rotating(Progress),
    /// A rotation is through: the old key is gone.
    Rotated(Rotated),
    /// A rotation stopped where it was; asked again, or at the next start, it goes on.
    RotationStopped(DoorError),
}

/// What a rotation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// The number of the key that seals everything now.
    pub key: u8,
    /// Values sealed anew.
    pub values: u64,
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
    /// The vault file and the store folders are of different backups.
    #[error(
        "the store that the keys of this home belong to is not there, but an older one is; put the files of one backup back together"
    )]
    Parts,
}

enum Job {
    Group(GroupId, Batch),
    Local(Vec<u8>, Option<Vec<u8>>),
    Rotate,
}

impl Job {
    fn id(&self) -> Option<(GroupId, WriteId)> {
        match self {
            Job::Group(group, batch) => Some((*group, batch.id)),
            Job::Local(..) | Job::Rotate => None,
        }
    }
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
    pub fn open(home: &Home, vault: Arc<Vault>) -> Result<(Self, Loaded), StorageError> {
        let (shelves, loaded) = Shelves::open(home.clone(), vault)?;
        let (jobs, queue) = mpsc::channel(JOBS_MAX);
        let (tell, events) = mpsc::channel(EVENTS_MAX);
        let writer = Writer { shelves, queue, tell, told: 0 };
        let thread = std::thread::Builder::new()
            .name("halloo-disk".into())
            .spawn(move || writer.run())
            .map_err(|error| StoreError::Io {
                doing: "starting the writer of",
                path: home.folder().to_path_buf(),
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

    /// Asks for everything to be sealed anew by the next key of the vault, which has begun a rotation.
    pub async fn rotate(&self) {
        self.put(Job::Rotate).await;
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

/// The store key of what a device of this person is called.
pub fn device_key(device: &DeviceId) -> Vec<u8> {
    [b"d", device.as_bytes().as_slice()].concat()
}

/// The store key of a group's note: with whom, if it is a conversation of two.
pub fn group_key(group: &GroupId) -> Vec<u8> {
    [b"n", group.as_bytes().as_slice()].concat()
}

#[cfg(test)]
mod tests;
