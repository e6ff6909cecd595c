//! Generators that cannot be run backwards: the state of one tells all that it ever gave, as well as all that it will give.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use zeroize::Zeroizing;

use crate::secret::{Secret, wipe_stack};

/// A generator of this seed, in a place of its own: one that is moved leaves its state behind, from which all that it gives later can be
/// computed, however often it forgets.
pub fn seeded(seed: &[u8; 32]) -> Box<ChaCha20Rng> {
    let rng = boxed(seed);
    wipe_stack();
    rng
}

#[inline(never)]
fn boxed(seed: &[u8; 32]) -> Box<ChaCha20Rng> {
    Box::new(ChaCha20Rng::from_seed(*seed))
}

/// Draws a secret that is not to be had again: neither the generator nor the stack keeps it.
pub fn secret(rng: &mut ChaCha20Rng) -> Secret<[u8; 32]> {
    let secret = drawn(rng);
    wipe_stack();
    secret
}

#[inline(never)]
fn drawn(rng: &mut ChaCha20Rng) -> Secret<[u8; 32]> {
    let secret = Secret::filled(|secret: &mut [u8; 32]| rng.fill_bytes(secret));
    forget(rng);
    secret
}

/// Goes on from a seed that the generator gives itself. Whoever takes the memory of a device afterwards has only that one, and cannot
/// compute what was drawn before: a step of a call, a key for one opening. (Fast key erasure.)
pub fn forget(rng: &mut ChaCha20Rng) {
    let mut seed = Zeroizing::new([0_u8; 32]);
    rng.fill_bytes(seed.as_mut());
    *rng = ChaCha20Rng::from_seed(*seed);
}

#[cfg(test)]
mod tests;
