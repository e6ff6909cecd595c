//! A backup and back: every row is the same, and what is damaged, unfinished or in the way is said.

use super::*;
use halloo_store::batch::Batch;

/// A store of so many rows, closed; its export.
fn export_of(folder: &Path, rows: u32) -> PathBuf {
    let (store, _) = SledStore::open(&folder.join("source")).unwrap();
    let mut batch = Batch::new();
    for row in 0..rows {
        // Some longer than what lies in one piece.
        batch.put(row.to_be_bytes().to_vec(), vec![row as u8; 1 + (row as usize * 97) % 9_000]);
    }
    store.commit(&batch).unwrap();
    let export = folder.join("export");
    store.backup_to(&export).unwrap();
    export
}

#[test]
fn what_is_restored_has_every_row_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (to, data) = (folder.path().join("backup"), folder.path().join("data"));
    let written = write(File::open(export_of(folder.path(), 300)).unwrap(), &to).unwrap();
    assert_eq!(written.rows, 300);
    assert_eq!(restore(&to, &data).unwrap(), written);
    assert_eq!(compare(&to, &data).unwrap(), 300);
    let (source, _) = SledStore::open(&folder.path().join("source")).unwrap();
    let (restored, _) = SledStore::open(&data.join("store")).unwrap();
    assert_eq!(source.range(&[]).unwrap(), restored.range(&[]).unwrap());
}

#[test]
fn a_row_that_differs_is_missing_or_is_too_many_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let (to, data) = (folder.path().join("backup"), folder.path().join("data"));
    write(File::open(export_of(folder.path(), 20)).unwrap(), &to).unwrap();
    restore(&to, &data).unwrap();
    let change = |change: &dyn Fn(&mut Batch) -> &mut Batch| {
        let (store, _) = SledStore::open(&data.join("store")).unwrap();
        let mut batch = Batch::new();
        change(&mut batch);
        store.commit(&batch).unwrap();
        drop(store);
        compare(&to, &data).map_err(|error| error.to_string())
    };
    let key = 7_u32.to_be_bytes().to_vec();
    let value = vec![7; 1 + 7 * 97];
    assert!(change(&|batch| batch.put(key.clone(), b"other".to_vec())).unwrap_err().contains("1 rows"));
    assert!(change(&|batch| batch.del(key.clone())).unwrap_err().contains("1 rows"));
    assert_eq!(change(&|batch| batch.put(key.clone(), value.clone())), Ok(20));
    assert!(change(&|batch| batch.put(b"more".to_vec(), Vec::new())).unwrap_err().contains("21 rows"));
}

#[test]
fn damaged_unfinished_and_foreign_folders_are_refused_and_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (to, data) = (folder.path().join("backup"), folder.path().join("data"));
    write(File::open(export_of(folder.path(), 20)).unwrap(), &to).unwrap();
    let refused = |from: &Path| restore(from, &data).unwrap_err().to_string();
    assert!(refused(folder.path()).contains("no backup"));
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("something"), "").unwrap();
    assert!(refused(&to).contains("not empty"));
    std::fs::remove_file(data.join("something")).unwrap();
    let mut bytes = std::fs::read(to.join(EXPORT)).unwrap();
    bytes[100] ^= 1;
    std::fs::write(to.join(EXPORT), bytes).unwrap();
    assert!(refused(&to).contains("damaged"));
    assert!(is_empty(&data).unwrap());
    let error = write(&b""[..], &to).unwrap_err().to_string();
    assert!(error.contains("not empty"), "{error}");
    let cut = folder.path().join("cut");
    write(&b"half an export"[..], &cut).unwrap_err();
    assert!(refused(&cut).contains("no backup"));
}
