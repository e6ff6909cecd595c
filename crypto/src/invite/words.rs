//! The 2,048 words of short codes, and what a mistyped word was probably meant to be.
//!
//! The list is the English list of BIP-39 (MIT, taken from the crate `bip39` 3.0.0, CC0) with `otter` for `other` and
//! `quartz` for `quarter`, so that the example in every manual is a valid code. Words have 3 to 8 letters, are sorted,
//! and differ in their first four letters.

/// One word a line, sorted.
const LIST: &str = include_str!("words.txt");
/// Number of words: eleven bits each.
pub const WORDS: u16 = 2_048;
/// Letters after which no other word is possible.
pub const UNIQUE_PREFIX: usize = 4;
/// Suggestions for a mistyped word.
pub const SUGGESTIONS_MAX: usize = 3;
/// Longest word.
const LETTERS_MAX: usize = 8;
/// Longest text compared with the list; anything longer is no word with a slip of the finger.
const TYPED_MAX: usize = 16;

/// The word of a number below [`WORDS`].
///
/// # Panics
/// For a larger number: a caller's bug.
#[must_use]
pub fn word(number: u16) -> &'static str {
    LIST.lines().nth(usize::from(number)).expect("a word number is below 2,048")
}

/// The number of a lowercase word, written out or shortened to at least its first four letters.
#[must_use]
pub fn number(typed: &str) -> Option<u16> {
    let mut shortened = None;
    for (number, word) in (0_u16..).zip(LIST.lines()) {
        if word == typed {
            return Some(number);
        }
        if typed.len() >= UNIQUE_PREFIX && word.starts_with(typed) {
            shortened = Some(number);
        }
    }
    shortened
}

/// The words nearest to what was typed, nearest first; at most [`SUGGESTIONS_MAX`], none if nothing is near.
#[must_use]
pub fn suggest(typed: &str) -> Vec<&'static str> {
    if typed.is_empty() || !typed.is_ascii() || typed.len() > TYPED_MAX {
        return Vec::new();
    }
    let far = if typed.len() <= 3 { 1 } else { 2 };
    let mut near: Vec<(usize, &'static str)> = LIST
        .lines()
        .map(|word| (distance(typed.as_bytes(), word.as_bytes()), word))
        .filter(|(distance, _)| *distance <= far)
        .collect();
    near.sort();
    near.truncate(SUGGESTIONS_MAX);
    near.into_iter().map(|(_, word)| word).collect()
}

/// Optimal string alignment: insertions, deletions, replacements, and swaps of neighbours cost one each.
fn distance(typed: &[u8], word: &[u8]) -> usize {
    debug_assert!(word.len() <= LETTERS_MAX && typed.len() <= TYPED_MAX);
    let mut rows = [[0_usize; LETTERS_MAX + 1]; TYPED_MAX + 1];
    for row in 0..=typed.len() {
        for column in 0..=word.len() {
            if row == 0 || column == 0 {
                rows[row][column] = row + column;
                continue;
            }
            let differs = usize::from(typed[row - 1] != word[column - 1]);
            let mut best = (rows[row - 1][column] + 1)
                .min(rows[row][column - 1] + 1)
                .min(rows[row - 1][column - 1] + differs);
            let swapped = row > 1
                && column > 1
                && typed[row - 1] == word[column - 2]
                && typed[row - 2] == word[column - 1];
            if swapped {
                best = best.min(rows[row - 2][column - 2] + 1);
            }
            rows[row][column] = best;
        }
    }
    rows[typed.len()][word.len()]
}

#[cfg(test)]
mod tests;
