//! The outer frame of what is sealed to an epoch: whose epoch, and a tag that only its members can make.
//!
//! ```text
//!  0         1                9                   25
//!  | version | epoch tag, 8 B | outer MAC, 16 B   | MLSMessage (RFC 9420, PrivateMessage) ... |
//! ```
//! The epoch tag is constant for an epoch and tells branches with the same epoch number apart: it selects the session.
//! The MAC is HMAC-SHA256, truncated, under [`Export::Outer`] over kind, tag and message. It is checked before MLS sees
//! a byte: MLS spends the receiving key of a generation even on a ciphertext that then fails, so without it anybody on
//! the path could destroy messages by altering a copy. (A member still can; what must arrive is acknowledged and sent
//! again in another generation.)

use super::error::PeerFault;
use super::exports::{Export, Exports};
use crate::id::EpochId;
use crate::kdf;

const VERSION: u8 = 1;
const TAG_BYTES: usize = 8;
const MAC_BYTES: usize = 16;

/// Bytes before the MLS message.
pub const FRAME_OVERHEAD: usize = 1 + TAG_BYTES + MAC_BYTES;

/// Longest commit: a cold tree of 5,000 members needs 0.41 MB, 500 additions at once 0.14 MB.
pub const MAX_COMMIT_BYTES: usize = 1 << 20;

/// Longest application message: what is ratcheted is small (keys for each of 500 members are 40 kB).
pub const MAX_APPLICATION_BYTES: usize = 1 << 18;

/// Names an epoch on one branch without giving its id away.
pub type EpochTag = [u8; TAG_BYTES];

/// What is in the frame; enters the MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Commit = 1,
    Application = 2,
}

impl Kind {
    const fn max_bytes(self) -> usize {
        match self {
            Self::Commit => MAX_COMMIT_BYTES,
            Self::Application => MAX_APPLICATION_BYTES,
        }
    }
}

/// The tag of an epoch.
pub(super) fn tag_of(epoch: &EpochId) -> EpochTag {
    let hash = kdf::mac(epoch.as_bytes(), &[b"halloo v1 epoch tag"]);
    *hash.first_chunk().expect("a MAC is longer than a tag")
}

/// The epoch that a commit or application message is sealed to, as it claims; `None` if it is none of ours.
#[must_use]
pub fn peek_epoch(frame: &[u8]) -> Option<EpochTag> {
    let (&[VERSION], rest) = frame.split_first_chunk::<1>()? else {
        return None;
    };
    rest.first_chunk().copied()
}

/// Where the MLS epoch stands in a private message behind this frame: version 2, wire format 2, group id 1 + 32.
const DEPTH_AT: usize = FRAME_OVERHEAD + 4 + 33;

/// The length of the branch at which a commit was made, as it claims: only a hint, for it is not checked.
#[must_use]
pub fn peek_depth(frame: &[u8]) -> Option<u64> {
    frame.get(DEPTH_AT..)?.first_chunk().map(|depth| u64::from_be_bytes(*depth))
}

fn mac(exports: &Exports, kind: Kind, tag: &EpochTag, message: &[u8]) -> [u8; MAC_BYTES] {
    let key = exports.held(Export::Outer).expect("the session itself never deletes the outer key");
    let mac = kdf::mac(key.expose(), &[&[kind as u8], tag, message]);
    *mac.first_chunk().expect("a MAC is longer than its truncation")
}

/// Frames `message`; `None` if it is longer than its kind may be.
pub(super) fn wrap(exports: &Exports, epoch: &EpochId, kind: Kind, message: &[u8]) -> Option<Vec<u8>> {
    if FRAME_OVERHEAD + message.len() > kind.max_bytes() {
        return None;
    }
    let tag = tag_of(epoch);
    let mac = mac(exports, kind, &tag, message);
    Some([&[VERSION], tag.as_slice(), mac.as_slice(), message].concat())
}

/// Checks the frame and gives the message.
pub(super) fn unwrap<'a>(
    exports: &Exports,
    epoch: &EpochId,
    kind: Kind,
    frame: &'a [u8],
) -> Result<&'a [u8], PeerFault> {
    if frame.len() > kind.max_bytes() {
        return Err(PeerFault::TooLong);
    }
    let tag = peek_epoch(frame).ok_or(PeerFault::Malformed)?;
    let (claimed, message) =
        frame[1 + TAG_BYTES..].split_first_chunk::<MAC_BYTES>().ok_or(PeerFault::Malformed)?;
    if tag != tag_of(epoch) {
        return Err(PeerFault::OtherEpoch);
    }
    if !kdf::equal(claimed, &mac(exports, kind, &tag, message)) {
        return Err(PeerFault::Forged);
    }
    Ok(message)
}

#[cfg(test)]
mod tests;
