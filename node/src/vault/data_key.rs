//! A data key: seals values for their places, and says in each value that it was this key.
//!
//! ```text
//! sealed value
//!  0            1            13            n-16   n
//!  | key number | nonce (12) | ciphertext  | tag  |
//! ```
//! AES-256-GCM, nonces at random: 2^32 values by one key keep the chance of a repeat below 2^-32. The place of a value (its store
//! key, its file name) is authenticated with it, so that two sealed values cannot be exchanged on the disk.

use super::{VaultError, random};
use halloo_crypto::aead::{AeadKey, NONCE_BYTES, TAG_BYTES};
use halloo_crypto::secret::Secret;

/// What a sealed value costs on top of its plaintext.
pub const OVERHEAD: usize = 1 + NONCE_BYTES + TAG_BYTES;
/// Length of the key itself.
pub(super) const KEY: usize = 32;

/// One of the keys that everything stored is sealed by.
pub struct DataKey {
    number: u8,
    secret: Secret<[u8; KEY]>,
    key: AeadKey,
}

impl DataKey {
    pub(super) fn new(number: u8, secret: Secret<[u8; KEY]>) -> Self {
        let key = AeadKey::new(secret.expose());
        DataKey { number, secret, key }
    }

    pub(super) fn fresh(number: u8) -> Result<Self, VaultError> {
        Ok(Self::new(number, Secret::new(random()?)))
    }

    /// Its number, from 1; also in the name of the folder whose values it seals.
    pub fn number(&self) -> u8 {
        self.number
    }

    pub(super) fn secret(&self) -> &Secret<[u8; KEY]> {
        &self.secret
    }

    /// Seals a value for its place.
    ///
    /// # Errors
    /// [`VaultError::NoRandomness`].
    pub fn seal(&self, place: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, VaultError> {
        let nonce = random::<NONCE_BYTES>()?;
        let sealed = self.key.seal(&nonce, place, plaintext);
        let mut value = Vec::with_capacity(plaintext.len() + OVERHEAD);
        value.push(self.number);
        value.extend_from_slice(&nonce);
        value.extend_from_slice(&sealed);
        Ok(value)
    }

    /// Opens the value of a place.
    ///
    /// # Errors
    /// [`VaultError::Value`].
    pub fn open(&self, place: &[u8], value: &[u8]) -> Result<Vec<u8>, VaultError> {
        let broken = |what: &str| VaultError::Value(what.to_owned());
        if value.len() < OVERHEAD || value[0] != self.number {
            return Err(broken("it is cut or of another key"));
        }
        let nonce: [u8; NONCE_BYTES] = value[1..=NONCE_BYTES].try_into().map_err(|_| broken("it is cut"))?;
        self.key.open(&nonce, place, &value[1 + NONCE_BYTES..]).map_err(|_| broken("it was changed"))
    }
}

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DataKey({}, ..)", self.number)
    }
}
