//! Proving a device's key to the accounts of a coordinator: what is signed for `POST /api/v1/auth/register` and `/login`.
//!
//! ```text
//!  signed        0         1         2            34             74      76        76+n
//!                | version | purpose | device key | challenge    | n u16 | origin  |     domain "halloo v1 login"
//!
//!  purpose       1 register, 2 log in
//! ```
//! The challenge comes from `POST /api/v1/auth/challenge`, is good once and for two minutes, and opaque to the client. The origin is
//! the one by which the client asks, so that a coordinator cannot use at another one what was shown to it. The device key is made for
//! this coordinator alone: it may be the one that asks for tickets. Numbers are big-endian.

use halloo_crypto::id::{ClientId, Signature};
use halloo_crypto::ticket::{self, ClientSecret, ORIGIN_MAX_BYTES};

use crate::bytes::{Malformed, Reader};
use crate::origin::Origin;

/// Path of the request for a challenge.
pub const CHALLENGE_PATH: &str = "/api/v1/auth/challenge";
/// Path of the request for an account.
pub const REGISTER_PATH: &str = "/api/v1/auth/register";
/// Path of the request for a session.
pub const LOGIN_PATH: &str = "/api/v1/auth/login";
/// Length of a challenge.
pub const CHALLENGE_BYTES: usize = 40;

const VERSION: u8 = 1;

/// What the proof is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Purpose {
    /// A new account.
    Register = 1,
    /// A session of an account that is there.
    Login = 2,
}

/// What a device signs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoginProof {
    /// For what.
    pub purpose: Purpose,
    /// The key that signs.
    pub device: ClientId,
    /// What the coordinator gave.
    pub challenge: [u8; CHALLENGE_BYTES],
    /// By which origin the coordinator is asked.
    pub origin: Origin,
}

impl LoginProof {
    /// The bytes under the signature.
    #[must_use]
    pub fn signed(&self) -> Vec<u8> {
        let origin = self.origin.as_str().as_bytes();
        assert!(origin.len() <= ORIGIN_MAX_BYTES, "every origin is checked to be short");
        let mut bytes = vec![VERSION, self.purpose as u8];
        bytes.extend_from_slice(&self.device.0);
        bytes.extend_from_slice(&self.challenge);
        bytes.extend_from_slice(&u16::try_from(origin.len()).expect("at most 200").to_be_bytes());
        bytes.extend_from_slice(origin);
        bytes
    }

    /// Reads what [`Self::signed`] wrote.
    ///
    /// # Errors
    /// The sender's.
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let purpose = match reader.u8()? {
            1 => Purpose::Register,
            2 => Purpose::Login,
            _ => return Err(Malformed::NotCanonical),
        };
        let (device, challenge) = (ClientId(reader.array()?), reader.array()?);
        let length = usize::from(reader.u16()?);
        if length > ORIGIN_MAX_BYTES {
            return Err(Malformed::TooLong);
        }
        let text = core::str::from_utf8(reader.take(length)?).map_err(|_| Malformed::NotCanonical)?;
        reader.finish()?;
        let origin: Origin = text.parse().map_err(|_| Malformed::NotCanonical)?;
        // Another spelling of an origin would be another message under the same meaning.
        if origin.as_str() != text {
            return Err(Malformed::NotCanonical);
        }
        Ok(LoginProof { purpose, device, challenge, origin })
    }

    /// Signs it; the key must be the one that is named.
    #[must_use]
    pub fn sign(&self, by: &ClientSecret) -> Signature {
        assert_eq!(by.id(), self.device, "a proof is signed by the key that it names");
        by.sign_login(&self.signed())
    }

    /// Whether the key that is named signed it.
    #[must_use]
    pub fn is_signed(&self, signature: &Signature) -> bool {
        ticket::is_login_of(&self.device, &self.signed(), signature)
    }
}

#[cfg(test)]
mod tests;
