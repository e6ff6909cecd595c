//! Firebase Cloud Messaging, HTTP v1: what is sent to a device, by which access token, and what the codes of its errors mean.
//!
//! The table is that of "ErrorCode" in the reference of FCM v1; access tokens are given for a signed assertion (RFC 7523, RS256).

use super::config::FcmConfig;
use super::es256::{to_text, unsigned};
use super::service::queue::Verdict;
use super::web::{Answer, Post, Web};
use super::webpush::{TOPIC, TTL_SECONDS};
use anyhow::{Context as _, Result, ensure};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;

/// What an access token is asked for.
const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
/// How long an assertion is good, seconds; an hour is the most.
const ASSERTION_SECONDS: u64 = 3_600;
/// An access token is asked for anew so long before it ends.
const EARLY_MS: u64 = 5 * 60_000;
/// Longest life of an access token that is believed.
const LIFE_MAX_SECONDS: u64 = 3_600;
/// How long FCM is left alone after it said that a quota is used up and not for how long: a minute (reference, QUOTA_EXCEEDED).
const QUOTA_MS: u64 = 60_000;
/// How long nobody asks for an access token after it was refused.
const REFUSED_MS: u64 = 60_000;

/// The file of a service account, as far as it is needed.
#[derive(Deserialize)]
struct Account {
    project_id: String,
    client_email: String,
    private_key: String,
    token_uri: String,
}

/// What is known of the access token.
#[derive(Default)]
struct Access {
    token: Option<String>,
    /// When another is asked for, whether there is one or not.
    until_ms: u64,
}

/// The way to FCM.
pub(super) struct Fcm {
    account: Account,
    host: String,
    key: RsaKeyPair,
    access: Mutex<Access>,
}

impl std::fmt::Debug for Fcm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fcm")
    }
}

impl Fcm {
    /// As the settings say; none where they name no account.
    pub(super) fn open(config: &FcmConfig) -> Result<Option<Self>> {
        if config.account.as_os_str().is_empty() {
            return Ok(None);
        }
        let named = || format!("push.fcm.account, {}", config.account.display());
        let text = std::fs::read_to_string(&config.account).with_context(named)?;
        let account: Account = serde_json::from_str(&text)
            .context("it is no file of a service account as Google gives it (JSON)")
            .with_context(named)?;
        let der = PrivatePkcs8KeyDer::from_pem_slice(account.private_key.as_bytes());
        let key = der.ok().and_then(|der| RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).ok());
        let key = key.context("its private_key is no RSA key").with_context(named)?;
        ensure!(config.host.starts_with("https://"), "push.fcm.host begins with https://");
        ensure!(
            account.token_uri.starts_with("https://"),
            "push.fcm.account: its token_uri begins with https://"
        );
        Ok(Some(Fcm { account, host: config.host.clone(), key, access: Mutex::default() }))
    }

    fn assertion(&self, now_ms: u64) -> Option<String> {
        let (account, now) = (&self.account, now_ms / 1_000);
        let claims = json!({
            "iss": account.client_email,
            "scope": SCOPE,
            "aud": account.token_uri,
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
        });
        let unsigned = unsigned(&json!({"alg": "RS256", "typ": "JWT"}), &claims);
        let mut signature = vec![0; self.key.public().modulus_len()];
        // Chance only blinds the arithmetic: the signature is the same every time.
        self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), unsigned.as_bytes(), &mut signature).ok()?;
        Some(format!("{unsigned}.{}", to_text(&signature)))
    }

    /// The access token, asked for where there is none; one asks at a time.
    async fn access(&self, web: &Web, now_ms: u64) -> Option<String> {
        let mut access = self.access.lock().await;
        if now_ms < access.until_ms {
            return access.token.clone();
        }
        *access = match self.asked(web, now_ms).await {
            Some((token, seconds)) => {
                let life_ms = seconds.min(LIFE_MAX_SECONDS) * 1_000;
                Access { token: Some(token), until_ms: now_ms + life_ms.saturating_sub(EARLY_MS) }
            }
            None => {
                tracing::warn!(
                    "no access token of FCM: look at push.fcm.account and at the way to its token_uri"
                );
                Access { token: None, until_ms: now_ms + REFUSED_MS }
            }
        };
        access.token.clone()
    }

    async fn asked(&self, web: &Web, now_ms: u64) -> Option<(String, u64)> {
        let grant = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
        let body = format!("grant_type={grant}&assertion={}", self.assertion(now_ms)?);
        let headers = vec![("content-type", "application/x-www-form-urlencoded".to_owned())];
        let url = self.account.token_uri.parse().ok()?;
        let answer = web.send(Post { url, headers, body: body.into_bytes() }).await.ok()?;
        let said: Value = serde_json::from_slice(&answer.body).ok().filter(|_| answer.status == 200)?;
        Some((said["access_token"].as_str()?.to_owned(), said["expires_in"].as_u64()?))
    }

    /// Sends the push for a device.
    pub(super) async fn send(&self, web: &Web, device: &str, now_ms: u64) -> Verdict {
        let Some(access) = self.access(web, now_ms).await else { return Verdict::Later(None) };
        let Some(post) = self.post(device, &access) else { return Verdict::Refused };
        let Ok(answer) = web.send(post).await else { return Verdict::Later(None) };
        if answer.status == 401 {
            self.forget(&access).await;
        }
        verdict(&answer)
    }

    /// An access token that is refused is asked for anew, unless somebody has done so meanwhile.
    async fn forget(&self, refused: &str) {
        let mut access = self.access.lock().await;
        if access.token.as_deref() == Some(refused) {
            *access = Access::default();
        }
    }

    fn post(&self, device: &str, access: &str) -> Option<Post> {
        let url = format!("{}/v1/projects/{}/messages:send", self.host, self.account.project_id);
        let android = json!({"priority": "HIGH", "ttl": format!("{TTL_SECONDS}s"), "collapse_key": TOPIC});
        let message = json!({"token": device, "data": {"halloo": "wake"}, "android": android});
        let headers = vec![
            ("authorization", format!("Bearer {access}")),
            ("content-type", "application/json".to_owned()),
        ];
        let body = json!({ "message": message }).to_string().into_bytes();
        Some(Post { url: url.parse().ok()?, headers, body })
    }
}

/// What an answer means.
fn verdict(answer: &Answer) -> Verdict {
    if answer.status == 200 {
        return Verdict::Taken;
    }
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let details = body["error"]["details"].as_array().into_iter().flatten();
    let code = details.filter_map(|detail| detail["errorCode"].as_str()).next();
    match (answer.status, code.unwrap_or_default()) {
        // The app is no more on the device, or the token is that of another app. What is sent is always the same, so an argument that is
        // invalid is the token.
        (_, "UNREGISTERED" | "SENDER_ID_MISMATCH" | "INVALID_ARGUMENT") => Verdict::Gone,
        (_, "QUOTA_EXCEEDED") => Verdict::Later(Some(answer.retry_ms.unwrap_or(QUOTA_MS))),
        (_, "UNAVAILABLE" | "INTERNAL") => Verdict::Later(answer.retry_ms),
        (_, "THIRD_PARTY_AUTH_ERROR") => Verdict::Refused,
        // The access token: another is asked for.
        (401, _) => Verdict::Later(answer.retry_ms),
        (429, _) => Verdict::Later(Some(answer.retry_ms.unwrap_or(QUOTA_MS))),
        (500..=599, _) => Verdict::Later(answer.retry_ms),
        _ => Verdict::Refused,
    }
}

#[cfg(test)]
mod tests;
