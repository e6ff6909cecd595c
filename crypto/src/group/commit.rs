//! Making, following and re-entering commits, always on a clone.

use std::collections::BTreeSet;

use mls_rs::error::MlsError;
use mls_rs::group::proposal::Proposal;
use mls_rs::group::{CommitEffect, CommitMessageDescription, LeafIndex, ReceivedMessage};
use mls_rs::mls_rules::ProposalInfo;
use mls_rs::{MlsMessage, MlsMessageDescription, WireFormat};
use rand_chacha::ChaCha20Rng;

use super::config::EPOCH_START;
use super::credential;
use super::desk;
use super::error::{CallerFault, GroupError, PeerFault};
use super::frame::{self, Kind, MAX_COMMIT_BYTES};
use super::key_package::{self, check_key_package};
use super::provider::contributory;
use super::rules::{MAX_HEADS, MAX_MEMBERS, heads_extension};
use super::session::GroupSession;
use crate::id::{DeviceId, EpochId, OpId};
use crate::secret::Secret;

/// What a commit is to do. An empty plan is an update: it only renews the committer's keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitPlan {
    /// Key packages to add, in order of preference.
    pub add: Vec<Vec<u8>>,
    /// Devices to remove. A device may be removed and added in one commit, which gives it a fresh leaf.
    pub remove: Vec<DeviceId>,
    /// The log heads that the new roster realises, at most [`MAX_HEADS`].
    pub heads: Vec<OpId>,
}

/// Why a key package of a plan was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its place in [`CommitPlan::add`].
    pub at: usize,
    /// The reason.
    pub fault: PeerFault,
}

/// A commit that has been made and may now be stored, then sent.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// For the other members of the parent epoch.
    pub commit: Vec<u8>,
    /// For all added devices, if there are any.
    pub welcome: Option<Vec<u8>>,
    /// The new epoch.
    pub next: GroupSession,
    /// The parent with the handshake generation of this commit spent; it replaces the session that prepared, for a
    /// second commit of the same parent must not draw the same generation.
    pub parent: GroupSession,
    /// Re-enter the new epoch from the parent, [`GroupSession::apply_own`].
    pub secrets: CommitSecrets,
    /// Devices added.
    pub added: Vec<DeviceId>,
    /// Key packages left out, so that a bad one keeps only its owner outside.
    pub skipped: Vec<Skipped>,
}

/// A commit of another member, followed.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The new epoch. Whether its roster is the log's is for the caller to check before this becomes current.
    pub next: GroupSession,
    /// Who committed.
    pub committer: DeviceId,
    /// The log heads that it says it realises.
    pub heads: Vec<OpId>,
    /// Devices added, in tree order.
    pub added: Vec<DeviceId>,
    /// Devices removed; a device in both lists got a fresh leaf.
    pub removed: Vec<DeviceId>,
}

/// What this device needs to enter the epoch of its own commit again from the parent: nobody can process a commit of
/// their own from the wire.
#[derive(Clone)]
pub struct CommitSecrets {
    pub(super) parent: EpochId,
    pub(super) child: EpochId,
    pub(super) bytes: Secret<Vec<u8>>,
}

const SECRETS_VERSION: u8 = 1;

impl CommitSecrets {
    /// The epoch that the commit was made in.
    #[must_use]
    pub fn parent(&self) -> EpochId {
        self.parent
    }

    /// The epoch that the commit begins.
    #[must_use]
    pub fn child(&self) -> EpochId {
        self.child
    }

    /// For storage: version, parent epoch, child epoch, then the secrets as mls-rs writes them.
    #[must_use]
    pub fn to_bytes(&self) -> Secret<Vec<u8>> {
        let mut bytes = vec![SECRETS_VERSION];
        bytes.extend_from_slice(self.parent.as_ref());
        bytes.extend_from_slice(self.child.as_ref());
        bytes.extend_from_slice(self.bytes.expose());
        Secret::new(bytes)
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`GroupError::Damaged`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, GroupError> {
        let (&[SECRETS_VERSION], rest) = bytes.split_first_chunk::<1>().ok_or(GroupError::Damaged)? else {
            return Err(GroupError::Damaged);
        };
        let (parent, rest) = rest.split_first_chunk::<32>().ok_or(GroupError::Damaged)?;
        let (child, rest) = rest.split_first_chunk::<32>().ok_or(GroupError::Damaged)?;
        Ok(Self { parent: EpochId(*parent), child: EpochId(*child), bytes: Secret::new(rest.to_vec()) })
    }
}

impl std::fmt::Debug for CommitSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CommitSecrets(..)")
    }
}

