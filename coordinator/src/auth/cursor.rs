//! Pages of long lists: how many at once, and where the next one begins.
//!
//! ```text
//!  0      1          17     33
//!  | list | position | tag  |      in hex; tag: first 16 bytes of HMAC-SHA256(key of the coordinator, the 17 bytes before)
//! ```
//! Who asks has nothing to read or to make up in it, so that what it holds may change.

use super::office::{Office, hex};
use crate::problem::{Kind, Problem};
use halloo_crypto::base16;
use halloo_crypto::kdf;
use halloo_crypto::secret::Secret;

/// Most lines of a page: what a person looks through, and some 20 kB.
pub(super) const PAGE_MAX: usize = 50;
const BODY_BYTES: usize = 17;
const BYTES: usize = 33;

/// What is listed; a cursor of one list is none of another. The numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum List {
    /// Accounts, in the order of their names.
    Accounts = 1,
    /// Rows of the audit log, the newest first.
    Audit = 2,
}

/// Makes and reads cursors.
#[derive(Debug)]
pub(super) struct Cursors(Secret<[u8; 32]>);

impl Cursors {
    /// By the seed of accounts.
    pub(super) fn new(seed: &Secret<[u8; 32]>) -> Self {
        Cursors(kdf::derive(seed.expose(), "cursors", &[]))
    }

    fn tag(&self, body: &[u8]) -> [u8; 16] {
        *kdf::mac(self.0.expose(), &[body]).first_chunk().expect("32 bytes hold 16")
    }

    /// A cursor behind this position.
    pub(super) fn give(&self, list: List, position: [u8; 16]) -> String {
        let mut bytes = [0; BYTES];
        bytes[0] = list as u8;
        bytes[1..BODY_BYTES].copy_from_slice(&position);
        let tag = self.tag(&bytes[..BODY_BYTES]);
        bytes[BODY_BYTES..].copy_from_slice(&tag);
        base16::encode(&bytes)
    }

    /// The position of a cursor that was given for this list.
    pub(super) fn read(&self, list: List, text: &str) -> Result<[u8; 16], Problem> {
        let bytes: [u8; BYTES] = hex(text, "a cursor has 66 digits of lower-case hex")?;
        let (body, tag) = bytes.split_at(BODY_BYTES);
        if body[0] != list as u8 || !kdf::equal(&self.tag(body), tag) {
            return Err(Problem::new(
                Kind::NotFound,
                "this cursor was not given for this list: begin without one",
            ));
        }
        Ok(body[1..].try_into().expect("16 bytes"))
    }
}

impl Office {
    /// How many lines are asked for, and behind which position.
    pub(super) fn page(
        &self,
        list: List,
        limit: Option<u8>,
        cursor: Option<&str>,
    ) -> Result<(usize, Option<[u8; 16]>), Problem> {
        let limit = limit.map_or(PAGE_MAX, usize::from);
        if !(1..=PAGE_MAX).contains(&limit) {
            return Err(Problem::new(Kind::Malformed, "a page has 1 to 50 lines"));
        }
        let at = cursor.map(|text| self.cursors.read(list, text)).transpose()?;
        Ok((limit, at))
    }
}

#[cfg(test)]
mod tests;
