//! A push service that does as it is told: plain HTTP as UnifiedPush on a LAN, or HTTP/2 over TLS as Apple and Google.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use super::asking::{Answer, Place, ask};
use super::authority::Authority;
use aes_gcm::aead::{Aead as _, KeyInit as _};
use aes_gcm::{Aes128Gcm, Nonce};
use halloo_crypto::id::BoxPublic;
use halloo_crypto::mailbox::DayKey;
use halloo_wire::origin::Origin;
use halloo_wire::push::{
    self, Ask, FORGET_PATH, GATEWAY_PATH, Gateway, POKE_PATH, Poked, REGISTER_PATH, SealedToken, Token, What,
    write_poke,
};
use hkdf::Hkdf;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use p256::elliptic_curve::sec1::ToSec1Point as _;
use p256::{PublicKey, SecretKey};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::Sha256;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

/// A request as it came.
#[derive(Debug)]
pub struct Seen {
    pub path: String,
    pub headers: hyper::HeaderMap,
    pub body: Bytes,
    pub version: Version,
}

impl Seen {
    pub fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

/// What is answered: status, `retry-after`, body.
pub type Said = (u16, Option<u32>, String);

type Plan = Arc<Mutex<VecDeque<Said>>>;

/// The push service.
pub struct Service {
    pub local: SocketAddr,
    plan: Plan,
    seen: mpsc::Receiver<Seen>,
}

impl Service {
    /// Plain HTTP/1.1 on loopback; answers 200 unless it is told otherwise.
    pub async fn plain() -> Self {
        Self::start(None).await
    }

    /// HTTP/2 over TLS as `localhost`, certified by this authority.
    pub async fn by_tls(authority: &Authority, folder: &Path) -> Self {
        let files = authority.certify("localhost", folder);
        let chain = CertificateDer::pem_file_iter(&files.certificate).unwrap().map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(&files.key).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Self::start(Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn start(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let local = listener.local_addr().unwrap();
        let (plan, (tell, seen)) = (Plan::default(), mpsc::channel(256));
        let planned = Arc::clone(&plan);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(served(stream, tls.clone(), Arc::clone(&planned), tell.clone()));
            }
        });
        Service { local, plan, seen }
    }

    /// What the next request is answered; further calls are for those after it.
    pub fn say(&self, status: u16, retry_after: Option<u32>, body: impl Into<String>) {
        self.plan.lock().unwrap().push_back((status, retry_after, body.into()));
    }

    /// The next request.
    pub async fn next(&mut self) -> Seen {
        self.seen.recv().await.unwrap()
    }

    /// Whether a request came that was not looked at.
    pub fn is_silent(&mut self) -> bool {
        self.seen.try_recv().is_err()
    }

    /// The origin by TLS.
    pub fn origin(&self) -> String {
        format!("https://localhost:{}", self.local.port())
    }
}

async fn served(stream: TcpStream, tls: Option<TlsAcceptor>, plan: Plan, tell: mpsc::Sender<Seen>) {
    let service = service_fn(move |request| answered(request, Arc::clone(&plan), tell.clone()));
    // Whoever hangs up, hangs up.
    match tls {
        None => {
            let http = hyper::server::conn::http1::Builder::new();
            drop(http.serve_connection(TokioIo::new(stream), service).await);
        }
        Some(tls) => {
            let Ok(stream) = tls.accept(stream).await else { return };
            let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            drop(http.serve_connection(TokioIo::new(stream), service).await);
        }
    }
}

async fn answered(
    request: Request<Incoming>,
    plan: Plan,
    tell: mpsc::Sender<Seen>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let path = head.uri.path_and_query().unwrap().to_string();
    let (status, retry, said) = plan.lock().unwrap().pop_front().unwrap_or((200, None, String::new()));
    // The test may have ended.
    drop(tell.send(Seen { path, headers: head.headers, body, version: head.version }).await);
    let mut response = Response::builder().status(status);
    if let Some(seconds) = retry {
        response = response.header("retry-after", seconds.to_string());
    }
    Ok(response.body(Full::new(Bytes::from(said))).unwrap())
}

