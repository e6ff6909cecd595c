//! From whom a certificate is asked for.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What `init` writes: the authority that asks for nothing but the domain.
pub const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// The settings `acme.*`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AcmeConfig {
    /// The directory of the authority, whose terms are agreed to by naming it; empty: no certificate is asked for.
    pub directory: String,
    /// File of the authority that the directory itself is certified by, PEM, where that is none of the system's.
    pub root: PathBuf,
    /// Where the authority may write to when something is wrong, such as `mailto:me@halloo.example`; empty: nowhere.
    pub contact: String,
}
