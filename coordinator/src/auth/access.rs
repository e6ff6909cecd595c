//! Access tokens: JSON Web Tokens (RFC 7519, 9068) of ten minutes, bound to the key of a device (RFC 9449, 6), checked without looking up.
//!
//! ```text
//!  header      {"typ":"at+jwt","alg":"EdDSA","kid":thumbprint of the coordinator's key}
//!  payload     {"iss":origin,"aud":origin,"sub":account,"sid":session,"jti":id,"iat":s,"exp":s,"cnf":{"jkt":thumbprint of the device's key}}
//! ```

use super::jose::{self, Header, Jws};
use ed25519_dalek::SigningKey;
use halloo_crypto::base16;
use halloo_crypto::secret::Secret;
use halloo_wire::origin::Origin;
use serde::{Deserialize, Serialize};

/// How long a token is good: what is revoked elsewhere than at this coordinator is heard of that late.
pub const LIFE_S: u64 = 10 * 60;
/// What the header calls it (RFC 9068, 2.1).
const TYPE: &str = "at+jwt";

/// Name of an account, of a session: drawn at random.
pub type Id = [u8; 16];

/// Why a token is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// It is no token of this coordinator.
    #[error("the token is not from this coordinator")]
    NotOurs,
    /// It has ended.
    #[error("the token has ended")]
    Expired,
}

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Whose it is.
    pub account: Id,
    /// By which session.
    pub session: Id,
    /// Thumbprint of the key that must prove itself with it.
    pub thumbprint: String,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    sid: String,
    jti: String,
    iat: u64,
    exp: u64,
    cnf: Confirmation,
}

#[derive(Serialize, Deserialize)]
struct Confirmation {
    jkt: String,
}

/// What signs and checks the tokens of a coordinator.
pub struct Issuer {
    key: SigningKey,
    kid: String,
    header: Vec<u8>,
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Issuer").field(&self.kid).finish()
    }
}

impl Issuer {
    /// From a seed of its own.
    #[must_use]
    pub fn new(seed: &Secret<[u8; 32]>) -> Self {
        let key = SigningKey::from_bytes(seed.expose());
        let kid = jose::thumbprint(&key.verifying_key().to_bytes());
        let header = format!(r#"{{"typ":"{TYPE}","alg":"{}","kid":"{kid}"}}"#, jose::ALGORITHM).into_bytes();
        Issuer { key, kid, header }
    }

    /// What others check tokens with, and its name.
    #[must_use]
    pub fn public(&self) -> ([u8; 32], &str) {
        (self.key.verifying_key().to_bytes(), &self.kid)
    }

    /// A token for whoever has the key of this thumbprint; `id` is drawn for it.
    #[must_use]
    pub fn issue(&self, access: &Access, origin: &Origin, id: Id, now_ms: u64) -> String {
        let iat = now_ms / 1_000;
        let claims = Claims {
            iss: origin.to_string(),
            aud: origin.to_string(),
            sub: base16::encode(&access.account),
            sid: base16::encode(&access.session),
            jti: base16::encode(&id),
            iat,
            exp: iat + LIFE_S,
            cnf: Confirmation { jkt: access.thumbprint.clone() },
        };
        jose::sign(&self.key, &self.header, &serde_json::to_vec(&claims).expect("claims are JSON"))
    }

    /// Checks a token that came by one of these origins; that the sender has its key is for the caller to see.
    pub fn check(&self, token: &str, origins: &[Origin], now_ms: u64) -> Result<Access, AccessError> {
        let jws = Jws::read(token).ok_or(AccessError::NotOurs)?;
        let header = Header::read(&jws.header, TYPE).filter(|header| header.kid.as_ref() == Some(&self.kid));
        let ours = header.is_some() && jws.is_by(&self.key.verifying_key().to_bytes());
        let claims = serde_json::from_slice::<Claims>(&jws.payload).ok().filter(|_| ours);
        let claims = claims.ok_or(AccessError::NotOurs)?;
        let here = |name: &String| origins.iter().any(|origin| origin.as_str() == name);
        if !here(&claims.iss) || claims.aud != claims.iss {
            return Err(AccessError::NotOurs);
        }
        if now_ms / 1_000 >= claims.exp {
            return Err(AccessError::Expired);
        }
        let ids = base16::decode_array(&claims.sub).zip(base16::decode_array(&claims.sid));
        let (account, session) = ids.ok_or(AccessError::NotOurs)?;
        Ok(Access { account, session, thumbprint: claims.cnf.jkt })
    }
}

#[cfg(test)]
mod tests;
