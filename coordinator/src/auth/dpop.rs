//! DPoP proofs (RFC 9449, 4): that who sends a request holds a key, checked for method, address, time and token.
//!
//! ```text
//!  header      {"typ":"dpop+jwt","alg":"EdDSA","jwk":{"kty":"OKP","crv":"Ed25519","x":key}}
//!  payload     {"jti":text of 1 to 128 bytes,"htm":method,"htu":origin and path,"iat":s,"ath":SHA-256 of the token}
//! ```
//! `iat` is a whole number, at most two minutes from the time here. `ath` must be there with a token. A `nonce` of ours is not asked for:
//! `jti` is remembered for as long as the proof could be sent again.

use super::jose::{self, Header, Jws};
use halloo_crypto::kdf;
use halloo_crypto::ticket::CLOCK_SKEW_MAX_MS;
use halloo_wire::origin::Origin;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// What the header calls it (RFC 9449, 4.2).
const TYPE: &str = "dpop+jwt";
/// Longest `jti`: a UUID has 36.
const ID_MAX: usize = 128;

/// Why a proof is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DpopError {
    /// It is no proof, or is not signed by the key in it.
    #[error("this is no DPoP proof, or its own key did not sign it")]
    Malformed,
    /// It is for another request.
    #[error("the proof is for another method or address")]
    OtherRequest,
    /// It is not for the token that came with it.
    #[error("the proof is not for this token")]
    OtherToken,
    /// It is dated too far from the time here.
    #[error("the proof is dated more than two minutes from the time here")]
    ClockApart,
}

/// What a request claims that a proof must agree with.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its path, without what stands behind a `?`.
    pub path: &'a str,
    /// The origins by which it may have come.
    pub origins: &'a [Origin],
    /// The token that came with it.
    pub token: Option<&'a str>,
}

/// A proof that holds; that it is used once is for the caller to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proven {
    /// The key.
    pub key: [u8; 32],
    /// What to remember.
    pub name: [u8; 16],
    /// For how long, Unix milliseconds.
    pub ends_ms: u64,
}

#[derive(Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: u64,
    #[serde(default)]
    ath: Option<String>,
}

/// Checks a proof for a request.
pub fn check(proof: &str, request: &Request<'_>, now_ms: u64) -> Result<Proven, DpopError> {
    let jws = Jws::read(proof).ok_or(DpopError::Malformed)?;
    let header = Header::read(&jws.header, TYPE).ok_or(DpopError::Malformed)?;
    let key = header.jwk.and_then(|jwk| jwk.key()).ok_or(DpopError::Malformed)?;
    let claims: Claims = serde_json::from_slice(&jws.payload).map_err(|_| DpopError::Malformed)?;
    if claims.jti.is_empty() || claims.jti.len() > ID_MAX {
        return Err(DpopError::Malformed);
    }
    let reached = |origin: &Origin| claims.htu.strip_prefix(origin.as_str()) == Some(request.path);
    if claims.htm != request.method || !request.origins.iter().any(reached) {
        return Err(DpopError::OtherRequest);
    }
    let dated_ms = claims.iat.saturating_mul(1_000);
    if dated_ms.abs_diff(now_ms) > CLOCK_SKEW_MAX_MS {
        return Err(DpopError::ClockApart);
    }
    let hash = request.token.map(|token| jose::to_text(&Sha256::digest(token.as_bytes())));
    if hash.is_some() && claims.ath != hash {
        return Err(DpopError::OtherToken);
    }
    if !jws.is_by(&key) {
        return Err(DpopError::Malformed);
    }
    let name = kdf::hash("dpop proof", &[&key, claims.jti.as_bytes()]);
    let name = *name.first_chunk().expect("32 bytes hold 16");
    Ok(Proven { key, name, ends_ms: dated_ms.saturating_add(CLOCK_SKEW_MAX_MS) })
}

#[cfg(test)]
mod tests;
