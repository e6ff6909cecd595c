//! An account key as 24 words (BIP-39, English): what fits on a piece of paper.
//!
//! The 256 bits are the seed of the account key itself, not stretched and not derived; eight bits of checksum find most slips of the
//! pen. What is written down needs no passphrase to be used: keep it where a key would be kept.

use bip39::{Language, Mnemonic};
use zeroize::Zeroizing;

use super::parts;
use crate::identity::AccountSecret;
use crate::invite::words::suggest;
use crate::secret::Secret;

/// How many words there are.
pub const WORDS: usize = 24;

/// Why words are no account key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PhraseError {
    /// Too few or too many.
    #[error("these are {0} words, it takes {WORDS}; count again")]
    Count(usize),
    /// A word that is not in the list.
    #[error("word {at} is not in the list of words{}; look at it again", near.map(|near| format!(" (do you mean `{near}`?)")).unwrap_or_default())]
    Unknown {
        /// Which, from 1.
        at: usize,
        /// The word of the list that it was probably meant to be.
        near: Option<&'static str>,
    },
    /// All are in the list, and one of them, or their order, is wrong.
    #[error(
        "every word is in the list, but their checksum does not fit: one is another word, or two changed places; compare them with the paper"
    )]
    Checksum,
}

/// The words of an account key, separated by spaces.
#[must_use]
pub fn of(account: &AccountSecret) -> Secret<String> {
    let seed = parts::seed_of(account);
    let words = Mnemonic::from_entropy(seed.as_slice()).expect("256 bits are 24 words");
    Secret::new(words.words().collect::<Vec<_>>().join(" "))
}

/// The account key of these words, in any case and with any spaces between.
///
/// # Errors
/// [`PhraseError`], which says which word.
pub fn read(typed: &str) -> Result<AccountSecret, PhraseError> {
    let typed = Zeroizing::new(typed.to_lowercase());
    let words: Vec<&str> = typed.split_whitespace().collect();
    let list = Language::English.word_list();
    for (at, word) in (1..).zip(&words) {
        if list.binary_search(word).is_err() {
            return Err(PhraseError::Unknown { at, near: nearest(word) });
        }
    }
    if words.len() != WORDS {
        return Err(PhraseError::Count(words.len()));
    }
    let joined = Zeroizing::new(words.join(" "));
    let words =
        Mnemonic::parse_in_normalized(Language::English, &joined).map_err(|_| PhraseError::Checksum)?;
    let (entropy, length) = words.to_entropy_array();
    let entropy = Zeroizing::new(entropy);
    assert_eq!(length, 32, "24 words are 256 bits");
    Ok(parts::secret_of(entropy.first_chunk().expect("33 bytes hold 32")))
}

/// What a mistyped word was probably meant to be. The short codes' list is nearly the same; what is only there is not offered.
fn nearest(typed: &str) -> Option<&'static str> {
    let list = Language::English.word_list();
    suggest(typed).into_iter().find(|word| list.binary_search(word).is_ok())
}

#[cfg(test)]
mod tests;
