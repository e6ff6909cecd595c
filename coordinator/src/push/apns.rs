//! Apple's push service over HTTP/2: what is sent to a device, by which token, and what the reasons of its answers mean.
//!
//! The tables are those of "Sending notification requests to APNs" and "Handling notification responses from APNs".

use super::config::ApnsConfig;
use super::es256;
use super::service::queue::Verdict;
use super::web::{Answer, Post};
use super::webpush::{TOPIC, TTL_SECONDS};
use anyhow::{Context as _, Result, ensure};
use p256::SecretKey;
use p256::ecdsa::SigningKey;
use p256::pkcs8::DecodePrivateKey as _;
use serde_json::{Value, json};
use std::sync::{Mutex, PoisonError};

/// A token is made anew so often: Apple takes none that is older than an hour, and no more than one in twenty minutes.
const TOKEN_MS: u64 = 40 * 60_000;
/// It is made no more often than this, also when Apple says that it has ended.
const TOKEN_MIN_MS: u64 = 20 * 60_000;
/// How long Apple is left alone after it said that provider tokens were made too often.
const OVERLOADED_MS: u64 = 15 * 60_000;
/// Longest device token; today's have 32 bytes, and Apple says not to count on it.
const DEVICE_MAX_BYTES: usize = 100;

/// What is made of a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Means {
    /// The device has the app no more, or the token is none of this app.
    Gone,
    /// Another provider token, then again.
    Renew,
    /// Again, as the table of tries says.
    Later,
    /// Again, and not soon.
    LongLater,
}

/// Reasons after which something is done; all others are faults of the settings or of this program, and are not tried again.
const REASONS: &[(u16, &str, Means)] = &[
    (400, "BadDeviceToken", Means::Gone),
    (400, "DeviceTokenNotForTopic", Means::Gone),
    (400, "IdleTimeout", Means::Later),
    (403, "ExpiredProviderToken", Means::Renew),
    (410, "ExpiredToken", Means::Gone),
    (410, "Unregistered", Means::Gone),
    (429, "TooManyProviderTokenUpdates", Means::LongLater),
    (429, "TooManyRequests", Means::Later),
    (500, "InternalServerError", Means::Later),
    (503, "ServiceUnavailable", Means::Later),
    (503, "Shutdown", Means::Later),
];

/// The way to Apple.
pub(super) struct Apns {
    config: ApnsConfig,
    key: SigningKey,
    token: Mutex<Option<(u64, String)>>,
}

impl std::fmt::Debug for Apns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Apns")
    }
}

impl Apns {
    /// As the settings say; none where they name no key.
    pub(super) fn open(config: &ApnsConfig) -> Result<Option<Self>> {
        if config.key.as_os_str().is_empty() {
            return Ok(None);
        }
        let named = || format!("push.apns.key, {}", config.key.display());
        let pem = std::fs::read_to_string(&config.key).with_context(named)?;
        let key = SecretKey::from_pkcs8_pem(&pem);
        let key = key
            .map_err(|_| anyhow::anyhow!("it is no AuthKey_….p8 as Apple gives it"))
            .with_context(named)?;
        for (name, value) in
            [("key_id", &config.key_id), ("team_id", &config.team_id), ("topic", &config.topic)]
        {
            ensure!(!value.is_empty(), "push.apns.{name} is missing: it belongs to push.apns.key");
        }
        ensure!(config.host.starts_with("https://"), "push.apns.host begins with https://");
        Ok(Some(Apns { config: config.clone(), key: SigningKey::from(&key), token: Mutex::default() }))
    }

    fn token(&self, now_ms: u64) -> String {
        let mut kept = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made_ms, token)) = &*kept
            && now_ms.abs_diff(*made_ms) < TOKEN_MS
        {
            return token.clone();
        }
        let header = json!({"alg": "ES256", "kid": self.config.key_id});
        let claims = json!({"iss": self.config.team_id, "iat": now_ms / 1_000});
        let token = es256::token(&self.key, &header, &claims);
        *kept = Some((now_ms, token.clone()));
        token
    }

    /// The push for a device; none where the token could be none of Apple's.
    pub(super) fn post(&self, device: &[u8], now_ms: u64) -> Option<Post> {
        if device.len() > DEVICE_MAX_BYTES {
            return None;
        }
        let url = format!("{}/3/device/{}", self.config.host, halloo_crypto::base16::encode(device));
        let (kind, priority, body) = if self.config.alert.is_empty() {
            ("background", "5", json!({"aps": {"content-available": 1}}))
        } else {
            let alert =
                json!({"alert": {"body": self.config.alert}, "mutable-content": 1, "sound": "default"});
            ("alert", "10", json!({ "aps": alert }))
        };
        let headers = vec![
            ("authorization", format!("bearer {}", self.token(now_ms))),
            ("content-type", "application/json".to_owned()),
            ("apns-topic", self.config.topic.clone()),
            ("apns-push-type", kind.to_owned()),
            ("apns-priority", priority.to_owned()),
            ("apns-expiration", (now_ms / 1_000 + u64::from(TTL_SECONDS)).to_string()),
            ("apns-collapse-id", TOPIC.to_owned()),
        ];
        Some(Post { url: url.parse().ok()?, headers, body: body.to_string().into_bytes() })
    }

    /// What an answer means; where it says that the token has ended, the next push has another.
    pub(super) fn verdict(&self, answer: &Answer, now_ms: u64) -> Verdict {
        let (verdict, renew) = meaning(answer);
        if renew {
            let mut kept = self.token.lock().unwrap_or_else(PoisonError::into_inner);
            kept.take_if(|(made_ms, _)| now_ms.abs_diff(*made_ms) >= TOKEN_MIN_MS);
        }
        verdict
    }
}

/// What is made of an answer, and whether another provider token is wanted.
fn meaning(answer: &Answer) -> (Verdict, bool) {
    if answer.status == 200 {
        return (Verdict::Taken, false);
    }
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let reason = body["reason"].as_str().unwrap_or_default();
    let row = REASONS.iter().find(|(status, known, _)| *status == answer.status && *known == reason);
    match row.map(|(_, _, means)| means) {
        Some(Means::Gone) => (Verdict::Gone, false),
        Some(Means::Renew) => (Verdict::Later(answer.retry_ms), true),
        Some(Means::LongLater) => (Verdict::Later(Some(answer.retry_ms.unwrap_or(OVERLOADED_MS))), false),
        Some(Means::Later) => (Verdict::Later(answer.retry_ms), false),
        // Reasons that came after the table was read.
        None if answer.status == 410 => (Verdict::Gone, false),
        None if answer.status == 429 || answer.status >= 500 => (Verdict::Later(answer.retry_ms), false),
        None => (Verdict::Refused, false),
    }
}

#[cfg(test)]
mod tests;
