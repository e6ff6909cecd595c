//! The sealed line after a confirmed pairing: AES-256-GCM, a key and a counter each way, strictly in order.

use super::PakeError;
use super::emoji::{EMOJI, EMOJI_SHOWN};
use crate::aead::{self, AeadKey, NONCE_BYTES, counter_nonce};
use crate::secret::Secret;

/// Bytes that sealing on the line adds.
pub const LINE_OVERHEAD_BYTES: usize = aead::TAG_BYTES;
/// Longest message on the line: the largest sealed frame with its overhead.
pub const LINE_PLAINTEXT_MAX_BYTES: usize = (4 << 20) + 1024;

/// One direction of the sealed line.
struct Way {
    cipher: AeadKey,
    next: u64,
}

impl Way {
    fn new(key: &[u8; 32]) -> Self {
        Self { cipher: AeadKey::new(key), next: 0 }
    }

    fn nonce(&mut self) -> [u8; NONCE_BYTES] {
        let nonce = counter_nonce(self.next);
        self.next += 1;
        nonce
    }
}

/// A confirmed line between two who knew the same words: AES-256-GCM, a key and a counter each way, in order.
pub struct Line {
    send: Way,
    receive: Way,
    session: Secret<[u8; 32]>,
    emoji: [u8; EMOJI_SHOWN],
}

impl Line {
    /// A line that sends under one key and receives under the other.
    pub(super) fn new(
        send: &[u8; 32],
        receive: &[u8; 32],
        session: Secret<[u8; 32]>,
        emoji: [u8; EMOJI_SHOWN],
    ) -> Self {
        assert!(emoji.iter().all(|at| usize::from(*at) < EMOJI.len()));
        Self { send: Way::new(send), receive: Way::new(receive), session, emoji }
    }

    /// The four emoji that both sides show.
    #[must_use]
    pub fn emoji(&self) -> [&'static str; EMOJI_SHOWN] {
        self.emoji.map(|at| EMOJI[usize::from(at)].0)
    }

    /// Their names, for reading aloud and for screens without pictures.
    #[must_use]
    pub fn emoji_names(&self) -> [&'static str; EMOJI_SHOWN] {
        self.emoji.map(|at| EMOJI[usize::from(at)].1)
    }

    /// The 32-byte session key, for binding later steps to this pairing.
    #[must_use]
    pub const fn session_key(&self) -> &Secret<[u8; 32]> {
        &self.session
    }

    /// Seals the next message of this side.
    ///
    /// # Errors
    /// [`PakeError::TooLong`].
    pub fn seal(&mut self, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, PakeError> {
        if plaintext.len() > LINE_PLAINTEXT_MAX_BYTES {
            return Err(PakeError::TooLong);
        }
        let nonce = self.send.nonce();
        Ok(self.send.cipher.seal(&nonce, aad, plaintext))
    }

    /// Opens the next message of the other side. After an error the line is of no more use.
    ///
    /// # Errors
    /// [`PakeError::BrokenLine`].
    pub fn open(&mut self, aad: &[u8], sealed: &[u8]) -> Result<Secret<Vec<u8>>, PakeError> {
        if sealed.len() > LINE_PLAINTEXT_MAX_BYTES + LINE_OVERHEAD_BYTES {
            return Err(PakeError::BrokenLine);
        }
        let nonce = self.receive.nonce();
        self.receive.cipher.open(&nonce, aad, sealed).map(Secret::new).map_err(|_| PakeError::BrokenLine)
    }
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Line(..)")
    }
}

#[cfg(test)]
mod tests;
