//! The store of a home, and beside it, while a rotation runs, the one that takes its place.
//!
//! | moment | vault | counts | a crash here leaves |
//! |---|---|---|---|
//! | no rotation | one key | its store | that |
//! | begun | both keys | the old store | both keys; the next start goes on |
//! | every step | both keys | the old store | a part of the new store, compared and gone on with |
//! | finished | the new key | the new store | perhaps the old folder: removed at the next start, no key opens it |

use super::folders::Folders;
use super::rotation::{Progress, Rotation};
use super::sealed::Sealed;
use super::{Job, Loaded, StorageError};
use crate::vault::Vault;
use halloo_store::batch::Batch as StoreBatch;
use halloo_store::error::StoreError;
use halloo_store::store::Store as _;
use std::sync::Arc;

/// What came of a step of a rotation.
#[derive(Debug)]
pub(super) enum Turned {
    /// No rotation runs.
    Nothing,
    /// It runs.
    Going(Progress),
    /// Both stores hold the same: [`Shelves::finish`] is next, before anything else is written.
    Complete,
}

/// What a finished rotation did.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) key: u8,
    pub(super) values: u64,
    /// Why the old folder is still there; the next start removes it.
    pub(super) left: Option<StoreError>,
}

pub(super) struct Shelves<F: Folders> {
    folders: F,
    vault: Arc<Vault>,
    /// `None` after a failed commit, until the next opens it again.
    store: Option<F::Store>,
    sealed: Sealed,
    rotation: Option<Rotation<F::Store>>,
}

impl<F: Folders> Shelves<F> {
    /// Opens the store that the vault's key belongs to and reads it. What a finished rotation left behind is removed.
    pub(super) fn open(folders: F, vault: Arc<Vault>) -> Result<(Self, Loaded), StorageError> {
        let key = vault.current();
        let before = vault.before();
        if before > 0 && folders.is_there(before) {
            if !folders.is_there(key.number()) {
                return Err(StorageError::Parts);
            }
            folders.remove_closed(before)?;
        }
        let (store, repaired) = folders.open(key.number())?;
        let mut sealed = Sealed::by(key);
        let mut loaded = sealed.load(&store)?;
        loaded.repaired = repaired;
        Ok((Shelves { folders, vault, store: Some(store), sealed, rotation: None }, loaded))
    }

    /// Adds the changes of a job to a batch, sealed, and the keys that it changes to the list.
    pub(super) fn add(
        &mut self,
        batch: &mut StoreBatch,
        job: &Job,
        changed: &mut Vec<Vec<u8>>,
    ) -> Result<(), StorageError> {
        self.sealed.add(batch, job, changed)
    }

    /// Makes a batch durable in the store that counts. After anything but a full disk the store is opened again by the next
    /// try, which repairs what it can.
    pub(super) fn commit(&mut self, batch: &StoreBatch) -> Result<(), StoreError> {
        let store = match self.store.take() {
            None => self.folders.open(self.sealed.key())?.0,
            Some(store) => store,
        };
        let committed = store.commit(batch);
        if matches!(committed, Ok(()) | Err(StoreError::Full { .. })) {
            self.store = Some(store);
        }
        committed
    }

    /// Begins the rotation that the vault has begun, or goes on with it.
    pub(super) fn rotate(&mut self) -> Result<(), StorageError> {
        let Some(next) = self.vault.next() else { return Ok(()) };
        if self.rotation.is_none() {
            let opened = match self.folders.open(next.number()) {
                // It holds copies only: what cannot be repaired is made anew.
                Err(StoreError::Corrupt { .. }) => {
                    self.folders.remove_closed(next.number())?;
                    self.folders.open(next.number())
                }
                opened => opened,
            };
            self.rotation = Some(Rotation::new(opened?.0, next));
        }
        Ok(())
    }

    /// Whether a rotation runs.
    pub(super) fn is_rotating(&self) -> bool {
        self.rotation.is_some()
    }

    /// One step of the running rotation, which carries over what has just changed. After an error it has stopped; what it wrote
    /// stays for the next try, unless the disk is full: then the room is given back.
    pub(super) fn turn(&mut self, changed: &[Vec<u8>]) -> Result<Turned, StorageError> {
        let (Some(mut rotation), Some(store)) = (self.rotation.take(), self.store.as_ref()) else {
            return Ok(Turned::Nothing);
        };
        match rotation.step(store, &mut self.sealed, changed) {
            Ok(complete) => {
                let progress = rotation.progress();
                self.rotation = Some(rotation);
                Ok(if complete { Turned::Complete } else { Turned::Going(progress) })
            }
            Err(error) => {
                if matches!(error, StorageError::Store(StoreError::Full { .. })) {
                    self.folders.remove(rotation.into_parts().0)?;
                }
                Err(error)
            }
        }
    }

    /// Puts the new store in the place of the old one: the vault first, then the old folder goes. After an error nothing may be
    /// acknowledged until it was repeated with success.
    pub(super) fn finish(&mut self) -> Result<Option<Finished>, StorageError> {
        if self.rotation.is_none() {
            return Ok(None);
        }
        self.vault.finish_rotation()?;
        let Some(rotation) = self.rotation.take() else { return Ok(None) };
        let values = rotation.progress().done;
        let (store, sealed) = rotation.into_parts();
        let key = sealed.key();
        self.sealed = sealed;
        let old = self.store.replace(store);
        let left = old.and_then(|old| self.folders.remove(old).err());
        Ok(Some(Finished { key, values, left }))
    }
}

#[cfg(test)]
mod tests;
