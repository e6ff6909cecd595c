//! Challenges: what a device signs to prove its key, good once and for two minutes; none is kept before it is answered.
//!
//! ```text
//!  0            8             24      40
//!  | expires ms | random      | tag   |     tag: first 16 bytes of HMAC-SHA256(secret of this process, device key | expires ms | random)
//! ```
//! The secret dies with the process, so that what was answered before a restart cannot be answered again after it.

use super::seen::{Seen, SeenError};
use halloo_crypto::id::ClientId;
use halloo_crypto::kdf;
use halloo_wire::login::CHALLENGE_BYTES;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;

/// How long one is good: a person may unlock a key in between.
pub const LIFE_MS: u64 = 2 * 60 * 1_000;

/// Why an answer is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChallengeError {
    /// It was not given here to this key, or has ended.
    #[error("the challenge was not given to this key, or has ended")]
    Unknown,
    /// It was answered before.
    #[error("the challenge was answered before")]
    Replayed,
    /// More than can be remembered.
    #[error("too many answers are remembered at the moment")]
    Busy,
}

/// Gives challenges and takes each back once.
pub struct Challenges {
    secret: [u8; 32],
    answered: Seen,
}

impl std::fmt::Debug for Challenges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Challenges")
    }
}

impl Challenges {
    /// With a secret of its own.
    #[must_use]
    pub fn new(rng: &mut ChaCha20Rng) -> Self {
        let mut secret = [0; 32];
        rng.fill_bytes(&mut secret);
        Challenges { secret, answered: Seen::default() }
    }

    fn tag(&self, device: &ClientId, body: &[u8]) -> [u8; 16] {
        let tag = kdf::mac(&self.secret, &[&device.0, body]);
        *tag.first_chunk().expect("32 bytes hold 16")
    }

    /// A challenge for this key, and when it ends.
    #[must_use]
    pub fn give(
        &self,
        device: &ClientId,
        rng: &mut ChaCha20Rng,
        now_ms: u64,
    ) -> ([u8; CHALLENGE_BYTES], u64) {
        let expires_ms = now_ms + LIFE_MS;
        let mut challenge = [0; CHALLENGE_BYTES];
        challenge[..8].copy_from_slice(&expires_ms.to_be_bytes());
        rng.fill_bytes(&mut challenge[8..24]);
        let tag = self.tag(device, &challenge[..24]);
        challenge[24..].copy_from_slice(&tag);
        (challenge, expires_ms)
    }

    /// Takes one back whose signature holds: not again after that.
    pub fn take(
        &mut self,
        device: &ClientId,
        challenge: &[u8; CHALLENGE_BYTES],
        now_ms: u64,
    ) -> Result<(), ChallengeError> {
        let (body, tag) = challenge.split_at(24);
        let expires_ms = u64::from_be_bytes(*body.first_chunk().expect("24 bytes hold 8"));
        if !kdf::equal(&self.tag(device, body), tag) || now_ms >= expires_ms {
            return Err(ChallengeError::Unknown);
        }
        let name = body[8..].try_into().expect("16 bytes are left");
        self.answered.first_time(name, expires_ms, now_ms).map_err(|error| match error {
            SeenError::Replayed => ChallengeError::Replayed,
            SeenError::Busy => ChallengeError::Busy,
        })
    }
}

#[cfg(test)]
mod tests;
