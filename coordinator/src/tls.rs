//! TLS on the one port: who speaks it is answered with the certificate of the moment, and what is inside goes to the same doors.
//!
//! The certificate lies in two files that somebody else renews; they are read anew when they have changed.
//! HTTP/1.1 inside, no HTTP/2: the clients are nodes with one socket and a request now and then, and an idle HTTP/2 connection costs more.

pub mod config;
pub mod files;

use crate::stream::Begun;
use config::TlsConfig;
use files::{FilesError, Read};
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert, ServerConfig};
use rustls::sign::CertifiedKey;
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
}

#[derive(Debug)]
struct Held {
    /// What the files had.
    sum: [u8; 32],
    key: Arc<CertifiedKey>,
}

impl ResolvesServerCert for Keeper {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.as_ref().map(|held| Arc::clone(&held.key))
    }
}

/// The one set of ciphers of this program.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
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
        let tls = Tls { source: Some(config.clone()), ..Self::empty() };
        tls.reread()?;
        Ok(Some(tls))
    }

    fn empty() -> Self {
        let keeper = Arc::<Keeper>::default();
        let mut accept = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("ring has a suite for TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_cert_resolver(Arc::<Keeper>::clone(&keeper));
        accept.alpn_protocols = SPOKEN.iter().map(|name| name.to_vec()).collect();
        Tls { accept: Arc::new(accept), keeper, source: None }
    }

    /// Reads the files again; whether they had changed. What cannot be used leaves the certificate that there is.
    ///
    /// # Errors
    /// When they hold no certificate and its key.
    pub fn reread(&self) -> Result<bool, FilesError> {
        let Some(config) = &self.source else { return Ok(false) };
        let Read { sum, key } = files::read(config)?;
        let mut held = self.keeper.held.write().unwrap_or_else(PoisonError::into_inner);
        let changed = held.as_ref().is_none_or(|held| held.sum != sum);
        if changed {
            *held = Some(Held { sum, key: Arc::new(key) });
        }
        Ok(changed)
    }

    /// Agrees on a key with a client, and waits for the first byte of what it then says.
    pub(crate) async fn open(&self, stream: TcpStream) -> Option<(Begun, u8)> {
        // The words of a handshake are small and wait for each other.
        drop(stream.set_nodelay(true));
        match TlsAcceptor::from(Arc::clone(&self.accept)).accept(stream).await {
            Ok(stream) => Begun::of(stream).await.ok(),
            Err(error) => {
                tracing::debug!(kind = ?error.kind(), "a TLS handshake failed");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
