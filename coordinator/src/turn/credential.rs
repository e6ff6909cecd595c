//! Credentials that say themselves until when they hold, so nothing about them is kept: who may use TURN, and which nonce was ours.
//!
//! ```text
//! username = decimal Unix seconds ":" blinded subject          (the scheme of coturn's `use-auth-secret`)
//! password = base64(HMAC-SHA1(secret, username))
//! nonce    = hex( expiry, Unix seconds, 8 bytes BE | HMAC-SHA256(key, expiry | client address)[..12] )
//! ```
//! SHA-1 and MD5 appear because STUN's long-term credentials (RFC 8489, section 9.2) and the scheme are made of them;
//! the password is 160 bits from an HMAC, so neither hash is asked for what it has lost.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use halloo_crypto::base16;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;
use std::net::{IpAddr, SocketAddr};
use stun_types::message::{IntegrityAlgorithm, IntegrityKey, LongTermKeyCredentials};

/// How long a credential opens allocations. Long enough for a day's ride; the subject behind it is blinded anew each day.
pub const CREDENTIAL_SECONDS: u64 = 12 * 3600;

/// How long an allocation may outlive the credential that opened it, so that a call is not cut off in the middle.
pub const OVERTIME_SECONDS: u64 = 12 * 3600;

/// A nonce holds for an hour, the longest life of an allocation: each refresh then asks at most once again.
pub const NONCE_SECONDS: u64 = 3600;

/// A username of ours is far shorter; RFC 8489 allows 508 bytes.
pub const MAX_USERNAME: usize = 200;

/// Bytes of the tag in a nonce: 96 bits cannot be guessed within an hour over a network.
const NONCE_TAG: usize = 12;

/// What a client needs beside the addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// `expiry:subject`.
    pub username: String,
    /// Base64 of an HMAC over the username.
    pub password: String,
}

/// Why a username opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Not of the form `expiry:subject`.
    Shape,
    /// It has held, and does not any more.
    Expired,
}

/// What the server signs credentials and nonces with. Whoever has `secret` mints credentials.
#[derive(Clone)]
pub struct Keys {
    secret: Vec<u8>,
    nonce: [u8; 32],
    realm: String,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys {{ realm: {:?} }}", self.realm)
    }
}

impl Keys {
    /// `secret` may be shared with other TURN servers; `nonce` is this server's own.
    pub fn new(secret: Vec<u8>, nonce: [u8; 32], realm: String) -> Self {
        Self { secret, nonce, realm }
    }

    /// The realm that is told to clients.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// A credential for a blinded subject, good until `now + CREDENTIAL_SECONDS` (Unix seconds).
    pub fn mint(&self, subject: &str, now: u64) -> Credential {
        let username = format!("{}:{subject}", now.saturating_add(CREDENTIAL_SECONDS));
        let password = self.password(&username);
        Credential { username, password }
    }

    fn password(&self, username: &str) -> String {
        let tag = tag::<Hmac<Sha1>>(&self.secret, &[username.as_bytes()]);
        BASE64_STANDARD.encode(tag)
    }

    /// The key that messages of this user are authenticated with.
    pub fn integrity(&self, username: &str) -> IntegrityKey {
        let password = self.password(username);
        LongTermKeyCredentials::new(username.to_owned(), password, self.realm.clone())
            .make_key(IntegrityAlgorithm::Sha1)
    }

    /// The nonce of a client, good until `now + NONCE_SECONDS` (Unix seconds).
    pub fn nonce(&self, client: SocketAddr, now: u64) -> String {
        let expiry = now.saturating_add(NONCE_SECONDS);
        base16::encode(&[&expiry.to_be_bytes()[..], &self.nonce_tag(client, expiry)].concat())
    }

    /// Whether this nonce is ours, was given to this client, and holds still.
    pub fn nonce_holds(&self, nonce: &str, client: SocketAddr, now: u64) -> bool {
        let bytes = nonce.as_bytes();
        if bytes.len() != 2 * (8 + NONCE_TAG) || !bytes.iter().all(u8::is_ascii_hexdigit) {
            return false;
        }
        let Some(expiry) = nonce.get(..16).and_then(|hex| u64::from_str_radix(hex, 16).ok()) else {
            return false;
        };
        // The tag is compared as text; what it covers tells nothing that the client does not know.
        let wanted = base16::encode(&self.nonce_tag(client, expiry));
        let same = subtle::ConstantTimeEq::ct_eq(bytes.get(16..).unwrap_or_default(), wanted.as_bytes());
        expiry > now && bool::from(same)
    }

    fn nonce_tag(&self, client: SocketAddr, expiry: u64) -> Vec<u8> {
        let ip = match client.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
            IpAddr::V6(ip) => ip.octets(),
        };
        let mut tag =
            tag::<Hmac<Sha256>>(&self.nonce, &[&expiry.to_be_bytes(), &ip, &client.port().to_be_bytes()]);
        tag.truncate(NONCE_TAG);
        tag
    }
}

/// Subject and expiry (Unix seconds) of a username.
pub fn parts(username: &str) -> Result<(&str, u64), Unfit> {
    let (expiry, subject) = username.split_once(':').ok_or(Unfit::Shape)?;
    let digits = !expiry.is_empty() && expiry.bytes().all(|b| b.is_ascii_digit());
    if !digits || subject.is_empty() || username.len() > MAX_USERNAME {
        return Err(Unfit::Shape);
    }
    let expiry = expiry.parse().map_err(|_| Unfit::Shape)?;
    Ok((subject, expiry))
}

fn tag<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    // An HMAC takes a key of any length.
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else { return Vec::new() };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests;
