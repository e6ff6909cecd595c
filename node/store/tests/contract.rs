//! What every engine promises, asked of each of them.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;

use halloo_store::batch::{Batch, MAX_BATCH_BYTES, MAX_KEY_BYTES, MAX_VALUE_BYTES};
use halloo_store::error::StoreError;
use halloo_store::export;
use halloo_store::memory::{Fault, MemoryStore};
use halloo_store::sled_store::SledStore;
use halloo_store::store::Store;
use halloo_store::writer::Writer;
use proptest::prelude::*;

/// Runs a test against every engine.
fn every_engine(test: impl Fn(&dyn Store)) {
    test(&MemoryStore::new());
    let dir = tempfile::tempdir().unwrap();
    test(&SledStore::open(dir.path()).unwrap().0);
}

fn one(key: &[u8], value: &[u8]) -> Batch {
    let mut batch = Batch::new();
    batch.put(key, value);
    batch
}

#[test]
fn what_was_put_is_read_until_it_is_deleted() {
    every_engine(|store| {
        store.commit(&one(b"a", b"1")).unwrap();
        assert_eq!(store.get(b"a").unwrap(), Some(b"1".to_vec()));
        store.commit(&one(b"a", b"22")).unwrap();
        assert_eq!(store.get(b"a").unwrap(), Some(b"22".to_vec()));
        store.commit(Batch::new().del(*b"a")).unwrap();
        assert_eq!(store.get(b"a").unwrap(), None);
        store.commit(Batch::new().del(*b"a")).unwrap();
        store.commit(&Batch::new()).unwrap();
    });
}

#[test]
fn of_two_writes_to_one_key_in_a_batch_the_later_counts() {
    every_engine(|store| {
        let mut batch = one(b"k", &[7; 50_000]);
        batch
            .put(*b"k", *b"small")
            .del(*b"gone")
            .put(*b"gone", *b"back")
            .put(*b"x", vec![1; 30_000])
            .del(*b"x");
        store.commit(&batch).unwrap();
        let expected = vec![(b"gone".to_vec(), b"back".to_vec()), (b"k".to_vec(), b"small".to_vec())];
        assert_eq!(store.range(b"").unwrap(), expected);
        assert_eq!(store.check().unwrap().damaged, Vec::<Vec<u8>>::new());
    });
}

#[test]
fn values_of_every_size_up_to_the_limit_survive_whole() {
    every_engine(|store| {
        for size in [0, 1, 4095, 4096, 4097, 8192, 20_000, MAX_VALUE_BYTES - 1, MAX_VALUE_BYTES] {
            let value: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
            store.commit(&one(b"v", &value)).unwrap();
            assert_eq!(store.get(b"v").unwrap().as_ref(), Some(&value), "{size} bytes");
            assert_eq!(store.range(b"").unwrap().len(), 1, "no piece of it shows as a record of its own");
        }
    });
}

#[test]
fn a_prefix_gives_its_keys_in_order_and_pages_join_without_gap() {
    every_engine(|store| {
        let mut batch = Batch::new();
        for n in (0..250_u16).rev() {
            batch.put([b"m/".as_slice(), &n.to_be_bytes()].concat(), n.to_string());
        }
        batch.put(*b"l/z", *b"before").put(*b"m0", *b"after").put(*b"m", *b"short");
        store.commit(&batch).unwrap();
        let all = store.range(b"m/").unwrap();
        assert_eq!(all.len(), 250);
        assert!(all.windows(2).all(|w| w[0].0 < w[1].0));
        let mut joined = Vec::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = store.page(b"m/", after.as_deref(), 33).unwrap();
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            joined.extend(page);
        }
        assert_eq!(joined, all);
    });
}

