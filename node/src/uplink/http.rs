//! HTTP towards one coordinator: every request is bounded in size and time, TLS trusts the system's authorities.

use super::outside::{Lines, Outside};
use bytes::Bytes;
use halloo_wire::origin::Origin;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How long a connection may take to stand.
pub(super) const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// How long a request may take, its answer included: a full page over a slow phone.
const REQUEST_WAIT: Duration = Duration::from_secs(20);
/// Idle connections kept to one coordinator: a few requests run at once, then none for minutes.
const IDLE_MAX: usize = 2;
/// How long they are kept.
const IDLE_WAIT: Duration = Duration::from_secs(60);
/// Longest answer that is read unless the caller says otherwise: descriptions, tickets, problems.
pub(super) const ANSWER_MAX: usize = 64 * 1024;
/// Longest wait that a coordinator may ask for before the next try.
const RETRY_MAX: Duration = Duration::from_secs(600);
/// The shortest: who says `0` would be asked as fast as the network lets us.
const RETRY_MIN: Duration = Duration::from_secs(1);

/// Bodies of bytes.
pub(super) const OCTETS: &str = "application/octet-stream";
/// Bodies of JSON.
pub(super) const JSON: &str = "application/json";

/// Why a request came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// World: nobody answers there, or not in time, or nobody whom TLS trusts.
    #[error("{0}")]
    Unreachable(String),
    /// The coordinator answered with something that is none of ours.
    #[error("what it says makes no sense to this halloo")]
    Nonsense,
    /// The coordinator says no.
    #[error("it refuses ({status}: {title})")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its own short word.
        title: String,
        /// When it may be asked again, if it says.
        retry: Option<Duration>,
    },
}

impl HttpError {
    /// Whether it refuses with this status.
    pub(super) fn is(&self, wanted: StatusCode) -> bool {
        matches!(self, Self::Refused { status, .. } if *status == wanted.as_u16())
    }

    /// When it may be asked again, if it said so.
    pub(super) fn retry(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry, .. } => *retry,
            _ => None,
        }
    }
}

/// A request.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    /// Below the origin, with its query.
    pub(super) path: &'a str,
    /// The kind of the body, where there is one.
    pub(super) kind: Option<&'static str>,
    pub(super) body: Vec<u8>,
    /// For the header `Authorization`.
    pub(super) ticket: Option<&'a str>,
    /// Longest answer that is read.
    pub(super) most: usize,
}

impl<'a> Ask<'a> {
    /// To be told something.
    pub(super) fn get(path: &'a str) -> Self {
        Ask { method: Method::GET, path, kind: None, body: Vec::new(), ticket: None, most: ANSWER_MAX }
    }

    /// To hand something over.
    pub(super) fn post(path: &'a str, kind: &'static str, body: Vec<u8>) -> Self {
        Ask { method: Method::POST, path, kind: Some(kind), body, ticket: None, most: ANSWER_MAX }
    }
}

/// The way to one coordinator. Clones share connections.
#[derive(Clone)]
pub(super) struct Http {
    client: Client<HttpsConnector<Lines>, Full<Bytes>>,
    origin: Origin,
}

impl Http {
    /// To this origin.
    pub(super) fn to(origin: Origin, outside: Outside) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT_WAIT));
        tcp.set_nodelay(true);
        // Without TLS nobody needs to be trusted, and the authorities are not read.
        let trusted = if origin.is_tls() { (*trust()).clone() } else { trusting(RootCertStore::empty()) };
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(trusted)
            .https_or_http()
            .enable_http1()
            .wrap_connector(Lines { outside, origin: origin.clone(), tcp });
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_WAIT)
            .pool_max_idle_per_host(IDLE_MAX)
            .build(connector);
        Http { client, origin }
    }

    /// Asks, and gives the body of a good answer.
    ///
    /// # Errors
    /// [`HttpError`].
    pub(super) async fn ask(&self, ask: Ask<'_>) -> Result<Bytes, HttpError> {
        match tokio::time::timeout(REQUEST_WAIT, self.answered(ask)).await {
            Ok(answer) => answer,
            Err(_) => Err(HttpError::Unreachable(format!("no answer within {} s", REQUEST_WAIT.as_secs()))),
        }
    }

    async fn answered(&self, ask: Ask<'_>) -> Result<Bytes, HttpError> {
        let mut request =
            Request::builder().method(ask.method).uri(format!("{}{}", self.origin.as_str(), ask.path));
        if let Some(kind) = ask.kind {
            request = request.header(CONTENT_TYPE, kind);
        }
        if let Some(ticket) = ask.ticket {
            let mut value =
                HeaderValue::try_from(format!("Halloo {ticket}")).map_err(|_| HttpError::Nonsense)?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let request = request.body(Full::new(Bytes::from(ask.body))).map_err(|_| HttpError::Nonsense)?;
        let answer =
            self.client.request(request).await.map_err(|error| HttpError::Unreachable(root(&error)))?;
        let (status, retry) = (answer.status(), retry_after(answer.headers()));
        let most = if status.is_success() { ask.most } else { ANSWER_MAX };
        let body = Limited::new(answer.into_body(), most).collect().await;
        let body = match body {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => return Err(HttpError::Nonsense),
            Err(error) => return Err(HttpError::Unreachable(root(&*error))),
        };
        if status.is_success() { Ok(body) } else { Err(refused(status, retry, &body)) }
    }
}

/// The last cause of an error: "connection refused" instead of "client error (Connect)".
pub(super) fn root(error: &(dyn std::error::Error + 'static)) -> String {
    let mut deepest: &(dyn std::error::Error + 'static) = error;
    while let Some(cause) = deepest.source() {
        deepest = cause;
    }
    deepest.to_string()
}

/// The seconds of `Retry-After` (RFC 9110, 10.2.3; its dates are not used by coordinators).
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds).clamp(RETRY_MIN, RETRY_MAX))
}

/// A problem of RFC 9457, or whatever else came with a bad status.
fn refused(status: StatusCode, retry: Option<Duration>, body: &[u8]) -> HttpError {
    /// Longest word of a coordinator that is shown.
    const SHOWN_MAX: usize = 200;
    let problem: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let said = ["detail", "title"].into_iter().find_map(|key| problem[key].as_str());
    let said = said.or(status.canonical_reason()).unwrap_or("no reason given");
    let title = said.chars().filter(|c| !c.is_control()).take(SHOWN_MAX).collect();
    HttpError::Refused { status: status.as_u16(), title, retry }
}

/// Whom TLS trusts: the authorities of the system, so that a household may add its own. Read once, at the first use.
pub(super) fn trust() -> Arc<ClientConfig> {
    static TRUST: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    let read = || {
        let mut roots = RootCertStore::empty();
        let system = rustls_native_certs::load_native_certs();
        for error in &system.errors {
            tracing::warn!(%error, "some authorities of this system cannot be read");
        }
        let (taken, refused) = roots.add_parsable_certificates(system.certs);
        tracing::info!(taken, refused, "authorities of this system");
        Arc::new(trusting(roots))
    };
    Arc::clone(TRUST.get_or_init(read))
}

fn trusting(roots: RootCertStore) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has a suite for TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

#[cfg(test)]
mod tests;
