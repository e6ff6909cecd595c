//! Backups as files, and an empty home made out of one: what is written where, and in which order.
//!
//! ```text
//! local note         value
//! 'r' group id (32)  JSON: a group of the backup that is not entered again yet (its name, heads, the other of a conversation)
//! 'v' group id (32)  JSON: devices of before that are to be revoked in this group, once its history is here
//! 's'                JSON: how this home seeks: groups that no backup names too, until when; what becomes of the old devices
//! ```
//!
//! The identity is written last: a restore that was cut short finds an empty home again, and is begun anew.

use crate::home::{Home, HomeError};
use crate::keys::{Keys, KeysError};
use crate::storage::{Storage, StorageError, address_key};
use crate::vault::{Vault, VaultError, random};
use halloo_crypto::backup::{Backup, BackupError, Cost, FILE_MAX, GroupNote, Opened};
use halloo_crypto::id::{AccountId, DeviceId, GroupId, OpId};
use halloo_crypto::identity::AccountSecret;
use halloo_crypto::secret::Redacted;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How long a home that was made of the words alone looks for groups that it does not know: as long as a lost phone is news.
const SEEK_ANY_MS: u64 = 30 * 24 * 3600 * 1000;

/// What can be wrong with a backup, a file of one, or a home to be made of one.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The file itself.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// It cannot be read or written.
    #[error("cannot use {path}: {error}; choose another file")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// Nothing is written over.
    #[error("{0} is there already; choose another name, a backup is never written over")]
    Exists(PathBuf),
    /// Somebody lives there.
    #[error("{0} is the home of somebody already; restore into an empty folder with --home DIR")]
    NotEmpty(PathBuf),
    /// Some parts did not open.
    #[error(
        "{0} in this backup are damaged, the account key is whole; take another copy, or add --salvage to go on without them"
    )]
    Partly(String),
    /// The home.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Its vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Its keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// Its store.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// A group that is not entered again yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Its name.
    pub name: Redacted<String>,
    /// The other account, where it is a conversation of two.
    pub with: Option<AccountId>,
    /// The heads that the backup knew.
    pub heads: Vec<OpId>,
}

/// How a restored home seeks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seeking {
    /// Until when groups are sought that no backup names; Unix milliseconds, 0 for not at all.
    pub any_until_ms: u64,
    /// Whether the devices that were there before are revoked in each group that is entered.
    pub revoke_old: bool,
    /// Whether the name of this home was chosen; else it takes the one that the first group knows.
    pub named: bool,
}

/// What the node's own notes say of a restore.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// How this home seeks.
    pub seeking: Seeking,
    /// The groups that are not entered again yet.
    pub missing: BTreeMap<GroupId, Missing>,
    /// Devices of before, to be revoked in groups that are entered.
    pub revoking: BTreeMap<GroupId, Vec<DeviceId>>,
}

impl Notes {
    /// From the notes on the disk; what does not decode is left alone.
    pub fn load(local: &BTreeMap<Vec<u8>, Vec<u8>>) -> Self {
        let mut notes = Notes::default();
        for (key, value) in local {
            let group = key.get(1..).and_then(|group| <[u8; 32]>::try_from(group).ok());
            let Some(group) = group.map(GroupId::from_bytes) else { continue };
            if key[0] == b'r'
                && let Ok(missing) = serde_json::from_slice(value)
            {
                notes.missing.insert(group, missing);
            } else if key[0] == b'v'
                && let Ok(devices) = serde_json::from_slice(value)
            {
                notes.revoking.insert(group, devices);
            }
        }
        let seeking = local.get(&seeking_key()).and_then(|value| serde_json::from_slice(value).ok());
        notes.seeking = seeking.unwrap_or_default();
        notes
    }

    /// Of a backup.
    fn of(backup: &Backup, revoke_old: bool) -> Self {
        let missing = |group: &GroupNote| {
            let (name, with, heads) = (group.name.clone(), group.with, group.heads.clone());
            (group.group, Missing { name, with, heads })
        };
        let seeking = Seeking { any_until_ms: 0, revoke_old, named: true };
        Notes { seeking, missing: backup.groups.iter().map(missing).collect(), ..Notes::default() }
    }
}

/// The store key of the note on a missing group.
pub fn missing_key(group: &GroupId) -> Vec<u8> {
    [b"r", group.as_bytes().as_slice()].concat()
}

/// The note on devices that are to be revoked in a group: its store key and its value.
pub fn revoking_note(group: &GroupId, devices: &[DeviceId]) -> (Vec<u8>, Vec<u8>) {
    let value = serde_json::to_vec(devices).expect("a list of ids is always JSON");
    ([b"v", group.as_bytes().as_slice()].concat(), value)
}

fn seeking_key() -> Vec<u8> {
    b"s".to_vec()
}

/// The note on how this home seeks: its store key and its value.
pub fn seeking_note(seeking: Seeking) -> (Vec<u8>, Vec<u8>) {
    (seeking_key(), serde_json::to_vec(&seeking).expect("a note is always JSON"))
}

