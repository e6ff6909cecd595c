//! Seeded chance: one generator for each purpose, so that a draw more in one place moves nothing in another.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

/// The generator of one purpose in the run of one seed.
#[must_use]
pub fn generator(seed: u64, purpose: &str) -> ChaCha20Rng {
    ChaCha20Rng::from_seed(bytes(seed, purpose))
}

/// 32 bytes of chance for one purpose in the run of one seed.
#[must_use]
pub fn bytes(seed: u64, purpose: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"halloo simulation");
    hash.update(seed.to_le_bytes());
    hash.update(purpose.as_bytes());
    hash.finalize().into()
}

/// Uniform in [0, 1), 53 bits.
pub fn unit(rng: &mut ChaCha20Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// Normal with mean 0 and deviation 1 (Box and Muller 1958, the cosine half).
pub fn normal(rng: &mut ChaCha20Rng) -> f64 {
    let radius = (-2.0 * (1.0 - unit(rng)).ln()).sqrt();
    radius * (core::f64::consts::TAU * unit(rng)).cos()
}

/// Uniform in `low ..= high`.
pub fn between(rng: &mut ChaCha20Rng, low: u64, high: u64) -> u64 {
    assert!(low <= high, "a range has a beginning and an end");
    let span = u128::from(high - low) + 1;
    // Multiply-shift (Lemire 2019) without rejection: the bias is below 2^-40 for every span that occurs here.
    low + u64::try_from((u128::from(rng.next_u64()) * span) >> 64).expect("below the span")
}

/// Whether something of this probability happens.
pub fn happens(rng: &mut ChaCha20Rng, probability: f64) -> bool {
    probability > 0.0 && unit(rng) < probability
}
