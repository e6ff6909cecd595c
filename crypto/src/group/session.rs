//! The session value: one epoch of one branch as one device sees it.

use std::collections::BTreeMap;

use mls_rs::group::ExportedTree;
use mls_rs::{ExtensionList, Group};
use mls_rs_core::identity::SigningIdentity;
use rand_chacha::ChaCha20Rng;

use super::config::{Config, EPOCH_START, client};
use super::credential;
use super::desk;
use super::error::{CallerFault, GroupError, PeerFault};
use super::exports::{EPOCH_ID_LABEL, Export, Exports};
use super::frame::{EpochTag, tag_of};
use super::key_package::leaf_identity;
use super::rules;
use crate::id::{DeviceId, EpochId, GroupId, OpId};
use crate::identity::DeviceSecret;
use crate::kdf;
use crate::secret::Secret;

/// One epoch of one branch of a group, with this device's keys in it. A value: see [`super`].
#[derive(Clone)]
pub struct GroupSession {
    pub(super) mls: Group<Config>,
    pub(super) group: GroupId,
    pub(super) me: DeviceId,
    pub(super) epoch: EpochId,
    pub(super) exports: Exports,
    pub(super) read_only: bool,
}

/// Names the commit that began an epoch; what the branch rule compares.
///
/// It is a hash of the epoch's confirmed transcript, not of the commit's bytes on the wire: any member can encrypt the
/// same signed commit again into other bytes, which would let the loser of a race make new bytes until they win.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId(pub [u8; 32]);

/// What the tree says of one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeafInfo {
    /// Place in the tree.
    pub index: u32,
    /// The leaf's MLS signature key, certified by the device.
    pub leaf_key: [u8; 32],
}

impl GroupSession {
    /// Begins a group with this device as its only member; the first epoch realises no log heads.
    ///
    /// # Errors
    /// None that a caller can cause; MLS errors are passed on.
    pub fn create(group: GroupId, device: &DeviceSecret, rng: &mut ChaCha20Rng) -> Result<Self, GroupError> {
        let mls = desk::lend(rng, || {
            client(group, Some(leaf_identity(&group, device)?)).create_group_with_id(
                group.as_bytes().to_vec(),
                rules::heads_extension(&[]),
                ExtensionList::default(),
                Some(EPOCH_START()),
            )
        })?;
        Self::enter(mls, group, device.id())
    }

    /// Derives what the epoch gives, deletes the exporter and makes the session.
    pub(super) fn enter(mut mls: Group<Config>, group: GroupId, me: DeviceId) -> Result<Self, GroupError> {
        let secret = |label: &str| -> Result<[u8; 32], GroupError> {
            let secret = mls.export_secret(label.as_bytes(), group.as_bytes(), 32)?;
            Ok(secret.as_bytes().try_into().expect("asked for 32 bytes"))
        };
        let epoch = EpochId(secret(EPOCH_ID_LABEL)?);
        let mut exports = Exports::default();
        for export in Export::ALL {
            exports.0.insert(export, Secret::new(secret(export.label())?));
        }
        mls.delete_exporter();
        Ok(Self { mls, group, me, epoch, exports, read_only: false })
    }

    /// The group.
    #[must_use]
    pub fn group(&self) -> GroupId {
        self.group
    }

    /// This device.
    #[must_use]
    pub fn device(&self) -> DeviceId {
        self.me
    }

    /// Names this epoch on this branch; sessions are stored under it. Secret to the members of the epoch.
    #[must_use]
    pub fn epoch_id(&self) -> EpochId {
        self.epoch
    }

    /// What [`super::peek_epoch`] shows on everything sealed to this epoch.
    #[must_use]
    pub fn tag(&self) -> EpochTag {
        tag_of(&self.epoch)
    }

    /// MLS epoch number: the length of the branch. Two branches have the same numbers; use [`Self::epoch_id`].
    #[must_use]
    pub fn depth(&self) -> u64 {
        self.mls.current_epoch()
    }

    /// The commit that began this epoch.
    #[must_use]
    pub fn commit_id(&self) -> CommitId {
        let transcript = &self.mls.context().confirmed_transcript_hash;
        CommitId(kdf::hash("commit", &[self.group.as_bytes(), transcript]))
    }

    /// The log heads that this epoch realises, ascending.
    ///
    /// # Panics
    /// Never: an epoch with other contents in its context is not entered.
    #[must_use]
    pub fn heads(&self) -> Vec<OpId> {
        rules::heads_of(&self.mls.context().extensions)
            .expect("the group context was checked when the epoch was entered")
    }

