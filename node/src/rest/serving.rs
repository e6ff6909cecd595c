//! Listening on loopback and speaking HTTP/1.1 there: one task a connection, bounded in number, in patience and in memory.

use super::house::House;
use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower::ServiceExt as _;

/// Connections at once: several browsers of one person, each with half a dozen.
const CONNECTIONS_MAX: usize = 64;
/// How long a client may take to say what it wants; also how long an idle connection is kept.
const HEADER_PATIENCE: Duration = Duration::from_secs(30);
/// Most bytes of a request header, and of what one connection buffers.
const HEADER_BYTES_MAX: usize = 16 * 1024;
/// How long nothing is accepted after the system refused (out of descriptors): the next one would fail as well.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the door does not open.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Others could reach it.
    #[error(
        "{0} can be reached by others, and whoever is in may do all that you may; give an address of this machine alone, as 127.0.0.1:0"
    )]
    NotLoopback(SocketAddr),
    /// It cannot be had.
    #[error("cannot listen on {at}: {error}; choose another port, or 0 for any")]
    Taken {
        /// Where.
        at: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
}

/// Listens there.
///
/// # Errors
/// [`ListenError`].
pub fn listen(at: SocketAddr) -> Result<TcpListener, ListenError> {
    if !at.ip().is_loopback() {
        return Err(ListenError::NotLoopback(at));
    }
    let open = || {
        let listener = std::net::TcpListener::bind(at)?;
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    };
    open().map_err(|error| ListenError::Taken { at, error })
}

/// What serves everybody who comes, until it is dropped.
///
/// # Errors
/// The description cannot be written, which is a mistake of ours.
pub fn serve(
    listener: TcpListener,
    house: House,
) -> Result<impl Future<Output = ()> + Send + 'static, serde_json::Error> {
    let router = super::router(&house)?;
    Ok(async move {
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            match listener.accept().await {
                // Where no room is left the connection is dropped: a queue would only make it wait longer.
                Ok((stream, _)) if connections.len() < CONNECTIONS_MAX => {
                    connections.spawn(speak(stream, router.clone()));
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "a connection to the local door could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    })
}

async fn speak(stream: TcpStream, router: Router) {
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        router.clone().oneshot(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_PATIENCE)
        .max_buf_size(HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    // A client that broke off or spoke no HTTP: nothing to do about, nothing to keep.
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection to the local door ended early");
    }
}
