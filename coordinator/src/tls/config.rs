//! Where the certificate comes from.

use super::files::FilesError;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The settings `tls.*`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// File of the certificate and those between it and the authority, PEM; empty: no TLS here.
    pub certificate: PathBuf,
    /// File of its key, PEM.
    pub key: PathBuf,
}

impl TlsConfig {
    /// Whether files are named.
    ///
    /// # Errors
    /// When only one is.
    pub fn is_set(&self) -> Result<bool, FilesError> {
        match (self.certificate.as_os_str().is_empty(), self.key.as_os_str().is_empty()) {
            (true, true) => Ok(false),
            (false, false) => Ok(true),
            _ => Err(FilesError::Half),
        }
    }
}
