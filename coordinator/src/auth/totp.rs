//! Codes of authenticators (TOTP, RFC 6238, upon HOTP, RFC 4226): six digits of HMAC-SHA-1 over steps of 30 seconds, as all of them speak.

use halloo_crypto::kdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

/// Length of a secret (RFC 4226, 4, R6).
pub const SECRET_BYTES: usize = 20;
/// Length of a step (RFC 6238, 5.2).
const STEP_MS: u64 = 30_000;
/// Steps before and after the one of now that are taken (RFC 6238, 5.2): clocks of phones are some seconds apart.
const APART: u64 = 1;
/// Length of a code.
const DIGITS: usize = 6;
/// Codes are below it.
const MODULUS: u32 = 1_000_000;

/// Base32 without padding (RFC 4648, 6).
#[must_use]
pub fn base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let (mut text, mut held, mut bits) = (String::new(), 0_u32, 0);
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(LETTERS[(held >> bits & 31) as usize]));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(char::from(LETTERS[(held << (5 - bits) & 31) as usize]));
    }
    text
}

/// The code of a step.
#[must_use]
pub fn code(secret: &[u8], step: u64) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(&step.to_be_bytes());
    let tag = mac.finalize().into_bytes();
    // Dynamic truncation (RFC 4226, 5.3).
    let at = usize::from(tag[19] & 15);
    let four = tag[at..at + 4].try_into().expect("20 bytes hold four from 15 on");
    format!("{:06}", (u32::from_be_bytes(four) & 0x7fff_ffff) % MODULUS)
}

/// Whether a text has the form of a code.
#[must_use]
pub fn is_code(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|digit| digit.is_ascii_digit())
}

/// The step of a code that is good now and was not used, nor any after it.
#[must_use]
pub fn step_of(secret: &[u8], text: &str, last: u64, now_ms: u64) -> Option<u64> {
    let now = now_ms / STEP_MS;
    let steps = now.saturating_sub(APART)..=now + APART;
    steps.filter(|step| *step > last).find(|step| kdf::equal(code(secret, *step).as_bytes(), text.as_bytes()))
}

#[cfg(test)]
mod tests;
