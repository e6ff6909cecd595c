//! The certificate that proves to an authority that a domain leads here (RFC 8737): it says nothing but the answer.

use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use std::sync::Arc;

/// What an authority names when it looks.
pub(super) const PROTOCOL: &[u8] = b"acme-tls/1";

/// An answer that waits for its question.
#[derive(Debug)]
pub(super) struct Challenge {
    /// The name that is asked for.
    pub domain: String,
    /// The answer.
    pub key: Arc<CertifiedKey>,
}

impl Challenge {
    pub(super) fn new(domain: &str, digest: &[u8]) -> anyhow::Result<Self> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new([domain.to_owned()])?;
        params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
        let certificate = params.self_signed(&key)?.der().clone();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        // Not `from_der`: it looks into the certificate and does not know the critical extension that is the answer.
        let key = CertifiedKey::new(vec![certificate], super::provider().key_provider.load_private_key(key)?);
        Ok(Challenge { domain: domain.to_owned(), key: Arc::new(key) })
    }
}
