//! Values that must not be seen: [`Secret`] erases itself and never prints, [`Redacted`] hides private data in logs.

use std::fmt;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// Key material: erased when dropped, printed as `Secret(..)`, read only through [`Secret::expose`].
///
/// It lies in a place of its own. A value that is moved leaves its bytes behind where it was (a list that grew, a queue, the stack of
/// whoever made it), and nobody erases those; so only the pointer moves.
#[derive(Clone)]
pub struct Secret<T: Zeroize>(Box<Zeroizing<T>>);

impl<T: Zeroize> Secret<T> {
    /// Takes ownership of key material. For what must be forgotten while the process lives on, [`Secret::filled`]: the caller's value
    /// stays on its stack.
    pub fn new(value: T) -> Self {
        Self(Box::new(Zeroizing::new(value)))
    }

    /// Key material that is written where it will lie.
    pub fn filled(fill: impl FnOnce(&mut T)) -> Self
    where
        T: Default,
    {
        let mut place = Box::new(Zeroizing::new(T::default()));
        fill(&mut place);
        Self(place)
    }

    /// The material itself; the name makes every reading visible in a review.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

/// What a hash, a generator or a key agreement leaves on the stack below its caller: the last block, which may be the secret itself, and
/// states that stand for it. The largest, an agreement of curve25519, takes less than half of this in every build.
const STACK_BYTES: usize = 16 * 1024;

/// Overwrites what the calls before this one left on the stack. They must not be inlined into the caller.
#[inline(never)]
pub(crate) fn wipe_stack() {
    let mut below = [0_u8; STACK_BYTES];
    core::hint::black_box(&mut below);
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Comparison in constant time for a given length.
impl<T: Zeroize + AsRef<[u8]>> PartialEq for Secret<T> {
    fn eq(&self, other: &Self) -> bool {
        self.expose().as_ref().ct_eq(other.expose().as_ref()).into()
    }
}

impl<T: Zeroize + AsRef<[u8]>> Eq for Secret<T> {}

impl<T: Zeroize> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

/// Private but not secret (a name, a place, a text): usable and stored as it is, printed as `[redacted]`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Redacted<T>(pub T);

impl<T> fmt::Debug for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<T> fmt::Display for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests;
