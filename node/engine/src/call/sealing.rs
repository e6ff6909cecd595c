//! Under which key this device seals its voice, and that no key is taken up twice.

use std::collections::VecDeque;

use halloo_crypto::media::{Kid, MediaKey};
use rand_chacha::ChaCha20Rng;

/// Used-up keys that are remembered, as many as the voice path does.
const SPENT_KEYS: usize = 64;

/// The key in use, its id, and the keys used up.
pub(super) struct Sealing {
    kid: Kid,
    current: Option<MediaKey>,
    spent: VecDeque<[u8; 8]>,
}

impl Sealing {
    /// Nothing sealed yet.
    pub(super) fn new(rng: &mut ChaCha20Rng) -> Self {
        Sealing { kid: Kid::random(rng), current: None, spent: VecDeque::new() }
    }

    /// The key id of this device's frames.
    pub(super) fn kid(&self) -> Kid {
        self.kid
    }

    /// Draws another key id, as on entering a call anew.
    pub(super) fn draw(&mut self, rng: &mut ChaCha20Rng) {
        let before = self.kid;
        while self.kid == before {
            self.kid = Kid::random(rng);
        }
    }

    /// The key that `make` gives for the key id. If that was used and left before (a device went back to a branch), its
    /// counter would begin anew: another key id is drawn, and with it another key.
    pub(super) fn take(&mut self, make: impl Fn(Kid) -> MediaKey, rng: &mut ChaCha20Rng) -> MediaKey {
        let mut key = make(self.kid);
        if self.current.as_ref() == Some(&key) {
            return key;
        }
        self.retire();
        while self.spent.contains(&key.print()) {
            self.draw(rng);
            key = make(self.kid);
        }
        assert_eq!(key.kid(), self.kid, "the key carries the id that is announced");
        assert!(!self.spent.contains(&key.print()), "no key is taken up twice (INV-3)");
        self.current = Some(key.clone());
        key
    }

    /// Leaves the key in use for good.
    pub(super) fn retire(&mut self) {
        let Some(old) = self.current.take() else { return };
        if self.spent.len() == SPENT_KEYS {
            self.spent.pop_front();
        }
        self.spent.push_back(old.print());
        assert!(self.spent.len() <= SPENT_KEYS, "the memory of used keys is bounded");
    }
}

#[cfg(test)]
mod tests;
