//! Short codes: `7-otter-quartz`, a nameplate that finds the inviter and two words that are the password.
//!
//! The number may be overheard and costs nothing; the words have 22 bits, which is enough because a guess takes a run
//! of the pairing protocol and three wrong ones burn the code (see `pake`).

use std::fmt;
use std::str::FromStr;

use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;
use serde::{Deserialize, Serialize};

use super::words;

/// Largest nameplate: four digits serve more open invites than any network has.
pub const NAMEPLATE_MAX: u16 = 9_999;
/// Words of a code.
pub const CODE_WORDS: usize = 2;
/// Longest text that is looked at.
const TYPED_MAX_BYTES: usize = 64;

/// The public half of a code: which invite. From 1 to [`NAMEPLATE_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Nameplate(pub u16);

/// A short code. Its `Debug` hides the words; `Display` is what the user reads aloud.
#[derive(Clone, PartialEq, Eq)]
pub struct ShortCode {
    nameplate: Nameplate,
    words: [u16; CODE_WORDS],
}

/// Why a typed code is none; every text names the next step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// Nothing like a code.
    #[error("a code looks like 7-otter-quartz: a number and two words; type it again")]
    NotACode,
    /// The number is missing or out of range.
    #[error("a code starts with a number from 1 to {NAMEPLATE_MAX}; ask for the number again")]
    BadNumber,
    /// Too few or too many words.
    #[error("a code has {CODE_WORDS} words, this has {found}; ask for the code again")]
    WordCount {
        /// How many there are.
        found: usize,
    },
    /// A word that is not in the list.
    #[error("{}", unknown_word(.typed, .suggestions))]
    UnknownWord {
        /// As typed, lowercase.
        typed: String,
        /// The nearest words of the list.
        suggestions: Vec<&'static str>,
    },
}

fn unknown_word(typed: &str, suggestions: &[&str]) -> String {
    if suggestions.is_empty() {
        format!("\"{typed}\" is not a word of any code; ask for the code again")
    } else {
        format!("\"{typed}\" is not a word of any code; did you mean {}?", suggestions.join(" or "))
    }
}

impl ShortCode {
    /// Draws the words for a nameplate that the caller has found free.
    #[must_use]
    pub fn generate(rng: &mut ChaCha20Rng, nameplate: Nameplate) -> Self {
        debug_assert!((1..=NAMEPLATE_MAX).contains(&nameplate.0));
        // 2^32 is a multiple of 2,048: the remainder is uniform.
        let mut draw = || (rng.next_u32() % u32::from(words::WORDS)) as u16;
        Self { nameplate, words: [draw(), draw()] }
    }

    /// The public half.
    #[must_use]
    pub const fn nameplate(&self) -> Nameplate {
        self.nameplate
    }

    /// Word numbers, for storage next to the nameplate.
    #[must_use]
    pub const fn word_numbers(&self) -> [u16; CODE_WORDS] {
        self.words
    }

    /// From storage; `None` for numbers out of range.
    #[must_use]
    pub fn from_parts(nameplate: Nameplate, words: [u16; CODE_WORDS]) -> Option<Self> {
        let fits =
            (1..=NAMEPLATE_MAX).contains(&nameplate.0) && words.iter().all(|word| *word < words::WORDS);
        fits.then_some(Self { nameplate, words })
    }

    /// The words as text: what both sides of a pairing hash.
    pub(crate) fn password(&self) -> String {
        let words: Vec<&str> = self.words.iter().map(|number| words::word(*number)).collect();
        words.join("-")
    }
}

/// Reads a code as people type it: any case, separated by hyphens, spaces, dots or underscores, words shortened to
/// four letters if need be.
impl FromStr for ShortCode {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        if text.len() > TYPED_MAX_BYTES {
            return Err(CodeError::NotACode);
        }
        let text = text.to_ascii_lowercase();
        let mut parts = text
            .split(|c: char| c.is_whitespace() || matches!(c, '-' | '_' | '.' | ',' | '–' | '—'))
            .filter(|part| !part.is_empty());
        let number = parts.next().ok_or(CodeError::NotACode)?;
        if !number.starts_with(|c: char| c.is_ascii_digit()) && parts.clone().next().is_none() {
            return Err(CodeError::NotACode);
        }
        let nameplate: u16 = number.parse().map_err(|_| CodeError::BadNumber)?;
        if !(1..=NAMEPLATE_MAX).contains(&nameplate) {
            return Err(CodeError::BadNumber);
        }
        let typed: Vec<&str> = parts.collect();
        let [first, second] = typed[..] else {
            return Err(CodeError::WordCount { found: typed.len() });
        };
        let find = |typed: &str| {
            words::number(typed).ok_or_else(|| CodeError::UnknownWord {
                typed: typed.to_owned(),
                suggestions: words::suggest(typed),
            })
        };
        Ok(Self { nameplate: Nameplate(nameplate), words: [find(first)?, find(second)?] })
    }
}

impl fmt::Display for ShortCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.nameplate.0, self.password())
    }
}

impl fmt::Debug for ShortCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShortCode({}-..)", self.nameplate.0)
    }
}

#[cfg(test)]
mod tests;
