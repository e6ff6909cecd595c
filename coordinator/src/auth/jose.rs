//! JSON Web Signatures by Ed25519 and the keys that check them (RFC 7515, 7517, 8037; thumbprints by RFC 7638), and no other algorithm.
//!
//! ```text
//!  compact form      base64url(header) "." base64url(payload) "." base64url(signature)        no padding (RFC 7515, 7.1)
//! ```
//! What checks takes the algorithm from nobody: it is EdDSA by the key that the caller expects, or it is refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// The only algorithm (RFC 8037, 3.1).
pub const ALGORITHM: &str = "EdDSA";
/// Longest compact form that is read: ours have some 500 bytes, and a proof of a client may have a long URL.
pub const COMPACT_MAX: usize = 2_048;

/// Bytes as base64url without padding.
#[must_use]
pub fn to_text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Bytes of base64url in its one spelling.
#[must_use]
pub fn from_text(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// A public key of Ed25519 as JSON (RFC 8037, 2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Jwk {
    /// `OKP`.
    pub kty: String,
    /// `Ed25519`.
    pub crv: String,
    /// The key in base64url.
    pub x: String,
    /// A private key, which nobody may send.
    #[serde(default, skip_serializing)]
    pub d: Option<serde::de::IgnoredAny>,
}

impl Jwk {
    /// Of a key.
    #[must_use]
    pub fn of(key: &[u8; 32]) -> Self {
        Jwk { kty: "OKP".to_owned(), crv: "Ed25519".to_owned(), x: to_text(key), d: None }
    }

    /// The key, where it is a public one of Ed25519.
    #[must_use]
    pub fn key(&self) -> Option<[u8; 32]> {
        let ours = self.kty == "OKP" && self.crv == "Ed25519" && self.d.is_none();
        from_text(&self.x).filter(|_| ours)?.try_into().ok()
    }
}

/// SHA-256 of the required members of a key in order of their names, without white space (RFC 7638, 3).
#[must_use]
pub fn thumbprint_of(members: &BTreeMap<&str, &str>) -> [u8; 32] {
    let json = serde_json::to_vec(members).expect("text is JSON");
    Sha256::digest(json).into()
}

/// The thumbprint of a public key of Ed25519 (RFC 8037, 2), in base64url.
#[must_use]
pub fn thumbprint(key: &[u8; 32]) -> String {
    let x = to_text(key);
    to_text(&thumbprint_of(&BTreeMap::from([("crv", "Ed25519"), ("kty", "OKP"), ("x", x.as_str())])))
}

/// Signs a payload under a header; both are JSON already.
#[must_use]
pub fn sign(key: &SigningKey, header: &[u8], payload: &[u8]) -> String {
    let mut text = format!("{}.{}", to_text(header), to_text(payload));
    let signature = key.sign(text.as_bytes()).to_bytes();
    text.push('.');
    text.push_str(&to_text(&signature));
    text
}

/// A signature in compact form that nobody has checked yet.
#[derive(Debug)]
pub struct Jws<'a> {
    signed: &'a str,
    /// The header's bytes.
    pub header: Vec<u8>,
    /// The payload's bytes.
    pub payload: Vec<u8>,
    signature: [u8; 64],
}

impl<'a> Jws<'a> {
    /// Takes the three parts apart.
    #[must_use]
    pub fn read(text: &'a str) -> Option<Self> {
        if text.len() > COMPACT_MAX {
            return None;
        }
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        Some(Jws {
            signed,
            header: from_text(header)?,
            payload: from_text(payload)?,
            signature: from_text(signature)?.try_into().ok()?,
        })
    }

    /// Whether this key signed it; strictly (RFC 8032, 5.1.7, and no key of small order).
    #[must_use]
    pub fn is_by(&self, key: &[u8; 32]) -> bool {
        let Ok(key) = VerifyingKey::from_bytes(key) else { return false };
        key.verify_strict(self.signed.as_bytes(), &Signature::from_bytes(&self.signature)).is_ok()
    }
}

/// What headers are looked at for; others mean nothing here unless they say that they must be understood.
#[derive(Debug, Deserialize)]
pub struct Header {
    /// The algorithm.
    pub alg: String,
    /// What is signed.
    pub typ: String,
    /// Which key signed, where the receiver knows several.
    #[serde(default)]
    pub kid: Option<String>,
    /// The key that signed, where the receiver has to be told.
    #[serde(default)]
    pub jwk: Option<Jwk>,
    /// Extensions that must be understood (RFC 7515, 4.1.11); none is.
    #[serde(default)]
    crit: Option<serde::de::IgnoredAny>,
}

impl Header {
    /// Reads a header of this type under our algorithm.
    #[must_use]
    pub fn read(bytes: &[u8], typ: &str) -> Option<Self> {
        let header: Header = serde_json::from_slice(bytes).ok()?;
        (header.alg == ALGORITHM && header.typ == typ && header.crit.is_none()).then_some(header)
    }
}

#[cfg(test)]
mod tests;