/// Reads a file that may be a backup.
///
/// # Errors
/// [`RestoreError::File`]; [`BackupError::Other`] for what is longer than any.
pub fn read(path: &Path) -> Result<Vec<u8>, RestoreError> {
    let world = |error| RestoreError::File { path: path.to_path_buf(), error };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(world)?;
    file.take(FILE_MAX as u64 + 1).read_to_end(&mut bytes).map_err(world)?;
    if bytes.len() > FILE_MAX { Err(BackupError::Other.into()) } else { Ok(bytes) }
}

/// Seals a backup and writes it to a new file that only its owner reads.
///
/// # Errors
/// [`RestoreError`]; no part of a file is left behind.
pub fn write(path: &Path, backup: &Backup, passphrase: &str) -> Result<(), RestoreError> {
    if path.exists() {
        return Err(RestoreError::Exists(path.to_path_buf()));
    }
    let mut rng = ChaCha20Rng::from_seed(random()?);
    let bytes = halloo_crypto::backup::seal(backup, passphrase, Cost::FILE, &mut rng)?;
    let world = |error| RestoreError::File { path: path.to_path_buf(), error };
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(world)?;
    let written = file.write_all(&bytes).and_then(|()| file.sync_all());
    if let Err(error) = written {
        // What is half there opens nothing; the error says why.
        let _half = std::fs::remove_file(path);
        return Err(world(error));
    }
    Ok(())
}

/// What is said with a restore.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Revoke the devices that were there before.
    pub revoke_old: bool,
    /// Go on without the parts that are damaged.
    pub salvage: bool,
    /// The display name, if one was chosen.
    pub name: Option<String>,
}

/// Makes an empty home the home of this account on a new device, with everything that the backup knew.
///
/// # Errors
/// [`RestoreError`]; the home is then as empty as before.
pub async fn restore(
    home: &Home,
    vault: Vault,
    opened: &Opened,
    wish: &Wish,
    now_ms: u64,
) -> Result<(), RestoreError> {
    if !opened.damaged.is_empty() && !wish.salvage {
        let parts: Vec<String> = opened.damaged.iter().map(ToString::to_string).collect();
        return Err(RestoreError::Partly(parts.join(" and ")));
    }
    let backup = &opened.backup;
    let mut notes = Notes::of(backup, wish.revoke_old);
    if opened.damaged.contains(&halloo_crypto::backup::Part::Groups) {
        // Without the list of groups it is as with the words.
        notes.seeking.any_until_ms = now_ms.saturating_add(SEEK_ANY_MS);
    }
    let name = wish.name.clone().unwrap_or_else(|| backup.name.0.clone());
    let places = backup.places.iter().map(|place| {
        let texts: Vec<&String> = place.addresses.iter().map(|address| &address.0).collect();
        (address_key(&place.peer), serde_json::to_vec(&texts).expect("a list of texts is always JSON"))
    });
    settle(home, vault, (&backup.account, Some(name)), notes, places.collect(), now_ms).await
}

/// Makes an empty home the home of this account on a new device; its groups are found through whoever is met.
///
/// # Errors
/// [`RestoreError`]; the home is then as empty as before.
pub async fn restore_words(
    home: &Home,
    vault: Vault,
    account: &AccountSecret,
    wish: &Wish,
    now_ms: u64,
) -> Result<(), RestoreError> {
    let any_until_ms = now_ms.saturating_add(SEEK_ANY_MS);
    let seeking = Seeking { any_until_ms, revoke_old: wish.revoke_old, named: wish.name.is_some() };
    let notes = Notes { seeking, ..Notes::default() };
    settle(home, vault, (account, wish.name.clone()), notes, Vec::new(), now_ms).await
}

/// Refuses a home in which somebody lives.
///
/// # Errors
/// [`RestoreError::NotEmpty`].
pub fn check_empty(home: &Home) -> Result<(), RestoreError> {
    if Keys::are_in(home)? { Err(RestoreError::NotEmpty(home.folder().to_path_buf())) } else { Ok(()) }
}

async fn settle(
    home: &Home,
    vault: Vault,
    (account, name): (&AccountSecret, Option<String>),
    notes: Notes,
    places: Vec<(Vec<u8>, Vec<u8>)>,
    now_ms: u64,
) -> Result<(), RestoreError> {
    check_empty(home)?;
    let vault = Arc::new(vault);
    let keys = Keys::restored(account.clone(), name, now_ms)?;
    let (storage, loaded) = Storage::open(home, Arc::clone(&vault))?;
    for key in loaded.local.into_keys() {
        // Of a restore that was cut short.
        storage.put_local(key, None).await;
    }
    let missing = notes.missing.iter().map(|(group, missing)| {
        (missing_key(group), serde_json::to_vec(missing).expect("a note is always JSON"))
    });
    for (key, value) in missing.chain(places).chain([seeking_note(notes.seeking)]) {
        storage.put_local(key, Some(value)).await;
    }
    storage.close().await;
    keys.save(home, &vault)?;
    Ok(())
}

#[cfg(test)]
mod tests;
