//! AES-256-GCM with a 12-byte nonce that the caller makes unique: the one AEAD under the data seal, the pairing line and
//! what a node stores.
//!
//! NIST SP 800-38D. GCM commits to no key: who lets strangers choose keys adds a commitment (see `data`).

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Nonce};

/// Length of the tag behind the ciphertext.
pub const TAG_BYTES: usize = 16;
/// Length of a nonce.
pub const NONCE_BYTES: usize = 12;

/// The sealed bytes do not open with this key, nonce and associated data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sealed bytes do not open with this key")]
pub struct DoesNotOpen;

/// A key, expanded once. Erased when dropped.
#[derive(Clone)]
pub struct AeadKey(Aes256Gcm);

impl AeadKey {
    /// Expands a key.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(Aes256Gcm::new(key.into()))
    }

    /// Seals; gives ciphertext and tag. A (key, nonce) is used once, ever.
    ///
    /// # Panics
    /// Beyond 64 GiB, where GCM ends; every caller has a limit far below.
    #[must_use]
    pub fn seal(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let payload = Payload { msg: plaintext, aad };
        self.0.encrypt(&Nonce::from(*nonce), payload).expect("callers seal a few megabytes at most")
    }

    /// Opens ciphertext and tag.
    ///
    /// # Errors
    /// [`DoesNotOpen`].
    pub fn open(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, DoesNotOpen> {
        let payload = Payload { msg: sealed, aad };
        self.0.decrypt(&Nonce::from(*nonce), payload).map_err(|_| DoesNotOpen)
    }
}

/// The nonce of a counter: four zero bytes, then the counter, big-endian.
#[must_use]
pub fn counter_nonce(counter: u64) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    nonce[4..].copy_from_slice(&counter.to_be_bytes());
    nonce
}

impl std::fmt::Debug for AeadKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AeadKey(..)")
    }
}

#[cfg(test)]
mod tests;
