//! Sealing values, splitting the large ones, and putting them together again: what lies in one store, by one key.

use super::{Job, Loaded, StorageError};
use crate::vault::DataKey;
use halloo_crypto::id::GroupId;
use halloo_store::batch::Batch as StoreBatch;
use halloo_store::store::Store;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Bytes of one piece, one below the record limit for the leading byte.
pub(super) const PIECE: usize = halloo_store::batch::MAX_VALUE_BYTES - 1;
/// The tables that hold values: of the groups, and the node's own notes; in order of key. Pieces follow their values.
pub(super) const TABLES: [u8; 2] = [GROUPS, LOCAL];

const GROUPS: u8 = b'g';
const LOCAL: u8 = b'l';
const PIECES: u8 = b'p';

const WHOLE: u8 = 0;
const SPLIT: u8 = 1;

/// How the values of one store are sealed and split.
pub(super) struct Sealed {
    key: Arc<DataKey>,
    /// How many pieces each split value has now, so that the old ones go when it changes.
    pieces: BTreeMap<Vec<u8>, u16>,
}

impl Sealed {
    pub(super) fn by(key: Arc<DataKey>) -> Self {
        Sealed { key, pieces: BTreeMap::new() }
    }

    /// The number of the key.
    pub(super) fn key(&self) -> u8 {
        self.key.number()
    }

    /// Reads everything.
    pub(super) fn load(&mut self, store: &dyn Store) -> Result<Loaded, StorageError> {
        let mut loaded = Loaded::default();
        for (key, record) in store.range(&[GROUPS])? {
            let (Some(group), Some(name)) = (key.get(1..33), key.get(33..)) else {
                return Err(StorageError::Pieces("a key is too short"));
            };
            let group = GroupId::from_bytes(group.try_into().expect("the slice has 32 bytes"));
            let plain = self.open(store, &key, &record)?;
            loaded.groups.entry(group).or_default().pairs.insert(name.to_vec(), plain);
        }
        for (key, record) in store.range(&[LOCAL])? {
            let plain = self.open(store, &key, &record)?;
            loaded.local.insert(key[1..].to_vec(), plain);
        }
        Ok(loaded)
    }

    /// Opens the value behind a record.
    pub(super) fn open(
        &mut self,
        store: &dyn Store,
        key: &[u8],
        record: &[u8],
    ) -> Result<Vec<u8>, StorageError> {
        if key.first() == Some(&LOCAL) {
            return Ok(self.key.open(key, record)?);
        }
        let value = self.whole(store, key, record)?;
        Ok(self.key.open(key, &value)?)
    }

    /// The sealed value behind a record, put together from its pieces where it was split.
    fn whole(&mut self, store: &dyn Store, key: &[u8], record: &[u8]) -> Result<Vec<u8>, StorageError> {
        match record.split_first() {
            Some((&WHOLE, value)) => Ok(value.to_vec()),
            Some((&SPLIT, count)) => {
                let count =
                    u16::from_be_bytes(count.try_into().map_err(|_| StorageError::Pieces("a count is cut"))?);
                self.pieces.insert(key.to_vec(), count);
                let mut value = Vec::with_capacity(usize::from(count) * PIECE);
                for n in 0..count {
                    let piece = store.get(&piece_key(key, n))?;
                    value.extend(piece.ok_or(StorageError::Pieces("a piece is missing"))?);
                }
                Ok(value)
            }
            _ => Err(StorageError::Pieces("a record has no kind")),
        }
    }

    /// Adds the changes of a job to a batch, and their keys to the list of what changed.
    pub(super) fn add(
        &mut self,
        batch: &mut StoreBatch,
        job: &Job,
        changed: &mut Vec<Vec<u8>>,
    ) -> Result<(), StorageError> {
        match job {
            Job::Group(group, changes) => {
                let keyed = |name: &[u8]| [&[GROUPS], group.as_bytes().as_slice(), name].concat();
                for (name, value) in &changes.puts {
                    changed.push(keyed(name));
                    self.put(batch, keyed(name), value)?;
                }
                for name in &changes.dels {
                    changed.push(keyed(name));
                    self.del(batch, keyed(name));
                }
            }
            Job::Local(name, value) => {
                let key = [&[LOCAL], name.as_slice()].concat();
                changed.push(key.clone());
                match value {
                    Some(value) => self.put(batch, key, value)?,
                    None => self.del(batch, key),
                }
            }
            Job::Rotate => {}
        }
        Ok(())
    }

    /// Seals a value and adds it to a batch.
    pub(super) fn put(
        &mut self,
        batch: &mut StoreBatch,
        key: Vec<u8>,
        plain: &[u8],
    ) -> Result<(), StorageError> {
        let sealed = self.key.seal(&key, plain)?;
        if key.first() == Some(&LOCAL) {
            batch.put(key, sealed);
            return Ok(());
        }
        if sealed.len() <= PIECE {
            self.forget_pieces(batch, &key, 0);
            batch.put(key, [&[WHOLE], sealed.as_slice()].concat());
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

    /// Adds the removal of a value to a batch.
    pub(super) fn del(&mut self, batch: &mut StoreBatch, key: Vec<u8>) {
        self.forget_pieces(batch, &key, 0);
        batch.del(key);
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
    [&[PIECES], &key[1..], n.to_be_bytes().as_slice()].concat()
}
