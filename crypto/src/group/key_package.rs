//! Key packages: what a device hands over to be added, the secret half it keeps, and the static check of the public half.
//!
//! A key package is an `MLSMessage` (RFC 9420, section 10) of fixed shape:
//!
//! ```text
//!  version 1, wire format 5, version 1, suite 1
//!  | init key 1+32 | leaf key 1+32 | leaf signature key 1+32 | credential type 2, len 2, 97 |
//!  | capabilities: versions [1], suites [1], extensions [0xF4A2], proposals [], credentials [0xF4A1] |
//!  | source 1, not before 0, not after NOT_AFTER_S | leaf extensions [] | leaf signature 2+64 |
//!  | extensions [] | signature 2+64 |
//! ```

use mls_rs::client::MlsError;
use mls_rs::group::{Capabilities, LeafNode, LeafNodeSource};
use mls_rs::identity::SigningIdentity;
use mls_rs::mls_rs_codec::{MlsDecode as _, MlsEncode, byte_vec};
use mls_rs::{KeyPackage, MlsMessage};
use mls_rs_core::crypto::{CipherSuiteProvider as _, HpkeSecretKey, SignaturePublicKey, SignatureSecretKey};
use mls_rs_core::key_package::KeyPackageData;
use mls_rs_core::protocol_version::ProtocolVersion;
use rand_chacha::ChaCha20Rng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroize as _;

use super::config::{EPOCH_START, client};
use super::credential::{self, CREDENTIAL};
use super::desk;
use super::error::{GroupError, PeerFault};
use super::provider::{SUITE, Suite, contributory};
use super::rules::HEADS;
use crate::id::{DeviceId, GroupId};
use crate::identity::DeviceSecret;
use crate::kdf;
use crate::secret::Secret;

/// End of every key package's lifetime, in seconds since 1970: the year 9999. Key packages age by the log (an invite
/// expires there), never by a clock, because two members with different clocks must judge a commit alike.
pub const NOT_AFTER_S: u64 = 253_402_300_799;

/// Longest key package that is looked at. Ours have about 420 bytes.
pub const MAX_KEY_PACKAGE_BYTES: usize = 512;

/// Version 1, wire format 5: mls-rs reads any version in the outer header and signs only the inner one.
const MESSAGE_HEADER: [u8; 4] = [0, 1, 0, 5];

/// What a key package says once it has passed [`check_key_package`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPackageInfo {
    /// Whose it is; the device certified the leaf key.
    pub device: DeviceId,
    /// The leaf's MLS signature key.
    pub leaf_key: [u8; 32],
    /// Names the package: a hash of its bytes.
    pub reference: [u8; 32],
}

/// What every leaf of ours is capable of; equality is required, so that no leaf can veto later commits.
pub(super) fn capabilities() -> Capabilities {
    Capabilities {
        protocol_versions: vec![ProtocolVersion::MLS_10],
        cipher_suites: vec![SUITE],
        extensions: vec![HEADS],
        proposals: vec![],
        credentials: vec![CREDENTIAL],
    }
}

/// A key package and its leaf, decoded but not yet checked.
pub(super) struct Parsed {
    pub(super) package: KeyPackage,
    pub(super) leaf: LeafNode,
}

/// Decodes a key package message within its limit.
pub(super) fn decode(bytes: &[u8]) -> Result<Parsed, PeerFault> {
    if bytes.len() > MAX_KEY_PACKAGE_BYTES {
        return Err(PeerFault::TooLong);
    }
    if !bytes.starts_with(&MESSAGE_HEADER) {
        return Err(PeerFault::Malformed);
    }
    let message = MlsMessage::from_bytes(bytes).map_err(|_| PeerFault::Malformed)?;
    let canonical = message.to_bytes().map_err(|_| PeerFault::Malformed)?;
    if canonical != bytes {
        return Err(PeerFault::Malformed);
    }
    let package = message.into_key_package().ok_or(PeerFault::Malformed)?;
    Ok(Parsed { leaf: leaf_of(&package)?, package })
}

