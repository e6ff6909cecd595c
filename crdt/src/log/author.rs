//! Signing one's own operations: each helper places the act after everything known, asks whether it may, signs, inserts.

use halloo_crypto::id::{AccountId, DeviceId, GroupId, InvitePublic, OpId};
use halloo_crypto::identity::{DeviceSecret, Revocation};

use super::board::{Fact, Row};
use super::dag::Node;
use super::error::LogError;
use super::history::History;
use super::op::{DeviceGrant, InviteUse, MAX_PARENTS, OpContext, OpKind, Role, SignedOp};
use super::roster::{Action, VoidReason};
use super::{Inserted, Log};

/// Who signs, and when by his own clock.
#[derive(Clone, Copy, Debug)]
pub struct Author<'a> {
    /// The signing device.
    pub device: &'a DeviceSecret,
    /// Unix milliseconds.
    pub now_ms: u64,
}

/// What an invite promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InviteTerms {
    /// Unix milliseconds after which it admits nobody.
    pub expires_ms: u64,
    /// How many accounts it admits, 1 to [`super::MAX_INVITE_USES`].
    pub max_uses: u16,
    /// As what.
    pub role: Role,
}

impl Log {
    /// Founds a group: the author's account is its first owner. `salt` is random.
    ///
    /// # Errors
    /// [`LogError::Malformed`] when the grant is not the author's own or too large, [`LogError::BadSignature`].
    pub fn found(
        author: Author<'_>,
        salt: [u8; 32],
        device: DeviceGrant,
    ) -> Result<(Self, SignedOp), LogError> {
        let context = OpContext {
            group: GroupId::from_bytes([0; 32]),
            parents: Vec::new(),
            seq: 0,
            at_ms: author.now_ms,
        };
        let op = SignedOp::sign(context, OpKind::Genesis { salt, device }, author.device);
        let mut log = Self::new(op.group());
        log.insert(op.clone())?;
        Ok((log, op))
    }

    /// Signs and inserts an act that follows everything known here.
    ///
    /// # Errors
    /// [`LogError::Denied`] with the reason for which it would be void; the log is then as before. Other faults as
    /// [`Log::insert`].
    pub fn author(&mut self, author: Author<'_>, kind: OpKind) -> Result<SignedOp, LogError> {
        let mut parents: Vec<OpId> = self.heads().iter().copied().collect();
        parents.truncate(MAX_PARENTS);
        let heights = parents.iter().filter_map(|id| self.get(id)).map(SignedOp::seq);
        let context = OpContext {
            group: self.group(),
            seq: heights.max().map_or(0, |seq| seq + 1),
            parents,
            at_ms: author.now_ms,
        };
        let op = SignedOp::sign(context, kind, author.device);
        // The trial runs on a copy: an act that would be void must not enter the log.
        let mut trial = self.clone();
        match trial.insert(op.clone())? {
            Inserted::New(_) => {}
            Inserted::Known => return Ok(op),
            Inserted::Missing(_) => unreachable!("the heads of a log are in it"),
        }
        if let Some(reason) = trial.void(&op.id()) {
            return Err(LogError::Denied(reason));
        }
        assert!(trial.heads().contains(&op.id()), "nothing follows what was just signed");
        *self = trial;
        Ok(op)
    }

    /// Brings an account in.
    ///
    /// # Errors
    /// As [`Log::author`]; [`LogError::Malformed`] without devices.
    pub fn author_add(
        &mut self,
        author: Author<'_>,
        role: Role,
        mut devices: Vec<DeviceGrant>,
        invite: Option<InviteUse>,
    ) -> Result<SignedOp, LogError> {
        devices.sort_by_key(|device| device.certificate.device);
        let account = devices.first().map(|device| device.certificate.account).ok_or(LogError::Malformed)?;
        let kind = OpKind::Add { account, role, devices, invite };
        self.author(author, kind)
    }

    /// Makes an account leave.
    ///
    /// # Errors
    /// As [`Log::author`].
    pub fn author_remove(&mut self, author: Author<'_>, account: AccountId) -> Result<SignedOp, LogError> {
        self.author(author, OpKind::Remove { account })
    }

    /// Leaves.
    ///
    /// # Errors
    /// As [`Log::author`]; [`LogError::LastOwner`] when others would stay behind without an owner.
    pub fn author_leave(&mut self, author: Author<'_>) -> Result<SignedOp, LogError> {
        let account = self.own_account(author)?;
        let mut others = self.view().members().iter().filter(|(id, _)| **id != account);
        let alone = self.view().members().len() == 1;
        let is_owner = self.view().role(&account) == Some(Role::Owner);
        if is_owner && !alone && !others.any(|(_, member)| member.role == Role::Owner) {
            return Err(LogError::LastOwner);
        }
        self.author(author, OpKind::Remove { account })
    }

