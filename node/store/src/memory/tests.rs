//! Tests of the engine in memory and its faults.

use super::*;

fn put(key: &[u8], value: &[u8]) -> Batch {
    let mut batch = Batch::new();
    batch.put(key, value);
    batch
}

fn acknowledged() -> MemoryStore {
    let store = MemoryStore::new();
    store.commit(&put(b"old", b"safe")).unwrap();
    store
}

#[test]
fn a_full_disk_fails_one_commit_and_keeps_what_was_there() {
    let store = acknowledged();
    store.fail_next(Fault::Full);
    assert!(matches!(store.commit(&put(b"new", b"1")), Err(StoreError::Full { .. })));
    assert_eq!(store.get(b"new").unwrap(), None);
    store.commit(&put(b"new", b"1")).unwrap();
    assert_eq!(MemoryStore::from_disk(&store.disk()).range(b"").unwrap().len(), 2);
}

#[test]
fn a_crash_before_durable_loses_the_commit_and_nothing_else() {
    let store = acknowledged();
    store.fail_next(Fault::CrashBeforeDurable);
    assert!(matches!(store.commit(&put(b"new", b"1")), Err(StoreError::Poisoned)));
    assert!(matches!(store.get(b"old"), Err(StoreError::Poisoned)), "a crashed machine answers nothing");
    let after = MemoryStore::from_disk(&store.disk());
    assert_eq!(after.range(b"").unwrap(), vec![(b"old".to_vec(), b"safe".to_vec())]);
}

#[test]
fn a_crash_after_durable_keeps_a_commit_that_nobody_was_told_of() {
    let store = acknowledged();
    store.fail_next(Fault::CrashAfterDurable);
    assert!(store.commit(&put(b"new", b"1")).is_err());
    assert_eq!(MemoryStore::from_disk(&store.disk()).get(b"new").unwrap(), Some(b"1".to_vec()));
}

#[test]
fn a_torn_write_is_dropped_whole_wherever_it_was_cut() {
    let mut batch = put(b"a", b"first of two");
    batch.put(*b"b", *b"second of two");
    for bytes in 0..frame(&batch).len() + 3 {
        let store = acknowledged();
        store.fail_next(Fault::TornWrite { bytes });
        assert!(store.commit(&batch).is_err());
        let after = MemoryStore::from_disk(&store.disk());
        assert_eq!(after.range(b"").unwrap(), vec![(b"old".to_vec(), b"safe".to_vec())], "cut at {bytes}");
        after.commit(&put(b"next", b"goes on")).unwrap();
        assert_eq!(MemoryStore::from_disk(&after.disk()).range(b"").unwrap().len(), 2);
    }
}

#[test]
fn any_bytes_as_a_disk_open_without_a_panic() {
    let mut bytes = acknowledged().disk();
    let mut state = 0x9E37_79B9_u32;
    for _ in 0..20_000 {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let at = state as usize % bytes.len();
        bytes[at] = (state >> 24) as u8;
        if state.is_multiple_of(97) {
            bytes.truncate(at + 1);
            bytes.extend_from_slice(&state.to_le_bytes());
        }
        MemoryStore::from_disk(&bytes).range(b"").unwrap();
    }
}
