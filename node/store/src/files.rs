//! Files that are durable when the call returns, and the lock of a home.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::StoreError;

/// Makes names in a folder durable: a created, renamed or removed file survives a power cut only after this.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    File::open(dir).and_then(|f| f.sync_all()).map_err(|e| StoreError::io("syncing", dir, e))
}

/// Makes a file's bytes durable.
pub(crate) fn sync_file(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|f| f.sync_all()).map_err(|e| StoreError::io("syncing", path, e))
}

/// Makes a folder and its parents; durable.
pub(crate) fn make_dir(dir: &Path) -> Result<(), StoreError> {
    if dir.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(dir).map_err(|e| StoreError::io("making", dir, e))?;
    match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_dir(parent),
        _ => Ok(()),
    }
}

/// Removes a folder and all in it; durable.
pub(crate) fn remove_dir(dir: &Path) -> Result<(), StoreError> {
    fs::remove_dir_all(dir).map_err(|e| StoreError::io("removing", dir, e))?;
    match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_dir(parent),
        _ => Ok(()),
    }
}

/// Writes a whole file under a temporary name, syncs it, puts it in place, syncs the folder: afterwards the old or the new file
/// is there, never half of one.
pub(crate) fn replace<T>(
    path: &Path,
    write: impl FnOnce(&mut File) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let part = path.with_extension("part");
    let mut file = File::create(&part).map_err(|e| StoreError::io("making", &part, e))?;
    let written = write(&mut file).and_then(|out| {
        file.sync_all().map_err(|e| StoreError::io("syncing", &part, e))?;
        fs::rename(&part, path).map_err(|e| StoreError::io("renaming", &part, e))?;
        Ok(out)
    });
    if written.is_err() {
        // The temporary file is worth nothing; failing to remove it harms nobody.
        let _ = fs::remove_file(&part);
        return written;
    }
    if let Some(dir) = path.parent() {
        sync_dir(dir)?;
    }
    written
}

/// Moves a file or folder into `quarantine`, under a name that is free there; durable. Returns its new place.
pub(crate) fn quarantine(what: &Path, quarantine: &Path) -> Result<PathBuf, StoreError> {
    make_dir(quarantine)?;
    let name = what.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let free = (0..).map(|n: u32| quarantine.join(format!("{name}.{n}"))).find(|path| !path.exists());
    let to = free.expect("some number is free");
    fs::rename(what, &to).map_err(|e| StoreError::io("moving", what, e))?;
    sync_dir(quarantine)?;
    if let Some(dir) = what.parent() {
        sync_dir(dir)?;
    }
    Ok(to)
}

/// The lock of a store's folder, held as long as it lives; the kernel drops it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    pub(crate) fn take(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join("lock");
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(|e| StoreError::io("opening", &path, e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let _ = (&file).take(16).read_to_string(&mut text);
                return Err(StoreError::Locked { path: dir.to_owned(), holder: text.trim().parse().ok() });
            }
            Err(TryLockError::Error(e)) => return Err(StoreError::io("locking", &path, e)),
        }
        let written = file
            .set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| writeln!(file, "{}", std::process::id()));
        // Who holds it is a kindness for the message only: a full disk must not stop us here.
        drop(written);
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests;
