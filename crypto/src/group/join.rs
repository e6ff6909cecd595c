//! Joining by welcome.

use mls_rs::{MlsMessage, MlsMessageDescription};

use super::config::{EPOCH_START, client};
use super::desk;
use super::error::{GroupError, PeerFault};
use super::key_package::KeyPackageSecret;
use super::session::GroupSession;

/// Longest welcome: 5,000 members with their tree need 1.5 MB and some.
pub const MAX_WELCOME_BYTES: usize = 4 << 20;

impl GroupSession {
    /// Joins with the secret half of the key package that was added.
    ///
    /// Joining twice from one secret would begin the same generations twice: the caller stores the session and erases
    /// the secret in one write, and only then sends. Whether those in the roster belong there only the log can say.
    ///
    /// # Errors
    /// [`GroupError::Peer`]; [`PeerFault::NotForUs`] if the welcome names no key package of ours or another group.
    pub fn join(welcome: &[u8], secret: &KeyPackageSecret) -> Result<Self, GroupError> {
        if welcome.len() > MAX_WELCOME_BYTES {
            return Err(PeerFault::TooLong.into());
        }
        let message = MlsMessage::from_bytes(welcome).map_err(|_| PeerFault::Malformed)?;
        let MlsMessageDescription::Welcome { key_package_refs, .. } = message.description() else {
            return Err(PeerFault::Malformed.into());
        };
        if !key_package_refs.iter().any(|id| id.as_ref() == secret.id) {
            return Err(PeerFault::NotForUs.into());
        }
        let identity = (secret.identity.clone(), secret.signer.clone());
        let client = client(secret.group, Some(identity));
        desk::put_key_package(secret.id.clone(), secret.data.clone());
        let joined = client.join_group(None, &message, Some(EPOCH_START()));
        desk::take_key_package();
        let (mls, _) = joined?;
        Self::check_context(&mls, &secret.group)?;
        Self::enter(mls, secret.group, secret.device)
    }
}

#[cfg(test)]
mod tests;
