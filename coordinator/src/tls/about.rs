//! What a certificate says of itself: for whom, and from when until when.

use super::files::chain_of;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// What it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The names that it is for.
    pub names: Vec<String>,
    /// Not before, milliseconds since 1970 (UTC).
    pub from_ms: u64,
    /// Not after.
    pub until_ms: u64,
}

impl About {
    /// Whether it is for this name, by itself or by a wildcard for one label.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        let parent = name.split_once('.').map_or("", |(_, parent)| parent);
        self.names.iter().any(|own| {
            own.eq_ignore_ascii_case(name)
                || own.strip_prefix("*.").is_some_and(|own| own.eq_ignore_ascii_case(parent))
        })
    }
}

/// It is no certificate.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("this is no certificate")]
pub struct NoCertificate;

/// Reads a certificate, DER.
///
/// # Errors
/// When it is none.
pub fn certificate(der: &[u8]) -> Result<About, NoCertificate> {
    let (_, read) = X509Certificate::from_der(der).map_err(|_| NoCertificate)?;
    let ms = |seconds: i64| u64::try_from(seconds).unwrap_or(0).saturating_mul(1000);
    let validity = read.validity();
    let (from_ms, until_ms) = (ms(validity.not_before.timestamp()), ms(validity.not_after.timestamp()));
    let alternatives = read.subject_alternative_name().ok().flatten();
    let names = alternatives.iter().flat_map(|names| &names.value.general_names);
    let names = names.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        _ => None,
    });
    Ok(About { names: names.collect(), from_ms, until_ms })
}

/// Reads the first certificate of a PEM text.
///
/// # Errors
/// When there is none.
pub fn first_of(pem: &[u8]) -> Result<About, NoCertificate> {
    let chain = chain_of(pem).map_err(|_| NoCertificate)?;
    certificate(chain.first().ok_or(NoCertificate)?)
}
