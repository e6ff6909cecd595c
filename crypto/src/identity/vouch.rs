//! The account's half of a certificate, for a device whose secrets are elsewhere: what a sibling hands to a new device.

use super::{AccountSecret, DeviceCertificate, DeviceSecret, Domain, IdentityError, certified};
use crate::id::{AccountId, BoxPublic, DeviceId, Signature};

/// An account's word for a device that has not agreed yet; with the device's consent it is a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouch {
    /// Who certifies.
    pub account: AccountId,
    /// When, as in the certificate.
    pub created_ms: u64,
    /// The account's signature in [`Domain::Certificate`].
    pub signature: Signature,
}

impl Vouch {
    /// Vouches for a device by its public keys.
    #[must_use]
    pub fn issue(account: &AccountSecret, device: &DeviceId, box_key: &BoxPublic, now_ms: u64) -> Self {
        let bytes = certified(&account.id(), device, box_key, now_ms);
        let signature = account.sign(Domain::Certificate, &bytes);
        Vouch { account: account.id(), created_ms: now_ms, signature }
    }

    /// Adds the consent of the device that it was made for.
    ///
    /// # Errors
    /// [`IdentityError::BadSignature`] when it was made for another device.
    pub fn accept(&self, device: &DeviceSecret) -> Result<DeviceCertificate, IdentityError> {
        let box_key = device.box_public();
        let bytes = certified(&self.account, &device.id(), &box_key, self.created_ms);
        let certificate = DeviceCertificate {
            account: self.account,
            device: device.id(),
            box_key,
            created_ms: self.created_ms,
            signature: self.signature,
            consent: device.sign(Domain::DeviceConsent, &bytes),
        };
        certificate.verify().map(|()| certificate)
    }
}

#[cfg(test)]
mod tests;
