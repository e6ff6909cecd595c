//! For simulations, in which one thread runs many members: a signature that the thread has found good is not computed again for the next.
//!
//! Only what verified is remembered, under a hash of everything that the answer depends on, so no answer changes. Whoever runs one
//! member gains nothing: the feature `memo` is off by default, and a thread remembers only between [`begin`] and [`end`].

use std::cell::RefCell;

use sha2::{Digest as _, Sha256};

/// Places for signatures, each holding the newest that falls there: 1 MiB. Members of one group check the same report within two seconds,
/// in which a thousand groups of ten sign four thousand.
const PLACES: usize = 1 << 15;

/// What signs this message under this key: its hash. No input is known whose hash is all zeros, which marks a free place.
type Mark = [u8; 32];

/// How often a thread was asked while it remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Answered without computing.
    pub known: u64,
    /// Computed.
    pub computed: u64,
}

struct Memo {
    places: Vec<Mark>,
    asked: Asked,
}

thread_local! {
    static MEMO: RefCell<Option<Memo>> = const { RefCell::new(None) };
}

/// This thread remembers from now on, beginning with nothing.
pub fn begin() {
    MEMO.set(Some(Memo { places: vec![Mark::default(); PLACES], asked: Asked::default() }));
}

/// This thread forgets and remembers no more.
pub fn end() -> Asked {
    MEMO.take().map_or(Asked::default(), |memo| memo.asked)
}

/// The answer of `check`, which is whether `signature` is one of `key` under `message`; a good one is remembered.
pub(crate) fn good(
    key: &[u8; 32],
    message: &[u8],
    signature: &[u8; 64],
    check: impl FnOnce() -> bool,
) -> bool {
    MEMO.with_borrow_mut(|memo| {
        let Some(memo) = memo else { return check() };
        // Two fields of fixed length, then the rest: no other three fields give the same bytes.
        let hash = Sha256::new().chain_update(key).chain_update(signature).chain_update(message).finalize();
        let mark = Mark::from(hash);
        let place = usize::from(u16::from_le_bytes([mark[0], mark[1]])) % PLACES;
        if memo.places[place] == mark {
            memo.asked.known += 1;
            return true;
        }
        memo.asked.computed += 1;
        let good = check();
        if good {
            memo.places[place] = mark;
        }
        good
    })
}

#[cfg(test)]
mod tests;