/// The leaf inside, which mls-rs keeps to itself: it follows version, suite and init key.
pub(super) fn leaf_of(package: &KeyPackage) -> Result<LeafNode, PeerFault> {
    let bytes = package.mls_encode_to_vec().map_err(|_| PeerFault::Malformed)?;
    let before = 2 + 2 + byte_vec::mls_encoded_len(&package.hpke_init_key);
    let mut leaf = bytes.get(before..).ok_or(PeerFault::Malformed)?;
    LeafNode::mls_decode(&mut leaf).map_err(|_| PeerFault::Malformed)
}

/// Checks a key package for `group` without clock, session or chance: whatever passes can be added by any member.
///
/// Two things remain that only a session can see: that the device has a leaf already, and that a key is the same as
/// another leaf's. [`super::GroupSession::prepare`] skips those.
///
/// # Errors
/// [`PeerFault`], with the first thing found.
pub fn check_key_package(group: &GroupId, bytes: &[u8]) -> Result<KeyPackageInfo, PeerFault> {
    let Parsed { package, leaf } = decode(bytes)?;
    check(&package, &leaf)?;
    let device = credential::check(group, &leaf.signing_identity)?;
    let key = &leaf.signing_identity.signature_key;
    let leaf_key = key.as_bytes().try_into().map_err(|_| PeerFault::Malformed)?;
    Ok(KeyPackageInfo { device, leaf_key, reference: kdf::hash("key package", &[bytes]) })
}

/// All of the static check but the credential, which mls-rs asks about by itself.
pub(super) fn check(package: &KeyPackage, leaf: &LeafNode) -> Result<(), PeerFault> {
    if package.version != ProtocolVersion::MLS_10 || package.cipher_suite != SUITE {
        return Err(PeerFault::NotAllowed("another version or cipher suite"));
    }
    if !package.extensions.is_empty() {
        return Err(PeerFault::NotAllowed("key package extensions"));
    }
    let LeafNodeSource::KeyPackage(lifetime) = &leaf.leaf_node_source else {
        return Err(PeerFault::NotAllowed("a leaf that is not of a key package"));
    };
    if lifetime.not_before != EPOCH_START() || lifetime.not_after.seconds_since_epoch() != NOT_AFTER_S {
        return Err(PeerFault::NotAllowed("another lifetime"));
    }
    check_leaf(leaf)?;
    if !contributory(&package.hpke_init_key) || package.hpke_init_key == leaf.public_key {
        return Err(PeerFault::WeakKey);
    }
    let key = &leaf.signing_identity.signature_key;
    verify(key, "LeafNodeTBS", &unsigned(leaf, &leaf.signature)?, &leaf.signature)?;
    let signed = unsigned(package, &package.signature)?;
    verify(key, "KeyPackageTBS", &signed, &package.signature)
}

/// What must hold of every leaf, at any age.
pub(super) fn check_leaf(leaf: &LeafNode) -> Result<(), PeerFault> {
    if leaf.capabilities != capabilities() || !leaf.extensions.is_empty() {
        return Err(PeerFault::NotAllowed("other capabilities or leaf extensions"));
    }
    if !contributory(&leaf.public_key) {
        return Err(PeerFault::WeakKey);
    }
    Ok(())
}

/// The encoding of a signed structure without its trailing signature, as it is signed (RFC 9420, sections 7.2 and 10.1).
fn unsigned(signed: &impl MlsEncode, signature: &[u8]) -> Result<Vec<u8>, PeerFault> {
    let mut bytes = signed.mls_encode_to_vec().map_err(|_| PeerFault::Malformed)?;
    let tail = byte_vec::mls_encoded_len(&signature);
    let len = bytes.len().checked_sub(tail).ok_or(PeerFault::Malformed)?;
    bytes.truncate(len);
    Ok(bytes)
}

/// Checks a signature of `SignWithLabel` (RFC 9420, section 5.1.2).
fn verify(key: &SignaturePublicKey, label: &str, content: &[u8], signature: &[u8]) -> Result<(), PeerFault> {
    let label = [b"MLS 1.0 ", label.as_bytes()].concat();
    let mut message = Vec::new();
    byte_vec::mls_encode(&label, &mut message).map_err(|_| PeerFault::Malformed)?;
    byte_vec::mls_encode(&content, &mut message).map_err(|_| PeerFault::Malformed)?;
    Suite
        .verify(key, signature, &message)
        .map_err(|_| PeerFault::NotAllowed("a signature that does not verify"))
}

