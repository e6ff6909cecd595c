//! Keys of P-256 and JSON Web Tokens signed by them (ES256, RFC 7518): what push services know a gateway by.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use halloo_wire::push::WEB_PUSH_KEY_BYTES;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::elliptic_curve::sec1::ToSec1Point as _;
use p256::{PublicKey, SecretKey};
use rand_core::Rng;
use serde_json::Value;

/// A fresh key. One draw in 2^32 is none; it draws again then.
pub(super) fn generate(rng: &mut impl Rng) -> SecretKey {
    loop {
        let mut bytes = [0; 32];
        rng.fill_bytes(&mut bytes);
        if let Ok(key) = SecretKey::from_slice(&bytes) {
            return key;
        }
    }
}

/// A public key as an uncompressed point (SEC 1, 2.3.3).
pub(super) fn point(key: &PublicKey) -> [u8; WEB_PUSH_KEY_BYTES] {
    key.to_sec1_point(false).as_bytes().try_into().expect("an uncompressed point has 65 bytes")
}

/// Bytes as base64url without padding.
pub(super) fn to_text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What is signed of a token: header and claims.
pub(super) fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", to_text(header.to_string().as_bytes()), to_text(claims.to_string().as_bytes()))
}

/// A token signed by a key; the signature needs no chance (RFC 6979).
pub(super) fn token(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let unsigned = unsigned(header, claims);
    let signature: Signature = key.sign(unsigned.as_bytes());
    format!("{unsigned}.{}", to_text(signature.to_bytes().as_slice()))
}

#[cfg(test)]
mod tests;