    /// Whether this session must not seal application messages; see [`super::GroupSession::apply_own`].
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// The members of this epoch: one leaf a device.
    #[must_use]
    pub fn roster(&self) -> BTreeMap<DeviceId, LeafInfo> {
        let mut roster = BTreeMap::new();
        for member in self.mls.roster().members_iter() {
            let (device, leaf_key) = leaf(&member.signing_identity);
            let index = member.index;
            let before = roster.insert(device, LeafInfo { index, leaf_key });
            assert!(before.is_none(), "MLS keeps identities unique");
        }
        roster
    }

    /// The devices that have a leaf in this epoch, in the order of the tree: [`Self::roster`] without what it copies.
    #[must_use]
    pub fn devices(&self) -> Vec<DeviceId> {
        let roster = self.mls.roster();
        let devices = roster.member_identities_iter().map(credential::device_of);
        devices.map(|device| device.expect("every leaf was validated on entry")).collect()
    }

    /// Number of members.
    #[must_use]
    pub fn member_count(&self) -> usize {
        self.mls.roster().member_identities_iter().count()
    }

    /// Whether `device` has a leaf in this epoch.
    #[must_use]
    pub fn contains(&self, device: &DeviceId) -> bool {
        self.index_of(device).is_some()
    }

    pub(super) fn index_of(&self, device: &DeviceId) -> Option<u32> {
        self.mls.member_with_identity(device.as_ref()).ok().map(|member| member.index)
    }

    /// The device at a leaf, if there is one.
    pub(super) fn device_at(&self, index: u32) -> Option<DeviceId> {
        let member = self.mls.member_at_index(index)?;
        credential::device_of(&member.signing_identity)
    }

    /// Derives `len` bytes for `context` from the epoch's secret for `export` (HKDF-SHA256).
    ///
    /// # Errors
    /// [`CallerFault::ExportUsed`] after [`Self::delete_export`], [`CallerFault::OverLimit`].
    pub fn export(&self, export: Export, context: &[u8], len: usize) -> Result<Secret<Vec<u8>>, GroupError> {
        Ok(self.exports.derive(export, context, len)?)
    }

    /// The epoch's secret for `export` itself, as `DataKeys` and the call chain take it.
    ///
    /// # Errors
    /// [`CallerFault::ExportUsed`] after [`Self::delete_export`].
    pub fn export_secret(&self, export: Export) -> Result<Secret<[u8; 32]>, GroupError> {
        Ok(self.exports.held(export)?.clone())
    }

    /// Deletes the secret for `export`: neither this value nor its stored form can derive it again.
    ///
    /// # Errors
    /// [`CallerFault::ExportUsed`] for [`Export::Outer`], which the session needs to read its own frames.
    pub fn delete_export(&mut self, export: Export) -> Result<(), GroupError> {
        if export == Export::Outer {
            return Err(CallerFault::ExportUsed.into());
        }
        self.exports.delete(export);
        Ok(())
    }

    /// The epoch authenticator (RFC 9420, section 8.7): two members who compare it by another way know that they are in
    /// one epoch, with one tree and one history.
    ///
    /// # Errors
    /// None that a caller can cause; MLS errors are passed on.
    pub fn authenticator(&self) -> Result<Secret<[u8; 32]>, GroupError> {
        let secret = self.mls.epoch_authenticator()?;
        Ok(Secret::new(secret.as_bytes().try_into().expect("SHA-256 gives 32 bytes")))
    }

    pub(super) fn tree(&self) -> ExportedTree<'_> {
        self.mls.export_tree()
    }

    /// Checks that an epoch made by others is one of ours before it is entered.
    pub(super) fn check_context(mls: &Group<Config>, group: &GroupId) -> Result<(), PeerFault> {
        if mls.group_id() != group.as_bytes() {
            return Err(PeerFault::NotForUs);
        }
        rules::heads_of(&mls.context().extensions)?;
        if mls.roster().member_identities_iter().count() > rules::MAX_MEMBERS {
            return Err(PeerFault::TooLong);
        }
        Ok(())
    }
}

/// Reads a leaf that was validated when its epoch was entered.
fn leaf(identity: &SigningIdentity) -> (DeviceId, [u8; 32]) {
    let device = credential::device_of(identity).expect("every leaf was validated on entry");
    let key = identity.signature_key.as_bytes();
    (device, key.try_into().expect("Ed25519 keys have 32 bytes"))
}

impl std::fmt::Debug for GroupSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroupSession")
            .field("group", &self.group)
            .field("me", &self.me)
            .field("depth", &self.depth())
            .field("tag", &self.tag())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
