//! Speaks HTTP/1.1 with whoever was let in: one task a connection, bounded in number, in patience and in memory.
//!
//! TLS has ended at the port or at a proxy in front, or there is none on a LAN.

mod crowd;

use crate::front::Guest;
use crate::hall::{Hall, Held, Peer};
use crate::limits::Name;
use crate::plain;
use crate::problem::{Kind, Problem};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use crowd::Crowd;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tower::ServiceExt as _;
use tower_http::set_header::SetResponseHeaderLayer;

/// How long a client may take to say what it wants; also how long an idle connection is kept.
const HEADER_PATIENCE: Duration = Duration::from_secs(30);
/// How long a request may take from its header to our answer; a body that drips in slower is cut off.
const REQUEST_PATIENCE: Duration = Duration::from_secs(30);
/// Most bytes of a request header, and of what one connection buffers.
const MAX_HEADER_BYTES: usize = 16 * 1024;
/// How long open requests may go on once it is time to close.
const DRAIN: Duration = Duration::from_secs(10);

/// The HTTP door.
#[derive(Clone, Debug)]
pub struct Door {
    router: Router,
    hall: Hall,
    crowd: Arc<Crowd>,
}

impl Door {
    /// A door to these routes for at most so many connections, and so many of one bucket of addresses.
    #[must_use]
    pub fn new(router: Router, hall: &Hall, connections: usize, of_one_bucket: usize) -> Self {
        let headers = [
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::CACHE_CONTROL, "no-store"),
            (HeaderName::from_static("x-frame-options"), "DENY"),
        ];
        let mut router = router
            .fallback(|| async { Problem::new(Kind::NotFound, "there is nothing at this address") })
            .method_not_allowed_fallback(|| async {
                Problem::new(Kind::MethodNotAllowed, "this address does not take this method")
            })
            .layer(middleware::from_fn(patience))
            .layer(middleware::from_fn_with_state(Arc::clone(&hall.known), plain::or_elsewhere));
        for (name, value) in headers {
            let value = HeaderValue::from_static(value);
            router = router.layer(SetResponseHeaderLayer::if_not_present(name, value));
        }
        Door { router, hall: hall.clone(), crowd: Arc::new(Crowd::new(connections, of_one_bucket)) }
    }

    /// Serves everybody who comes until it is time to close, then waits for what is open; at most [`DRAIN`].
    pub async fn run(self, mut guests: mpsc::Receiver<Guest>) {
        let mut tasks = JoinSet::new();
        loop {
            tokio::select! {
                guest = guests.recv() => {
                    let Some((stream, peer)) = guest else { break };
                    // Where no room is left the connection is dropped: a queue would only make it wait longer.
                    let Some(inside) = self.crowd.enter(self.name(&peer)) else { continue };
                    stream.hurry();
                    let peer = Peer { remote: peer, local: stream.local_addr(), tls: stream.is_tls() };
                    let door = self.clone();
                    tasks.spawn(async move {
                        door.speak(stream, peer, Held(Arc::new(inside))).await;
                    });
                }
                Some(_) = tasks.join_next() => {}
                () = self.hall.closing.said() => break,
            }
        }
        drop(guests);
        let drained = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN, drained).await.is_err() {
            tracing::info!("connections that were still open were cut off");
        }
    }

    /// The bucket of an address; none for a proxy, behind which all the world may stand.
    fn name(&self, peer: &SocketAddr) -> Option<Name> {
        let address = peer.ip().to_canonical();
        (!self.hall.known.proxies.contains(&address)).then(|| self.hall.buckets.name(address))
    }

    /// Serves one connection to its end that is counted nowhere.
    pub async fn serve<S>(&self, stream: S, peer: Peer)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.speak(stream, peer, Held(Arc::new(()))).await;
    }

    async fn speak<S>(&self, stream: S, peer: Peer, held: Held)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let router = self.router.clone();
        let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(peer);
            // A WebSocket outlives this connection's own task and keeps its place.
            request.extensions_mut().insert(held.clone());
            router.clone().oneshot(request.map(Body::new))
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_PATIENCE)
            .max_buf_size(MAX_HEADER_BYTES)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.hall.closing.said() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        // A client that broke off or spoke no HTTP: nothing to do about, nothing to keep.
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

/// Cuts off what takes too long.
async fn patience(request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(REQUEST_PATIENCE, next.run(request)).await;
    answer
        .unwrap_or_else(|_| Problem::new(Kind::TooSlow, "the request did not arrive in time").into_response())
}
