//! Work that stands for an account where nobody vouches for whoever asks: what is searched for before `POST /api/v1/auth/register`.
//!
//! ```text
//!  hashed        "halloo v1 " | 12 | "account work" | device key 32 | challenge 40 | nonce 8
//!  enough        SHA-256 of it begins with as many zero bits as the coordinator said with the challenge
//! ```
//! The challenge is good once and for one key, so that work is neither kept nor handed on. Checking costs one hash.

use halloo_crypto::id::ClientId;
use halloo_crypto::kdf;

use crate::login::CHALLENGE_BYTES;

/// Length of what is searched for.
pub const NONCE_BYTES: usize = 8;
/// Most bits that may be asked for: a fast machine searches for minutes, which is as long as a challenge lives.
pub const BITS_MAX: u8 = 28;

/// Zero bits at the beginning of the hash.
fn bits(device: &ClientId, challenge: &[u8; CHALLENGE_BYTES], nonce: &[u8; NONCE_BYTES]) -> u32 {
    let hash = kdf::hash("account work", &[&device.0, challenge, nonce]);
    u64::from_be_bytes(*hash.first_chunk().expect("32 bytes hold 8")).leading_zeros()
}

/// Whether that was work enough.
#[must_use]
pub fn is_enough(
    device: &ClientId,
    challenge: &[u8; CHALLENGE_BYTES],
    nonce: &[u8; NONCE_BYTES],
    wanted: u8,
) -> bool {
    bits(device, challenge, nonce) >= u32::from(wanted)
}

/// Searches; twice as long for each bit. `None` where more than [`BITS_MAX`] are wanted: such a coordinator wastes one's time.
#[must_use]
pub fn search(device: &ClientId, challenge: &[u8; CHALLENGE_BYTES], wanted: u8) -> Option<[u8; NONCE_BYTES]> {
    let mut nonces = (0_u64..).map(u64::to_be_bytes);
    (wanted <= BITS_MAX).then(|| nonces.find(|nonce| is_enough(device, challenge, nonce, wanted)))?
}

#[cfg(test)]
mod tests;
