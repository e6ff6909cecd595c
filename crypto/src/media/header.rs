//! The SFrame header (RFC 9605, 4.3): which key, which frame; read and written without allocating.
//!
//! ```text
//!   0 1 2 3 4 5 6 7
//!  +-+-+-+-+-+-+-+-+---------------+-------------------+
//!  |X|  K  |Y|  C  | kid, 0-8 B BE | counter, 0-8 B BE |
//!  +-+-+-+-+-+-+-+-+---------------+-------------------+
//!   X = 0: K is the kid; X = 1: K + 1 is its length. Y and C likewise for the counter.
//! ```
//!
//! Ours rather than the crate's, which allocates for each field of each frame.

/// Longest header.
pub(super) const HEADER_MAX_BYTES: usize = 17;
/// Values below this stand in the first byte.
const INLINE: u64 = 8;

/// A header that was read, with its length on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kid: u64,
    pub(super) counter: u64,
    pub(super) len: usize,
}

impl Header {
    /// Reads the header at the front of a frame; `None` when the bytes end inside it.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (config, rest) = bytes.split_first()?;
        let (kid, rest) = field(config >> 4, rest)?;
        let (counter, rest) = field(config & 0x0f, rest)?;
        Some(Self { kid, counter, len: bytes.len() - rest.len() })
    }

    /// Appends the header in its shortest form.
    pub(super) fn write(kid: u64, counter: u64, out: &mut Vec<u8>) {
        let config_at = out.len();
        out.push(0);
        let kid = put(kid, out);
        let counter = put(counter, out);
        out[config_at] = kid << 4 | counter;
    }
}

/// One field by its four bits of the first byte.
fn field(bits: u8, rest: &[u8]) -> Option<(u64, &[u8])> {
    let value = bits & 0b0111;
    if bits & 0b1000 == 0 {
        return Some((u64::from(value), rest));
    }
    let (bytes, rest) = rest.split_at_checked(usize::from(value) + 1)?;
    Some((bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)), rest))
}

/// Appends the bytes of a value, if it needs any; gives its four bits.
fn put(value: u64, out: &mut Vec<u8>) -> u8 {
    if value < INLINE {
        return value as u8;
    }
    let bytes = value.to_be_bytes();
    let len = bytes.len() - value.leading_zeros() as usize / 8;
    out.extend_from_slice(&bytes[bytes.len() - len..]);
    0b1000 | (len - 1) as u8
}

#[cfg(test)]
mod tests;
