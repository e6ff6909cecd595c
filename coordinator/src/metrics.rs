//! A small door of its own, on loopback: `GET /metrics` and nothing else.

pub mod config;

use crate::hall::Closing;
use crate::meters::Meters;
use crate::turn::shell::Turn;
use anyhow::{Context as _, Result, ensure};
use config::MetricsConfig;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// What Prometheus asks for and takes.
const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Connections at once: one Prometheus, and who looks by hand.
const CONNECTIONS: usize = 8;
/// How long a request may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it waits when a connection could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// The door.
pub(crate) struct Door {
    listener: TcpListener,
    meters: Meters,
    turn: Option<Turn>,
}

impl Door {
    /// Opens it; none where the settings say nowhere.
    pub(crate) async fn open(
        config: &MetricsConfig,
        meters: Meters,
        turn: Option<Turn>,
    ) -> Result<Option<Self>> {
        if config.listen.is_empty() {
            return Ok(None);
        }
        let address: SocketAddr = config.listen.parse().with_context(|| {
            format!("metrics.listen, {}: an address and port such as 127.0.0.1:9464", config.listen)
        })?;
        ensure!(
            address.ip().is_loopback(),
            "metrics.listen, {address}: only on loopback, where nobody but this machine reads it"
        );
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("listening on {address}: choose another port with metrics.listen"))?;
        Ok(Some(Door { listener, meters, turn }))
    }

    /// Where it is.
    pub(crate) fn local(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Answers until it is time to close.
    pub(crate) async fn run(self, closing: Closing) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let came = tokio::select! {
                came = self.listener.accept() => came,
                () = closing.said() => return,
            };
            let Ok((stream, _)) = came else {
                // No descriptor is left; asking again at once leaves none sooner.
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
            let (meters, turn) = (self.meters.clone(), self.turn.clone());
            tokio::spawn(async move {
                serve(stream, meters, turn).await;
                drop(place);
            });
        }
    }
}

async fn serve(stream: TcpStream, meters: Meters, turn: Option<Turn>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let is_ours = request.method() == Method::GET && request.uri().path() == "/metrics";
        if let Some(turn) = turn.as_ref().filter(|_| is_ours) {
            let (allocations, bytes) = turn.flow();
            meters.turn(allocations, bytes);
        }
        let text = if is_ours { meters.text() } else { String::new() };
        async move {
            let mut response = Response::new(text);
            if is_ours {
                response.headers_mut().insert(CONTENT_TYPE, TEXT.parse().expect("letters"));
            } else {
                *response.status_mut() = StatusCode::NOT_FOUND;
            }
            Ok::<_, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a look at the metrics ended early");
    }
}
