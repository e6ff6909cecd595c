//! Tests of files that are durable and the lock.

use super::*;

#[test]
fn a_replaced_file_is_the_old_or_the_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    replace(&path, |f| f.write_all(b"old").map_err(|e| StoreError::io("writing", &path, e))).unwrap();
    let failed: Result<(), _> = replace(&path, |f| {
        f.write_all(b"half of the n").map_err(|e| StoreError::io("writing", &path, e))?;
        Err(StoreError::Poisoned)
    });
    assert!(failed.is_err());
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
}

#[test]
fn the_second_to_take_a_lock_is_told_who_holds_it() {
    let dir = tempfile::tempdir().unwrap();
    let lock = Lock::take(dir.path()).unwrap();
    let refused = Lock::take(dir.path()).unwrap_err();
    assert!(
        matches!(refused, StoreError::Locked { holder: Some(pid), .. } if pid == std::process::id()),
        "{refused}"
    );
    assert!(refused.to_string().contains("stop that one, or use another home"));
    drop(lock);
    Lock::take(dir.path()).unwrap();
}

#[test]
fn quarantine_never_overwrites_what_it_already_holds() {
    let dir = tempfile::tempdir().unwrap();
    let aside = dir.path().join("quarantine");
    for round in 0..3 {
        let path = dir.path().join("snap.1");
        fs::write(&path, [round]).unwrap();
        let to = quarantine(&path, &aside).unwrap();
        assert_eq!(fs::read(to).unwrap(), [round]);
        assert!(!path.exists());
    }
    assert_eq!(fs::read_dir(&aside).unwrap().count(), 3);
}

#[test]
fn a_full_disk_is_told_from_other_faults() {
    let path = Path::new("home");
    let full = StoreError::io("writing", path, std::io::Error::from_raw_os_error(28));
    assert!(matches!(full, StoreError::Full { .. }), "{full}");
    let denied = StoreError::io("writing", path, std::io::ErrorKind::PermissionDenied.into());
    assert!(
        matches!(denied, StoreError::Io { .. }) && denied.to_string().contains("check the disk"),
        "{denied}"
    );
}