/// The additions of a plan that can be made, and what is left out.
struct Additions {
    messages: Vec<MlsMessage>,
    devices: Vec<DeviceId>,
    skipped: Vec<Skipped>,
}

impl GroupSession {
    /// Makes a commit on a clone; nothing changes in `self`.
    ///
    /// Every commit renews the path of the committer, names the log heads, is encrypted to the members of this epoch,
    /// and welcomes the added with the tree inside. Key packages that fail the static check, whose device has a leaf
    /// already, or that share a key with another leaf are skipped and reported: nobody can make a commit impossible.
    ///
    /// # Errors
    /// [`CallerFault::NotAMember`], [`CallerFault::OwnLeaf`], [`CallerFault::OverLimit`].
    pub fn prepare(&self, plan: &CommitPlan, rng: &mut ChaCha20Rng) -> Result<Prepared, GroupError> {
        if plan.heads.len() > MAX_HEADS {
            return Err(CallerFault::OverLimit(MAX_HEADS).into());
        }
        let removals = self.removals(&plan.remove)?;
        let additions = self.additions(plan, &removals)?;
        let mut parent = self.clone();
        #[cfg(feature = "poison")]
        let _spoiling = super::poison::begin(&parent);
        let (output, secrets) = desk::lend(rng, || {
            let mut builder = parent
                .mls
                .commit_builder()
                .commit_time(EPOCH_START())
                .set_group_context_ext(heads_extension(&plan.heads))?;
            for index in &removals {
                builder = builder.remove_member(*index)?;
            }
            for message in additions.messages {
                builder = builder.add_member(message)?;
            }
            builder.build_detached()
        })?;
        let secrets_bytes = Secret::new(secrets.to_bytes()?);
        let mut next = parent.mls.clone();
        next.apply_detached_commit(secrets)?;
        let next = Self::enter(next, self.group, self.me)?;
        let message = output.commit_message.to_bytes()?;
        let commit = frame::wrap(&self.exports, &self.epoch, Kind::Commit, &message)
            .ok_or(CallerFault::OverLimit(MAX_COMMIT_BYTES))?;
        let welcome = match output.welcome_messages.first() {
            Some(welcome) => Some(welcome.to_bytes()?),
            None => None,
        };
        Ok(Prepared {
            commit,
            welcome,
            secrets: CommitSecrets { parent: self.epoch, child: next.epoch, bytes: secrets_bytes },
            next,
            parent,
            added: additions.devices,
            skipped: additions.skipped,
        })
    }

    fn removals(&self, devices: &[DeviceId]) -> Result<Vec<u32>, CallerFault> {
        let devices: BTreeSet<_> = devices.iter().collect();
        if devices.contains(&self.me) {
            return Err(CallerFault::OwnLeaf);
        }
        let index = |device| self.index_of(device).ok_or(CallerFault::NotAMember);
        devices.into_iter().map(index).collect()
    }

    fn additions(&self, plan: &CommitPlan, removals: &[u32]) -> Result<Additions, CallerFault> {
        let members = self.member_count() - removals.len();
        if members + plan.add.len() > MAX_MEMBERS {
            return Err(CallerFault::OverLimit(MAX_MEMBERS));
        }
        let mut taken = TakenKeys::default();
        if !plan.add.is_empty() {
            taken = TakenKeys::of(self, removals);
        }
        let mut additions = Additions { messages: Vec::new(), devices: Vec::new(), skipped: Vec::new() };
        for (at, bytes) in plan.add.iter().enumerate() {
            match taken.admit(self, bytes) {
                Ok((device, message)) => {
                    additions.devices.push(device);
                    additions.messages.push(message);
                }
                Err(fault) => additions.skipped.push(Skipped { at, fault }),
            }
        }
        Ok(additions)
    }

