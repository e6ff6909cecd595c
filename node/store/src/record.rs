//! How one record lies on the disk: version, checksum, value, in chunks so small that sled never makes a file for a page.
//!
//! ```text
//!   head   key 0x00 K            value 0x01 | crc32 4 (of K and the whole value) | chunks 1 | first bytes, at most 4096
//!   chunk  key 0x01 K index 2    value the next bytes, at most 4096            (index big endian, from 1)
//!   count  key 0x02              value how many commits were made, 8, crc32 4 of that
//! ```
//!
//! sled keeps up to 16 records in a page and writes a page over about 128 KiB to a file of its own, without any fsync and
//! without ever giving all of the space back. 16 records of 4 KiB stay below.

use std::fmt::Write as _;

use crate::batch::MAX_VALUE_BYTES;
use crate::error::StoreError;

/// Most value bytes in one sled record.
pub(crate) const CHUNK_BYTES: usize = 4096;
/// Most chunks beside the head.
const MAX_CHUNKS: usize = MAX_VALUE_BYTES.div_ceil(CHUNK_BYTES);
const VERSION: u8 = 1;
const HEAD_BYTES: usize = 6;
const HEADS: u8 = 0;
const CHUNKS: u8 = 1;
/// The key of the commit count, written with every commit.
pub(crate) const COUNT_KEY: [u8; 1] = [2];

/// The head key of `key`.
pub(crate) fn head_key(key: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + key.len());
    out.push(HEADS);
    out.extend_from_slice(key);
    out
}

/// The key inside a head key; `None` if it is a chunk's.
pub(crate) fn key_of(head_key: &[u8]) -> Option<&[u8]> {
    match head_key.split_first() {
        Some((&HEADS, key)) => Some(key),
        _ => None,
    }
}

pub(crate) fn chunk_key(key: &[u8], index: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(3 + key.len());
    out.push(CHUNKS);
    out.extend_from_slice(key);
    out.extend_from_slice(&(index as u16).to_be_bytes());
    out
}

/// The head's value and the chunks.
pub(crate) fn encode<'a>(key: &[u8], value: &'a [u8]) -> (Vec<u8>, Vec<&'a [u8]>) {
    let (first, rest) = value.split_at(value.len().min(CHUNK_BYTES));
    let chunks: Vec<&[u8]> = rest.chunks(CHUNK_BYTES).collect();
    assert!(chunks.len() <= MAX_CHUNKS, "values are checked before they are encoded");
    let mut head = Vec::with_capacity(HEAD_BYTES + first.len());
    head.push(VERSION);
    head.extend_from_slice(&checksum(key, value).to_le_bytes());
    head.push(chunks.len() as u8);
    head.extend_from_slice(first);
    (head, chunks)
}

/// How many chunks belong to a head; 0 for one that cannot be read.
pub(crate) fn chunk_count(head: &[u8]) -> usize {
    head.get(5).map_or(0, |n| usize::from(*n).min(MAX_CHUNKS))
}

/// Puts a value together and checks it. `chunk` reads one chunk.
pub(crate) fn decode(
    key: &[u8],
    head: &[u8],
    mut chunk: impl FnMut(usize) -> Result<Option<Vec<u8>>, StoreError>,
) -> Result<Vec<u8>, StoreError> {
    let Some(([VERSION, a, b, c, d, _], first)) = head.split_first_chunk::<HEAD_BYTES>() else {
        return Err(damaged(key));
    };
    let mut value = first.to_vec();
    for index in 1..=chunk_count(head) {
        match chunk(index)? {
            Some(bytes) => value.extend_from_slice(&bytes),
            None => return Err(damaged(key)),
        }
    }
    if checksum(key, &value) == u32::from_le_bytes([*a, *b, *c, *d]) { Ok(value) } else { Err(damaged(key)) }
}

fn checksum(key: &[u8], value: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&(key.len() as u32).to_le_bytes());
    crc.update(key);
    crc.update(value);
    crc.finalize()
}

/// A commit count with its checksum.
pub(crate) fn encode_count(count: u64) -> [u8; 12] {
    let mut out = [0; 12];
    out[..8].copy_from_slice(&count.to_le_bytes());
    out[8..].copy_from_slice(&crc32fast::hash(&count.to_le_bytes()).to_le_bytes());
    out
}

/// Reads what [`encode_count`] wrote; `None` for anything else.
pub(crate) fn decode_count(bytes: &[u8]) -> Option<u64> {
    let (count, crc) = bytes.split_first_chunk::<8>()?;
    (crc == crc32fast::hash(count).to_le_bytes()).then(|| u64::from_le_bytes(*count))
}

fn damaged(key: &[u8]) -> StoreError {
    let mut hex = String::new();
    for byte in key.iter().take(16) {
        write!(hex, "{byte:02x}").expect("a string takes everything");
    }
    StoreError::Record { key: hex }
}

#[cfg(test)]
mod tests;
