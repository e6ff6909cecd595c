//! How packets of TURN are told apart: channel data, STUN messages, and both in a stream of bytes.
//!
//! Channel data (RFC 8656, section 12.4), and the head that a STUN message begins with (RFC 8489, section 5):
//! ```text
//!  0               2               4
//! +---------------+---------------+------------- ... -+--------------+
//! | 0x4000-0x7fff | length n      | n bytes           | 0-3 of pad   |   pad: in a stream always, in a datagram none
//! +---------------+---------------+------------- ... -+--------------+
//! | 0x0000-0x3fff | length n      | 0x2112a442, 12 bytes of transaction, n bytes of attributes (n a multiple of 4)
//! +---------------+---------------+-------------
//! ```

use std::ops::Range;

/// Bytes before the payload of channel data.
pub const CHANNEL_HEAD: usize = 4;

/// Bytes before the attributes of a STUN message.
const STUN_HEAD: usize = 20;

/// Channel numbers that are taken. RFC 8656 ends them at 0x4fff; clients of RFC 5766 (coturn's among them) go to 0x7fff.
pub const CHANNELS: std::ops::RangeInclusive<u16> = 0x4000..=0x7fff;

/// A whole frame of a stream is at most this long: a STUN head and the largest length, which channel data stay below.
pub const MAX_FRAME: usize = STUN_HEAD + u16::MAX as usize;

/// Number and payload of channel data; bytes behind the payload are pad.
pub fn channel(packet: &[u8]) -> Option<(u16, Range<usize>)> {
    let head = packet.first_chunk::<CHANNEL_HEAD>()?;
    let number = u16::from_be_bytes([head[0], head[1]]);
    let end = CHANNEL_HEAD + usize::from(u16::from_be_bytes([head[2], head[3]]));
    (CHANNELS.contains(&number) && end <= packet.len()).then_some((number, CHANNEL_HEAD..end))
}

/// Writes channel data over `out`; with `pad` as in a stream. Payloads of datagrams always fit the length field.
pub fn write_channel(number: u16, payload: &[u8], pad: bool, out: &mut Vec<u8>) -> bool {
    let Ok(length) = u16::try_from(payload.len()) else { return false };
    out.clear();
    out.extend_from_slice(&number.to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(payload);
    if pad {
        out.resize(out.len().next_multiple_of(4), 0);
    }
    true
}

/// A stream that carries neither STUN nor channel data; it cannot be followed any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither STUN nor channel data")]
pub struct Astray;

/// The length of the first frame of a stream, pad included; nothing while its head is not there yet.
pub fn length(bytes: &[u8]) -> Result<Option<usize>, Astray> {
    let Some(&first) = bytes.first() else { return Ok(None) };
    let Some(head) = bytes.first_chunk::<CHANNEL_HEAD>() else {
        return if first < 0x80 { Ok(None) } else { Err(Astray) };
    };
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    match first {
        0x00..=0x3f if length.is_multiple_of(4) => Ok(Some(STUN_HEAD + length)),
        0x40..=0x7f => Ok(Some((CHANNEL_HEAD + length).next_multiple_of(4))),
        _ => Err(Astray),
    }
}

/// Cuts a stream of bytes into frames.
#[derive(Default, Debug)]
pub struct Frames {
    held: Vec<u8>,
    taken: usize,
}

impl Frames {
    /// Takes bytes as they come.
    pub fn push(&mut self, bytes: &[u8]) {
        self.held.drain(..self.taken);
        self.taken = 0;
        self.held.extend_from_slice(bytes);
    }

    /// The next whole frame. What is held is below [`MAX_FRAME`] plus one push, because every whole frame is given out.
    pub fn cut(&mut self) -> Result<Option<&[u8]>, Astray> {
        let rest = self.held.get(self.taken..).unwrap_or_default();
        match length(rest)? {
            Some(length) if length <= rest.len() => {
                let start = self.taken;
                self.taken += length;
                Ok(self.held.get(start..self.taken))
            }
            _ => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests;
