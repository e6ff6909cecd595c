//! A copy of all that a coordinator keeps, as a folder that says what it should hold, and the way back into an empty one.
//!
//! ```text
//!   TO/store.export     every row, in the form of halloo_store::export
//!   TO/manifest.json    format, version, rows, bytes and SHA-256 of the former; written last: without it there is no backup
//! ```
//! The secrets of the coordinator are a row like all others and so are in it: keep it as safe as the data folder. Certificates of an
//! authority are not; the next start asks for one.

use anyhow::{Context as _, Result, bail, ensure};
use halloo_store::batch::Write as Row;
use halloo_store::error::StoreError;
use halloo_store::export;
use halloo_store::sled_store::SledStore;
use halloo_store::store::Store as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The rows.
const EXPORT: &str = "store.export";
/// What the folder should hold.
const MANIFEST: &str = "manifest.json";
/// What this program writes and reads.
const FORMAT: u32 = 1;
/// Longest manifest that is read.
const MANIFEST_MAX: u64 = 64 * 1024;
/// Read at once.
const CHUNK: usize = 64 * 1024;

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The form of the folder.
    pub format: u32,
    /// Version of the program that wrote it.
    pub version: String,
    /// Rows.
    pub rows: u64,
    /// Bytes of the export.
    pub bytes: u64,
    /// Its SHA-256 in hex.
    pub sha256: String,
}

/// Writes a backup of what this gives to read: an export of a store.
///
/// # Errors
/// When the folder is there and not empty, or cannot be written.
pub fn write(export: impl Read, to: &Path) -> Result<Manifest> {
    if to.exists() {
        ensure!(is_empty(to)?, "{} is not empty: name a folder that is not there yet", to.display());
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(to)
        .with_context(|| format!("making {}", to.display()))?;
    let path = to.join(EXPORT);
    let (bytes, sha256) = copy(export, &path)?;
    let copied = export::verify(&path).context("what was written is not whole; try again")?;
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let manifest = Manifest { format: FORMAT, version, rows: copied.records, bytes, sha256 };
    let text = serde_json::to_vec_pretty(&manifest).context("the manifest as JSON")?;
    copy(text.as_slice(), &to.join(MANIFEST))?;
    File::open(to)
        .and_then(|folder| folder.sync_all())
        .with_context(|| format!("syncing {}", to.display()))?;
    Ok(manifest)
}

/// Copies to a new file for its owner alone, durably; bytes and sum.
fn copy(mut from: impl Read, path: &Path) -> Result<(u64, String)> {
    let mut write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let (mut sum, mut bytes, mut chunk) = (Sha256::new(), 0, vec![0; CHUNK]);
        loop {
            let part = match from.read(&mut chunk)? {
                0 => break,
                length => chunk.get(..length).unwrap_or_default(),
            };
            sum.update(part);
            bytes += part.len() as u64;
            file.write_all(part)?;
        }
        file.sync_all()?;
        Ok::<_, std::io::Error>((bytes, hex_of(&sum.finalize())))
    };
    write().with_context(|| format!("writing {}", path.display()))
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_empty(folder: &Path) -> Result<bool> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("looking into {}", folder.display()))?;
    Ok(entries.take(1).count() == 0)
}

/// Reads what a backup says of itself, and checks that its bytes are those.
///
/// # Errors
/// When it is none, or damaged.
pub fn check(from: &Path) -> Result<(Manifest, PathBuf)> {
    let path = from.join(MANIFEST);
    let mut text = String::new();
    match File::open(&path) {
        Ok(file) => file.take(MANIFEST_MAX).read_to_string(&mut text),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!("{} has no {MANIFEST}: it is no backup, or one that was not finished", from.display())
        }
        Err(error) => Err(error),
    }
    .with_context(|| format!("reading {}", path.display()))?;
    let manifest: Manifest =
        serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
    ensure!(
        manifest.format == FORMAT,
        "{} has format {}, and this program reads {FORMAT}: take the version that wrote it, {}",
        from.display(),
        manifest.format,
        manifest.version
    );
    let export = from.join(EXPORT);
    let sum = summed(&export).with_context(|| format!("reading {}", export.display()))?;
    ensure!(
        sum == (manifest.bytes, manifest.sha256.clone()),
        "{} is damaged: its sum is not that of the manifest; take another backup",
        export.display()
    );
    Ok((manifest, export))
}

fn summed(path: &Path) -> std::io::Result<(u64, String)> {
    let (mut file, mut sum, mut bytes) = (File::open(path)?, Sha256::new(), 0);
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = file.read(&mut chunk)?;
        if length == 0 {
            return Ok((bytes, hex_of(&sum.finalize())));
        }
        sum.update(chunk.get(..length).unwrap_or_default());
        bytes += length as u64;
    }
}

/// Puts a backup into an empty data folder.
///
/// # Errors
/// When the folder is not empty, the backup is damaged, or the disk fails.
pub fn restore(from: &Path, data: &Path) -> Result<Manifest> {
    if data.exists() {
        ensure!(
            is_empty(data)?,
            "{} is not empty: nothing was changed; name an empty folder",
            data.display()
        );
    }
    let (manifest, export) = check(from)?;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data)
        .with_context(|| format!("making {}", data.display()))?;
    // Under another name until it is whole: a part of it would be served as if it were all.
    let part = data.join("restoring");
    let (store, _) = SledStore::open(&part)?;
    let copied = export::read(&export, |batch| store.commit(&batch)).with_context(|| {
        format!("{} holds a part of it only: remove it, and restore again", data.display())
    })?;
    ensure!(copied.records == manifest.rows, "the backup has {} rows, not {}", copied.records, manifest.rows);
    drop(store);
    let whole = data.join("store");
    std::fs::rename(&part, &whole).with_context(|| format!("naming {}", whole.display()))?;
    std::fs::File::open(data)
        .and_then(|folder| folder.sync_all())
        .with_context(|| format!("syncing {}", data.display()))?;
    Ok(manifest)
}

/// Compares every row of a backup with a data folder that nobody serves; how many there are.
///
/// # Errors
/// When a row is missing, another, damaged, or too many.
pub fn compare(from: &Path, data: &Path) -> Result<u64> {
    let (manifest, export) = check(from)?;
    let (store, _) = SledStore::open(&data.join("store"))?;
    let mut differ = 0_u64;
    export::read(&export, |batch| {
        for (key, row) in batch.writes() {
            let Row::Put(value) = row else { continue };
            let there = match store.get(key) {
                Ok(there) => there,
                Err(StoreError::Record { .. }) => None,
                Err(error) => return Err(error),
            };
            differ += u64::from(there.as_deref() != Some(value.as_slice()));
        }
        Ok(())
    })?;
    ensure!(differ == 0, "{differ} rows are missing or differ: restore again, and look at the disk");
    let there = store.check()?;
    ensure!(
        there.records == manifest.rows && there.damaged.is_empty(),
        "{} rows lie there, {} of them damaged, and the backup has {}: restore again",
        there.records,
        there.damaged.len(),
        manifest.rows
    );
    Ok(there.records)
}

#[cfg(test)]
mod tests;
