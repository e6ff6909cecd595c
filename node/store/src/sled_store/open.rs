//! Opening a sled folder: creation, the format, and repair in steps that lose as little as possible.
//!
//! ```text
//!   no format file, no db        create, sync all, write format
//!   no format file, a db         an unfinished creation: nothing was acknowledged in it. Quarantined, then created
//!   format newer than ours       refused
//!   a restoring file             an unfinished restoration: db/ is quarantined and restored again
//!   opens                        fine
//!   opens with fewer commits     what is missing is said; the last logical copy takes over if it is newer
//!     than `floor` says
//!   corruption or a panic        1. quarantine snap.* and conf, replay the log
//!                                2. quarantine db/ whole, restore the last logical copy
//!                                3. no copy: refused, everything left where quarantine says
//! ```

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::Engine;
use crate::batch::Batch;
use crate::error::StoreError;
use crate::{export, files, record};

/// The format this build writes, and the newest that it reads.
pub const FORMAT: u32 = 1;
/// File name of the logical copy.
pub(super) const COPY: &str = "last.export";
const FORMAT_FILE: &str = "format";
const FORMAT_WORD: &str = "halloo-store ";
const DB: &str = "db";
const QUARANTINE: &str = "quarantine";
const FLOOR: &str = "floor";
const BALLAST: &str = "ballast";
/// There while a restoration fills a new database.
const RESTORING: &str = "restoring";
/// Bytes given up on a full disk: sled needs a snapshot and a segment to open again.
const BALLAST_BYTES: usize = 1024 * 1024;
/// Bytes of pages that sled keeps in memory: a phone's share; a group of 10,000 messages needs 8 MB.
const CACHE_BYTES: u64 = 32 * 1024 * 1024;

/// How long reopening waits for threads of the database that failed. Measured: below 10 ms; sled's flusher sleeps up to 500.
const RELEASE_WAIT_MS: u32 = 2_000;

/// What opening had to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opened {
    /// The store was made just now.
    pub created: bool,
    /// What was repaired and where the damaged files are, one sentence each. Empty almost always.
    pub repaired: Vec<String>,
}

pub(super) fn open(dir: &Path) -> Result<(Engine, Opened), StoreError> {
    // The folder is ours by now: whoever still holds the database is a thread of one that this process has just closed.
    wait_for_old_threads(dir);
    let mut opened = Opened::default();
    let (db, format) = (dir.join(DB), dir.join(FORMAT_FILE));
    match read_format(dir, &format)? {
        Some(found) if found > FORMAT => {
            return Err(StoreError::TooNew { path: dir.to_owned(), found, known: FORMAT });
        }
        Some(_) => {}
        None => {
            if db.exists() {
                let to = files::quarantine(&db, &dir.join(QUARANTINE))?;
                opened.repaired.push(format!("an unfinished creation was moved to {}", to.display()));
            }
            opened.created = true;
        }
    }
    let engine = if opened.created { create(dir)? } else { recover(dir, &mut opened)? };
    keep_ballast(dir);
    Ok((engine, opened))
}

/// Opens again after a failed write, in the same process and under the same lock.
pub(super) fn reopen(dir: &Path) -> Result<Engine, StoreError> {
    wait_for_old_threads(dir);
    match recover(dir, &mut Opened::default()) {
        // Only threads of the dropped database can hold it, since we hold the folder: the next call tries again.
        Err(StoreError::Locked { .. }) => Err(StoreError::Poisoned),
        other => other,
    }
}

