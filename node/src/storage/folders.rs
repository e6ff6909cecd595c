//! Where the stores of a home lie: one folder for each data key, of which two are there while a rotation runs.

use crate::home::Home;
use halloo_store::error::StoreError;
use halloo_store::sled_store::SledStore;
use halloo_store::store::Store;

/// The stores of a home by the number of the key that seals them; the tests have some in memory.
pub(super) trait Folders {
    /// A store.
    type Store: Store;

    /// Opens the store of a key, or makes it; with what was repaired in it, in words.
    fn open(&self, key: u8) -> Result<(Self::Store, Vec<String>), StoreError>;

    /// Whether there is a store of this key.
    fn is_there(&self, key: u8) -> bool;

    /// Closes a store and removes it with everything in it, durably.
    fn remove(&self, store: Self::Store) -> Result<(), StoreError>;

    /// Removes the store of a key that is not open.
    fn remove_closed(&self, key: u8) -> Result<(), StoreError>;
}

impl Folders for Home {
    type Store = SledStore;

    fn open(&self, key: u8) -> Result<(SledStore, Vec<String>), StoreError> {
        let (store, opened) = SledStore::open(&self.store(key))?;
        Ok((store, opened.repaired))
    }

    fn is_there(&self, key: u8) -> bool {
        self.store(key).exists()
    }

    fn remove(&self, store: SledStore) -> Result<(), StoreError> {
        store.remove()
    }

    fn remove_closed(&self, key: u8) -> Result<(), StoreError> {
        SledStore::remove_closed(&self.store(key))
    }
}