#[test]
fn what_exceeds_a_limit_is_refused_and_nothing_of_it_counts() {
    every_engine(|store| {
        let mut batch = one(b"good", b"1");
        batch.put(*b"big", vec![0; MAX_VALUE_BYTES + 1]);
        assert!(
            matches!(store.commit(&batch), Err(StoreError::ValueTooLarge { bytes }) if bytes == MAX_VALUE_BYTES + 1)
        );
        assert!(matches!(store.commit(&one(b"", b"1")), Err(StoreError::KeyLength { bytes: 0 })));
        assert!(matches!(
            store.commit(&one(&[1; MAX_KEY_BYTES + 1], b"1")),
            Err(StoreError::KeyLength { .. })
        ));
        let mut huge = Batch::new();
        for n in 0..=(MAX_BATCH_BYTES / MAX_VALUE_BYTES) as u32 {
            huge.put(n.to_be_bytes(), vec![0; MAX_VALUE_BYTES]);
        }
        assert!(matches!(store.commit(&huge), Err(StoreError::BatchTooLarge { .. })));
        assert_eq!(store.range(b"").unwrap(), vec![]);
        store.commit(&one(&[1; MAX_KEY_BYTES], b"fits")).unwrap();
    });
}

#[test]
fn a_backup_restores_to_the_same_records() {
    every_engine(|store| {
        let mut batch = Batch::new();
        for n in 0..2_500_u32 {
            batch.put(n.to_be_bytes(), vec![n as u8; (n as usize * 37) % 5_000]);
        }
        store.commit(&batch).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("backup");
        let report = store.backup_to(&file).unwrap();
        assert_eq!((report.records, report.bytes), (2_500, std::fs::metadata(&file).unwrap().len()));
        let other = MemoryStore::new();
        assert_eq!(export::read(&file, |batch| other.commit(&batch)).unwrap().records, 2_500);
        assert_eq!(other.range(b"").unwrap(), store.range(b"").unwrap());
    });
}

#[test]
fn a_damaged_backup_is_refused_before_anything_is_restored() {
    let store = MemoryStore::new();
    store.commit(&one(b"k", &[9; 1000])).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("backup");
    store.backup_to(&file).unwrap();
    let whole = std::fs::read(&file).unwrap();
    let refuses = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        let result = export::read(&file, |_| panic!("nothing may be restored"));
        assert!(matches!(result, Err(StoreError::Corrupt { .. })), "{result:?}");
    };
    for len in 0..whole.len() {
        refuses(&whole[..len]);
    }
    for at in (0..whole.len()).step_by(7) {
        let mut bent = whole.clone();
        bent[at] ^= 0x40;
        refuses(&bent);
    }
}

#[test]
fn the_writer_answers_in_order_and_everything_is_there_when_the_last_handle_goes() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = SledStore::open(dir.path()).unwrap();
    let store: Arc<dyn Store> = Arc::new(store);
    let writer = Writer::spawn(store.clone()).unwrap();
    let (tell, told) = channel();
    for n in 0..500_u32 {
        let (tell, mut batch) = (tell.clone(), Batch::new());
        batch.put(n.to_be_bytes(), n.to_le_bytes());
        writer.submit(batch, move |result| tell.send((n, result.is_ok())).unwrap());
    }
    let mut refused = Batch::new();
    refused.put(*b"big", vec![0; MAX_VALUE_BYTES + 1]);
    assert!(matches!(*writer.commit(refused).unwrap_err(), StoreError::ValueTooLarge { .. }));
    drop(writer);
    drop(tell);
    let answers: Vec<_> = told.iter().collect();
    assert_eq!(answers, (0..500).map(|n| (n, true)).collect::<Vec<_>>());
    assert_eq!(store.range(b"").unwrap().len(), 500);
}

