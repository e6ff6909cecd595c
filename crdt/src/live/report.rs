//! The signed report of one device: all its live cells at one stamp.
//!
//! ```text
//!   0      1            33         41         49     50                     n-64        n
//!   +------+------------+----------+----------+------+----------------------+-----------+
//!   | 0x01 | author, 32 | start, 8 | count, 8 | c, 1 | c cells              | signature |
//!   +------+------------+----------+----------+------+----------------------+-----------+
//!   cell = kind 1, length 1, lease 4 (milliseconds left when signed), value; kinds strictly ascending
//! ```
//!
//! Little endian. Signed is `group, 32` and everything before the signature: the group is not sent, both sides know it.
//! A kind that this build does not know is skipped by its length and relayed unchanged, since the bytes are signed whole.

use halloo_crypto::id::{DeviceId, GroupId, Signature};
use halloo_crypto::identity::{self, DeviceSecret, Domain};

use super::LiveError;
use super::cell::{Cell, Kind};

/// Longest report, bytes: all five kinds of today need 199; the rest is room for kinds to come.
pub const MAX_REPORT_BYTES: usize = 1024;
/// Most cells in one report, known and unknown kinds.
const MAX_CELLS: usize = 16;
const VERSION: u8 = 1;
const HEAD: usize = 50;
const SIGNATURE: usize = 64;

/// Orders the reports of one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Stamp {
    /// Which start of the engine: grows with every start.
    pub start: u64,
    /// Which report since then, from 1.
    pub counter: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Report {
    pub(super) author: DeviceId,
    pub(super) stamp: Stamp,
    /// Known kinds with the lease left, milliseconds.
    pub(super) cells: Vec<(Cell, u32)>,
}

impl Report {
    pub(super) fn sign(&self, group: &GroupId, secret: &DeviceSecret) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        out.push(VERSION);
        out.extend_from_slice(self.author.as_bytes());
        out.extend_from_slice(&self.stamp.start.to_le_bytes());
        out.extend_from_slice(&self.stamp.counter.to_le_bytes());
        out.push(self.cells.len() as u8);
        assert_eq!(out.len(), HEAD, "the head is what the drawing says");
        for (cell, lease_ms) in &self.cells {
            let mut value = Vec::with_capacity(40);
            cell.encode(&mut value);
            out.extend_from_slice(&[cell.kind() as u8, value.len() as u8]);
            out.extend_from_slice(&lease_ms.to_le_bytes());
            out.extend_from_slice(&value);
        }
        let signature = secret.sign(Domain::LiveCell, &signed(group, &out));
        out.extend_from_slice(signature.as_bytes());
        assert!(out.len() <= MAX_REPORT_BYTES, "own cells fit");
        out
    }

    /// Reads the bytes; checks no signature.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, LiveError> {
        if bytes.len() > MAX_REPORT_BYTES {
            return Err(LiveError::Malformed);
        }
        match bytes.first() {
            Some(&VERSION) => {}
            Some(&newer) if newer > VERSION => return Err(LiveError::Version(newer)),
            _ => return Err(LiveError::Malformed),
        }
        parse_first_version(bytes).ok_or(LiveError::Malformed)
    }

    /// Whether the author named in the bytes signed them for this group.
    pub(super) fn is_signed(group: &GroupId, bytes: &[u8]) -> bool {
        let Some((body, signature)) = bytes.split_last_chunk::<SIGNATURE>() else { return false };
        let Some(author) = body.get(1..33).and_then(|b| b.try_into().ok()).map(DeviceId::from_bytes) else {
            return false;
        };
        let signature = Signature::from_bytes(*signature);
        identity::verify(&author, Domain::LiveCell, &signed(group, body), &signature).is_ok()
    }
}

fn signed(group: &GroupId, body: &[u8]) -> Vec<u8> {
    [group.as_bytes().as_slice(), body].concat()
}

fn parse_first_version(bytes: &[u8]) -> Option<Report> {
    let (body, _) = bytes.split_last_chunk::<SIGNATURE>()?;
    let (head, mut rest) = body.split_at_checked(HEAD)?;
    let author = DeviceId::from_bytes(head.get(1..33)?.try_into().ok()?);
    let start = u64::from_le_bytes(head.get(33..41)?.try_into().ok()?);
    let counter = u64::from_le_bytes(head.get(41..49)?.try_into().ok()?);
    let count = usize::from(*head.get(49)?);
    if counter == 0 || count > MAX_CELLS {
        return None;
    }
    let mut cells = Vec::with_capacity(count);
    let mut last: Option<u8> = None;
    for _ in 0..count {
        let ([kind, len, lease @ ..], tail) = rest.split_first_chunk::<6>()?;
        let (value, tail) = tail.split_at_checked(usize::from(*len))?;
        rest = tail;
        if last.is_some_and(|last| last >= *kind) {
            return None;
        }
        last = Some(*kind);
        if let Some(known) = Kind::from_wire(*kind) {
            cells.push((Cell::decode(known, value)?, u32::from_le_bytes(*lease)));
        }
    }
    rest.is_empty().then_some(Report { author, stamp: Stamp { start, counter }, cells })
}
