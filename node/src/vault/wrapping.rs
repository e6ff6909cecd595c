//! The key that wraps the data keys, and where it lies: in the keyring of the system, in a passphrase, or in a file.
//!
//! ```text
//! vault file
//!  0         1      2           18          30
//!  | version | wrap | salt (16) | nonce (12) | wrapped keys | tag (16) |
//! ```
//! wrap 0: the content of `vault.key`. wrap 1: Argon2id (RFC 9106) of the passphrase with the salt, 19 MiB, two passes, one lane (the
//! OWASP minimum: 25 ms on a small machine). wrap 2: an entry of the keyring; the salt is its name. AES-256-GCM; everything
//! before the ciphertext is authenticated with it.
//!
//! A new wrapping key is laid down before the vault file that needs it, and the old one goes after: `vault.key.next` beside
//! `vault.key`, a second entry beside the first. Whatever a crash leaves, one of the two opens the vault.

use super::{VaultError, random};
use crate::home::Home;
use crate::keyring::{Ask, Keyring};
use argon2::{Algorithm, Argon2, Params, Version};
use halloo_crypto::aead::AeadKey;
use halloo_crypto::secret::Secret;
use zeroize::Zeroizing;

pub(super) const KEY_FILE: &str = "vault.key";
const KEY_FILE_NEXT: &str = "vault.key.next";
/// The version that held one key without a number.
pub(super) const ONE_KEY: u8 = 1;
pub(super) const VERSION: u8 = 2;
const SALT: usize = crate::keyring::ID;
const NONCE: usize = 12;
pub(super) const HEAD: usize = 2 + SALT + NONCE;
/// Argon2id memory in KiB: the OWASP minimum of 2024 for two passes.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;

/// Where the wrapping key lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In `vault.key`, beside the data.
    KeyFile,
    /// In the head of a person.
    Passphrase,
    /// In the keyring of the system.
    Keyring,
}

impl Place {
    fn byte(self) -> u8 {
        match self {
            Place::KeyFile => 0,
            Place::Passphrase => 1,
            Place::Keyring => 2,
        }
    }

    /// Where the wrapping key of this vault file lies; `None` for what is no vault file.
    pub(super) fn of(file: &[u8]) -> Option<Self> {
        [Place::KeyFile, Place::Passphrase, Place::Keyring]
            .into_iter()
            .find(|p| file.get(1) == Some(&p.byte()))
    }

    /// As it is called at the local door.
    pub fn word(self) -> &'static str {
        match self {
            Place::KeyFile => "file",
            Place::Passphrase => "passphrase",
            Place::Keyring => "keyring",
        }
    }
}

/// What a home shall be closed by.
#[derive(Clone, Debug)]
pub enum CloseBy {
    /// A key file beside the data.
    KeyFile,
    /// A passphrase.
    Passphrase(Zeroizing<String>),
    /// The keyring, unlocking it if need be.
    Keyring(Keyring, Ask),
}

/// A wrapping key in hand.
pub(super) struct Wrapping {
    pub(super) place: Place,
    salt: [u8; SALT],
    key: Secret<[u8; 32]>,
}

impl Wrapping {
    /// Makes a new key. One of the keyring is laid down here, which may take as long as a person takes.
    pub(super) fn fresh(home: &Home, by: &CloseBy) -> Result<Self, VaultError> {
        let salt = random()?;
        Ok(match by {
            CloseBy::KeyFile => Wrapping { place: Place::KeyFile, salt, key: Secret::new(random()?) },
            CloseBy::Passphrase(text) => {
                Wrapping { place: Place::Passphrase, salt, key: stretch(text, &salt)? }
            }
            CloseBy::Keyring(keyring, ask) => {
                let key = Secret::new(random()?);
                let label = format!("halloo: key of {}", home.folder().display());
                keyring.put(&salt, &label, &key, *ask)?;
                Wrapping { place: Place::Keyring, salt, key }
            }
        })
    }

    /// Lays a key of a file down beside the one in use; others need nothing.
    pub(super) fn lay(&self, home: &Home) -> Result<(), VaultError> {
        if self.place == Place::KeyFile {
            home.write_private(KEY_FILE_NEXT, self.key.expose())?;
        }
        Ok(())
    }

