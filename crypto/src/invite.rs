//! Invites: one 128-bit secret from which everything else follows, handed over as a link, a QR text or a short code.
//!
//! ```text
//!   secret (16 bytes) --HKDF--> id            public, names the invite in the log and in links
//!                     \-------> record key    seals what lies at a coordinator for the joiner
//!                     \-------> signing key   its public half stands in the log; proves possession
//!                     \-------> pairing key   the password of a pairing that starts from a link
//! ```
//!
//! Expiry and the number of uses are in the signed log operation, not here.

pub mod words;
pub mod code;
pub mod link;

use ed25519_dalek::{Signer as _, SigningKey};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;

use crate::id::{InviteId, InvitePublic, Signature};
use crate::identity::{self, Domain, IdentityError};
use crate::kdf;
use crate::secret::Secret;

/// The secret of an invite: who holds it may ask to be let in. No server ever sees it.
#[derive(Clone, PartialEq, Eq)]
pub struct InviteSecret(Secret<[u8; 16]>);

impl InviteSecret {
    /// Length in bytes: 128 bits cannot be guessed, and 22 characters can be read aloud at need.
    pub const LEN: usize = 16;

    /// Draws a new secret.
    #[must_use]
    pub fn generate(rng: &mut ChaCha20Rng) -> Self {
        let mut bytes = [0_u8; Self::LEN];
        rng.fill_bytes(&mut bytes);
        Self(Secret::new(bytes))
    }

    /// From storage or from a link.
    #[must_use]
    pub fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(Secret::new(bytes))
    }

    /// For storage.
    #[must_use]
    pub fn to_bytes(&self) -> Secret<[u8; Self::LEN]> {
        self.0.clone()
    }

    fn derive(&self, label: &str) -> Secret<[u8; 32]> {
        kdf::derive(self.0.expose(), label, &[])
    }

    /// The public name of the invite.
    #[must_use]
    pub fn id(&self) -> InviteId {
        let full = self.derive("invite id");
        InviteId(*full.expose().first_chunk().expect("32 bytes hold 16"))
    }

    /// Seals the record that waits for the joiner at a coordinator.
    #[must_use]
    pub fn record_key(&self) -> Secret<[u8; 32]> {
        self.derive("invite record key")
    }

    /// The password of a pairing that starts from a link.
    #[must_use]
    pub fn pairing_key(&self) -> Secret<[u8; 32]> {
        self.derive("invite pairing key")
    }

    fn signing_key(&self) -> SigningKey {
        SigningKey::from_bytes(self.derive("invite signing key").expose())
    }

    /// The public half of the signing key; stands in the log operation that opens the invite.
    #[must_use]
    pub fn public(&self) -> InvitePublic {
        InvitePublic(self.signing_key().verifying_key().to_bytes())
    }

    /// Proves possession of the secret over `message` (who joins what), in [`Domain::InviteProof`].
    #[must_use]
    pub fn prove(&self, message: &[u8]) -> Signature {
        let message = Domain::InviteProof.message(message);
        Signature(self.signing_key().sign(&message).to_bytes())
    }
}

/// Checks a proof made by [`InviteSecret::prove`]; any member can, the log holds the public half.
///
/// # Errors
/// [`IdentityError::BadSignature`].
pub fn verify_proof(invite: &InvitePublic, message: &[u8], proof: &Signature) -> Result<(), IdentityError> {
    identity::verify_key(&invite.0, Domain::InviteProof, message, proof)
}

impl std::fmt::Debug for InviteSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("InviteSecret").field(&self.id()).finish()
    }
}

#[cfg(test)]
mod tests;
