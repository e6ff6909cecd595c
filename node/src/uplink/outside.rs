//! The world as stations see it: what time it is and how bytes reach a coordinator. This machine's, or one that is told, where hours pass in
//! a moment.

use futures::future::BoxFuture;
use halloo_wire::origin::Origin;
use hyper::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tower_service::Service;

/// Bytes both ways, with TLS or without.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection to a coordinator.
pub type Line = Box<dyn Stream>;

impl Connection for Line {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

/// A world that is told.
pub trait Told: Send + Sync {
    /// Its wall clock, Unix milliseconds; all that is waited for is measured by the clock of the runtime.
    fn wall_ms(&self) -> u64;

    /// A connection to whoever is there.
    ///
    /// # Errors
    /// Nobody is.
    fn connect(&self, origin: &Origin) -> io::Result<Line>;
}

/// See the module.
#[derive(Clone, Default)]
pub enum Outside {
    /// This machine's clock and network.
    #[default]
    Machine,
    /// For tests and measurements.
    Told(Arc<dyn Told>),
}

impl Outside {
    /// The wall clock, Unix milliseconds.
    pub(super) fn wall_ms(&self) -> u64 {
        match self {
            Outside::Machine => {
                let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                u64::try_from(wall.as_millis()).unwrap_or(u64::MAX)
            }
            Outside::Told(world) => world.wall_ms(),
        }
    }

    /// A connection for a WebSocket.
    pub(super) async fn connect(&self, origin: &Origin) -> io::Result<Line> {
        match self {
            Outside::Machine => {
                let tcp = TcpStream::connect((origin.host(), origin.port())).await?;
                tcp.set_nodelay(true)?;
                Ok(Box::new(tcp))
            }
            Outside::Told(world) => world.connect(origin),
        }
    }
}

/// Opens connections for HTTP to one origin.
#[derive(Clone)]
pub(super) struct Lines {
    pub(super) outside: Outside,
    pub(super) origin: Origin,
    pub(super) tcp: HttpConnector,
}

impl Service<Uri> for Lines {
    type Response = TokioIo<Line>;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.tcp.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        if let Outside::Told(world) = &self.outside {
            let line = world.connect(&self.origin).map(TokioIo::new).map_err(Into::into);
            return Box::pin(std::future::ready(line));
        }
        let opening = self.tcp.call(uri);
        Box::pin(async move {
            let line: Line = Box::new(opening.await?.into_inner());
            Ok(TokioIo::new(line))
        })
    }
}
