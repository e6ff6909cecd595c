//! Encryption of a push to a web push subscription (RFC 8291) in one record of `aes128gcm` (RFC 8188).
//!
//! ```text
//!  0       16             20      21              86                                n
//!  | salt  | record size  | 65    | sender's key  | ciphertext of plaintext, 2, tag |
//!
//!  secret = HKDF(salt: subscription's secret, key: ECDH, info: "WebPush: info" 0 | subscription's key | sender's key)
//!  key, nonce = HKDF(salt, secret, "Content-Encoding: aes128gcm" 0), HKDF(salt, secret, "Content-Encoding: nonce" 0)
//! ```
//! The sender's key and the salt are drawn anew for each push.

use super::es256;
use aes_gcm::aead::{Aead as _, KeyInit as _};
use aes_gcm::{Aes128Gcm, Nonce};
use halloo_wire::push::{WEB_PUSH_KEY_BYTES, WEB_PUSH_SECRET_BYTES};
use hkdf::Hkdf;
use p256::{PublicKey, SecretKey};
use rand_core::Rng;
use sha2::Sha256;

/// Size of a record; ours is the only one and shorter (RFC 8291, 4).
const RECORD_BYTES: u32 = 4_096;
/// Behind the plaintext of the last record (RFC 8188, 2).
const LAST: u8 = 2;

/// The subscription's key is no point of the curve: nobody could read what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key of the subscription is no point of P-256")]
pub(super) struct NoPoint;

/// To whom.
#[derive(Debug)]
pub(super) struct Subscription<'a> {
    /// `p256dh`.
    pub(super) key: &'a [u8; WEB_PUSH_KEY_BYTES],
    /// `auth`.
    pub(super) secret: &'a [u8; WEB_PUSH_SECRET_BYTES],
}

/// Seals a plaintext, at most some thousand bytes, for a subscription.
pub(super) fn seal(to: &Subscription<'_>, plaintext: &[u8], rng: &mut impl Rng) -> Result<Vec<u8>, NoPoint> {
    let sender = es256::generate(rng);
    let mut salt = [0; 16];
    rng.fill_bytes(&mut salt);
    seal_with(to, plaintext, &sender, &salt)
}

fn seal_with(
    to: &Subscription<'_>,
    plaintext: &[u8],
    sender: &SecretKey,
    salt: &[u8; 16],
) -> Result<Vec<u8>, NoPoint> {
    let theirs = PublicKey::from_sec1_bytes(to.key).map_err(|_| NoPoint)?;
    let ours = es256::point(&sender.public_key());
    let shared = p256::ecdh::diffie_hellman(sender.to_nonzero_scalar(), theirs.as_affine());
    let (key, nonce) = keys(to, &ours, shared.raw_secret_bytes().as_slice(), salt);
    let record = [plaintext, &[LAST]].concat();
    let sealed = Aes128Gcm::new(&key.into()).encrypt(&Nonce::from(nonce), record.as_slice());
    let sealed = sealed.expect("a push is shorter than GCM allows");
    let length = u8::try_from(ours.len()).expect("65 bytes");
    Ok([&salt[..], &RECORD_BYTES.to_be_bytes(), &[length], &ours, &sealed].concat())
}

fn keys(to: &Subscription<'_>, sender: &[u8], shared: &[u8], salt: &[u8; 16]) -> ([u8; 16], [u8; 12]) {
    let mut secret = [0; 32];
    expand(to.secret, shared, &[b"WebPush: info\0", to.key, sender], &mut secret);
    let (mut key, mut nonce) = ([0; 16], [0; 12]);
    expand(salt, &secret, &[b"Content-Encoding: aes128gcm\0"], &mut key);
    expand(salt, &secret, &[b"Content-Encoding: nonce\0"], &mut nonce);
    (key, nonce)
}

fn expand(salt: &[u8], key: &[u8], info: &[&[u8]], out: &mut [u8]) {
    Hkdf::<Sha256>::new(Some(salt), key).expand_multi_info(info, out).expect("far below 255 blocks");
}

#[cfg(test)]
pub(super) mod tests;
