//! A certificate authority of a household: a root that nobody else trusts, certificates by it, and a client that trusts it alone.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use halloo_coordinator::tls::config::TlsConfig;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    root: CertificateDer<'static>,
    pem: String,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let root = params.self_signed(&key).unwrap();
        let pem = root.pem();
        Authority { root: root.der().clone(), issuer: Issuer::new(params, key), pem }
    }

    /// The root, PEM.
    pub fn pem(&self) -> String {
        self.pem.clone()
    }

    /// Writes a new certificate for this name, or address, and its key.
    pub fn certify(&self, name: &str, folder: &Path) -> TlsConfig {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        let config = TlsConfig { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") };
        std::fs::write(&config.certificate, certificate.pem()).unwrap();
        std::fs::write(&config.key, key.serialize_pem()).unwrap();
        config
    }

    /// A TLS connection to this name at this address, by who trusts this authority and speaks these protocols.
    pub async fn connect(&self, to: SocketAddr, name: &str, protocols: &[&str]) -> TlsStream<TcpStream> {
        connect(self.root.clone(), to, name, protocols).await.unwrap()
    }
}

/// The same for any root.
pub async fn connect(
    root: CertificateDer<'static>,
    to: SocketAddr,
    name: &str,
    protocols: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(root).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, TcpStream::connect(to).await?).await
}