    /// Changes a role.
    ///
    /// # Errors
    /// As [`Log::author`].
    pub fn author_set_role(
        &mut self,
        author: Author<'_>,
        account: AccountId,
        role: Role,
    ) -> Result<SignedOp, LogError> {
        self.author(author, OpKind::SetRole { account, role })
    }

    /// Brings in another device of the author's account, or the author itself when the account key certified it.
    ///
    /// # Errors
    /// As [`Log::author`].
    pub fn author_device_add(
        &mut self,
        author: Author<'_>,
        device: DeviceGrant,
    ) -> Result<SignedOp, LogError> {
        self.author(author, OpKind::DeviceAdd { device })
    }

    /// Retires a device: one of the author's account, or any with the word of its account key.
    ///
    /// # Errors
    /// As [`Log::author`]; [`LogError::Denied`] for a device that is not in the group.
    pub fn author_device_revoke(
        &mut self,
        author: Author<'_>,
        device: DeviceId,
        revocation: Option<Revocation>,
    ) -> Result<SignedOp, LogError> {
        let account = self.account_of(&device).ok_or(LogError::Denied(VoidReason::NoSuchMember))?;
        let kind = OpKind::DeviceRevoke { account, device, revocation };
        self.author(author, kind)
    }

    /// Opens an invite whose secret's verifying key is `key`.
    ///
    /// # Errors
    /// As [`Log::author`]; [`LogError::Malformed`] for a number of uses out of range.
    pub fn author_invite(
        &mut self,
        author: Author<'_>,
        key: InvitePublic,
        terms: InviteTerms,
    ) -> Result<SignedOp, LogError> {
        let kind =
            OpKind::Invite { key, expires_ms: terms.expires_ms, max_uses: terms.max_uses, role: terms.role };
        self.author(author, kind)
    }

    /// Says what newcomers are given of the past from now on.
    ///
    /// # Errors
    /// As [`Log::author`]; [`LogError::Malformed`] outside the limits.
    pub fn author_set_history(&mut self, author: Author<'_>, history: History) -> Result<SignedOp, LogError> {
        self.author(author, OpKind::SetHistory { history })
    }

    /// Closes an invite.
    ///
    /// # Errors
    /// As [`Log::author`].
    pub fn author_invite_revoke(&mut self, author: Author<'_>, invite: OpId) -> Result<SignedOp, LogError> {
        self.author(author, OpKind::InviteRevoke { invite })
    }

    /// Signs and posts the acknowledgement of a fact: of a Remove that stands, or of a commit in sight of `rivals`.
    ///
    /// # Errors
    /// As [`Log::acknowledge`].
    pub fn author_acknowledge(
        &mut self,
        device: &DeviceSecret,
        fact: Fact,
        rivals: Vec<[u8; 32]>,
    ) -> Result<Row, LogError> {
        let heads = self.heads().iter().copied().collect();
        let row = Row::sign(self.group(), fact, heads, rivals, device);
        self.acknowledge(row.clone())?;
        Ok(row)
    }

    /// Removes that the device should acknowledge now: they stand, its account was in the group before them and is
    /// not the one removed, and it has not acknowledged them yet. By rank.
    #[must_use]
    pub fn unacknowledged(&self, device: &DeviceId) -> Vec<OpId> {
        let Some(own) = self.account_of(device) else {
            return Vec::new();
        };
        let mut due: Vec<Node> = self.dag.strikes().to_vec();
        due.retain(|node| {
            let op = self.dag.op(*node);
            matches!(op.kind(), OpKind::Remove { account } if *account != own)
                && self.board().word(&Fact::Remove(op.id()), device).is_none()
                && self.void(&op.id()).is_none()
                && self.role_at(&own, op.parents()).is_some()
        });
        due.sort_unstable_by_key(|node| self.dag.rank(*node));
        due.into_iter().map(|node| self.dag.op(node).id()).collect()
    }

    /// May the device's account do this now?
    #[must_use]
    pub fn may(&self, device: &DeviceId, action: Action) -> bool {
        let account = self.view().account_of(device);
        account.is_some_and(|account| self.view().may(&account, action))
    }

    fn own_account(&self, author: Author<'_>) -> Result<AccountId, LogError> {
        let account = self.view().account_of(&author.device.id());
        account.ok_or(LogError::Denied(VoidReason::NotAMember))
    }
}