    /// Whether `key_package` would be skipped now because its device or one of its keys is in the tree already.
    ///
    /// A caller that checks a commit's roster against its log excuses exactly these devices.
    #[must_use]
    pub fn clashes(&self, key_package: &[u8]) -> bool {
        TakenKeys::of(self, &[]).admit(self, key_package).is_err()
    }

    /// Follows a commit of another member, on a clone; nothing changes in `self`.
    ///
    /// # Errors
    /// [`GroupError::Peer`] for anything that is no valid commit in this epoch, [`GroupError::Removed`] for a valid one
    /// that removes this device.
    pub fn apply(&self, commit: &[u8]) -> Result<Applied, GroupError> {
        let message = frame::unwrap(&self.exports, &self.epoch, Kind::Commit, commit)?;
        let message = MlsMessage::from_bytes(message).map_err(|_| PeerFault::Malformed)?;
        expect_encrypted(&message, mls_rs::group::ContentType::Commit)?;
        let mut next = self.mls.clone();
        let leaves = self.tree().nodes().iter().step_by(2).map(Option::is_some).collect();
        let (received, watched) =
            desk::watch(leaves, || next.process_incoming_message_with_time(message, EPOCH_START()));
        let received = received.map_err(|error| self.fault_of(error, &watched))?;
        let ReceivedMessage::Commit(commit) = received else {
            return Err(PeerFault::NotAllowed("not a commit").into());
        };
        let committer = self.device_at(commit.committer).ok_or(PeerFault::Uncertified)?;
        let (added, removed) = self.changes(&commit, committer)?;
        Self::check_context(&next, &self.group)?;
        check_path(&next.export_tree(), commit.committer)?;
        let next = Self::enter(next, self.group, self.me)?;
        Ok(Applied { committer, heads: next.heads(), added, removed, next })
    }

    /// Why a commit is refused: if its signature is a member's and the part of its path that is for this device fails, then
    /// others may well be able to follow it.
    fn fault_of(&self, error: MlsError, watched: &desk::Watched) -> GroupError {
        let ours_fails = watched.unopened
            || matches!(
                error,
                MlsError::PubKeyMismatch
                    | MlsError::LcaNotFoundInDirectPath
                    | MlsError::UpdateErrorNoSecretKey
            );
        let signer = watched.signer.as_deref().filter(|_| ours_fails);
        let roster = self.mls.roster();
        let committer = signer.and_then(|key| {
            let mut leaves = roster.member_identities_iter();
            leaves.find(|identity| identity.signature_key.as_bytes() == key).and_then(credential::device_of)
        });
        committer.map_or_else(|| error.into(), |device| PeerFault::Unreadable(device).into())
    }

    /// Who came and who went; every addition passes the same static check as in the log.
    fn changes(
        &self,
        commit: &CommitMessageDescription,
        committer: DeviceId,
    ) -> Result<(Vec<DeviceId>, Vec<DeviceId>), GroupError> {
        let epoch = match &commit.effect {
            CommitEffect::NewEpoch(epoch) => epoch,
            CommitEffect::Removed { .. } => return Err(GroupError::Removed(committer)),
            CommitEffect::ReInit(_) => return Err(PeerFault::NotAllowed("a reinit").into()),
        };
        let mut added = Vec::new();
        let mut removed = Vec::new();
        for ProposalInfo { proposal, .. } in epoch.applied_proposals() {
            match proposal {
                Proposal::Add(add) => {
                    let package = add.key_package();
                    key_package::check(package, &key_package::leaf_of(package)?)?;
                    let device = credential::device_of(add.signing_identity());
                    added.push(device.ok_or(PeerFault::Uncertified)?);
                }
                Proposal::Remove(remove) => {
                    let device = self.device_at(remove.to_remove());
                    removed.push(device.ok_or(PeerFault::Uncertified)?);
                }
                Proposal::GroupContextExtensions(_) => {}
                _ => return Err(PeerFault::NotAllowed("another proposal").into()),
            }
        }
        Ok((added, removed))
    }