#[test]
fn a_batch_that_stands_on_one_that_failed_does_not_count() {
    let store = Arc::new(MemoryStore::default());
    let writer = Writer::spawn(Arc::<MemoryStore>::clone(&store)).unwrap();
    let (failed, (tell, told)) = (Arc::new(AtomicBool::new(false)), channel());
    store.fail_next(Fault::Full);
    for n in 0..3_u8 {
        let (seen, set, tell) = (failed.clone(), failed.clone(), tell.clone());
        let holds = move || !seen.load(Ordering::Acquire);
        writer.submit_if(one(&[n], b"x"), holds, move |result| {
            set.store(true, Ordering::Release);
            tell.send(result.map_err(|error| matches!(*error, StoreError::Overtaken))).unwrap();
        });
        // Before the next is queued: what shares a commit with it fails by itself.
        assert_eq!(told.recv().unwrap(), Err(n > 0));
    }
    writer.commit(one(b"later", b"x")).unwrap();
    assert_eq!(store.range(b"").unwrap().len(), 1);
}

#[test]
fn many_threads_write_at_once_and_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(SledStore::open(dir.path()).unwrap().0);
    let writer = Writer::spawn(store.clone()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            let writer = writer.clone();
            scope.spawn(move || {
                for n in 0..50_u8 {
                    writer.commit(one(&[thread, n], &[n])).unwrap();
                }
            });
        }
    });
    drop(writer);
    assert_eq!(store.range(b"").unwrap().len(), 200);
}

fn same(store: &dyn Store, model: &BTreeMap<Vec<u8>, Vec<u8>>) {
    let expected: Vec<_> = model.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    assert_eq!(store.range(b"").unwrap(), expected);
}

/// Lends the store of a test to a piece of work.
type Lend<'a> = &'a dyn Fn(&dyn Fn(&dyn Store));

fn play(batches: &[Vec<(u8, Option<u16>)>], reopen: &dyn Fn(), store: Lend<'_>) {
    let model = std::cell::RefCell::new(BTreeMap::new());
    for (round, writes) in batches.iter().enumerate() {
        let mut batch = Batch::new();
        for (key, len) in writes {
            match len {
                Some(len) => batch.put(vec![*key], vec![*key ^ round as u8; usize::from(*len)]),
                None => batch.del(vec![*key]),
            };
            let mut model = model.borrow_mut();
            match len {
                Some(len) => model.insert(vec![*key], vec![*key ^ round as u8; usize::from(*len)]),
                None => model.remove(&vec![*key]),
            };
        }
        store(&|s| s.commit(&batch).unwrap());
        if round % 3 == 2 {
            reopen();
        }
        store(&|s| same(s, &model.borrow()));
    }
}

fn reopened(path: &Path) -> SledStore {
    let (store, opened) = SledStore::open(path).unwrap();
    assert_eq!(opened.repaired, Vec::<String>::new());
    store
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Any history, with the store closed and opened in between, reads like a plain ordered map.
    #[test]
    fn sled_reads_like_a_plain_map_over_any_history(
        batches in prop::collection::vec(prop::collection::vec((0..12_u8, prop::option::of(0..20_000_u16)), 0..8), 1..12)
    ) {
        let dir = tempfile::tempdir().unwrap();
        let slot = std::cell::RefCell::new(Some(reopened(dir.path())));
        let reopen = || {
            slot.borrow_mut().take();
            *slot.borrow_mut() = Some(reopened(dir.path()));
        };
        play(&batches, &reopen, &|use_it| use_it(slot.borrow().as_ref().unwrap()));
    }

    /// The same of the engine in memory, "reopened" from its disk.
    #[test]
    fn memory_reads_like_a_plain_map_over_any_history(
        batches in prop::collection::vec(prop::collection::vec((0..12_u8, prop::option::of(0..2_000_u16)), 0..8), 1..12)
    ) {
        let slot = std::cell::RefCell::new(MemoryStore::new());
        let reopen = || {
            let disk = slot.borrow().disk();
            *slot.borrow_mut() = MemoryStore::from_disk(&disk);
        };
        play(&batches, &reopen, &|use_it| use_it(&*slot.borrow()));
    }
}
