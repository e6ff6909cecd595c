//! Refresh tokens: opaque to clients, kept as hashes, each good once.
//!
//! ```text
//!  0            16         48      64
//!  | session    | secret   | tag   |        tag: first 16 bytes of HMAC-SHA256(secret of the coordinator, session | secret)
//! ```
//! The tag tells a token that was good once from bytes that somebody made up: only the former ends a session. The secret of a successor
//! is derived from the token before it with a salt that is drawn, and kept: who repeats a token whose answer was lost gets the same
//! successor, and what lies in the store alone yields neither.

use super::super::access::Id;
use halloo_crypto::base16;
use halloo_crypto::kdf;
use halloo_crypto::secret::Secret;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;

/// Length of a token.
pub const BYTES: usize = 64;

/// A token.
#[derive(Clone)]
pub struct Refresh(Secret<[u8; BYTES]>);

impl std::fmt::Debug for Refresh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Refresh(..)")
    }
}

/// What a token is to its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presented {
    /// The one that is good.
    Current,
    /// The one before, whose successor, derived with this salt, is unused.
    Consumed([u8; 32]),
    /// One whose successor was used.
    Reused,
}

impl Refresh {
    /// The first of a session.
    #[must_use]
    pub fn draw(secret: &Secret<[u8; 32]>, session: Id, rng: &mut ChaCha20Rng) -> Self {
        let own = Secret::filled(|own: &mut [u8; 32]| rng.fill_bytes(own));
        Self::of(secret, session, &own)
    }

    fn of(secret: &Secret<[u8; 32]>, session: Id, own: &Secret<[u8; 32]>) -> Self {
        let mut bytes = [0; BYTES];
        bytes[..16].copy_from_slice(&session);
        bytes[16..48].copy_from_slice(own.expose());
        let tag = kdf::mac(secret.expose(), &[&bytes[..48]]);
        bytes[48..].copy_from_slice(&tag[..16]);
        Refresh(Secret::new(bytes))
    }

    /// From bytes that somebody sent; nothing is checked.
    #[must_use]
    pub fn of_bytes(bytes: [u8; BYTES]) -> Self {
        Refresh(Secret::new(bytes))
    }

    /// As text.
    #[must_use]
    pub fn to_text(&self) -> String {
        base16::encode(self.0.expose())
    }

    /// Whether it was given here once.
    #[must_use]
    pub fn is_ours(&self, secret: &Secret<[u8; 32]>) -> bool {
        let (body, tag) = self.0.expose().split_at(48);
        kdf::equal(&kdf::mac(secret.expose(), &[body])[..16], tag)
    }

    /// Of which session.
    #[must_use]
    pub fn session(&self) -> Id {
        *self.0.expose().first_chunk().expect("64 bytes hold 16")
    }

    /// What is kept of it. The secret has 256 bits: a plain hash hides it.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        kdf::hash("refresh token", &[self.0.expose()])
    }

    /// The token that follows it under this salt.
    #[must_use]
    pub fn successor(&self, secret: &Secret<[u8; 32]>, salt: &[u8; 32]) -> Self {
        Self::of(secret, self.session(), &kdf::derive(self.0.expose(), "refresh successor", salt))
    }
}

#[cfg(test)]
mod tests;
