//! Where one person's halloo lives on disk: the folders, the lock that keeps a second daemon out, the paths in them.
//!
//! ```text
//! HOME/lock          held while a daemon runs; contains its process id
//! HOME/vault         the wrapped data keys (see `vault`)
//! HOME/vault.key     the wrapping key, where neither a keyring nor a passphrase keeps it; readable by the owner only
//! HOME/identity      account, device and transport keys, sealed by the vault
//! HOME/store/        the durable log of all groups, values sealed by the first data key
//! HOME/store.N/      the same, sealed by the data key of this number
//! HOME/control.sock  the local door of the running daemon
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

/// Longest path of a Unix socket that every system accepts (`sun_path` has 108 bytes on Linux, 104 on macOS).
const SOCKET_PATH_MAX: usize = 100;
/// Name of the folder of the first log; later ones carry the number of their key.
const STORE: &str = "store";

/// What can be wrong with a home.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// Another process holds the lock.
    #[error(
        "another halloo (process {pid}) runs in {home}; use it, or stop it, or choose another home with --home"
    )]
    InUse {
        /// The folder.
        home: PathBuf,
        /// What the lock file says; "?" when it says nothing.
        pid: String,
    },
    /// The system names no folder for data.
    #[error("no home folder is set; choose one with --home DIR or HALLOO_HOME")]
    Nowhere,
    /// The folder cannot be made or used.
    #[error("cannot use {path}: {error}; check the folder's owner and the space left on the disk")]
    World {
        /// The path.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
}

/// The folder of one person on one machine.
#[derive(Clone, Debug)]
pub struct Home {
    folder: PathBuf,
    /// Changes of files until the power goes, in tests of what a crash leaves; negative is never.
    #[cfg(test)]
    power: std::sync::Arc<std::sync::atomic::AtomicI64>,
}

/// The lock of a running daemon; released when dropped, also by a kill.
#[derive(Debug)]
pub struct HomeLock {
    _file: File,
}

impl Home {
    /// The folder that was asked for, else `HALLOO_HOME`, else the data folder of the XDG base directory specification.
    ///
    /// # Errors
    /// [`HomeError::Nowhere`] and [`HomeError::World`].
    pub fn open(asked: Option<PathBuf>) -> Result<Self, HomeError> {
        let folder = asked
            .or_else(|| std::env::var_os("HALLOO_HOME").map(PathBuf::from))
            .or_else(|| {
                directories::ProjectDirs::from("", "", "halloo").map(|dirs| dirs.data_dir().to_path_buf())
            })
            .ok_or(HomeError::Nowhere)?;
        let home = Home {
            folder,
            #[cfg(test)]
            power: std::sync::Arc::new((-1).into()),
        };
        home.make(&home.folder)?;
        Ok(home)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder of the durable log whose values the data key of this number seals.
    pub fn store(&self, key: u8) -> PathBuf {
        self.folder.join(if key == 1 { STORE.to_owned() } else { format!("{STORE}.{key}") })
    }

    /// The data keys whose logs are there, by number.
    ///
    /// # Errors
    /// [`HomeError::World`].
    pub fn stores(&self) -> Result<Vec<u8>, HomeError> {
        let world = |error| HomeError::World { path: self.folder.clone(), error };
        let mut keys = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(world)? {
            let name = entry.map_err(world)?.file_name().to_string_lossy().into_owned();
            keys.extend((1..=u8::MAX).find(|key| self.store(*key).ends_with(&name)));
        }
        keys.sort_unstable();
        Ok(keys)
    }

    /// A file of the home.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The local door: in the home, or, where that path is too long for a socket, in the runtime folder under a name
    /// that depends on the home.
    pub fn socket(&self) -> PathBuf {
        let inside = self.folder.join("control.sock");
        if inside.as_os_str().len() <= SOCKET_PATH_MAX {
            return inside;
        }
        let digest = halloo_crypto::kdf::hash("halloo home", &[inside.as_os_str().as_encoded_bytes()]);
        let name = halloo_crypto::base16::encode(&digest[..8]);
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
        runtime.join(format!("halloo-{name}.sock"))
    }

    /// Takes the lock of a daemon.
    ///
    /// # Errors
    /// [`HomeError::InUse`] when another process holds it.
    pub fn lock(&self) -> Result<HomeLock, HomeError> {
        let path = self.file("lock");
        let world = |error| HomeError::World { path: path.clone(), error };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(world)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                file.read_to_string(&mut pid).map_err(world)?;
                let pid = if pid.is_empty() { "?".into() } else { pid };
                return Err(HomeError::InUse { home: self.folder.clone(), pid });
            }
            Err(TryLockError::Error(error)) => return Err(world(error)),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(world)?;
        write!(file, "{}", std::process::id()).map_err(world)?;
        Ok(HomeLock { _file: file })
    }

