//! The bytes of the direct lane.
//!
//! One stream carries one direction of frames; acknowledgements come back on the same stream.
//!
//! ```text
//! sender -> receiver, once           sender -> receiver, repeated        receiver -> sender, repeated
//! +---------+---------+---------+    +--------+----------------+         +----------+
//! | version | session |  first  |    | length | payload        |         |   next   |
//! | 1 byte  | 8 bytes | 8 bytes |    | 4, BE  | length bytes   |         | 8, BE    |
//! +---------+---------+---------+    +--------+----------------+         +----------+
//! ```
//!
//! `session` names a start of the sender, `first` is the number of the first frame that follows (numbers count up by
//! one and are not repeated on the wire), `next` is the number that the receiver expects: all below it are delivered.

use crate::limits::{DIRECT_FRAME_MAX, DIRECT_WRITE_MAX};
use futures::{AsyncRead, AsyncReadExt};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// The only version there is.
const VERSION: u8 = 1;

/// Bytes of the head of a stream.
const HEAD_BYTES: usize = 17;

/// The head of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Names a start of the sender.
    pub(crate) session: u64,
    /// Number of the first frame that follows.
    pub(crate) first: u64,
}

impl Head {
    fn write(self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend_from_slice(&self.session.to_be_bytes());
        out.extend_from_slice(&self.first.to_be_bytes());
    }

    /// Reads a head; an unknown version is invalid data.
    pub(crate) async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let mut bytes = [0; HEAD_BYTES];
        from.read_exact(&mut bytes).await?;
        let [version, numbers @ ..] = bytes;
        if version != VERSION {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "unknown version of the direct lane"));
        }
        let both = u128::from_be_bytes(numbers);
        Ok(Self { session: (both >> 64) as u64, first: both as u64 })
    }
}

/// Reads one frame; `None` where the stream ends between frames. The length is checked before memory is taken.
pub(crate) async fn read_frame(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match from.read(&mut length).await? {
        0 => return Ok(None),
        read => from.read_exact(&mut length[read..]).await?,
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > DIRECT_FRAME_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "frame of the direct lane too large"));
    }
    let mut payload = vec![0; length];
    from.read_exact(&mut payload).await?;
    Ok(Some(payload))
}

/// Reads one acknowledgement.
pub(crate) async fn read_ack(from: &mut (impl AsyncRead + Unpin)) -> io::Result<u64> {
    let mut next = [0; 8];
    from.read_exact(&mut next).await?;
    Ok(u64::from_be_bytes(next))
}

/// Joins what waits into one write of about `DIRECT_WRITE_MAX`, at least one frame, after the head if one is due.
pub(crate) fn take_batch(head: Option<Head>, waiting: &mut VecDeque<Arc<[u8]>>) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some(head) = head {
        head.write(&mut out);
    }
    while let Some(frame) = waiting.pop_front() {
        let length =
            u32::try_from(frame.len()).expect("frames are capped far below 4 GiB when they are queued");
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&frame);
        if out.len() >= DIRECT_WRITE_MAX {
            break;
        }
    }
    out
}

#[cfg(test)]
mod tests;
