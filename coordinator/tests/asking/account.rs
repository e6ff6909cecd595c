//! A device with a key that registers, logs in and asks with tokens and proofs.

use super::{Answer, Place};
use halloo_coordinator::auth::config::Registration;
use halloo_coordinator::auth::jose;
use halloo_coordinator::config::Config;
use halloo_crypto::base16;
use halloo_crypto::secret::Secret;
use halloo_crypto::ticket::{ClientSecret, Room, TicketRequest};
use halloo_wire::login::{CHALLENGE_PATH, LOGIN_PATH, LoginProof, Purpose, REGISTER_PATH};
use halloo_wire::origin::Origin;
use halloo_wire::ticket::TicketAsk;
use hyper::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};

/// Settings of a coordinator that gives accounts, as many as a test wants.
pub fn open_to_all(config: &mut Config) {
    let many = NonZeroU32::new(1_000_000).unwrap();
    config.auth.registration = Registration::Open;
    (config.auth.burst, config.auth.registrations_burst) = (many, many);
}

pub struct Device {
    pub secret: ClientSecret,
    pub origin: Origin,
    pub to: SocketAddr,
    drawn: AtomicU64,
}

/// What a session was given last.
#[derive(Clone, Debug)]
pub struct Given {
    pub account: String,
    pub session: String,
    pub token: String,
    pub refresh: String,
}

impl Given {
    pub fn of(answer: &Answer) -> Self {
        assert!([200, 201].contains(&answer.status), "{answer:?}");
        let json = answer.json();
        assert_eq!((&json["token_type"], &json["expires_in"]), (&json!("DPoP"), &json!(600)));
        let text = |name: &str| json[name].as_str().unwrap().to_owned();
        Given {
            account: text("user_id"),
            session: text("session_id"),
            token: text("token"),
            refresh: text("refresh_token"),
        }
    }
}

impl Place {
    pub fn device(&self, seed: u16) -> Device {
        Device::of(seed, self.running.local)
    }
}

impl Device {
    /// A device that asks the coordinator at this address.
    pub fn of(seed: u16, to: SocketAddr) -> Self {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&seed.to_be_bytes());
        let origin: Origin = format!("http://{to}").parse().unwrap();
        let secret = ClientSecret::derive(&Secret::new(bytes), origin.as_str());
        Device { secret, origin, to, drawn: AtomicU64::new(0) }
    }

    pub async fn post(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Answer {
        super::ask(self.to, Method::POST, path, headers, body.to_string().into_bytes()).await
    }

    pub async fn challenge(&self) -> [u8; 40] {
        let ask = json!({"device_key": self.secret.id()});
        let given = self.post(CHALLENGE_PATH, &ask, &[]).await.json();
        base16::decode_array(given["challenge"].as_str().unwrap()).unwrap()
    }

    pub fn signed(&self, purpose: Purpose, challenge: [u8; 40]) -> Value {
        let device = self.secret.id();
        let proof = LoginProof { purpose, device, challenge, origin: self.origin.clone() };
        let signature = proof.sign(&self.secret);
        json!({"device_key": device, "challenge": base16::encode(&challenge), "signature": signature})
    }

    pub async fn proof(&self, purpose: Purpose) -> Value {
        self.signed(purpose, self.challenge().await)
    }

    pub async fn try_register(&self, mut body: Value) -> Answer {
        body["proof"] = self.proof(Purpose::Register).await;
        self.post(REGISTER_PATH, &body, &[]).await
    }

    pub async fn register(&self) -> Given {
        Given::of(&self.try_register(json!({})).await)
    }

    pub async fn try_login(&self) -> Answer {
        let body = json!({"proof": self.proof(Purpose::Login).await});
        self.post(LOGIN_PATH, &body, &[]).await
    }

    /// A request for a ticket by the key of the device.
    pub fn ticket_ask(&self, room: Room) -> TicketAsk {
        let nonce = self.drawn.fetch_add(1, Ordering::Relaxed);
        let request = TicketRequest {
            room,
            client: self.secret.id(),
            time_ms: super::NOW_MS,
            nonce: u128::from(nonce).to_be_bytes(),
            origin: self.origin.to_string(),
        };
        TicketAsk::new(&request, self.secret.sign(&request).unwrap())
    }

    /// A proof for one request, dated as the coordinator's clock at the start of the tests unless said otherwise.
    pub fn dpop_at(&self, (method, path): (&Method, &str), token: Option<&str>, now_ms: u64) -> String {
        let id = self.drawn.fetch_add(1, Ordering::Relaxed);
        let header = json!({"typ": "dpop+jwt", "alg": "EdDSA", "jwk": jose::Jwk::of(&self.secret.id().0)});
        let mut claims = json!({
            "jti": id.to_string(),
            "htm": method.as_str(),
            "htu": format!("{}{path}", self.origin),
            "iat": now_ms / 1_000,
        });
        if let Some(token) = token {
            claims["ath"] = json!(jose::to_text(&Sha256::digest(token)));
        }
        let part = |json: &Value| jose::to_text(json.to_string().as_bytes());
        let input = format!("{}.{}", part(&header), part(&claims));
        let signature = self.secret.sign_jws(&input);
        format!("{input}.{}", jose::to_text(&signature.0))
    }

    /// One request with a token and a fresh proof.
    pub async fn with_token(&self, method: Method, path: &str, token: &str, body: Value) -> Answer {
        self.with_token_at(method, path, token, (body, super::NOW_MS)).await
    }

    pub async fn with_token_at(
        &self,
        method: Method,
        path: &str,
        token: &str,
        (body, now_ms): (Value, u64),
    ) -> Answer {
        let proof = self.dpop_at((&method, path), Some(token), now_ms);
        let authorization = format!("DPoP {token}");
        let headers = [("authorization", authorization.as_str()), ("dpop", proof.as_str())];
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        super::ask(self.to, method, path, &headers, body).await
    }

    pub async fn try_refresh(&self, token: &str) -> Answer {
        self.try_refresh_at(token, super::NOW_MS).await
    }

    pub async fn try_refresh_at(&self, token: &str, now_ms: u64) -> Answer {
        let path = "/api/v1/auth/refresh";
        let proof = self.dpop_at((&Method::POST, path), None, now_ms);
        self.post(path, &json!({"refresh_token": token}), &[("dpop", &proof)]).await
    }
}
