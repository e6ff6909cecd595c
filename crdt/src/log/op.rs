//! One signed operation of the group log: its kinds, its bytes, its id.
//!
//! ```text
//!  bytes of an operation (postcard: integers are LEB128 varints, lists carry their length first)
//!  | version = 1 | group 32 | author 32 | parents: n, n x 32, ascending | seq | at_ms | kind tag | kind fields |
//!                                                                             \_ all of it: the signed bytes _/
//!  id        = SHA-256("halloo" label "log operation" over those bytes)
//!  signature = Ed25519 of the author device over the id, domain "log operation"
//!  on the wire and in the store: | operation | signature 64 |
//!
//!  tag kind          fields
//!   0  Genesis       salt 32 | device grant
//!   1  Add           account 32 | role | n, n x device grant | 0 or 1, invite op 32, proof 64
//!   2  Remove        account 32
//!   3  SetRole       account 32 | role
//!   4  DeviceAdd     device grant
//!   5  DeviceRevoke  account 32 | device 32 | 0 or 1, revocation (account 32, device 32, revoked_ms, signature 64)
//!   6  Invite        invite key 32 | expires_ms | max uses | role
//!   7  InviteRevoke  invite op 32
//!   8  SetHistory    lines | days
//!  device grant = certificate (account 32, device 32, box key 32, created_ms, signature 64, consent 64) | n, key package
//! ```
//!
//! Bytes are canonical: what does not encode to the same bytes again is refused, so an operation has one id.
//! `seq` is its height: one more than the highest parent's, 0 for Genesis; a parent is always lower.

use halloo_crypto::id::{AccountId, DeviceId, GroupId, InvitePublic, OpId, Signature};
use halloo_crypto::identity::{DeviceCertificate, DeviceSecret, Domain, Revocation};
use halloo_crypto::kdf;
use serde::{Deserialize, Serialize};

use super::error::LogError;
use super::history::History;

/// Version byte of the format above.
pub const VERSION: u8 = 1;

/// Longest operation with its signature: an Add of [`MAX_GRANTS`] devices with the largest key packages fits,
/// and so does the operation in one gossip frame.
pub const MAX_OP_BYTES: usize = 32 * 1024;

/// Most parents of one operation: that many members would have to write at once, and an author who sees more heads
/// leaves the rest for the next.
pub const MAX_PARENTS: usize = 64;

/// Most devices that one Add brings in: a person has a phone, a tablet, a laptop, and some to spare.
pub const MAX_GRANTS: usize = 8;

/// Largest key package: one with our credential takes under 1 KiB.
pub const MAX_KEY_PACKAGE_BYTES: usize = 3 * 1024;

/// What a member may do; the order is the order of power.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Talks, writes, is on the map; lets in whoever holds an open invite.
    Member,
    /// Invites, adds and removes members.
    Moderator,
    /// Appoints moderators, removes everybody but owners.
    Admin,
    /// Everything.
    Owner,
}

/// A device with what is needed to bring it into the group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DeviceGrant {
    /// The account's word that the device is its own, and the device's consent.
    pub certificate: DeviceCertificate,
    /// MLS KeyPackage, at most [`MAX_KEY_PACKAGE_BYTES`]; the caller checks it (`halloo_crypto::group`), the log
    /// carries it.
    pub key_package: Vec<u8>,
}

/// Proof that a newcomer holds the secret of an invite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InviteUse {
    /// The Invite operation.
    pub invite: OpId,
    /// Signature of the invite's key over [`InviteUse::message`], domain "invite proof".
    pub proof: Signature,
}

impl InviteUse {
    /// What the newcomer signs with the invite's key.
    ///
    /// ```text
    ///  0         1       33        65
    ///  | version | group | account | first device 32 |
    /// ```
    #[must_use]
    pub fn message(group: &GroupId, account: &AccountId, device: &DeviceId) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1 + 3 * 32);
        bytes.push(VERSION);
        bytes.extend_from_slice(group.as_bytes());
        bytes.extend_from_slice(account.as_bytes());
        bytes.extend_from_slice(device.as_bytes());
        bytes
    }
}

/// What an operation does. Drawn at the top of this file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum OpKind {
    /// The group begins; its account is the first owner. No parents, `group` all zero.
    Genesis {
        /// Random, so that two groups never share an id.
        salt: [u8; 32],
        /// The author device itself.
        device: DeviceGrant,
    },
    /// An account comes in, or comes back.
    Add {
        /// Who.
        account: AccountId,
        /// As what.
        role: Role,
        /// 1 to [`MAX_GRANTS`] devices of the account, ascending by device id.
        devices: Vec<DeviceGrant>,
        /// The invite used, when the newcomer came by one.
        invite: Option<InviteUse>,
    },
    /// An account leaves, or is made to.
    Remove {
        /// Who.
        account: AccountId,
    },
    /// An account's role changes.
    SetRole {
        /// Whose.
        account: AccountId,
        /// To what.
        role: Role,
    },
    /// A member brings in one more device of the same account.
    DeviceAdd {
        /// The device; its certificate names the account.
        device: DeviceGrant,
    },
    /// A device is lost or retired. Final: the same device key never comes back.
    DeviceRevoke {
        /// Whose.
        account: AccountId,
        /// Which.
        device: DeviceId,
        /// The account key's word, which outranks every sibling.
        revocation: Option<Revocation>,
    },
    /// Opens an invite.
    Invite {
        /// Verifying key of the invite's secret.
        key: InvitePublic,
        /// Unix milliseconds by the adder's stamp after which it admits nobody.
        expires_ms: u64,
        /// How many accounts it admits, at least 1.
        max_uses: u16,
        /// As what it admits.
        role: Role,
    },
    /// Closes an invite.
    InviteRevoke {
        /// The Invite operation.
        invite: OpId,
    },
    /// Says what newcomers are given of the past, from the next one on.
    SetHistory {
        /// How much.
        history: History,
    },
}