/// sled's own threads may hold its file, and with it sled's own lock, a little longer than the database that was dropped.
pub(super) fn wait_for_old_threads(dir: &Path) {
    let path = dir.join(DB).join("db");
    for _ in 0..RELEASE_WAIT_MS {
        // An error other than "held" is met again, and told, by opening.
        let held =
            File::open(&path).is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
        if !held {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

/// The format number; `None` if the file is not there, or was cut while it was first written.
fn read_format(dir: &Path, path: &Path) -> Result<Option<u32>, StoreError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(StoreError::io("reading", path, e)),
    };
    match text.strip_prefix(FORMAT_WORD).and_then(|n| n.trim_end().parse().ok()) {
        Some(found) => Ok(Some(found)),
        None => Err(StoreError::Corrupt {
            path: dir.to_owned(),
            what: "the format file is unreadable".to_owned(),
            quarantine: dir.to_owned(),
        }),
    }
}

fn create(dir: &Path) -> Result<Engine, StoreError> {
    let db = dir.join(DB);
    let mut engine = open_sled(dir).map_err(|fault| fault.into_error(dir))?;
    let counted =
        engine.db.insert(record::COUNT_KEY, &record::encode_count(0)).and_then(|_| engine.db.flush());
    counted.map_err(|e| fault(dir, "writing", e))?;
    engine.commits = 0;
    for name in ["conf", "db"] {
        files::sync_file(&db.join(name))?;
    }
    files::sync_dir(&db.join("blobs"))?;
    files::sync_dir(&db)?;
    files::sync_dir(dir)?;
    files::replace(&dir.join(FORMAT_FILE), |file| {
        writeln!(file, "{FORMAT_WORD}{FORMAT}").map_err(|e| StoreError::io("writing", dir, e))
    })?;
    Ok(engine)
}

fn recover(dir: &Path, opened: &mut Opened) -> Result<Engine, StoreError> {
    let db = dir.join(DB);
    if dir.join(RESTORING).exists() {
        return restore(dir, "an unfinished restoration", opened);
    }
    remove_unfinished_snapshots(&db)?;
    let first = match open_counted(dir) {
        Ok(engine) => return weigh(dir, engine, opened),
        Err(Fault::Damage(what)) => what,
        Err(other) => return Err(other.into_error(dir)),
    };
    let aside = dir.join(QUARANTINE);
    for name in names(&db)?.iter().filter(|name| name.starts_with("snap.") || *name == "conf") {
        let to = files::quarantine(&db.join(name), &aside)?;
        opened.repaired.push(format!("{first}: {name} was moved to {} and the log replayed", to.display()));
    }
    match open_counted(dir) {
        Ok(engine) => {
            files::sync_file(&db.join("conf"))?;
            files::sync_dir(&db)?;
            return weigh(dir, engine, opened);
        }
        Err(Fault::Damage(_)) => {}
        Err(other) => return Err(other.into_error(dir)),
    }
    restore(dir, &first, opened)
}

/// Opens a database that was once made: without its commit count it is not the one we made.
fn open_counted(dir: &Path) -> Result<Engine, Fault> {
    let mut engine = open_sled(dir)?;
    let count = engine.db.get(record::COUNT_KEY)?.and_then(|bytes| record::decode_count(&bytes));
    engine.commits = count.ok_or_else(|| Fault::Damage("the database lost its beginning".to_owned()))?;
    Ok(engine)
}

/// Compares the commits found with those known of from outside: what sled dropped in silence is said here.
fn weigh(dir: &Path, engine: Engine, opened: &mut Opened) -> Result<Engine, StoreError> {
    let floor = fs::read(dir.join(FLOOR)).ok().and_then(|bytes| record::decode_count(&bytes)).unwrap_or(0);
    if engine.commits >= floor {
        return Ok(engine);
    }
    let what = format!("the last {} commits are missing", floor - engine.commits);
    if export::verify(&dir.join(COPY)).is_ok_and(|copy| copy.commits > engine.commits) {
        drop(engine);
        return restore(dir, &what, opened);
    }
    opened.repaired.push(format!("{what} from the damaged database; everything before them is there"));
    write_floor(dir, engine.commits)?;
    Ok(engine)
}

/// Notes how many commits are durable.
pub(super) fn write_floor(dir: &Path, commits: u64) -> Result<(), StoreError> {
    let path = dir.join(FLOOR);
    files::replace(&path, |file| {
        file.write_all(&record::encode_count(commits)).map_err(|e| StoreError::io("writing", &path, e))
    })
}

/// The last resort: a new database from the logical copy.
fn restore(dir: &Path, what: &str, opened: &mut Opened) -> Result<Engine, StoreError> {
    let (db, copy, aside) = (dir.join(DB), dir.join(COPY), dir.join(QUARANTINE));
    let lost = |quarantine: &Path| StoreError::Corrupt {
        path: dir.to_owned(),
        what: what.to_owned(),
        quarantine: quarantine.to_owned(),
    };
    if export::verify(&copy).is_err() {
        return Err(lost(&db));
    }
    let marker = dir.join(RESTORING);
    files::replace(&marker, |_| Ok(()))?;
    let to = if db.exists() { files::quarantine(&db, &aside)? } else { aside };
    let mut engine = create(dir)?;
    let copied = export::read(&copy, |batch| fill(&engine, &batch).map_err(|e| e.into_error(dir)))?;
    engine.commits = copied.commits;
    let counted = engine.db.insert(record::COUNT_KEY, &record::encode_count(copied.commits));
    counted.and_then(|_| engine.db.flush()).map_err(|e| fault(dir, "writing", e))?;
    engine.file.sync_all().map_err(|e| StoreError::io("syncing", dir, e))?;
    write_floor(dir, copied.commits)?;
    fs::remove_file(&marker).map_err(|e| StoreError::io("removing", &marker, e))?;
    files::sync_dir(dir)?;
    opened.repaired.push(format!(
        "{what}: the database was moved to {} and {} records were restored from the last copy",
        to.display(),
        copied.records
    ));
    Ok(engine)
}

fn fill(engine: &Engine, batch: &Batch) -> Result<(), Fault> {
    let mut out = sled::Batch::default();
    for (key, write) in batch.writes() {
        if let crate::batch::Write::Put(value) = write {
            let (head, chunks) = record::encode(key, value);
            out.insert(record::head_key(key), head);
            for (index, chunk) in (1..).zip(chunks) {
                out.insert(record::chunk_key(key, index), chunk);
            }
        }
    }
    engine.db.apply_batch(out).and_then(|()| engine.db.flush()).map(|_| ()).map_err(Fault::from)
}

/// Why sled did not open.
enum Fault {
    /// Repair may help.
    Damage(String),
    /// It may not.
    Other(sled::Error),
}

impl From<sled::Error> for Fault {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Io(ref e) if e.kind() != std::io::ErrorKind::UnexpectedEof => Self::Other(error),
            damage => Self::Damage(damage.to_string()),
        }
    }
}

