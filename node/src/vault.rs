//! The storage key of a home and everything that is sealed by it: AES-256-GCM, wrapped by a passphrase or a key file.
//!
//! ```text
//! vault file
//!  0         1      2           18          30                     78
//!  | version | wrap | salt (16) | nonce (12) | key (32) + tag (16) |
//!
//! sealed value
//!  0     1            13            n-16   n
//!  | key | nonce (12) | ciphertext  | tag  |
//! ```
//! wrap 0: the wrapping key is the content of `vault.key`. wrap 1: it is Argon2id (RFC 9106) of the passphrase with the
//! salt, 19 MiB, two passes, one lane (the OWASP minimum: 25 ms on a small machine). Nonces are random; 2^32 values by
//! one key keep the chance of a repeat below 2^-32. The place of a value (its store key, its file name) is authenticated
//! with it, so that two sealed values cannot be exchanged on the disk.

use crate::home::{Home, HomeError};
use argon2::{Algorithm, Argon2, Params, Version};
use halloo_crypto::aead::AeadKey;
use halloo_crypto::secret::Secret;

const FILE: &str = "vault";
const KEY_FILE: &str = "vault.key";
const VERSION: u8 = 1;
const BY_KEY_FILE: u8 = 0;
const BY_PASSPHRASE: u8 = 1;
const SALT: usize = 16;
const NONCE: usize = 12;
const TAG: usize = 16;
const FILE_LEN: usize = 2 + SALT + NONCE + 32 + TAG;
/// Argon2id memory in KiB: the OWASP minimum of 2024 for two passes.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// The only key number so far; a rotation writes the next one.
const KEY_NUMBER: u8 = 1;

/// What a sealed value costs on top of its plaintext.
pub const OVERHEAD: usize = 1 + NONCE + TAG;

/// What can be wrong with a vault.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The home is closed by a passphrase and none, or a wrong one, was given.
    #[error("this home is closed by a passphrase; give the right one in HALLOO_PASSPHRASE")]
    Passphrase,
    /// The key file is gone.
    #[error("the key file vault.key is missing from this home; put it back from your backup")]
    KeyFile,
    /// The vault file was cut or changed.
    #[error("the vault file of this home is damaged; put it back from your backup")]
    Damaged,
    /// A sealed value does not open: changed, exchanged or of another key.
    #[error("a stored value does not open ({0}); restore the last backup of this home")]
    Value(String),
    /// The machine gives no randomness.
    #[error("the system gives no randomness")]
    NoRandomness,
    /// The home itself.
    #[error(transparent)]
    Home(#[from] HomeError),
}

/// The opened storage key.
pub struct Vault {
    key: AeadKey,
}

impl Vault {
    /// Opens the vault of a home, or makes one. With a passphrase a new vault is closed by it.
    ///
    /// # Errors
    /// [`VaultError`].
    pub fn open(home: &Home, passphrase: Option<&str>) -> Result<Self, VaultError> {
        match home.read(FILE)? {
            Some(bytes) => Self::unwrap_key(home, &bytes, passphrase),
            None => Self::create(home, passphrase),
        }
    }

    fn create(home: &Home, passphrase: Option<&str>) -> Result<Self, VaultError> {
        let key = Secret::new(random::<32>()?);
        let salt = random::<SALT>()?;
        let (wrap, wrapping) = match passphrase {
            Some(text) => (BY_PASSPHRASE, stretch(text, &salt)?),
            None => {
                let wrapping = Secret::new(random::<32>()?);
                home.write_private(KEY_FILE, wrapping.expose())?;
                (BY_KEY_FILE, wrapping)
            }
        };
        let mut file = vec![VERSION, wrap];
        file.extend_from_slice(&salt);
        let nonce = random::<NONCE>()?;
        file.extend_from_slice(&nonce);
        let wrapped = AeadKey::new(wrapping.expose()).seal(&nonce, &file, key.expose());
        file.extend_from_slice(&wrapped);
        assert_eq!(file.len(), FILE_LEN, "the vault file has one length");
        home.write_private(FILE, &file)?;
        Ok(Vault { key: AeadKey::new(key.expose()) })
    }

    fn unwrap_key(home: &Home, file: &[u8], passphrase: Option<&str>) -> Result<Self, VaultError> {
        if file.len() != FILE_LEN || file[0] != VERSION {
            return Err(VaultError::Damaged);
        }
        let (head, wrapped) = file.split_at(2 + SALT + NONCE);
        let salt: [u8; SALT] = head[2..2 + SALT].try_into().map_err(|_| VaultError::Damaged)?;
        let nonce: [u8; NONCE] = head[2 + SALT..].try_into().map_err(|_| VaultError::Damaged)?;
        let (wrapping, failure) = match file[1] {
            BY_PASSPHRASE => {
                (stretch(passphrase.ok_or(VaultError::Passphrase)?, &salt)?, VaultError::Passphrase)
            }
            BY_KEY_FILE => (key_file(home)?, VaultError::Damaged),
            _ => return Err(VaultError::Damaged),
        };
        let key = AeadKey::new(wrapping.expose()).open(&nonce, head, wrapped).map_err(|_| failure)?;
        let key = Secret::new(<[u8; 32]>::try_from(key.as_slice()).map_err(|_| VaultError::Damaged)?);
        Ok(Vault { key: AeadKey::new(key.expose()) })
    }

    /// Seals a value for its place.
    ///
    /// # Errors
    /// [`VaultError::NoRandomness`].
    pub fn seal(&self, place: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, VaultError> {
        let nonce = random::<NONCE>()?;
        let sealed = self.key.seal(&nonce, place, plaintext);
        let mut value = Vec::with_capacity(plaintext.len() + OVERHEAD);
        value.push(KEY_NUMBER);
        value.extend_from_slice(&nonce);
        value.extend_from_slice(&sealed);
        Ok(value)
    }

    /// Opens the value of a place.
    ///
    /// # Errors
    /// [`VaultError::Value`].
    pub fn open_value(&self, place: &[u8], value: &[u8]) -> Result<Vec<u8>, VaultError> {
        let broken = |what: &str| VaultError::Value(what.to_owned());
        if value.len() < OVERHEAD || value[0] != KEY_NUMBER {
            return Err(broken("it is cut or of another key"));
        }
        let nonce: [u8; NONCE] = value[1..=NONCE].try_into().map_err(|_| broken("it is cut"))?;
        self.key.open(&nonce, place, &value[1 + NONCE..]).map_err(|_| broken("it was changed"))
    }
}

fn key_file(home: &Home) -> Result<Secret<[u8; 32]>, VaultError> {
    let bytes = home.read(KEY_FILE)?.ok_or(VaultError::KeyFile)?;
    Ok(Secret::new(bytes.try_into().map_err(|_| VaultError::Damaged)?))
}

fn stretch(passphrase: &str, salt: &[u8; SALT]) -> Result<Secret<[u8; 32]>, VaultError> {
    let params =
        Params::new(MEMORY_KIB, PASSES, 1, Some(32)).expect("the parameters are within the RFC's limits");
    let mut key = [0_u8; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, &mut key)
        .map_err(|_| VaultError::Passphrase)?;
    Ok(Secret::new(key))
}

/// Fresh chance from the system.
///
/// # Errors
/// [`VaultError::NoRandomness`].
pub fn random<const N: usize>() -> Result<[u8; N], VaultError> {
    let mut bytes = [0_u8; N];
    getrandom::fill(&mut bytes).map_err(|_| VaultError::NoRandomness)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
