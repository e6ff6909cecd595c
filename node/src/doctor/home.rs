//! The folder of a home: whether it can be written, whether the disk has room, whether its keys open.

use super::{Check, bad, good};
use crate::home::{Home, HomeError};
use crate::keyring::Keyring;
use crate::keys::Keys;
use crate::vault::{Place, Unlock, Vault};
use std::io::ErrorKind;

/// Below this a disk is as good as full: a day of a busy group with voice notes.
const ROOM_MIN_MIB: u64 = 64;

pub(super) fn check_home(home: &Result<Home, HomeError>) -> Vec<Check> {
    let home = match home {
        Ok(home) => home,
        Err(error) => {
            let kind = match error {
                HomeError::World { error, .. } => error.kind(),
                _ => ErrorKind::NotFound,
            };
            return vec![bad("home", error.to_string(), next_for(kind))];
        }
    };
    vec![check_writing(home), check_room(home), check_keys(home)]
}

fn check_writing(home: &Home) -> Check {
    let folder = home.folder();
    let probe = folder.join(".doctor");
    match std::fs::write(&probe, b"x").and_then(|()| std::fs::remove_file(&probe)) {
        Ok(()) => good("home", folder.display().to_string()),
        Err(error) => {
            bad("home", format!("{} cannot be written: {error}", folder.display()), next_for(error.kind()))
        }
    }
}

fn next_for(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::PermissionDenied => {
            "you may not write there: make the folder your own (chown, chmod), or choose another with --home DIR"
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "the disk is full: free some space, or choose a folder on another disk with --home DIR"
        }
        ErrorKind::ReadOnlyFilesystem => {
            "the disk is mounted read-only: mount it for writing, or choose another folder with --home DIR"
        }
        _ => "choose a folder of your own with --home DIR",
    }
}

fn check_room(home: &Home) -> Check {
    let room = match rustix::fs::statvfs(home.folder()) {
        Ok(disk) => disk.f_bavail.saturating_mul(disk.f_frsize) / (1024 * 1024),
        Err(error) => return good("disk", format!("its room is not told here: {error}")),
    };
    let found = format!("{room} MiB free");
    if room >= ROOM_MIN_MIB {
        good("disk", found)
    } else {
        bad(
            "disk",
            found,
            "the disk is nearly full: free some space, or choose a folder on another disk with --home DIR",
        )
    }
}

/// Opens the keys that are there; makes none.
fn check_keys(home: &Home) -> Check {
    let there = |name| home.read(name).map(|file| file.is_some());
    let opened = match (there("vault"), there("identity")) {
        (Ok(false), Ok(false)) => return good("keys", "none yet; the first start makes them"),
        (Ok(true), Ok(true)) => Vault::open(home, &Unlock::from_env())
            .map_err(|error| error.to_string())
            .and_then(|vault| Keys::open(home, &vault, 0).map(drop).map_err(|error| error.to_string())),
        (Ok(_), Ok(_)) => Err("one of the files vault and identity is missing".to_owned()),
        (Err(error), _) | (_, Err(error)) => Err(error.to_string()),
    };
    match opened {
        Ok(()) => good("keys", "they open"),
        Err(error) => match error.split_once("; ") {
            Some((what, next)) => bad("keys", what, next),
            None => bad("keys", error, "put the files of this home back from your backup"),
        },
    }
}

/// Where the key of what is stored lies, and whether it can be had.
pub(super) fn check_key(home: &Home, keyring: Keyring) -> Check {
    let answers = keyring.answers();
    let next = "unlock the keyring, or start it; then `halloo up`";
    match (Vault::place_in(home), answers) {
        (Err(error), _) => bad("key", error.to_string(), "put the vault file back from your backup"),
        (Ok(Some(Place::Passphrase)), _) => good("key", "in a passphrase"),
        (Ok(Some(Place::Keyring)), Ok(())) => good("key", "in the keyring of the system, which answers"),
        (Ok(Some(Place::Keyring)), Err(error)) => bad("key", format!("in the keyring, but {error}"), next),
        (Ok(Some(Place::KeyFile)), Ok(())) => good(
            "key",
            "in vault.key beside the data; a keyring answers: `halloo key keyring` moves it there",
        ),
        (Ok(Some(Place::KeyFile)), Err(error)) => good(
            "key",
            format!(
                "in vault.key beside the data ({error}); `halloo key passphrase` moves it into your head"
            ),
        ),
        (Ok(None), Ok(())) => good("key", "none yet; a new home will use the keyring, which answers"),
        (Ok(None), Err(error)) => {
            good("key", format!("none yet; it will lie in vault.key beside the data, for {error}"))
        }
    }
}
