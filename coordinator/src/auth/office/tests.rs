//! The end of the audit log, where the store fails.

use super::*;
use crate::hall::{Known, closing};
use crate::world::World;
use halloo_crypto::id::CoordinatorId;
use halloo_store::batch::Batch;
use halloo_store::memory::{Fault, MemoryStore};
use halloo_store::store::{BackupReport, CheckReport, Record};
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// The time of the tests.
pub(in super::super) const NOW: u64 = 1_800_000_000_000;

/// The room on this store.
pub(in super::super) fn office(store: Arc<dyn Store>) -> Office {
    let (closer, closing) = closing();
    std::mem::forget(closer);
    let ticket_key = CoordinatorId([0; 32]);
    let known = Known { origin: None, lan: true, tls: false, proxies: Vec::new(), ticket_key };
    let hall = Hall::new(World::told(NOW, [1; 32]), store, closing, known).unwrap();
    let seed = || Secret::new([5; 32]);
    let secrets = Secrets { tickets: seed(), tokens: seed(), accounts: seed() };
    Office::open(&hall, &AuthConfig::default(), &secrets).unwrap()
}

/// A store that cannot be read for a while.
#[derive(Default)]
struct Dim {
    store: MemoryStore,
    is_dark: AtomicBool,
}

impl Dim {
    fn seen(&self) -> Result<&MemoryStore, StoreError> {
        if self.is_dark.load(Ordering::Acquire) { Err(StoreError::Poisoned) } else { Ok(&self.store) }
    }
}

impl Store for Dim {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.seen()?.get(key)
    }

    fn page(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Record>, StoreError> {
        self.seen()?.page(prefix, after, limit)
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        self.store.commit(batch)
    }

    fn check(&self) -> Result<CheckReport, StoreError> {
        self.store.check()
    }

    fn backup_to(&self, file: &Path) -> Result<BackupReport, StoreError> {
        self.store.backup_to(file)
    }
}

/// A store whose commits wait until they are let go.
struct Slow {
    store: MemoryStore,
    gate: std::sync::Mutex<std::sync::mpsc::Receiver<()>>,
}

impl Store for Slow {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.get(key)
    }

    fn page(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Record>, StoreError> {
        self.store.page(prefix, after, limit)
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        // A gate whose keeper is gone is open.
        let _opened = locked(&self.gate).recv();
        self.store.commit(batch)
    }

    fn check(&self) -> Result<CheckReport, StoreError> {
        self.store.check()
    }

    fn backup_to(&self, file: &Path) -> Result<BackupReport, StoreError> {
        self.store.backup_to(file)
    }
}

#[tokio::test]
async fn rows_that_were_queued_behind_a_write_that_failed_leave_no_gap() {
    let (open, gate) = std::sync::mpsc::sync_channel(1);
    let store = Arc::new(Slow { store: MemoryStore::default(), gate: gate.into() });
    let office = office(Arc::<Slow>::clone(&store));
    let queue = async |number: u8| {
        let Change { batch, events } = Book::refused([number; 16]);
        let turn = office.hall.turn().await;
        office.note(turn, batch, &events, Vec::new()).unwrap()
    };
    store.store.fail_next(Fault::Full);
    let mut queued = Vec::new();
    for number in 0..32 {
        queued.push(queue(number).await);
    }
    drop(open);
    let mut refused = 0;
    for commit in queued {
        refused += usize::from(commit.durable().await.is_err());
    }
    assert_eq!(refused, 32, "all stand on the first");
    queue(40).await.durable().await.unwrap();
    assert_eq!(audit::verify(&store.store).unwrap().rows, 1);
}

#[tokio::test]
async fn the_log_holds_together_after_a_write_failed_and_its_end_could_not_be_read() {
    let store = Arc::new(Dim::default());
    let office = office(Arc::<Dim>::clone(&store));
    let note = async || office.change(&[], |_| Ok((Book::refused([1; 16]), ()))).await;
    note().await.unwrap();
    store.store.fail_next(Fault::Full);
    note().await.unwrap_err();
    store.is_dark.store(true, Ordering::Release);
    note().await.unwrap_err();
    store.is_dark.store(false, Ordering::Release);
    note().await.unwrap();
    assert_eq!(audit::verify(&store.store).unwrap().rows, 2);
}
