//! TLS on the one port: who speaks it is answered with the certificate of the moment, and what is inside goes to the same doors.
//!
//! The certificate lies in two files that somebody else renews, and that are read anew when they have changed; or `acme` asks for it.
//! HTTP/1.1 inside, no HTTP/2: the clients are nodes with one socket and a request now and then, and an idle HTTP/2 connection costs more.

pub mod about;
mod challenge;
pub mod config;
pub mod files;

use crate::stream::Begun;
use anyhow::{Context as _, Result};
use challenge::Challenge;
use config::TlsConfig;
use files::{FilesError, Read};
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert, ServerConfig};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

/// What may be spoken inside: HTTP, or TURN (RFC 7443). Who offers nothing may speak either, the first byte tells.
const SPOKEN: [&[u8]; 2] = [b"http/1.1", b"stun.turn"];

/// The way into TLS; cheap to clone.
#[derive(Clone)]
pub struct Tls {
    accept: Arc<ServerConfig>,
    keeper: Arc<Keeper>,
    source: Option<TlsConfig>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

/// Holds the certificate of the moment.
#[derive(Debug, Default)]
struct Keeper {
    held: RwLock<Option<Held>>,
    challenge: RwLock<Option<Challenge>>,
}

#[derive(Debug)]
struct Held {
    /// What the files had.
    sum: [u8; 32],
    key: Arc<CertifiedKey>,
}

impl ResolvesServerCert for Keeper {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if hello.alpn().is_some_and(|mut offered| offered.any(|name| name == challenge::PROTOCOL)) {
            let challenge = self.challenge.read().unwrap_or_else(PoisonError::into_inner);
            let asked = challenge.as_ref().filter(|held| hello.server_name() == Some(held.domain.as_str()));
            return asked.map(|held| Arc::clone(&held.key));
        }
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().map(|held| Arc::clone(&held.key))
    }
}

/// The one set of ciphers of this program.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// What a client of this program trusts: the authorities of the system, or the one in this file alone, which `setting` names.
pub(crate) fn trusting(root: &Path, setting: &str) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    if root.as_os_str().is_empty() {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    } else {
        let named = || format!("{setting}, {}", root.display());
        let pem = std::fs::read(root).with_context(named)?;
        for certificate in files::chain_of(&pem).with_context(named)? {
            roots.add(certificate).with_context(named)?;
        }
    }
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .context("the versions of TLS")?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

impl Tls {
    /// With certificate and key from files; none where the settings name none.
    ///
    /// # Errors
    /// When only one file is named, or they hold no certificate and its key.
    pub fn of_files(config: &TlsConfig) -> Result<Option<Self>, FilesError> {
        if !config.is_set()? {
            return Ok(None);
        }
        let tls = Tls { source: Some(config.clone()), ..Self::empty(&SPOKEN) };
        tls.reread()?;
        Ok(Some(tls))
    }

    /// Without a certificate yet, and ready to answer the challenge of an authority.
    #[must_use]
    pub fn challenged() -> Self {
        let [http, turn] = SPOKEN;
        Self::empty(&[challenge::PROTOCOL, http, turn])
    }

    fn empty(spoken: &[&[u8]]) -> Self {
        let keeper = Arc::<Keeper>::default();
        let mut accept = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("ring has a suite for TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_cert_resolver(Arc::<Keeper>::clone(&keeper));
        accept.alpn_protocols = spoken.iter().map(|name| name.to_vec()).collect();
        Tls { accept: Arc::new(accept), keeper, source: None }
    }

    /// Reads the files again; whether they had changed. What cannot be used leaves the certificate that there is.
    ///
    /// # Errors
    /// When they hold no certificate and its key.
    pub fn reread(&self) -> Result<bool, FilesError> {
        let Some(config) = &self.source else { return Ok(false) };
        Ok(self.hold(files::read(config)?))
    }

    /// Takes a certificate, those between it and the authority, and its key, all in one text.
    ///
    /// # Errors
    /// When it holds no certificate and its key.
    pub fn take(&self, pem: &[u8]) -> Result<bool, FilesError> {
        Ok(self.hold(files::parse(pem, pem, &TlsConfig::default())?))
    }

    /// The certificate of the moment, DER.
    #[must_use]
    pub fn certificate(&self) -> Option<Vec<u8>> {
        let held = self.keeper.held.read().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().and_then(|held| held.key.cert.first()).map(|der| der.to_vec())
    }

    /// Answers an authority that looks whether this domain leads here.
    ///
    /// # Errors
    /// When no certificate can be made of the answer.
    pub fn answer_challenge(&self, domain: &str, digest: &[u8]) -> anyhow::Result<()> {
        let answer = Challenge::new(domain, digest)?;
        *self.keeper.challenge.write().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        Ok(())
    }

    /// Answers no more.
    pub fn forget_challenge(&self) {
        *self.keeper.challenge.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn hold(&self, Read { sum, key }: Read) -> bool {
        let mut held = self.keeper.held.write().unwrap_or_else(PoisonError::into_inner);
        let changed = held.as_ref().is_none_or(|held| held.sum != sum);
        if changed {
            *held = Some(Held { sum, key: Arc::new(key) });
        }
        changed
    }

    /// Agrees on a key with a client, and waits for the first byte of what it then says.
    pub(crate) async fn open(&self, stream: TcpStream) -> Option<(Begun, u8)> {
        // The words of a handshake are small and wait for each other.
        drop(stream.set_nodelay(true));
        match TlsAcceptor::from(Arc::clone(&self.accept)).accept(stream).await {
            Ok(stream) => {
                let is_challenge = stream.get_ref().1.alpn_protocol() == Some(challenge::PROTOCOL);
                // An authority has seen what it wanted and says nothing more; nor would it be heard.
                Begun::of(stream).await.ok().filter(|_| !is_challenge)
            }
            Err(error) => {
                tracing::debug!(kind = ?error.kind(), "a TLS handshake failed");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
