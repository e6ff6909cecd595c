//! Waking a device that is away: sealed tokens that a coordinator keeps for a mailbox, and pokes that carry them to a gateway.
//!
//! ```text
//!  register     0         1      2            34            42        43             45        45+n                1069+n
//!  POST         | version | op 6 | address 32 | time ms u64 | days u8 | n u16        | gateway | sealed token 1,024 | signature 64 |
//!  answer       empty: it is durable                            gateway: an origin; n = 0: this coordinator is the gateway
//!
//!  forget       0         1      2            34            42
//!  POST         | version | op 7 | address 32 | time ms u64 | signature 64 |
//!  answer       empty: it is gone
//!
//!  signed: as the asks of mailboxes, whose ops are 1 to 3, so that none is ever taken for another
//!
//!  poke         0         1                    1025
//!  POST         | version | sealed token 1,024 |                 from a coordinator to a gateway; always as long
//!  answer       | version | outcome u8 |                         0 taken, 1 gone: forget the token, 2 not now
//!
//!  sealed token 0         1                  33              1008  1024
//!  (HPKE)       | version | encapsulated key | ciphertext 975 | tag |      to the gateway's key; drawn in crypto/src/sealed.rs
//!
//!  token        0      1       3          3+n                                           975
//!  (975 bytes)  | kind | n u16 | target n | web push only: P-256 key 65 | secret 16 | zeros |
//!    kind 1 web push: target is the endpoint's URL      kind 2 FCM: the registration token      kind 3 APNs: the device token, raw
//! ```
//!
//! Numbers are big-endian. A device seals its token anew for every address of every mailbox: all that a coordinator sees of a token
//! is 1,024 bytes that are like no other, and all that a gateway sees of a mailbox is nothing.

use halloo_crypto::id::{BoxPublic, MailboxAddress, Signature};
use halloo_crypto::mailbox::{self, DayKey};
use halloo_crypto::sealed::{BoxSecret, SEALED_OVERHEAD_BYTES, SealedError, seal_to};
use rand_chacha::ChaCha20Rng;
use serde::{Deserialize, Serialize};

use crate::bytes::{Malformed, Reader};
use crate::mailbox::{AskError, CLOCK_SKEW_MAX_MS, signed};
use crate::origin::{ORIGIN_MAX_BYTES, Origin};

/// Path of registering.
pub const REGISTER_PATH: &str = "/api/v1/push/registrations";
/// Path of forgetting; the address stays out of it, because paths lie in the logs of proxies.
pub const FORGET_PATH: &str = "/api/v1/push/registrations/forget";
/// Path of pokes.
pub const POKE_PATH: &str = "/api/v1/push/poke";
/// Path of what a gateway says of itself.
pub const GATEWAY_PATH: &str = "/api/v1/push/gateway";

/// Version byte of every body.
const VERSION: u8 = 1;
/// Length of every sealed token.
pub const SEALED_TOKEN_BYTES: usize = 1_024;
/// Length of every token before it is sealed.
const TOKEN_BYTES: usize = SEALED_TOKEN_BYTES - SEALED_OVERHEAD_BYTES;
/// Purpose of the sealing.
const INFO: &[u8] = b"halloo v1 push token";
/// Length of the public key of a web push subscription: an uncompressed point of P-256.
pub const WEB_PUSH_KEY_BYTES: usize = 65;
/// Length of its authentication secret (RFC 8291, 3.2).
pub const WEB_PUSH_SECRET_BYTES: usize = 16;
/// Longest endpoint of web push; those of today's push services have 100 to 600 bytes.
pub const ENDPOINT_MAX_BYTES: usize = TOKEN_BYTES - 3 - WEB_PUSH_KEY_BYTES - WEB_PUSH_SECRET_BYTES;
/// Longest other token; FCM's have about 160 bytes today and may grow, APNs' have 32.
pub const TOKEN_MAX_BYTES: usize = TOKEN_BYTES - 3;
/// Most days that a registration is kept: as far ahead as a device may sleep and still be worth waking.
pub const DAYS_MAX: u8 = 30;
/// Longest body of an ask.
pub const ASK_BODY_MAX: usize = 45 + ORIGIN_MAX_BYTES + SEALED_TOKEN_BYTES + Signature::LEN;
/// Length of every poke.
pub const POKE_BYTES: usize = 1 + SEALED_TOKEN_BYTES;

/// A token that only its gateway opens.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedToken(pub [u8; SEALED_TOKEN_BYTES]);

impl std::fmt::Debug for SealedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealedToken(..)")
    }
}

