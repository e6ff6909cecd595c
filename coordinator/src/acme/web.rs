//! HTTPS towards an authority: a connection for each of the few requests, bounded in size and time.

use anyhow::Result;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::pki_types::ServerName;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest answer: a chain of certificates has some thousand bytes.
const ANSWER_MAX: usize = 256 * 1024;

/// The way there.
pub(super) struct Web(TlsConnector);

impl Web {
    /// Trusts the authorities of the system, or the one in this file alone.
    pub(super) fn trusting(root: &Path) -> Result<Self> {
        let config = crate::tls::trusting(root, "acme.root")?;
        Ok(Web(TlsConnector::from(Arc::new(config))))
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>>;

impl HttpClient for Web {
    fn request(&self, request: Request<BodyWrapper<Bytes>>) -> Answer {
        let tls = self.0.clone();
        Box::pin(async move {
            let answer = tokio::time::timeout(PATIENCE, ask(tls, request)).await;
            let answer = answer.unwrap_or_else(|_| Err("the authority does not answer in time".into()));
            answer.map_err(Error::Other)
        })
    }
}

async fn ask(
    tls: TlsConnector,
    mut request: Request<BodyWrapper<Bytes>>,
) -> Result<BytesResponse, Box<dyn std::error::Error + Send + Sync>> {
    let uri = request.uri().clone();
    let authority = uri.authority().ok_or("an address without a host")?;
    let host = authority.host().trim_matches(['[', ']']).to_owned();
    let tcp = TcpStream::connect((host.as_str(), authority.port_u16().unwrap_or(443))).await?;
    let stream = tls.connect(ServerName::try_from(host)?, tcp).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let driven = tokio::spawn(connection);
    request.headers_mut().insert(HOST, HeaderValue::try_from(authority.as_str())?);
    *request.uri_mut() = Uri::try_from(uri.path_and_query().map_or("/", |path| path.as_str()))?;
    let (parts, body) = sender.send_request(request).await?.into_parts();
    let body = Limited::new(body, ANSWER_MAX).collect().await?.to_bytes();
    driven.abort();
    Ok(BytesResponse { parts, body: Box::new(body) })
}
