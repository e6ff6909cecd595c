//! Streams and the muxer over the wire, as libp2p sees them.

use super::wire::{self, ConnId, PipeId, WireError};
use futures::{AsyncRead, AsyncWrite};
use libp2p::core::StreamMuxer;
use libp2p::core::muxing::StreamMuxerEvent;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

/// One end of a stream.
#[derive(Debug)]
pub struct Stream {
    pipes: [PipeId; 2],
}

impl Stream {
    pub(super) fn new(pipes: [PipeId; 2]) -> Self {
        Stream { pipes }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        wire::try_with(|wire| wire.drop_stream(self.pipes));
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut [u8]) -> Poll<io::Result<usize>> {
        wire::with(|wire| wire.poll_read(self.pipes[0], cx, out)).map_err(io::Error::from)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        wire::with(|wire| wire.poll_write(self.pipes[1], cx, bytes)).map_err(io::Error::from)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        wire::with(|wire| wire.end(self.pipes[1]));
        Poll::Ready(Ok(()))
    }
}

/// One end of a connection that carries many streams, each with its own window, all in the order of their link.
#[derive(Debug)]
pub struct Muxer {
    conn: ConnId,
    end: usize,
}

impl Muxer {
    pub(super) fn new(conn: ConnId, end: usize) -> Self {
        Muxer { conn, end }
    }
}

impl Drop for Muxer {
    fn drop(&mut self) {
        wire::try_with(|wire| {
            wire.leave(self.conn, self.end);
            wire.release(self.conn);
        });
    }
}

impl StreamMuxer for Muxer {
    type Substream = Stream;
    type Error = WireError;

    fn poll_inbound(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Stream, WireError>> {
        wire::with(|wire| wire.poll_opened(self.conn, self.end, cx)).map_ok(Stream::new)
    }

    fn poll_outbound(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Stream, WireError>> {
        wire::with(|wire| {
            wire.watch(self.conn, self.end, cx)?;
            Poll::Ready(Ok(Stream::new(wire.open(self.conn, self.end))))
        })
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), WireError>> {
        wire::with(|wire| wire.leave(self.conn, self.end));
        Poll::Ready(Ok(()))
    }

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<StreamMuxerEvent, WireError>> {
        match wire::with(|wire| wire.watch(self.conn, self.end, cx)) {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

/// One end of a connection that is a single stream of bytes, for the real Noise and Yamux on top.
#[derive(Debug)]
pub struct Raw {
    stream: Stream,
    conn: ConnId,
    end: usize,
}

impl Raw {
    pub(super) fn new(stream: Stream, conn: ConnId, end: usize) -> Self {
        Raw { stream, conn, end }
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // The stream, dropped after this, releases the handle.
        wire::try_with(|wire| wire.leave(self.conn, self.end));
    }
}

impl AsyncRead for Raw {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_read(cx, out)
    }
}

impl AsyncWrite for Raw {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}
