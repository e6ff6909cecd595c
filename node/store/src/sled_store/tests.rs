//! Tests of the guards round sled, one damaged home at a time.

use std::fs;

use super::*;

fn put(key: &[u8], value: &[u8]) -> Batch {
    let mut batch = Batch::new();
    batch.put(key, value);
    batch
}

fn filled(dir: &Path, records: u32) {
    let (store, opened) = SledStore::open(dir).unwrap();
    assert!(opened.created && opened.repaired.is_empty());
    for n in 0..records {
        store.commit(&put(&n.to_be_bytes(), &vec![n as u8; 300])).unwrap();
    }
}

fn holds(store: &SledStore, records: u32) {
    let expected: Vec<_> = (0..records).map(|n| (n.to_be_bytes().to_vec(), vec![n as u8; 300])).collect();
    assert!(store.range(b"").unwrap() == expected, "the records differ");
    assert_eq!(store.check().unwrap().damaged, Vec::<Vec<u8>>::new());
}

fn snapshots(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir.join("db")).unwrap().map(|e| e.unwrap().path());
    entries.filter(|p| p.file_name().unwrap().to_string_lossy().starts_with("snap.")).collect()
}

#[test]
fn a_second_opener_is_told_that_the_home_is_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = SledStore::open(dir.path()).unwrap();
    let refused = SledStore::open(dir.path()).unwrap_err();
    assert!(matches!(refused, StoreError::Locked { holder: Some(_), .. }), "{refused}");
    drop(store);
    SledStore::open(dir.path()).unwrap();
}

#[test]
fn a_newer_format_is_refused_and_left_untouched() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 5);
    fs::write(dir.path().join("format"), "halloo-store 2\n").unwrap();
    let refused = SledStore::open(dir.path()).unwrap_err();
    assert!(matches!(refused, StoreError::TooNew { found: 2, known: 1, .. }), "{refused}");
    assert!(refused.to_string().contains("update this program"));
    fs::write(dir.path().join("format"), "halloo-store 1\n").unwrap();
    holds(&SledStore::open(dir.path()).unwrap().0, 5);
}

#[test]
fn an_unreadable_format_is_an_error_and_not_a_new_store() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 5);
    fs::write(dir.path().join("format"), "rubbish").unwrap();
    assert!(matches!(SledStore::open(dir.path()), Err(StoreError::Corrupt { .. })));
    assert!(dir.path().join("db/db").exists());
}

#[test]
fn a_creation_that_was_cut_short_is_begun_again() {
    for cut in ["", "half a conf"] {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("db/blobs")).unwrap();
        fs::write(dir.path().join("db/conf"), cut).unwrap();
        let (store, opened) = SledStore::open(dir.path()).unwrap();
        assert!(opened.created && opened.repaired.len() == 1, "{opened:?}");
        store.commit(&put(b"a", b"1")).unwrap();
    }
}

#[test]
fn snapshots_that_are_garbage_truncated_or_unfinished_cost_nothing() {
    let spoil: [fn(&Path); 5] = [
        |db| fs::write(db.join("snap.0000000000000001.generating"), b"").unwrap(),
        |db| fs::write(db.join("snap.FFFFFFFFFFFFFFFF.generating"), vec![0xA5; 5000]).unwrap(),
        |db| fs::write(db.join("snap.7FFFFFFFFFFFFFF0"), vec![0xA5; 5000]).unwrap(),
        |db| fs::write(db.join("snap.7FFFFFFFFFFFFFF0"), b"").unwrap(),
        |db| {
            for path in snapshots(db.parent().unwrap()) {
                let len = fs::metadata(&path).unwrap().len();
                fs::File::options().write(true).open(&path).unwrap().set_len(len / 2).unwrap();
            }
        },
    ];
    for (case, spoil) in spoil.iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path(), 200);
        // The second opening is what makes sled write a snapshot of what it found.
        holds(&SledStore::open(dir.path()).unwrap().0, 200);
        spoil(&dir.path().join("db"));
        let (store, opened) = SledStore::open(dir.path()).unwrap_or_else(|e| panic!("case {case}: {e}"));
        holds(&store, 200);
        assert!(case < 2 || !opened.repaired.is_empty(), "case {case} was met without a word");
    }
}

#[test]
fn a_spoilt_conf_costs_nothing() {
    for bytes in [b"".as_slice(), b"x", &[0xFF; 40]] {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path(), 50);
        fs::write(dir.path().join("db/conf"), bytes).unwrap();
        holds(&SledStore::open(dir.path()).unwrap().0, 50);
    }
}

/// Overwrites most of the log, so that no replay can help.
fn ruin(dir: &Path) {
    let path = dir.join("db/db");
    let len = fs::metadata(&path).unwrap().len();
    fs::write(&path, vec![0xA5; len as usize]).unwrap();
}

#[test]
fn a_ruined_database_is_quarantined_and_the_last_copy_restored() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 100);
    let (store, _) = SledStore::open(dir.path()).unwrap();
    assert_eq!(store.keep_copy().unwrap().records, 100);
    store.commit(&put(b"\xFFlater", b"not in the copy")).unwrap();
    drop(store);
    ruin(dir.path());
    let (store, opened) = SledStore::open(dir.path()).unwrap();
    holds(&store, 100);
    let said = opened.repaired.join("; ");
    assert!(said.contains("100 records were restored") && said.contains("quarantine"), "{said}");
    drop(store);
    let (store, opened) = SledStore::open(dir.path()).unwrap();
    assert_eq!(opened, Opened::default(), "repaired once");
    holds(&store, 100);
}

