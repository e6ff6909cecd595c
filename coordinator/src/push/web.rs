//! HTTPS towards push services and gateways: HTTP/2 where they speak it, bounded in size and time, and never to where nobody may send it.
//!
//! A device says where its push service is, so an address counts as that of an attacker: only `https`, only hosts that are the internet
//! (looked at when the name is resolved, for each connection), no redirects. `push.allow` opens other ranges, and plain HTTP to an
//! address that is written out in one of them.

use super::config::PushConfig;
use crate::turn::peers::Peers;
use anyhow::Result;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::header::RETRY_AFTER;
use hyper::{Method, Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::OnceCell;
use tower::Service;

/// How long a connection may take to stand.
const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// How long a request may take, its answer included.
const PATIENCE: Duration = Duration::from_secs(10);
/// Idle connections kept to one host: with HTTP/2 one carries all.
const IDLE_MAX: usize = 2;
/// How long they are kept.
const IDLE_WAIT: Duration = Duration::from_secs(90);
/// A connection of HTTP/2 on which requests wait is asked so often whether it is there: one that a router forgot would hold up all.
const PING_EVERY: Duration = Duration::from_secs(5);
/// And given up after so long.
const PING_WAIT: Duration = Duration::from_secs(5);
/// Longest answer that is read: they are reasons of some words.
const ANSWER_MAX: usize = 16 * 1024;

/// A request; all are POST.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) url: Uri,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// How long it wants to be left alone (RFC 9110, 10.2.3), where it says so in seconds.
    pub(super) retry_ms: Option<u64>,
    pub(super) body: Vec<u8>,
}

/// Nobody answers there, or not in time, or nobody whom TLS trusts, or nothing may be sent there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody answers there")]
pub(super) struct Unreachable;

type Way = Client<HttpsConnector<HttpConnector<Guard>>, Full<Bytes>>;

/// The way there; cheap to clone, clones share connections. The authorities of the system take a megabyte: they are read when something is
/// sent for the first time.
#[derive(Clone)]
pub(super) struct Web {
    root: PathBuf,
    peers: Option<Arc<Peers>>,
    way: Arc<OnceCell<Way>>,
}

impl std::fmt::Debug for Web {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Web")
    }
}

impl Web {
    /// To hosts that the settings name: wherever they are.
    pub(super) fn named(config: &PushConfig) -> Result<Self> {
        Self::with(config, None)
    }

    /// To hosts that somebody else names.
    pub(super) fn guarded(config: &PushConfig, peers: &Arc<Peers>) -> Result<Self> {
        Self::with(config, Some(Arc::clone(peers)))
    }

    fn with(config: &PushConfig, peers: Option<Arc<Peers>>) -> Result<Self> {
        if !config.root.as_os_str().is_empty() {
            // What is wrong with a file of the settings is said at the start.
            crate::tls::trusting(&config.root, "push.root")?;
        }
        Ok(Web { root: config.root.clone(), peers, way: Arc::default() })
    }

    async fn way(&self) -> Result<&Way> {
        let build = || async {
            let (root, peers) = (self.root.clone(), self.peers.clone());
            tokio::task::spawn_blocking(move || Self::build(&root, peers)).await?
        };
        self.way.get_or_try_init(build).await
    }

    fn build(root: &Path, peers: Option<Arc<Peers>>) -> Result<Way> {
        let mut http = HttpConnector::new_with_resolver(Guard(peers));
        http.enforce_http(false);
        http.set_connect_timeout(Some(CONNECT_WAIT));
        http.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(crate::tls::trusting(root, "push.root")?)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .http2_keep_alive_interval(PING_EVERY)
            .http2_keep_alive_timeout(PING_WAIT)
            .pool_idle_timeout(IDLE_WAIT)
            .pool_max_idle_per_host(IDLE_MAX)
            .build(connector);
        Ok(client)
    }

    /// Sends it.
    pub(super) async fn send(&self, post: Post) -> Result<Answer, Unreachable> {
        let mut request = Request::builder().method(Method::POST).uri(post.url);
        for (name, value) in post.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::from(post.body))).map_err(|_| Unreachable)?;
        let way = self.way().await.map_err(|error| {
            tracing::error!(%error, "nothing can be pushed");
            Unreachable
        })?;
        let asked = async {
            let (head, body) = way.request(request).await.map_err(|_| Unreachable)?.into_parts();
            let retry =
                head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
            let retry_ms = retry.map(|seconds: u64| seconds.saturating_mul(1_000));
            // A body that is too long or breaks off explains nothing; the status stands.
            let body = Limited::new(body, ANSWER_MAX).collect().await.map(|body| body.to_bytes().to_vec());
            Ok(Answer { status: head.status.as_u16(), retry_ms, body: body.unwrap_or_default() })
        };
        tokio::time::timeout(PATIENCE, asked).await.unwrap_or(Err(Unreachable))
    }
}

/// The address of a push service as a device says it; none where nothing may be sent.
pub(super) fn endpoint(text: &str, peers: &Peers) -> Option<Uri> {
    let url: Uri = text.parse().ok()?;
    let authority = url.authority()?;
    if authority.as_str().contains('@') {
        return None;
    }
    let host = authority.host();
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
    let is_open = match (url.scheme_str(), literal) {
        // A name is looked at when it is resolved.
        (Some("https"), None) => !host.is_empty(),
        (Some("https"), Some(address)) => peers.open(address),
        (Some("http"), Some(address)) => peers.named(address),
        _ => false,
    };
    is_open.then_some(url)
}

/// Resolves names, to addresses where something may be sent.
#[derive(Clone, Debug)]
struct Guard(Option<Arc<Peers>>);

impl Service<Name> for Guard {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let peers = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let open = |at: &SocketAddr| peers.as_ref().is_none_or(|peers| peers.open(at.ip()));
            let found: Vec<_> = found.filter(open).collect();
            if found.is_empty() {
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, "nothing may be sent there"));
            }
            Ok(found.into_iter())
        })
    }
}

#[cfg(test)]
mod tests;