    /// Whether a daemon holds the lock now.
    pub fn is_locked(&self) -> bool {
        matches!(self.lock(), Err(HomeError::InUse { .. }))
    }

    /// Writes a private file so that a power cut leaves the old or the new one, never a part.
    ///
    /// # Errors
    /// [`HomeError::World`].
    pub fn write_private(&self, name: &str, bytes: &[u8]) -> Result<(), HomeError> {
        let path = self.file(name);
        let fresh = self.file(&format!("{name}.new"));
        let world = |error| HomeError::World { path: path.clone(), error };
        let mut file = private(&fresh).map_err(world)?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(world)?;
        self.rename(&fresh, &path)
    }

    /// Writes a private file like [`Self::write_private`], and blanks the blocks of the old one before they are given back.
    ///
    /// # Errors
    /// [`HomeError::World`].
    pub fn replace_secret(&self, name: &str, bytes: &[u8]) -> Result<(), HomeError> {
        let old = old_blocks(&self.file(name));
        self.write_private(name, bytes)?;
        blank(old);
        Ok(())
    }

    /// Puts one private file in the place of another, whose blocks are blanked.
    ///
    /// # Errors
    /// [`HomeError::World`].
    pub fn move_secret(&self, from: &str, to: &str) -> Result<(), HomeError> {
        let old = old_blocks(&self.file(to));
        self.rename(&self.file(from), &self.file(to))?;
        blank(old);
        Ok(())
    }

    /// Removes a private file, if it is there, and blanks its blocks.
    ///
    /// # Errors
    /// [`HomeError::World`].
    pub fn remove_secret(&self, name: &str) -> Result<(), HomeError> {
        let path = self.file(name);
        let world = |error| HomeError::World { path: path.clone(), error };
        let old = old_blocks(&path);
        self.powered(&path)?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            removed => removed.map_err(world)?,
        }
        blank(old);
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(world)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), HomeError> {
        let world = |error| HomeError::World { path: to.to_path_buf(), error };
        self.powered(to)?;
        fs::rename(from, to).map_err(world)?;
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(world)
    }

    /// Nothing in the product; in tests the moment at which the power may go.
    #[cfg_attr(
        not(test),
        expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "tests cut the power here")
    )]
    fn powered(&self, _path: &Path) -> Result<(), HomeError> {
        #[cfg(test)]
        {
            use std::sync::atomic::Ordering::SeqCst;
            match self.power.load(SeqCst) {
                0 => {
                    let error = std::io::Error::other("the power is gone");
                    return Err(HomeError::World { path: _path.to_path_buf(), error });
                }
                left if left > 0 => self.power.store(left - 1, SeqCst),
                _ => {}
            }
        }
        Ok(())
    }

    /// Lets the power go before the change of a file after so many others.
    #[cfg(test)]
    pub fn cut_power_after(&self, changes: Option<u32>) {
        self.power.store(changes.map_or(-1, i64::from), std::sync::atomic::Ordering::SeqCst);
    }

    /// Reads a file of the home; `None` when it is not there.
    ///
    /// # Errors
    /// [`HomeError::World`].
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, HomeError> {
        let path = self.file(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(HomeError::World { path, error }),
        }
    }

    fn make(&self, folder: &Path) -> Result<(), HomeError> {
        let world = |error| HomeError::World { path: folder.to_path_buf(), error };
        if !folder.is_dir() {
            fs::create_dir_all(folder).map_err(world)?;
            owner_only(folder, 0o700).map_err(world)?;
        }
        Ok(())
    }
}

/// A handle on a file that is about to be replaced, and its length; `None` where there is none, or where another name (a
/// snapshot by hard links) wants its content.
fn old_blocks(path: &Path) -> Option<(File, u64)> {
    let file = OpenOptions::new().write(true).open(path).ok()?;
    let about = file.metadata().ok()?;
    #[cfg(unix)]
    if std::os::unix::fs::MetadataExt::nlink(&about) != 1 {
        return None;
    }
    Some((file, about.len()))
}

/// Overwrites a file that has no name any more. Best effort: a disk that writes elsewhere (flash, copy on write) keeps the old
/// blocks until it needs them, whatever a program does; docs/STORAGE.md says so.
fn blank(old: Option<(File, u64)>) {
    if let Some((mut file, length)) = old {
        let zeros = vec![0; usize::try_from(length).unwrap_or(0)];
        let _best_effort = file.write_all(&zeros).and_then(|()| file.sync_all());
    }
}

fn private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(unix)]
fn owner_only(path: &Path, mode: u32) -> std::io::Result<()> {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
}

#[cfg(not(unix))]
fn owner_only(_path: &Path, _mode: u32) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests;