/// The signed part of an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Operation {
    version: u8,
    group: GroupId,
    author: DeviceId,
    parents: Vec<OpId>,
    seq: u64,
    at_ms: u64,
    kind: OpKind,
}

/// Where an operation stands: what its author fills in beside the kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpContext {
    /// The group; all zero for Genesis.
    pub group: GroupId,
    /// Ascending, no duplicates.
    pub parents: Vec<OpId>,
    /// One more than the highest parent's.
    pub seq: u64,
    /// Unix milliseconds by the author's clock.
    pub at_ms: u64,
}

/// A signed operation. Immutable; equal when operation and signature are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedOp {
    operation: Operation,
    signature: Signature,
    id: OpId,
}

/// Hash of canonical operation bytes.
fn id_of(bytes: &[u8]) -> OpId {
    OpId(kdf::hash("log operation", &[bytes]))
}

fn encode(operation: &Operation) -> Vec<u8> {
    postcard::to_allocvec(operation).expect("an operation holds nothing that postcard refuses")
}

impl SignedOp {
    /// Signs an operation. Whether it is allowed, the log says.
    #[must_use]
    pub fn sign(context: OpContext, kind: OpKind, device: &DeviceSecret) -> Self {
        assert!(context.parents.is_sorted_by(|a, b| a < b), "parents ascend, each once");
        let operation = Operation {
            version: VERSION,
            group: context.group,
            author: device.id(),
            parents: context.parents,
            seq: context.seq,
            at_ms: context.at_ms,
            kind,
        };
        let id = id_of(&encode(&operation));
        let signature = device.sign(Domain::LogOperation, id.as_bytes());
        Self { operation, signature, id }
    }

    /// The bytes drawn at the top.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = encode(&self.operation);
        bytes.extend_from_slice(self.signature.as_bytes());
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote. The signature is not checked here, `Log::insert` does.
    ///
    /// # Errors
    /// [`LogError::TooLarge`], [`LogError::Malformed`] (also for bytes that are not canonical).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LogError> {
        if bytes.len() > MAX_OP_BYTES {
            return Err(LogError::TooLarge);
        }
        let (body, signature) = bytes.split_last_chunk::<{ Signature::LEN }>().ok_or(LogError::Malformed)?;
        let (operation, rest) =
            postcard::take_from_bytes::<Operation>(body).map_err(|_| LogError::Malformed)?;
        if operation.version != VERSION || !rest.is_empty() || encode(&operation) != body {
            return Err(LogError::Malformed);
        }
        Ok(Self { operation, signature: Signature(*signature), id: id_of(body) })
    }

    /// Hash of the signed bytes.
    #[must_use]
    pub fn id(&self) -> OpId {
        self.id
    }

    /// The group it belongs to: of a Genesis, the group that it makes.
    #[must_use]
    pub fn group(&self) -> GroupId {
        match self.operation.kind {
            OpKind::Genesis { .. } => GroupId(self.id.0),
            _ => self.operation.group,
        }
    }

    /// The group field as signed: all zero in a Genesis.
    pub(super) fn signed_group(&self) -> GroupId {
        self.operation.group
    }

    /// The device that signed.
    #[must_use]
    pub fn author(&self) -> DeviceId {
        self.operation.author
    }

    /// What it follows directly, ascending.
    #[must_use]
    pub fn parents(&self) -> &[OpId] {
        &self.operation.parents
    }

    /// Height: one more than the highest parent's.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.operation.seq
    }

    /// Unix milliseconds by the author's word.
    #[must_use]
    pub fn at_ms(&self) -> u64 {
        self.operation.at_ms
    }

    /// What it does.
    #[must_use]
    pub fn kind(&self) -> &OpKind {
        &self.operation.kind
    }

    /// The author device's signature over the id.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The devices that it brings in.
    #[must_use]
    pub fn grants(&self) -> &[DeviceGrant] {
        match self.kind() {
            OpKind::Genesis { device, .. } | OpKind::DeviceAdd { device } => std::slice::from_ref(device),
            OpKind::Add { devices, .. } => devices,
            _ => &[],
        }
    }

    /// The account that it is about: who comes, goes or changes.
    #[must_use]
    pub fn subject(&self) -> Option<AccountId> {
        match self.kind() {
            OpKind::Genesis { device, .. } | OpKind::DeviceAdd { device } => Some(device.certificate.account),
            OpKind::Add { account, .. }
            | OpKind::Remove { account }
            | OpKind::SetRole { account, .. }
            | OpKind::DeviceRevoke { account, .. } => Some(*account),
            OpKind::Invite { .. } | OpKind::InviteRevoke { .. } | OpKind::SetHistory { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests;