/// A device with a web push subscription.
pub struct Device {
    key: SecretKey,
    secret: [u8; 16],
}

impl Device {
    pub fn new(seed: u8) -> Self {
        Device { key: SecretKey::from_slice(&[seed; 32]).unwrap(), secret: [seed; 16] }
    }

    fn public(&self) -> [u8; 65] {
        self.key.public_key().to_sec1_point(false).as_bytes().try_into().unwrap()
    }

    pub fn token(&self, endpoint: &str) -> Token {
        Token::WebPush { endpoint: endpoint.to_owned(), key: self.public(), secret: self.secret }
    }

    /// Opens a push as RFC 8291 and RFC 8188 tell a browser to.
    pub fn open(&self, body: &[u8]) -> Vec<u8> {
        let (salt, rest) = body.split_first_chunk::<16>().unwrap();
        let (_size, rest) = rest.split_first_chunk::<4>().unwrap();
        let (sender, sealed) = rest[1..].split_at(usize::from(rest[0]));
        let from = PublicKey::from_sec1_bytes(sender).unwrap();
        let shared = p256::ecdh::diffie_hellman(self.key.to_nonzero_scalar(), from.as_affine());
        let expand = |salt: &[u8], key: &[u8], info: &[&[u8]], length: usize| {
            let mut out = vec![0; length];
            Hkdf::<Sha256>::new(Some(salt), key).expand_multi_info(info, &mut out).unwrap();
            out
        };
        let info: [&[u8]; 3] = [b"WebPush: info\0", &self.public(), sender];
        let secret = expand(&self.secret, shared.raw_secret_bytes().as_slice(), &info, 32);
        let key: [u8; 16] =
            expand(salt, &secret, &[b"Content-Encoding: aes128gcm\0"], 16).try_into().unwrap();
        let nonce: [u8; 12] = expand(salt, &secret, &[b"Content-Encoding: nonce\0"], 12).try_into().unwrap();
        let mut plain = Aes128Gcm::new(&key.into()).decrypt(&Nonce::from(nonce), sealed).unwrap();
        assert_eq!(plain.pop(), Some(2), "the last record, without padding");
        plain
    }
}

impl Place {
    /// What its gateway says of itself.
    pub async fn gateway(&self) -> Gateway {
        serde_json::from_slice(&self.get(GATEWAY_PATH).await.body).unwrap()
    }

    pub async fn register(&self, key: &DayKey, gateway: Option<Origin>, token: SealedToken) -> Answer {
        let what = What::Register { days: 3, gateway, token: Box::new(token) };
        self.push_ask(REGISTER_PATH, key, what).await
    }

    pub async fn forget(&self, key: &DayKey) -> Answer {
        self.push_ask(FORGET_PATH, key, What::Forget).await
    }

    async fn push_ask(&self, path: &str, key: &DayKey, what: What) -> Answer {
        let ask = Ask::sign(what, key, &self.origin(), self.world.now_ms());
        self.ask(Method::POST, path, &[], ask).await
    }

    /// Pokes its gateway as another coordinator does.
    pub async fn poke(&self, token: &SealedToken) -> Poked {
        let answer = self.ask(Method::POST, POKE_PATH, &[], write_poke(token)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        push::Poked::read(&answer.body).unwrap()
    }

    /// What its meters say.
    pub async fn meters(&self) -> String {
        let at = self.running.metrics.unwrap();
        ask(at, Method::GET, "/metrics", &[], Vec::new()).await.text().to_owned()
    }

    /// Returns once the meters have this line.
    pub async fn counts(&self, line: &str) {
        while !self.meters().await.contains(&format!("{line}\n")) {
            tokio::task::yield_now().await;
        }
    }
}

/// A token, sealed anew.
pub fn sealed(token: &Token, to: &BoxPublic, seed: u8) -> SealedToken {
    token.seal(&mut ChaCha20Rng::from_seed([seed; 32]), to).unwrap()
}