/// How a device is woken: what its push service knows it by.
#[derive(Clone, PartialEq, Eq)]
pub enum Token {
    /// Web Push (RFC 8030), UnifiedPush among it.
    WebPush {
        /// The URL that the push service has given.
        endpoint: String,
        /// The device's public key, an uncompressed point of P-256 (`p256dh`).
        key: [u8; WEB_PUSH_KEY_BYTES],
        /// Its authentication secret (`auth`).
        secret: [u8; WEB_PUSH_SECRET_BYTES],
    },
    /// Firebase Cloud Messaging: the registration token.
    Fcm(String),
    /// Apple's push service: the device token, not in hex.
    Apns(Vec<u8>),
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Token::WebPush { .. } => "WebPush(..)",
            Token::Fcm(_) => "Fcm(..)",
            Token::Apns(_) => "Apns(..)",
        })
    }
}

/// Why a token was not sealed or opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TokenError {
    /// The caller's token has no bytes, or more than fit.
    #[error("a token has 1 to {TOKEN_MAX_BYTES} bytes, an endpoint 1 to {ENDPOINT_MAX_BYTES}")]
    Length,
    /// Sealing or opening failed.
    #[error(transparent)]
    Sealed(#[from] SealedError),
    /// Opened, and no token: the fault of who sealed it.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

impl Token {
    fn write(&self) -> Result<[u8; TOKEN_BYTES], TokenError> {
        let (kind, target, most) = match self {
            Token::WebPush { endpoint, .. } => (1, endpoint.as_bytes(), ENDPOINT_MAX_BYTES),
            Token::Fcm(token) => (2, token.as_bytes(), TOKEN_MAX_BYTES),
            Token::Apns(token) => (3, token.as_slice(), TOKEN_MAX_BYTES),
        };
        if target.is_empty() || target.len() > most {
            return Err(TokenError::Length);
        }
        let mut out = Vec::with_capacity(TOKEN_BYTES);
        out.push(kind);
        out.extend_from_slice(&u16::try_from(target.len()).expect("checked").to_be_bytes());
        out.extend_from_slice(target);
        if let Token::WebPush { key, secret, .. } = self {
            out.extend_from_slice(key);
            out.extend_from_slice(secret);
        }
        out.resize(TOKEN_BYTES, 0);
        Ok(out.try_into().expect("resized"))
    }

    fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let (kind, length) = (reader.u8()?, usize::from(reader.u16()?));
        if length == 0 {
            return Err(Malformed::TooLong);
        }
        let target = reader.take(length)?.to_vec();
        let text = |target| String::from_utf8(target).map_err(|_| Malformed::NotCanonical);
        let token = match kind {
            1 => Token::WebPush { endpoint: text(target)?, key: reader.array()?, secret: reader.array()? },
            2 => Token::Fcm(text(target)?),
            3 => Token::Apns(target),
            _ => return Err(Malformed::TooLong),
        };
        let spelled = token.write().map_err(|_| Malformed::TooLong)?;
        if spelled == *bytes { Ok(token) } else { Err(Malformed::NotCanonical) }
    }

    /// Seals it to the key of a gateway ([`Gateway::key`]); done anew for each address, no two results have anything in common.
    ///
    /// # Errors
    /// [`TokenError::Length`], or [`TokenError::Sealed`] for a key that is none.
    pub fn seal(&self, rng: &mut ChaCha20Rng, to: &BoxPublic) -> Result<SealedToken, TokenError> {
        let sealed = seal_to(rng, to, INFO, &[], &self.write()?)?;
        Ok(SealedToken(sealed.try_into().expect("a constant length in, a constant length out")))
    }

    /// Opens it with the gateway's key.
    ///
    /// # Errors
    /// [`TokenError::Sealed`] where it was sealed to another key, [`TokenError::Malformed`] where no token is in it.
    pub fn open(sealed: &SealedToken, key: BoxSecret) -> Result<Self, TokenError> {
        let plain = key.open(INFO, &[], &sealed.0)?;
        Ok(Token::read(plain.expose())?)
    }
}

/// What a gateway says of itself: `GET /api/v1/push/gateway`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Gateway {
    /// What tokens are sealed to.
    pub key: BoxPublic,
    /// Its key of VAPID (RFC 8292), base64url: what a web push subscription is made for.
    pub vapid: String,
    /// What it can send: `webpush`, `fcm`, `apns`.
    pub kinds: Vec<String>,
}

/// Something that only the owner of an address may ask.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ask {
    /// About which address.
    pub address: MailboxAddress,
    /// The owner's clock, Unix milliseconds.
    pub time_ms: u64,
    /// What is asked.
    pub what: What,
}

/// What an owner asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// Poke when something comes; takes the place of what was registered before.
    Register {
        /// For so many days, today not counted, 1 to [`DAYS_MAX`].
        days: u8,
        /// By which gateway; none: this coordinator.
        gateway: Option<Origin>,
        /// With what.
        token: Box<SealedToken>,
    },
    /// No more.
    Forget,
}

