//! Ratcheted messages of an epoch: one key each, gone after use.

use mls_rs::MlsMessage;
use mls_rs::group::{ContentType, ReceivedMessage};
use rand_chacha::ChaCha20Rng;

use super::commit::expect_encrypted;
use super::desk;
use super::error::{CallerFault, GroupError, PeerFault};
use super::frame::{self, Kind, MAX_APPLICATION_BYTES};
use super::session::GroupSession;
use crate::id::DeviceId;

/// An application message, opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Who sealed it; MLS checked the leaf's signature.
    pub sender: DeviceId,
    /// Authenticated, but on the wire for all to see who hold the frame.
    pub aad: Vec<u8>,
    /// The content.
    pub plaintext: Vec<u8>,
}

impl GroupSession {
    /// Seals a message to the members of this epoch, spending one generation of this device's ratchet.
    ///
    /// **Store the session ([`Self::to_bytes`]) before the message leaves**, else a crash spends the generation twice.
    /// `aad` is authenticated but not encrypted.
    ///
    /// # Errors
    /// [`CallerFault::ReadOnly`], [`CallerFault::OverLimit`] above [`MAX_APPLICATION_BYTES`] sealed.
    pub fn seal_application(
        &mut self,
        aad: &[u8],
        plaintext: &[u8],
        rng: &mut ChaCha20Rng,
    ) -> Result<Vec<u8>, GroupError> {
        const TOO_LONG: CallerFault = CallerFault::OverLimit(MAX_APPLICATION_BYTES);
        if self.read_only {
            return Err(CallerFault::ReadOnly.into());
        }
        if plaintext.len() > MAX_APPLICATION_BYTES || aad.len() > MAX_APPLICATION_BYTES {
            return Err(TOO_LONG.into());
        }
        let message = desk::lend(rng, || self.mls.encrypt_application_message(plaintext, aad.to_vec()))?;
        let frame = frame::wrap(&self.exports, &self.epoch, Kind::Application, &message.to_bytes()?);
        Ok(frame.ok_or(TOO_LONG)?)
    }

    /// Opens a message of another member of this epoch and erases its key; a second copy does not open.
    ///
    /// # Errors
    /// [`GroupError::Peer`].
    pub fn open_application(&mut self, sealed: &[u8]) -> Result<Opened, GroupError> {
        let message = frame::unwrap(&self.exports, &self.epoch, Kind::Application, sealed)?;
        let message = MlsMessage::from_bytes(message).map_err(|_| PeerFault::Malformed)?;
        expect_encrypted(&message, ContentType::Application)?;
        let received = self.mls.process_incoming_message(message)?;
        let ReceivedMessage::ApplicationMessage(opened) = received else {
            return Err(PeerFault::NotAllowed("not an application message").into());
        };
        let sender = self.device_at(opened.sender_index).ok_or(PeerFault::Uncertified)?;
        Ok(Opened { sender, plaintext: opened.data().to_vec(), aad: opened.authenticated_data })
    }
}

#[cfg(test)]
mod tests;