    /// Enters the epoch of this device's own commit again, from its parent.
    ///
    /// The result opens everything but is read-only: whether its first generations were spent before is not known to
    /// it, and none may be spent twice. To speak again the device commits from it, unless it did so before (then it
    /// holds that child).
    ///
    /// # Errors
    /// [`CallerFault::NotTheParent`], [`GroupError::Damaged`].
    pub fn apply_own(&self, secrets: &CommitSecrets) -> Result<Self, GroupError> {
        if secrets.parent != self.epoch {
            return Err(CallerFault::NotTheParent.into());
        }
        let inner = mls_rs::group::CommitSecrets::from_bytes(secrets.bytes.expose())
            .map_err(|_| GroupError::Damaged)?;
        let mut next = self.mls.clone();
        next.apply_detached_commit(inner).map_err(|_| GroupError::Damaged)?;
        let mut next = Self::enter(next, self.group, self.me)?;
        if next.epoch != secrets.child {
            return Err(GroupError::Damaged);
        }
        next.read_only = true;
        Ok(next)
    }
}

/// Keys and devices that a new leaf must not repeat (RFC 9420, section 7.3).
#[derive(Default)]
struct TakenKeys {
    devices: BTreeSet<DeviceId>,
    keys: BTreeSet<Vec<u8>>,
}

impl TakenKeys {
    fn of(session: &GroupSession, removals: &[u32]) -> Self {
        let mut taken = Self::default();
        let tree = session.tree();
        for index in 0..tree.total_leaf_count() {
            let Ok(Some(leaf)) = LeafIndex::try_from(index).and_then(|index| tree.get_leaf(index)) else {
                continue;
            };
            if !removals.contains(&index) {
                taken.devices.extend(credential::device_of(&leaf.signing_identity));
                taken.keys.insert(leaf.signing_identity.signature_key.to_vec());
                taken.keys.insert(leaf.public_key.to_vec());
            }
        }
        taken
    }

    fn admit(&mut self, session: &GroupSession, bytes: &[u8]) -> Result<(DeviceId, MlsMessage), PeerFault> {
        let info = check_key_package(&session.group, bytes)?;
        let leaf = key_package::decode(bytes)?.leaf;
        let signature_key = leaf.signing_identity.signature_key.to_vec();
        let leaf_key = leaf.public_key.to_vec();
        if self.devices.contains(&info.device) {
            return Err(PeerFault::NotAllowed("the device has a leaf"));
        }
        if self.keys.contains(&signature_key) || self.keys.contains(&leaf_key) {
            return Err(PeerFault::NotAllowed("a key of another leaf"));
        }
        self.devices.insert(info.device);
        self.keys.extend([signature_key, leaf_key]);
        let message = MlsMessage::from_bytes(bytes).map_err(|_| PeerFault::Malformed)?;
        Ok((info.device, message))
    }
}

/// Only encrypted messages of the expected content reach MLS; proposals, public messages and the rest never do.
pub(super) fn expect_encrypted(
    message: &MlsMessage,
    expected: mls_rs::group::ContentType,
) -> Result<(), PeerFault> {
    match message.description() {
        MlsMessageDescription::PrivateProtocolMessage { content_type, .. }
            if message.wire_format() == WireFormat::PrivateMessage && content_type == expected =>
        {
            Ok(())
        }
        _ => Err(PeerFault::NotAllowed("another kind of message")),
    }
}

/// Every key that a committer put into the tree must be one that others can encapsulate to, and its new leaf must be as
/// capable as all leaves; mls-rs checks neither.
fn check_path(tree: &mls_rs::group::ExportedTree<'_>, committer: u32) -> Result<(), GroupError> {
    let index = LeafIndex::try_from(committer)?;
    let leaf = tree.get_leaf(index)?.ok_or(PeerFault::Uncertified)?;
    key_package::check_leaf(leaf)?;
    for parent in tree.filtered_direct_path(index)?.into_iter().flatten() {
        if !contributory(&parent.public_key) {
            return Err(PeerFault::WeakKey.into());
        }
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests;