/// The secret half of a key package: joins once, then it must be erased.
#[derive(Clone)]
pub struct KeyPackageSecret {
    pub(super) group: GroupId,
    pub(super) device: DeviceId,
    pub(super) message: Vec<u8>,
    pub(super) id: Vec<u8>,
    pub(super) data: KeyPackageData,
    pub(super) identity: SigningIdentity,
    pub(super) signer: SignatureSecretKey,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    group: GroupId,
    message: Vec<u8>,
    id: Vec<u8>,
    init_key: Vec<u8>,
    leaf_key: Vec<u8>,
    signer: Vec<u8>,
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.init_key.zeroize();
        self.leaf_key.zeroize();
        self.signer.zeroize();
    }
}

const VERSION: u8 = 1;

/// A leaf key of this device for `group`, certified.
pub(super) fn leaf_identity(
    group: &GroupId,
    device: &DeviceSecret,
) -> Result<(SigningIdentity, SignatureSecretKey), MlsError> {
    let (signer, public) =
        Suite.signature_key_generate().map_err(|error| MlsError::CryptoProviderError(into_any(error)))?;
    Ok((credential::certify(group, device, public), signer))
}

fn into_any(error: impl mls_rs_core::error::IntoAnyError) -> mls_rs_core::error::AnyError {
    error.into_any_error()
}

impl KeyPackageSecret {
    /// Makes a key package of `device` for `group`.
    ///
    /// # Errors
    /// None that a caller can cause; MLS errors are passed on.
    pub fn generate(
        group: GroupId,
        device: &DeviceSecret,
        rng: &mut ChaCha20Rng,
    ) -> Result<Self, GroupError> {
        desk::lend(rng, || {
            let (identity, signer) = leaf_identity(&group, device)?;
            let client = client(group, Some((identity.clone(), signer.clone())));
            let message = client
                .generate_key_package_message(Default::default(), Default::default(), Some(EPOCH_START()))?
                .to_bytes()?;
            let (id, data) = desk::take_key_package().expect("mls-rs stores what it generates");
            Ok(Self { group, device: device.id(), message, id, data, identity, signer })
        })
    }

    /// The public half, for the log.
    #[must_use]
    pub fn key_package(&self) -> &[u8] {
        &self.message
    }

    /// The group that it is for.
    #[must_use]
    pub fn group(&self) -> GroupId {
        self.group
    }

    /// For storage: version, then postcard.
    #[must_use]
    pub fn to_bytes(&self) -> Secret<Vec<u8>> {
        let stored = Stored {
            group: self.group,
            message: self.message.clone(),
            id: self.id.clone(),
            init_key: self.data.init_key.to_vec(),
            leaf_key: self.data.leaf_node_key.to_vec(),
            signer: self.signer.as_bytes().to_vec(),
        };
        let bytes = postcard::to_extend(&stored, vec![VERSION]);
        Secret::new(bytes.expect("plain byte fields always encode"))
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`GroupError::Damaged`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, GroupError> {
        let (&[VERSION], rest) = bytes.split_first_chunk::<1>().ok_or(GroupError::Damaged)? else {
            return Err(GroupError::Damaged);
        };
        let stored: Stored = postcard::from_bytes(rest).map_err(|_| GroupError::Damaged)?;
        let Parsed { package, leaf } = decode(&stored.message).map_err(|_| GroupError::Damaged)?;
        let identity = leaf.signing_identity;
        let device = credential::device_of(&identity).ok_or(GroupError::Damaged)?;
        let package_bytes = package.mls_encode_to_vec()?;
        let init_key = HpkeSecretKey::from(stored.init_key.clone());
        let leaf_key = HpkeSecretKey::from(stored.leaf_key.clone());
        Ok(Self {
            group: stored.group,
            device,
            message: stored.message.clone(),
            id: stored.id.clone(),
            data: KeyPackageData::new(package_bytes, init_key, leaf_key, NOT_AFTER_S),
            identity,
            signer: SignatureSecretKey::new_slice(&stored.signer),
        })
    }
}

impl From<mls_rs::mls_rs_codec::Error> for GroupError {
    fn from(_: mls_rs::mls_rs_codec::Error) -> Self {
        Self::Peer(PeerFault::Malformed)
    }
}

impl std::fmt::Debug for KeyPackageSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyPackageSecret")
            .field("group", &self.group)
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(super) mod tests;
