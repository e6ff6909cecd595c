//! How a device is woken, as an app says it at the local door.

use super::DoorError;
use crate::uplink::WakeBy;
use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use halloo_crypto::base16;
use halloo_wire::origin::Origin;
use halloo_wire::push::{ENDPOINT_MAX_BYTES, TOKEN_MAX_BYTES, Token};
use hyper::Uri;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// First byte of an uncompressed point (SEC 1, 2.3.3).
const UNCOMPRESSED: u8 = 4;

/// What browsers and UnifiedPush give as keys: base64url, with padding or without.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How this device is woken when something is left for it while it is away.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WakeAsk {
    /// What its push service knows it by.
    #[serde(flatten)]
    pub by: WakeToken,
    /// The coordinator that sends to that push service, `https://HOST[:PORT]`; without it each coordinator does so itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
}

/// What a push service knows a device by.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum WakeToken {
    /// Web Push (RFC 8030) and UnifiedPush: a subscription, named as browsers name its parts.
    WebPush {
        /// The URL that the push service has given, 1 to 892 bytes.
        endpoint: String,
        /// The public key of the subscription, an uncompressed point of P-256, base64url.
        p256dh: String,
        /// Its authentication secret, 16 bytes, base64url.
        auth: String,
    },
    /// Firebase Cloud Messaging.
    Fcm {
        /// The registration token.
        token: String,
    },
    /// Apple's push service.
    Apns {
        /// The device token in hex.
        token: String,
    },
}

impl std::fmt::Debug for WakeAsk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WakeAsk(..)")
    }
}

impl WakeAsk {
    /// What is meant.
    ///
    /// # Errors
    /// `bad-token` or `bad-gateway`, in words for whoever writes the app.
    pub fn read(&self) -> Result<WakeBy, DoorError> {
        let gateway = self.gateway.as_deref().map(str::parse::<Origin>).transpose().map_err(|error| {
            DoorError::told("bad-gateway", &error, "a gateway is the origin of a coordinator, https://HOST")
        })?;
        Ok(WakeBy { token: self.by.read()?, gateway })
    }
}

impl WakeToken {
    fn read(&self) -> Result<Token, DoorError> {
        match self {
            WakeToken::WebPush { endpoint, p256dh, auth } => {
                if endpoint.len() > ENDPOINT_MAX_BYTES || !is_sent_to(endpoint) {
                    return Err(bad(&format!(
                        "an endpoint is a URL of at most {ENDPOINT_MAX_BYTES} bytes, https:// or, by the number of its host, http://"
                    )));
                }
                let (key, secret) = (decoded(p256dh), decoded(auth));
                let key = key.filter(|key: &[u8; 65]| key[0] == UNCOMPRESSED);
                let key =
                    key.ok_or_else(|| bad("p256dh is an uncompressed point of P-256, 65 bytes, base64url"))?;
                let secret = secret.ok_or_else(|| bad("auth has 16 bytes, base64url"))?;
                Ok(Token::WebPush { endpoint: endpoint.clone(), key, secret })
            }
            WakeToken::Fcm { token } => {
                let fits =
                    (1..=TOKEN_MAX_BYTES).contains(&token.len()) && !token.chars().any(char::is_control);
                if fits {
                    Ok(Token::Fcm(token.clone()))
                } else {
                    Err(bad("a registration token is a short text"))
                }
            }
            WakeToken::Apns { token } => {
                let bytes =
                    base16::decode(token).filter(|bytes| (1..=TOKEN_MAX_BYTES).contains(&bytes.len()));
                bytes.map(Token::Apns).ok_or_else(|| bad("a device token is written in hex"))
            }
        }
    }
}

/// Whether a gateway sends there: it refuses plain HTTP to names, and names of users.
fn is_sent_to(endpoint: &str) -> bool {
    let Ok(url) = endpoint.parse::<Uri>() else { return false };
    let host = url.host().unwrap_or_default();
    let is_number = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    let plain_enough = match url.scheme_str() {
        Some("https") => !host.is_empty(),
        Some("http") => is_number,
        _ => false,
    };
    plain_enough && url.authority().is_some_and(|at| !at.as_str().contains('@'))
}

fn decoded<const N: usize>(text: &str) -> Option<[u8; N]> {
    BASE64URL.decode(text).ok()?.try_into().ok()
}

fn bad(what: &str) -> DoorError {
    DoorError::new("bad-token", what, "hand over what the push service has given, unchanged")
}

#[cfg(test)]
mod tests;
