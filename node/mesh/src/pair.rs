//! The pairing lane `/halloo/pair/1`: one request, one reply, open to strangers and therefore tight.
//!
//! ```text
//! asker -> answerer                     answerer -> asker
//! +---------+-----------------+         +---------+-----------------+
//! | version | payload         |         | version | payload         |
//! | 1 byte  | to end of half  |         | 1 byte  | to end of half  |
//! +---------+-----------------+         +---------+-----------------+
//! ```

use crate::limits::{PAIR_PENDING_PER_PEER_MAX, PAIR_REPLY_MAX, PAIR_REQUEST_MAX, PAIR_TIMEOUT};
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::StreamProtocol;
use libp2p::request_response::{self, Codec, ProtocolSupport};
use std::io;

/// The name under which the lane is negotiated.
pub(crate) const PROTOCOL: StreamProtocol = StreamProtocol::new("/halloo/pair/1");

/// The only version there is.
const VERSION: u8 = 1;

/// The lane as a libp2p behaviour.
pub(crate) type Pair = request_response::Behaviour<PairCodec>;

/// A pairing lane with its limits set.
pub(crate) fn behaviour() -> Pair {
    let config = request_response::Config::default()
        .with_request_timeout(PAIR_TIMEOUT)
        .with_max_concurrent_streams(PAIR_PENDING_PER_PEER_MAX);
    request_response::Behaviour::with_codec(PairCodec, [(PROTOCOL, ProtocolSupport::Full)], config)
}

/// Reads and writes the two halves.
#[derive(Clone, Copy, Debug, Default)]
pub struct PairCodec;

async fn read(from: &mut (impl AsyncRead + Unpin + Send), max: usize) -> io::Result<Vec<u8>> {
    let mut version = [0];
    from.read_exact(&mut version).await?;
    if version != [VERSION] {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "unknown version of the pairing lane"));
    }
    let mut payload = Vec::new();
    from.take(max as u64 + 1).read_to_end(&mut payload).await?;
    if payload.len() > max {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "pairing message too large"));
    }
    Ok(payload)
}

async fn write(to: &mut (impl AsyncWrite + Unpin + Send), payload: &[u8]) -> io::Result<()> {
    to.write_all(&[VERSION]).await?;
    to.write_all(payload).await
}

impl Codec for PairCodec {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read(io, PAIR_REQUEST_MAX).await
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read(io, PAIR_REPLY_MAX).await
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, payload: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write(io, &payload).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, payload: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write(io, &payload).await
    }
}

#[cfg(test)]
mod tests;
