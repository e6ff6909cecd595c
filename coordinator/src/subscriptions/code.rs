//! A voucher as text that people paste, read out and type: it says in which group a mistake is.
//!
//! ```text
//!  34 groups of five letters, XXXXX-XXXXX-…: four letters of 5 bits, 20 of the voucher's 680, the first bit first, and one that checks them
//!  letters    0123456789ABCDEFGHJKMNPQRSTVWXYZ (Crockford's base32); read in either case, O as 0, I and L as 1; dashes and blanks say nothing
//!  check      7 (number of the group, from 1, + a + 3 b + 5 c + 7 d) mod 32
//! ```
//! All five letters have odd weights, 1, 3, 5, 7 and 9, whose sum with the number is none: another letter in one place is always noticed, two
//! groups beside each other that changed places too, two letters that did in 30 of 31 cases. What remains, the signature notices.

use halloo_crypto::voucher::Voucher;

/// Letters of a group; the last one checks the others.
const GROUP: usize = 5;
/// Groups of a code.
pub const GROUPS: usize = Voucher::LEN * 8 / (5 * (GROUP - 1));
/// Letters of a code, dashes not counted.
pub const LETTERS: usize = GROUPS * GROUP;
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const WEIGHTS: [u32; GROUP - 1] = [1, 3, 5, 7];
/// By this the letter that checks has the weight 9: 7 * 9 = 63, which is -1 modulo 32.
const CHECK: u32 = 7;

const _: () = assert!(Voucher::LEN * 8 == GROUPS * (GROUP - 1) * 5, "the last group is full");

/// Why a text is no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// A group is not what was written.
    #[error("group {0} of the code is mistyped: compare its five letters with what you were given")]
    Mistyped(usize),
    /// There is too little of it, or too much.
    #[error("a code has {GROUPS} groups of {GROUP} letters: look whether it was copied as a whole")]
    Length,
}

fn check(group: usize, digits: &[u8]) -> u8 {
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(digit, weight)| weight * u32::from(*digit)).sum();
    // Groups are few: their number fits.
    ((sum + group as u32) * CHECK % 32) as u8
}

fn digit(letter: u8) -> Option<u8> {
    let letter = match letter.to_ascii_uppercase() {
        b'O' => b'0',
        b'I' | b'L' => b'1',
        other => other,
    };
    ALPHABET.iter().position(|known| *known == letter).and_then(|at| u8::try_from(at).ok())
}

/// The code of a signed voucher.
#[must_use]
pub fn write(voucher: &[u8; Voucher::LEN]) -> String {
    let bit = |at: usize| voucher[at / 8] >> (7 - at % 8) & 1;
    let digits: Vec<u8> =
        (0..GROUPS * (GROUP - 1)).map(|at| (0..5).fold(0, |digit, i| digit << 1 | bit(5 * at + i))).collect();
    let mut text = String::with_capacity(LETTERS + GROUPS);
    for (at, group) in digits.chunks(GROUP - 1).enumerate() {
        if at > 0 {
            text.push('-');
        }
        let checked = group.iter().copied().chain([check(at + 1, group)]);
        text.extend(checked.map(|digit| char::from(ALPHABET[usize::from(digit)])));
    }
    text
}

/// The bytes of a code; who signed them was not looked at.
///
/// # Errors
/// [`CodeError`]: the first group that is wrong, else what is missing.
pub fn read(text: &str) -> Result<[u8; Voucher::LEN], CodeError> {
    let mut bytes = [0; Voucher::LEN];
    let (mut digits, mut group, mut have) = ([0; GROUP], 0, 0);
    for letter in text.bytes().filter(|letter| *letter != b'-' && !letter.is_ascii_whitespace()) {
        if group == GROUPS {
            return Err(CodeError::Length);
        }
        digits[have] = digit(letter).ok_or(CodeError::Mistyped(group + 1))?;
        have += 1;
        if have < GROUP {
            continue;
        }
        if check(group + 1, &digits[..GROUP - 1]) != digits[GROUP - 1] {
            return Err(CodeError::Mistyped(group + 1));
        }
        let ones = (0..20).filter(|at| digits[at / 5] >> (4 - at % 5) & 1 == 1);
        ones.map(|at| 20 * group + at).for_each(|at| bytes[at / 8] |= 0x80 >> (at % 8));
        (group, have) = (group + 1, 0);
    }
    if group == GROUPS { Ok(bytes) } else { Err(CodeError::Length) }
}

#[cfg(test)]
mod tests;