impl Fault {
    fn into_error(self, dir: &Path) -> StoreError {
        match self {
            Self::Damage(what) => {
                StoreError::Corrupt { path: dir.to_owned(), what, quarantine: dir.to_owned() }
            }
            Self::Other(error) => fault(dir, "opening", error),
        }
    }
}

/// What sled reports, in our words.
pub(super) fn fault(dir: &Path, doing: &'static str, error: sled::Error) -> StoreError {
    match error {
        sled::Error::Io(e) if e.to_string().contains("could not acquire lock") => {
            StoreError::Locked { path: dir.to_owned(), holder: None }
        }
        sled::Error::Io(e) => StoreError::io(doing, dir, e),
        other => {
            StoreError::Corrupt { path: dir.to_owned(), what: other.to_string(), quarantine: dir.to_owned() }
        }
    }
}

/// Opens sled's folder and reads its first record. sled answers some damage with a panic: caught here, it is damage like any
/// other.
fn open_sled(dir: &Path) -> Result<Engine, Fault> {
    let path = dir.join(DB);
    let opening = AssertUnwindSafe(|| {
        let config =
            sled::Config::new().path(&path).cache_capacity(CACHE_BYTES).mode(sled::Mode::HighThroughput);
        let db = config.open()?;
        db.first()?;
        Ok::<_, sled::Error>(db)
    });
    let db = match catch_unwind(opening) {
        Ok(opened) => opened?,
        Err(_) => return Err(Fault::Damage("sled stopped on damaged files".to_owned())),
    };
    let file =
        File::options().read(true).write(true).open(path.join("db")).map_err(|e| Fault::Other(e.into()))?;
    Ok(Engine { db, file, commits: 0 })
}

fn names(dir: &Path) -> Result<Vec<String>, StoreError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(StoreError::io("listing", dir, e)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| StoreError::io("listing", dir, e))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// A snapshot that was being written when something stopped us keeps sled from opening; it is worth nothing.
fn remove_unfinished_snapshots(db: &Path) -> Result<(), StoreError> {
    for name in names(db)?.iter().filter(|name| name.starts_with("snap.") && name.ends_with(".generating")) {
        let path = db.join(name);
        fs::remove_file(&path).map_err(|e| StoreError::io("removing", &path, e))?;
    }
    Ok(())
}

/// Lays the ballast. A disk too full for it is no fault here.
fn keep_ballast(dir: &Path) {
    let path = dir.join(BALLAST);
    if fs::metadata(&path).is_ok_and(|m| m.len() == BALLAST_BYTES as u64) {
        return;
    }
    if fs::write(&path, vec![0x5A; BALLAST_BYTES]).is_err() {
        drop_ballast(dir);
    }
}

/// Gives the ballast up, so that the database can be opened again on a full disk.
pub(super) fn drop_ballast(dir: &Path) {
    // Not there is as good as gone.
    let _ = fs::remove_file(dir.join(BALLAST));
}
