//! A connection as the doors see it: bare TCP, or what came out of TLS; who reads and writes need not know which.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// A connection.
#[derive(Debug)]
pub enum Stream {
    /// As it came.
    Plain(TcpStream),
    /// By TLS.
    Tls(Box<Begun>),
}

/// A TLS stream whose first byte was looked at and is given again: there is no peeking into what is encrypted.
#[derive(Debug)]
pub struct Begun {
    first: Option<u8>,
    inner: TlsStream<TcpStream>,
}

impl Begun {
    /// Waits for the first byte.
    ///
    /// # Errors
    /// When the other end leaves without one.
    pub async fn of(mut inner: TlsStream<TcpStream>) -> io::Result<(Self, u8)> {
        let first = inner.read_u8().await?;
        Ok((Begun { first: Some(first), inner }, first))
    }
}

impl Stream {
    /// Whether it is TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        matches!(self, Stream::Tls(_))
    }

    fn tcp(&self) -> &TcpStream {
        match self {
            Stream::Plain(tcp) => tcp,
            Stream::Tls(tls) => tls.inner.get_ref().0,
        }
    }

    /// Our end.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.tcp().local_addr().ok()
    }

    /// What is small must not wait for what comes next; a socket that refuses is served all the same.
    pub fn hurry(&self) {
        drop(self.tcp().set_nodelay(true));
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_read(cx, into),
            Stream::Tls(tls) if into.remaining() > 0 && tls.first.is_some() => {
                into.put_slice(tls.first.take().as_slice());
                Poll::Ready(Ok(()))
            }
            Stream::Tls(tls) => Pin::new(&mut tls.inner).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Stream::Tls(tls) => Pin::new(&mut tls.inner).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Stream::Tls(tls) => Pin::new(&mut tls.inner).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Stream::Tls(tls) => Pin::new(&mut tls.inner).poll_shutdown(cx),
        }
    }
}
