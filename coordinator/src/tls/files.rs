//! Certificate and key as files: PEM, read whole, checked to belong together.

use super::config::TlsConfig;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};

/// Longest file that is read: a chain of certificates has some thousand bytes.
const MAX_BYTES: u64 = 256 * 1024;

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// Only one file is named.
    #[error("tls.certificate and tls.key belong together: set both, or neither")]
    Half,
    /// A file cannot be read.
    #[error("{path}: {error}; let the user who runs this read it")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It is far too long.
    #[error("{0}: longer than {MAX_BYTES} bytes; is it the certificate?")]
    TooLong(PathBuf),
    /// No PEM, or none of the kind that is looked for.
    #[error("{path}: {wanted} is not in it ({error}); it should be PEM")]
    NoPem {
        /// Which.
        path: PathBuf,
        /// What was looked for.
        wanted: &'static str,
        /// What was found instead.
        error: pem::Error,
    },
    /// They cannot be used, or not together.
    #[error("{certificate} and {key}: {error}; the key must be the one that the certificate was made for")]
    Unusable {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// Why.
        error: rustls::Error,
    },
}

/// What the files hold.
#[derive(Debug)]
pub(crate) struct Read {
    /// The same for the same files.
    pub sum: [u8; 32],
    /// What TLS needs.
    pub key: CertifiedKey,
}

/// Reads both files.
pub(super) fn read(config: &TlsConfig) -> Result<Read, FilesError> {
    parse(&whole(&config.certificate)?, &whole(&config.key)?, config)
}

/// Reads both from texts, which `named` says the places of.
pub(super) fn parse(chain: &[u8], key: &[u8], named: &TlsConfig) -> Result<Read, FilesError> {
    let sum = Sha256::new().chain_update(chain).chain_update([0]).chain_update(key).finalize().into();
    let no_pem = |path: &Path, wanted| {
        let path = path.to_owned();
        move |error| FilesError::NoPem { path, wanted, error }
    };
    let certificates = chain_of(chain).map_err(no_pem(&named.certificate, "a certificate"))?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(no_pem(&named.key, "a private key"))?;
    let certified = CertifiedKey::from_der(certificates, key, &super::provider());
    let key = certified.map_err(|error| FilesError::Unusable {
        certificate: named.certificate.clone(),
        key: named.key.clone(),
        error,
    })?;
    Ok(Read { sum, key })
}

/// All certificates of a PEM text, at least one.
pub(crate) fn chain_of(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    let chain = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>()?;
    if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) }
}

fn whole(path: &Path) -> Result<Vec<u8>, FilesError> {
    let unreadable = |error| FilesError::Unreadable { path: path.to_owned(), error };
    if std::fs::metadata(path).map_err(unreadable)?.len() > MAX_BYTES {
        return Err(FilesError::TooLong(path.to_owned()));
    }
    std::fs::read(path).map_err(unreadable)
}