#[test]
fn a_ruined_database_without_a_copy_is_refused_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 100);
    ruin(dir.path());
    let refused = SledStore::open(dir.path());
    let Err(StoreError::Corrupt { quarantine, .. }) = &refused else { panic!("{refused:?}") };
    assert!(quarantine.exists());
    assert!(refused.unwrap_err().to_string().contains("restore a backup"));
    assert!(matches!(SledStore::open(dir.path()), Err(StoreError::Corrupt { .. })), "and again");
}

/// Zeroes the second half of the log: sled drops what it cannot read and opens.
#[test]
fn commits_that_sled_dropped_in_silence_are_reported() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 3_000);
    for path in snapshots(dir.path()) {
        fs::remove_file(path).unwrap();
    }
    let path = dir.path().join("db/db");
    let mut bytes = fs::read(&path).unwrap();
    let half = bytes.len() / 2;
    bytes[half..].fill(0);
    fs::write(&path, bytes).unwrap();
    match SledStore::open(dir.path()) {
        Ok((_, opened)) => assert!(opened.repaired.join("").contains("missing"), "{opened:?}"),
        Err(refused) => assert!(matches!(refused, StoreError::Corrupt { .. }), "{refused}"),
    }
}

#[test]
fn a_copy_newer_than_the_database_takes_over() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 20);
    let old = tempfile::tempdir().unwrap();
    for name in fs::read_dir(dir.path().join("db")).unwrap().map(|e| e.unwrap()) {
        if name.file_type().unwrap().is_file() {
            fs::copy(name.path(), old.path().join(name.file_name())).unwrap();
        }
    }
    let (store, _) = SledStore::open(dir.path()).unwrap();
    for n in 20..40_u32 {
        store.commit(&put(&n.to_be_bytes(), &vec![n as u8; 300])).unwrap();
    }
    store.keep_copy().unwrap();
    drop(store);
    // The disk gives back an older state of the database, as a lying one may.
    fs::remove_dir_all(dir.path().join("db")).unwrap();
    fs::create_dir_all(dir.path().join("db/blobs")).unwrap();
    for name in fs::read_dir(old.path()).unwrap().map(|e| e.unwrap()) {
        fs::copy(name.path(), dir.path().join("db").join(name.file_name())).unwrap();
    }
    let (store, opened) = SledStore::open(dir.path()).unwrap();
    holds(&store, 40);
    assert!(opened.repaired[0].contains("20 commits are missing"), "{opened:?}");
}

#[test]
fn a_restoration_that_was_cut_short_is_begun_again() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 100);
    SledStore::open(dir.path()).unwrap().0.keep_copy().unwrap();
    // As a crash leaves it in the middle: the marker, and a database with a part of the records.
    fs::remove_dir_all(dir.path().join("db")).unwrap();
    fs::remove_file(dir.path().join("format")).unwrap();
    filled(dir.path(), 10);
    fs::write(dir.path().join("restoring"), b"").unwrap();
    let (store, opened) = SledStore::open(dir.path()).unwrap();
    holds(&store, 100);
    assert_eq!(opened.repaired.len(), 1);
}

#[test]
fn a_flipped_byte_in_a_record_is_named_and_the_rest_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = SledStore::open(dir.path()).unwrap();
    store.commit(&put(b"bad", b"value")).unwrap();
    store.commit(&put(b"good", b"value")).unwrap();
    store
        .with(|engine| {
            let key = record::head_key(b"bad");
            let mut head = engine.db.get(&key).unwrap().unwrap().to_vec();
            *head.last_mut().unwrap() ^= 1;
            engine.db.insert(key, head).unwrap();
            Ok(())
        })
        .unwrap();
    assert!(matches!(store.get(b"bad"), Err(StoreError::Record { key }) if key == "626164"));
    assert_eq!(store.get(b"good").unwrap(), Some(b"value".to_vec()));
    assert_eq!(store.check().unwrap().damaged, vec![b"bad".to_vec()]);
}

#[test]
fn no_history_of_large_values_makes_sled_keep_blob_files() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = SledStore::open(dir.path()).unwrap();
    for round in 0..6_u8 {
        let mut batch = Batch::new();
        for n in 0..40_u8 {
            batch.put([b"value/".as_slice(), &[n]].concat(), vec![round ^ n; 60_000]);
        }
        store.commit(&batch).unwrap();
    }
    assert_eq!(fs::read_dir(dir.path().join("db/blobs")).unwrap().count(), 0);
    assert_eq!(store.check().unwrap().records, 40);
}

#[test]
fn a_removed_store_leaves_nothing_and_one_in_use_cannot_be_removed() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("store");
    filled(&home, 300);
    let (store, _) = SledStore::open(&home).unwrap();
    let refused = SledStore::remove_closed(&home).unwrap_err();
    assert!(matches!(refused, StoreError::Locked { .. }), "{refused}");
    store.keep_copy().unwrap();
    store.remove().unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    filled(&home, 3);
    SledStore::remove_closed(&home).unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_store_that_was_just_closed_can_be_opened_at_once() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..60_u8 {
        let (store, _) = SledStore::open(dir.path()).unwrap();
        // A thread of the database that was closed holds the file, as its own threads do while they write behind it.
        let behind = fs::File::open(dir.path().join("db/db")).unwrap();
        let mut batch = Batch::new();
        batch.put(vec![round], vec![round; 60_000]);
        store.commit(&batch).unwrap();
        drop(store);
        behind.lock().unwrap();
        let lets_go = std::thread::spawn(move || drop(behind));
        let (again, _) = SledStore::open(dir.path()).unwrap();
        assert_eq!(again.get(&[round]).unwrap(), Some(vec![round; 60_000]));
        drop(again);
        lets_go.join().unwrap();
    }
}
