//! Sealing to one key: HPKE base mode for welcomes, mailbox items, call steps and re-seals to a device.
//!
//! RFC 9180, suite DHKEM(X25519, HKDF-SHA256) 0x0020, HKDF-SHA256 0x0001, AES-128-GCM 0x0001, single shot. Base mode
//! says nothing about the sender: who needs to know signs inside.
//!
//! ```text
//!  0         1                  33                  n-16   n
//!  | version | encapsulated key | ciphertext        | tag  |
//! ```

use hpke::aead::AesGcm128;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem, OpModeR, OpModeS, Serializable as _};
use rand_chacha::ChaCha20Rng;
use rand_core::CryptoRng;

use crate::chance;
use crate::id::BoxPublic;
use crate::identity::DeviceSecret;
use crate::secret::{Secret, wipe_stack};

/// Version byte of the frame; it names the suite too.
const VERSION: u8 = 1;
/// Length of the encapsulated key (RFC 9180, table 2).
const ENC_BYTES: usize = 32;
/// Length of the AEAD tag.
const TAG_BYTES: usize = 16;
/// Bytes that sealing adds.
pub const SEALED_OVERHEAD_BYTES: usize = 1 + ENC_BYTES + TAG_BYTES;
/// Longest plaintext: a welcome with the tree of 5,000 members is 1.5 MB; everything else is far smaller.
pub const SEALED_PLAINTEXT_MAX_BYTES: usize = 4 << 20;

/// Why sealing or opening failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealedError {
    /// The recipient's public key is a point of small order: anybody could open what is sealed to it.
    #[error("the recipient's key is not usable")]
    BadKey,
    /// The bytes do not open: another recipient, info or associated data, or changed on the way.
    #[error("the sealed bytes do not open with this key")]
    DoesNotOpen,
    /// The bytes are no sealed frame of a version that we know.
    #[error("the sealed bytes are malformed or of an unknown version")]
    Malformed,
    /// The caller's plaintext is longer than [`SEALED_PLAINTEXT_MAX_BYTES`].
    #[error("the plaintext is too long to seal")]
    TooLong,
}

type Public = <X25519HkdfSha256 as Kem>::PublicKey;
type Private = <X25519HkdfSha256 as Kem>::PrivateKey;
type Encapped = <X25519HkdfSha256 as Kem>::EncappedKey;

/// Seals `plaintext` so that only the owner of `to` opens it, with the same `info` (purpose) and `aad`.
///
/// # Errors
/// [`SealedError::BadKey`] for a key of small order, [`SealedError::TooLong`].
pub fn seal_to(
    rng: &mut ChaCha20Rng,
    to: &BoxPublic,
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>, SealedError> {
    seal_with(rng, to, info, aad, plaintext)
}

/// As [`seal_to`] with any generator, so that the published vectors can fix the ephemeral key.
fn seal_with(
    rng: &mut impl CryptoRng,
    to: &BoxPublic,
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>, SealedError> {
    if plaintext.len() > SEALED_PLAINTEXT_MAX_BYTES {
        return Err(SealedError::TooLong);
    }
    let to = Public::from_bytes(&to.0).map_err(|_| SealedError::BadKey)?;
    // The library refuses an all-zero shared secret (RFC 9180, 7.1.4), which is the contributory check.
    let (encapped, ciphertext) = hpke::single_shot_seal_with_rng::<AesGcm128, HkdfSha256, X25519HkdfSha256>(
        &OpModeS::Base,
        &to,
        info,
        plaintext,
        aad,
        rng,
    )
    .map_err(|_| SealedError::BadKey)?;
    let mut frame = Vec::with_capacity(1 + ENC_BYTES + ciphertext.len());
    frame.push(VERSION);
    frame.extend_from_slice(&encapped.to_bytes());
    frame.extend_from_slice(&ciphertext);
    Ok(frame)
}

fn open_with(
    key: &x25519_dalek::StaticSecret,
    info: &[u8],
    aad: &[u8],
    frame: &[u8],
) -> Result<Secret<Vec<u8>>, SealedError> {
    if frame.len() < SEALED_OVERHEAD_BYTES
        || frame.len() > SEALED_OVERHEAD_BYTES + SEALED_PLAINTEXT_MAX_BYTES
        || frame[0] != VERSION
    {
        return Err(SealedError::Malformed);
    }
    let (encapped, ciphertext) = frame[1..].split_at(ENC_BYTES);
    let encapped = Encapped::from_bytes(encapped).map_err(|_| SealedError::Malformed)?;
    let key = Private::from_bytes(key.as_bytes()).map_err(|_| SealedError::DoesNotOpen)?;
    hpke::single_shot_open::<AesGcm128, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        &key,
        &encapped,
        info,
        ciphertext,
        aad,
    )
    .map(Secret::new)
    .map_err(|_| SealedError::DoesNotOpen)
}

impl DeviceSecret {
    /// Opens what [`seal_to`] sealed to this device's box key.
    ///
    /// # Errors
    /// [`SealedError::Malformed`] or [`SealedError::DoesNotOpen`].
    pub fn open_sealed(&self, info: &[u8], aad: &[u8], frame: &[u8]) -> Result<Secret<Vec<u8>>, SealedError> {
        open_with(&self.box_key, info, aad, frame)
    }
}

/// A key made for one opening: [`BoxSecret::open`] consumes it, and dropping erases it.
///
/// It lies in a place of its own, as every [`Secret`].
pub struct BoxSecret(Box<x25519_dalek::StaticSecret>);

impl BoxSecret {
    /// Makes a one-use key. The generator forgets it.
    #[must_use]
    pub fn generate(rng: &mut ChaCha20Rng) -> Self {
        let made = Self::made(&chance::secret(rng));
        wipe_stack();
        made
    }

    #[inline(never)]
    fn made(bytes: &Secret<[u8; 32]>) -> Self {
        Self(Box::new(x25519_dalek::StaticSecret::from(*bytes.expose())))
    }

    /// The public half, to hand out.
    #[must_use]
    pub fn public(&self) -> BoxPublic {
        BoxPublic(x25519_dalek::PublicKey::from(self.0.as_ref()).to_bytes())
    }

    /// Opens one frame and is gone, whether it opened or not.
    ///
    /// # Errors
    /// [`SealedError::Malformed`] or [`SealedError::DoesNotOpen`].
    pub fn open(self, info: &[u8], aad: &[u8], frame: &[u8]) -> Result<Secret<Vec<u8>>, SealedError> {
        open_with(&self.0, info, aad, frame)
    }

    /// As [`Self::open`], but given back when the frame did not open: it was sealed to another key, and this one is still to be used.
    ///
    /// # Errors
    /// The key, and [`SealedError::Malformed`] or [`SealedError::DoesNotOpen`].
    pub fn try_open(
        self,
        info: &[u8],
        aad: &[u8],
        frame: &[u8],
    ) -> Result<Secret<Vec<u8>>, (Self, SealedError)> {
        match open_with(&self.0, info, aad, frame) {
            Ok(plain) => Ok(plain),
            Err(error) => Err((self, error)),
        }
    }
}

impl std::fmt::Debug for BoxSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BoxSecret(..)")
    }
}

#[cfg(test)]
mod tests;
