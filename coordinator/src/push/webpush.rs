//! Web Push (RFC 8030), UnifiedPush among it: what is sent to a subscription, and what its push service means by its answers.

use super::ece::{self, NoPoint, Subscription};
use super::es256;
use super::service::queue::Verdict;
use super::web::{Answer, Post};
use hyper::Uri;
use p256::SecretKey;
use p256::ecdsa::SigningKey;
use rand_core::Rng;
use serde_json::json;

/// All that is ever said, so that no push differs from another: something lies in a mailbox, come and look.
pub(super) const WAKE: &[u8] = b"wake";
/// How long a push service keeps it for a device that is away, seconds: two weeks, as long as mailboxes keep what it is about.
pub(super) const TTL_SECONDS: u32 = 14 * 86_400;
/// A new push takes the place of one that was not delivered yet (RFC 8030, 5.4), and there is only this one kind.
pub(super) const TOPIC: &str = "halloo";
/// How long a VAPID token is good, seconds; a day is the most (RFC 8292, 2).
const VAPID_SECONDS: u64 = 12 * 3_600;

/// What push services know this gateway by (RFC 8292).
pub(super) struct Vapid {
    key: SigningKey,
    public: String,
    contact: Option<String>,
}

impl std::fmt::Debug for Vapid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vapid")
    }
}

impl Vapid {
    /// By this key; `contact` is where a push service may write to.
    pub(super) fn new(key: &SecretKey, contact: Option<String>) -> Self {
        let public = es256::to_text(&es256::point(&key.public_key()));
        Vapid { key: SigningKey::from(key), public, contact }
    }

    /// The public key, for subscriptions.
    pub(super) fn public(&self) -> &str {
        &self.public
    }

    fn header(&self, to: &Uri, now_ms: u64) -> String {
        let (scheme, host) = (to.scheme_str().unwrap_or("https"), to.host().unwrap_or_default());
        let port = to.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
        let mut claims =
            json!({"aud": format!("{scheme}://{host}{port}"), "exp": now_ms / 1_000 + VAPID_SECONDS});
        if let Some(contact) = &self.contact {
            claims["sub"] = contact.as_str().into();
        }
        let token = es256::token(&self.key, &json!({"typ": "JWT", "alg": "ES256"}), &claims);
        format!("vapid t={token}, k={}", self.public)
    }

    /// The push for a subscription.
    pub(super) fn post(
        &self,
        (url, to): (Uri, &Subscription<'_>),
        now_ms: u64,
        rng: &mut impl Rng,
    ) -> Result<Post, NoPoint> {
        let body = ece::seal(to, WAKE, rng)?;
        let headers = vec![
            ("authorization", self.header(&url, now_ms)),
            ("content-encoding", "aes128gcm".to_owned()),
            ("content-type", "application/octet-stream".to_owned()),
            ("ttl", TTL_SECONDS.to_string()),
            ("urgency", "high".to_owned()),
            ("topic", TOPIC.to_owned()),
        ];
        Ok(Post { url, headers, body })
    }
}

/// What an answer means (RFC 8030, 5 and 8.4; RFC 8292, 4.2).
pub(super) fn verdict(answer: &Answer) -> Verdict {
    match answer.status {
        200..=299 => Verdict::Taken,
        // The subscription has ended, or there never was one.
        404 | 410 => Verdict::Gone,
        408 | 425 | 429 | 500..=599 => Verdict::Later(answer.retry_ms),
        // Redirects are not followed, and what is refused once is refused again.
        _ => Verdict::Refused,
    }
}

#[cfg(test)]
mod tests;
