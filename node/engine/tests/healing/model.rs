//! An executable model of membership, commits and branches; it shares nothing with the product and uses nothing but std.
//!
//! It is written from `docs/spec/log.md` and `docs/adr/0013-which-branch-counts.md`. Each rule that could have been another one is a switch here, so that
//! the exploration can show what goes wrong with the other one.

#[path = "model/epochs.rs"]
mod epochs;
#[path = "model/log.rs"]
mod log;
#[path = "model/strikes.rs"]
mod strikes;
#[path = "model/table.rs"]
mod table;

pub use epochs::{Commit, Fact, Facts, ROOT, Word};
pub use log::{Ack, Id, Ids, Kind, Log, Op, Role, Verdict};

/// When a commit is held against the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fitness {
    /// Whenever something is learnt: its leaves are the roster at its heads, by all acknowledgements known by now.
    Now,
    /// Once, when it comes, and never again.
    Once,
}

/// Which child of an epoch is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The heavier by birth, then the lower id.
    Static,
    /// One that more than half of the parent's accounts acknowledged without having seen the other; then as above.
    Anchored,
    /// As above, but the accounts counted are those of the child.
    AnchoredByChild,
    /// The one with more acknowledgements; then as above.
    Voices,
}

/// What becomes of an epoch with a leaf that the log removes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taint {
    /// Nothing is sealed to it, and whoever wants to speak commits from there.
    Ended,
    /// It does not become current.
    Avoided,
    /// Nobody minds.
    Ignored,
}

/// The rules, each with the other ones that it could have been.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub void_counts_for_nothing: bool,
    /// Only who had not seen the other side helps to anchor.
    pub only_unaware_count: bool,
    pub fitness: Fitness,
    pub choice: Choice,
    pub taint: Taint,
    /// A device may commit again from an epoch when what it committed there is not fit.
    pub again_when_unfit: bool,
}

/// The rules that hold.
pub const RULES: Rules = Rules {
    void_counts_for_nothing: true,
    only_unaware_count: true,
    fitness: Fitness::Now,
    choice: Choice::Static,
    taint: Taint::Ended,
    again_when_unfit: true,
};

/// A hash that anybody may know: the ids of the model are as arbitrary as those of the product, and the same every time.
#[derive(Clone, Copy)]
pub struct Hash(u64);

impl Hash {
    pub fn new(salt: u64) -> Self {
        Self(salt).word(0x6865_616c_696e_6721)
    }

    /// The finisher of `SplitMix64`.
    pub fn word(self, word: u64) -> Self {
        let mut x = self.0.wrapping_add(word).wrapping_add(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(x ^ (x >> 31))
    }

    pub fn words(self, words: impl IntoIterator<Item = u64>) -> Self {
        words.into_iter().fold(self, Self::word)
    }

    /// Never [`ROOT`].
    pub fn id(self) -> Id {
        self.0 | 1
    }

    pub fn below(self, most: usize) -> usize {
        (self.0 >> 8) as usize % most
    }
}