impl Ask {
    fn body(&self) -> Vec<u8> {
        let op = if matches!(self.what, What::Forget) { 7 } else { 6 };
        let mut out = vec![VERSION, op];
        out.extend_from_slice(&self.address.0);
        out.extend_from_slice(&self.time_ms.to_be_bytes());
        if let What::Register { days, gateway, token } = &self.what {
            let gateway = gateway.as_ref().map_or("", Origin::as_str);
            out.push(*days);
            out.extend_from_slice(&u16::try_from(gateway.len()).expect("origins are short").to_be_bytes());
            out.extend_from_slice(gateway.as_bytes());
            out.extend_from_slice(&token.0);
        }
        out
    }

    /// Signs an ask for the coordinator of this origin; gives its bytes.
    ///
    /// # Panics
    /// With no days or more than [`DAYS_MAX`]: the caller's bug.
    #[must_use]
    pub fn sign(what: What, key: &DayKey, origin: &Origin, time_ms: u64) -> Vec<u8> {
        if let What::Register { days, .. } = &what {
            assert!((1..=DAYS_MAX).contains(days), "a registration has days");
        }
        let mut body = Ask { address: key.address(), time_ms, what }.body();
        let signature = key.sign(&signed(origin, &body));
        body.extend_from_slice(&signature.0);
        body
    }
}

/// An ask whose signature has not been looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedAsk {
    ask: Ask,
    signature: Signature,
}

impl SignedAsk {
    /// Reads an ask.
    ///
    /// # Errors
    /// The sender's.
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let op = reader.u8()?;
        let (address, time_ms) = (MailboxAddress(reader.array()?), reader.u64()?);
        let what = match op {
            6 => {
                let (days, length) = (reader.u8()?, usize::from(reader.u16()?));
                if !(1..=DAYS_MAX).contains(&days) || length > ORIGIN_MAX_BYTES {
                    return Err(Malformed::TooLong);
                }
                let gateway = gateway(reader.take(length)?)?;
                What::Register { days, gateway, token: Box::new(SealedToken(reader.array()?)) }
            }
            7 => What::Forget,
            _ => return Err(Malformed::TooLong),
        };
        let signature = Signature(reader.array()?);
        reader.finish()?;
        Ok(SignedAsk { ask: Ask { address, time_ms, what }, signature })
    }

    /// Checks time and signature.
    ///
    /// # Errors
    /// [`AskError`].
    pub fn verify(self, origin: &Origin, now_ms: u64) -> Result<Ask, AskError> {
        if self.ask.time_ms.abs_diff(now_ms) > CLOCK_SKEW_MAX_MS {
            return Err(AskError::ClockSkew);
        }
        let bytes = signed(origin, &self.ask.body());
        mailbox::verify(&self.ask.address, &bytes, &self.signature).map_err(|_| AskError::BadSignature)?;
        Ok(self.ask)
    }
}

/// An origin in its one spelling, or none.
fn gateway(bytes: &[u8]) -> Result<Option<Origin>, Malformed> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Malformed::NotCanonical)?;
    let origin: Origin = text.parse().map_err(|_| Malformed::NotCanonical)?;
    if origin.as_str() == text { Ok(Some(origin)) } else { Err(Malformed::NotCanonical) }
}

/// A poke as bytes.
#[must_use]
pub fn write_poke(token: &SealedToken) -> Vec<u8> {
    [&[VERSION][..], &token.0].concat()
}

/// Reads a poke.
///
/// # Errors
/// The sender's.
pub fn read_poke(bytes: &[u8]) -> Result<SealedToken, Malformed> {
    let mut reader = Reader::new(bytes);
    reader.version(VERSION)?;
    let token = SealedToken(reader.array()?);
    reader.finish()?;
    Ok(token)
}

/// What a gateway makes of a poke.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Poked {
    /// It will be sent, or is being sent already.
    Taken,
    /// Its push service knows the token no more, or it was never one: forget it.
    Gone,
    /// Too many wait; nothing is lost but this poke.
    NotNow,
}

impl Poked {
    /// The bytes drawn above.
    #[must_use]
    pub fn write(self) -> Vec<u8> {
        let outcome = match self {
            Poked::Taken => 0,
            Poked::Gone => 1,
            Poked::NotNow => 2,
        };
        vec![VERSION, outcome]
    }

    /// Reads the bytes drawn above.
    ///
    /// # Errors
    /// The gateway's.
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let outcome = match reader.u8()? {
            0 => Poked::Taken,
            1 => Poked::Gone,
            2 => Poked::NotNow,
            _ => return Err(Malformed::TooLong),
        };
        reader.finish()?;
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests;
