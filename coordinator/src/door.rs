//! Speaks HTTP/1.1 with whoever was let in: one task a connection, bounded in number, in patience and in memory.
//!
//! TLS has ended at the port or at a proxy in front, or there is none on a LAN.

mod crowd;

use crate::front::Guest;
use crate::hall::{Closing, Hall, Held, Peer};
use crate::limits::Name;
use crate::meters::Meters;
use crate::plain;
use crate::problem::{Kind, Problem};
use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
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
/// How long open requests and sockets may go on once it is time to close: as long as a request may take.
const DRAIN: Duration = REQUEST_PATIENCE;
/// When it is worth coming back to a coordinator that closes: a restart takes a second.
const BACK_AFTER_S: u64 = 2;
/// Answered also while it closes: they say that it does.
const HEALTH: [&str; 2] = ["/livez", "/readyz"];

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
            .layer(middleware::from_fn_with_state(hall.closing.clone(), or_later))
            .layer(middleware::from_fn_with_state(hall.meters.clone(), counted))
            .layer(middleware::from_fn_with_state(Arc::clone(&hall.known), plain::or_elsewhere));
        for (name, value) in headers {
            let value = HeaderValue::from_static(value);
            router = router.layer(SetResponseHeaderLayer::if_not_present(name, value));
        }
        Door { router, hall: hall.clone(), crowd: Arc::new(Crowd::new(connections, of_one_bucket)) }
    }

    /// Serves everybody who comes until it is time to close, then waits for what is open and for `sockets` to end; at most [`DRAIN`].
    /// Who comes meanwhile is told to come back, and that it is not ready.
    pub async fn run(self, mut guests: mpsc::Receiver<Guest>, sockets: impl Future<Output = ()>) {
        let mut tasks = JoinSet::new();
        loop {
            tokio::select! {
                guest = guests.recv() => {
                    let Some(guest) = guest else { break };
                    self.welcome(guest, &mut tasks);
                }
                Some(_) = tasks.join_next() => {}
                () = self.hall.closing.said() => break,
            }
        }
        // Not waited for: who asks every second whether it is ready would keep it open.
        let mut late = JoinSet::new();
        let mut drained = pin!(async {
            while tasks.join_next().await.is_some() {}
            sockets.await;
        });
        let mut patience = pin!(tokio::time::sleep(DRAIN));
        loop {
            tokio::select! {
                () = drained.as_mut() => return,
                () = patience.as_mut() => {
                    tracing::info!("what was still open was cut off");
                    return;
                }
                Some(guest) = guests.recv() => self.welcome(guest, &mut late),
                Some(_) = late.join_next() => {}
            }
        }
    }

    /// Where no room is left the connection is dropped: a queue would only make it wait longer.
    fn welcome(&self, (stream, peer): Guest, tasks: &mut JoinSet<()>) {
        let Some(inside) = self.crowd.enter(self.name(&peer)) else { return };
        stream.hurry();
        let peer = Peer { remote: peer, local: stream.local_addr(), tls: stream.is_tls() };
        let door = self.clone();
        tasks.spawn(async move {
            door.speak(stream, peer, Held(Arc::new(inside))).await;
        });
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
        let is_late = self.hall.closing.is_said();
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_PATIENCE)
            .max_buf_size(MAX_HEADER_BYTES)
            .keep_alive(!is_late)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            // Who came late has its one answer; told to end now, the connection would end before it.
            () = self.hall.closing.said(), if !is_late => {
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

/// Counts what is answered.
async fn counted(State(meters): State<Meters>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let answer = next.run(request).await;
    meters.answered(route.as_ref(), answer.status().as_u16());
    answer
}

/// New work is refused once it is time to close; its sender loses nothing and comes back.
async fn or_later(State(closing): State<Closing>, request: Request, next: Next) -> Response {
    if closing.is_said() && !HEALTH.contains(&request.uri().path()) {
        return Problem::new(Kind::Unavailable, "the coordinator is closing")
            .after(BACK_AFTER_S)
            .into_response();
    }
    next.run(request).await
}

/// Cuts off what takes too long.
async fn patience(request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(REQUEST_PATIENCE, next.run(request)).await;
    answer
        .unwrap_or_else(|_| Problem::new(Kind::TooSlow, "the request did not arrive in time").into_response())
}