    /// The vault file with these keys.
    pub(super) fn wrap(&self, keys: &[u8]) -> Result<Vec<u8>, VaultError> {
        let mut file = vec![VERSION, self.place.byte()];
        file.extend_from_slice(&self.salt);
        let nonce = random::<NONCE>()?;
        file.extend_from_slice(&nonce);
        let wrapped = AeadKey::new(self.key.expose()).seal(&nonce, &file, keys);
        file.extend_from_slice(&wrapped);
        Ok(file)
    }

    /// Opens a vault file; gives the wrapping key, the keys as they were wrapped, and ends a change that a crash cut short.
    pub(super) fn open(
        home: &Home,
        file: &[u8],
        unlock: &super::Unlock,
    ) -> Result<(Self, Zeroizing<Vec<u8>>), VaultError> {
        let place = Place::of(file).ok_or(VaultError::Damaged)?;
        if file.len() < HEAD {
            return Err(VaultError::Damaged);
        }
        let (head, wrapped) = file.split_at(HEAD);
        let salt: [u8; SALT] = head[2..2 + SALT].try_into().map_err(|_| VaultError::Damaged)?;
        let nonce: [u8; NONCE] = head[2 + SALT..].try_into().map_err(|_| VaultError::Damaged)?;
        let (candidates, failure) = match place {
            Place::Passphrase => {
                let text = unlock.passphrase.as_ref().ok_or(VaultError::Passphrase)?;
                (vec![stretch(text, &salt)?], VaultError::Passphrase)
            }
            Place::KeyFile => (key_files(home)?, VaultError::Damaged),
            Place::Keyring => (vec![unlock.keyring.get(&salt, Ask::Person)?], VaultError::Damaged),
        };
        for key in candidates {
            if let Ok(keys) = AeadKey::new(key.expose()).open(&nonce, head, wrapped) {
                let wrapping = Wrapping { place, salt, key };
                wrapping.settle(home)?;
                return Ok((wrapping, Zeroizing::new(keys)));
            }
        }
        Err(failure)
    }

    /// Takes away the key files that are not in use; the next one takes its place if it is the one. Nothing is done twice.
    pub(super) fn settle(&self, home: &Home) -> Result<(), VaultError> {
        if self.place == Place::KeyFile && key_file(home, KEY_FILE_NEXT)?.as_ref() == Some(&self.key) {
            return Ok(home.move_secret(KEY_FILE_NEXT, KEY_FILE)?);
        }
        home.remove_secret(KEY_FILE_NEXT)?;
        if self.place != Place::KeyFile {
            home.remove_secret(KEY_FILE)?;
        }
        Ok(())
    }

    /// Takes the key out of the keyring once nothing needs it. Best effort: what it opened is gone already.
    pub(super) fn forget(&self, keyring: Keyring) {
        if self.place == Place::Keyring
            && let Err(error) = keyring.forget(&self.salt)
        {
            tracing::warn!("an entry of the keyring that opens nothing any more stayed there: {error}");
        }
    }

    /// Whether this passphrase made the key.
    pub(super) fn is_by(&self, passphrase: &str) -> bool {
        self.place == Place::Passphrase && stretch(passphrase, &self.salt).is_ok_and(|key| key == self.key)
    }
}

fn key_files(home: &Home) -> Result<Vec<Secret<[u8; 32]>>, VaultError> {
    let both = [key_file(home, KEY_FILE)?, key_file(home, KEY_FILE_NEXT)?];
    let keys: Vec<_> = both.into_iter().flatten().collect();
    if keys.is_empty() { Err(VaultError::KeyFile) } else { Ok(keys) }
}

/// The key in a file; none where there is no file, or it holds no key.
fn key_file(home: &Home, name: &str) -> Result<Option<Secret<[u8; 32]>>, VaultError> {
    let bytes = home.read(name)?.map(Zeroizing::new);
    Ok(bytes.and_then(|bytes| bytes.as_slice().try_into().ok().map(Secret::new)))
}

fn stretch(passphrase: &str, salt: &[u8; SALT]) -> Result<Secret<[u8; 32]>, VaultError> {
    let params =
        Params::new(MEMORY_KIB, PASSES, 1, Some(32)).expect("the parameters are within the RFC's limits");
    let mut key = Zeroizing::new([0_u8; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, key.as_mut())
        .map_err(|_| VaultError::Passphrase)?;
    Ok(Secret::new(*key))
}
