//! What a leaf says about its owner: the device, and the device's signature over the leaf key and the group.
//!
//! ```text
//!  0         1         33                     97
//!  | version | device  | device's signature   |
//! ```
//! The signature is of [`Domain::GroupLeaf`] over `group id || leaf signature key`. The account, its certificate and
//! whether the device is revoked are not repeated here: the log holds them and decides (97 instead of 330 bytes a leaf
//! saves 116 kB in a welcome of 500 members, and two thirds of the signature checks of a join).

use mls_rs::ExtensionList;
use mls_rs::time::MlsTime;
use mls_rs_core::crypto::SignaturePublicKey;
use mls_rs_core::error::IntoAnyError;
use mls_rs_core::identity::{
    Credential, CredentialType, CustomCredential, IdentityProvider, MemberValidationContext, SigningIdentity,
};

use super::error::PeerFault;
use crate::id::{DeviceId, GroupId, Signature};
use crate::identity::{DeviceSecret, Domain, verify};

/// Our credential type, from the private-use range of RFC 9420 (0xF000 to 0xFFFF).
pub const CREDENTIAL: CredentialType = CredentialType::new(0xF4A1);

const VERSION: u8 = 1;

/// Length of a credential in bytes.
pub const CREDENTIAL_LEN: usize = 1 + DeviceId::LEN + Signature::LEN;

fn certified(group: &GroupId, leaf_key: &[u8]) -> Vec<u8> {
    [group.as_ref(), leaf_key].concat()
}

/// Certifies `leaf_key` as the leaf of `device` in `group`.
pub(super) fn certify(
    group: &GroupId,
    device: &DeviceSecret,
    leaf_key: SignaturePublicKey,
) -> SigningIdentity {
    let signature = device.sign(Domain::GroupLeaf, &certified(group, &leaf_key));
    let mut data = vec![VERSION];
    data.extend_from_slice(device.id().as_ref());
    data.extend_from_slice(signature.as_ref());
    let credential = Credential::Custom(CustomCredential::new(CREDENTIAL, data));
    SigningIdentity::new(credential, leaf_key)
}

fn parse(identity: &SigningIdentity) -> Option<(DeviceId, Signature)> {
    let custom = identity.credential.as_custom()?;
    if custom.credential_type() != CREDENTIAL || custom.data().len() != CREDENTIAL_LEN {
        return None;
    }
    let (&[VERSION], rest) = custom.data().split_first_chunk::<1>()? else {
        return None;
    };
    let (device, signature) = rest.split_first_chunk::<{ DeviceId::LEN }>()?;
    let signature = signature.try_into().ok()?;
    Some((DeviceId(*device), Signature(signature)))
}

/// The device that a leaf names; the certification is not checked again.
pub(super) fn device_of(identity: &SigningIdentity) -> Option<DeviceId> {
    parse(identity).map(|(device, _)| device)
}

/// Checks that the device named certified this leaf key for `group`.
pub(super) fn check(group: &GroupId, identity: &SigningIdentity) -> Result<DeviceId, PeerFault> {
    let (device, signature) = parse(identity).ok_or(PeerFault::Uncertified)?;
    let message = certified(group, &identity.signature_key);
    verify(&device, Domain::GroupLeaf, &message, &signature).map_err(|_| PeerFault::Uncertified)?;
    Ok(device)
}

/// The identity provider of one group: every leaf must be certified by its device for that group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaves(pub(super) GroupId);

impl IntoAnyError for PeerFault {}

impl IdentityProvider for Leaves {
    type Error = PeerFault;

    fn validate_member(
        &self,
        identity: &SigningIdentity,
        _no_clock: Option<MlsTime>,
        _context: MemberValidationContext<'_>,
    ) -> Result<(), PeerFault> {
        check(&self.0, identity).map(|_| ())
    }

    fn validate_external_sender(
        &self,
        _identity: &SigningIdentity,
        _no_clock: Option<MlsTime>,
        _extensions: Option<&ExtensionList>,
    ) -> Result<(), PeerFault> {
        Err(PeerFault::NotAllowed("an external sender"))
    }

    fn identity(
        &self,
        identity: &SigningIdentity,
        _extensions: &ExtensionList,
    ) -> Result<Vec<u8>, PeerFault> {
        let device = device_of(identity).ok_or(PeerFault::Uncertified)?;
        Ok(device.as_bytes().to_vec())
    }

    fn valid_successor(
        &self,
        predecessor: &SigningIdentity,
        successor: &SigningIdentity,
        _extensions: &ExtensionList,
    ) -> Result<bool, PeerFault> {
        Ok(predecessor == successor)
    }

    fn supported_types(&self) -> Vec<CredentialType> {
        vec![CREDENTIAL]
    }
}

#[cfg(test)]
mod tests;
