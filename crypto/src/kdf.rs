//! One way to derive a key, to tag and to hash, each with a named purpose, so that no two uses can meet.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::secret::{Secret, wipe_stack};

/// Prefix of every label, so that a key of another protocol or version never collides with ours.
const PREFIX: &[u8] = b"halloo v1 ";

/// Derives 32 bytes from `secret` for the purpose `label` in `context` (HKDF-SHA256, RFC 5869, no salt).
///
/// `info` is `"halloo v1 " || len(label) as u8 || label || context`; labels are constants of at most 255 bytes.
#[must_use]
pub fn derive(secret: &[u8], label: &str, context: &[u8]) -> Secret<[u8; 32]> {
    let key = Secret::filled(|key: &mut [u8; 32]| expand(secret, label, context, key));
    wipe_stack();
    key
}

/// As [`derive()`], for any output of at most 255 x 32 bytes.
#[inline(never)]
pub(crate) fn expand(secret: &[u8], label: &str, context: &[u8], out: &mut [u8]) {
    let label_len = [label_len(label)];
    Hkdf::<Sha256>::new(None, secret)
        .expand_multi_info(&[PREFIX, &label_len, label.as_bytes(), context], out)
        .expect("outputs are far below the HKDF limit of 255 blocks");
}

/// HMAC-SHA256 over the concatenation of `parts` (RFC 2104); a caller with parts of variable length frames them.
#[must_use]
pub fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// SHA-256 of `"halloo v1 " || len(label) || label || parts`; a caller with parts of variable length frames them.
#[must_use]
pub fn hash(label: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(PREFIX);
    hash.update([label_len(label)]);
    hash.update(label.as_bytes());
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// Equality in a time that depends on the length alone; use it for every comparison with a secret or a MAC.
#[must_use]
pub fn equal(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

fn label_len(label: &str) -> u8 {
    u8::try_from(label.len()).expect("labels are short constants")
}

#[cfg(test)]
mod tests;
