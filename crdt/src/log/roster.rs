//! Who is in the group, with which devices, as what, and who may do what: the result of evaluating the log.

use std::collections::BTreeMap;

use halloo_crypto::id::{AccountId, BoxPublic, DeviceId, InvitePublic, OpId};

use super::op::{DeviceGrant, Role};

/// Why an operation counts for nothing. It is kept and shown with this reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum VoidReason {
    /// Its author's device was not in the group in its past.
    #[error("the author was not in the group")]
    NotAMember,
    /// Its author's role did not suffice in its past.
    #[error("the author's role does not allow it")]
    NotEntitled,
    /// The account that it is about was not in the group in its past.
    #[error("that account is not in the group")]
    NoSuchMember,
    /// The account that it adds was in the group already.
    #[error("that account is in the group already")]
    AlreadyAMember,
    /// The device was granted to another account before.
    #[error("that device belongs to another account")]
    DeviceTaken,
    /// The device was granted already, or revoked: a revoked device key never comes back.
    #[error("that device was here before")]
    DeviceSpent,
    /// The account has had as many devices as one account may.
    #[error("that account has had too many devices")]
    TooManyDevices,
    /// There is no such invite in its past, or it was void, closed, or revoked with its maker or one of its users.
    #[error("the invite is not open")]
    InviteClosed,
    /// The invite had expired by the author's own stamp.
    #[error("the invite has expired")]
    InviteExpired,
    /// Others used the invite up.
    #[error("the invite is used up")]
    InviteUsedUp,
    /// Its author signed more in that minute than anybody may.
    #[error("its author signed too much in that minute")]
    TooFast,
    /// A concurrent Remove, revocation or demotion of its author beats it.
    #[error("beaten by {by}")]
    Beaten {
        /// The operation that beats it.
        by: OpId,
    },
    /// A Remove that most accounts had acknowledged before they saw this one settled the matter.
    #[error("settled by {by}")]
    Settled {
        /// The anchored Remove.
        by: OpId,
    },
}

/// Something that a member may or may not do with the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Bring somebody in as this.
    Add(Role),
    /// Bring in the holder of an open invite.
    Admit,
    /// Make an account leave; one's own is leaving.
    Remove(AccountId),
    /// Change the role of an account.
    SetRole(AccountId, Role),
    /// Open an invite that admits as this.
    Invite(Role),
    /// Close an invite.
    CloseInvite(OpId),
    /// Bring in a device of one's own.
    AddDevice,
    /// Retire a device of this account.
    RevokeDevice(AccountId),
    /// Say what newcomers get of the past.
    SetHistory,
}

/// When an account was first let in: earlier is senior. Height of the first Add that stands, then its id.
pub type FirstGrant = (u64, OpId);

/// One device of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceEntry {
    /// Certificate and key package as granted.
    pub grant: DeviceGrant,
    /// The operation that granted it.
    pub op: OpId,
}

impl DeviceEntry {
    /// The key to seal to this device.
    #[must_use]
    pub fn box_key(&self) -> BoxPublic {
        self.grant.certificate.box_key
    }
}

/// One account in the group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// What it may do.
    pub role: Role,
    /// Its seniority; kept over removal and re-add.
    pub first_grant: FirstGrant,
    /// Unix milliseconds by the word of who added it; display only.
    pub since_ms: u64,
    /// The devices that are in, never empty. Boxed: a map has room for eleven from the first on, and nearly everybody has one.
    pub devices: BTreeMap<DeviceId, Box<DeviceEntry>>,
}

/// One invite that is open as far as the log knows; expiry is judged by the clock of who admits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenInvite {
    /// Who opened it.
    pub maker: AccountId,
    /// Verifying key of its secret.
    pub key: InvitePublic,
    /// Unix milliseconds after which it admits nobody.
    pub expires_ms: u64,
    /// How many more accounts it admits, at least 1.
    pub uses_left: u16,
    /// As what it admits.
    pub role: Role,
}

/// The group at one point of its history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    pub(super) members: BTreeMap<AccountId, Member>,
    pub(super) devices: BTreeMap<DeviceId, AccountId>,
    pub(super) invites: BTreeMap<OpId, OpenInvite>,
}

impl Roster {
    /// All members by account.
    #[must_use]
    pub fn members(&self) -> &BTreeMap<AccountId, Member> {
        &self.members
    }

    /// All devices with their accounts.
    #[must_use]
    pub fn devices(&self) -> &BTreeMap<DeviceId, AccountId> {
        &self.devices
    }

    /// Invites that still admit somebody, by their operation; the caller compares `expires_ms` with its clock.
    #[must_use]
    pub fn invites(&self) -> &BTreeMap<OpId, OpenInvite> {
        &self.invites
    }

    /// The invite with this verifying key.
    #[must_use]
    pub fn invite_by_key(&self, key: &InvitePublic) -> Option<(OpId, &OpenInvite)> {
        self.invites.iter().find(|(_, invite)| invite.key == *key).map(|(op, invite)| (*op, invite))
    }

    /// One member.
    #[must_use]
    pub fn member(&self, account: &AccountId) -> Option<&Member> {
        self.members.get(account)
    }

    /// Is the account in the group?
    #[must_use]
    pub fn is_member(&self, account: &AccountId) -> bool {
        self.members.contains_key(account)
    }

    /// The account of a device that is in the group.
    #[must_use]
    pub fn account_of(&self, device: &DeviceId) -> Option<AccountId> {
        self.devices.get(device).copied()
    }

    /// A device that is in the group, with its grant.
    #[must_use]
    pub fn device(&self, device: &DeviceId) -> Option<&DeviceEntry> {
        let account = self.devices.get(device)?;
        self.members.get(account)?.devices.get(device).map(Box::as_ref)
    }

    /// The role of an account in the group.
    #[must_use]
    pub fn role(&self, account: &AccountId) -> Option<Role> {
        self.members.get(account).map(|member| member.role)
    }

    /// Members, senior first: by role, then first grant, then id.
    #[must_use]
    pub fn by_seniority(&self) -> Vec<AccountId> {
        let mut all: Vec<_> =
            self.members.iter().map(|(id, m)| (std::cmp::Reverse(m.role), m.first_grant, *id)).collect();
        all.sort_unstable();
        assert!(all.is_sorted_by(|a, b| a < b), "no two are equally senior");
        all.into_iter().map(|(_, _, id)| id).collect()
    }

    /// May `account` do `action` now? The permission table at the head of [`super`].
    #[must_use]
    pub fn may(&self, account: &AccountId, action: Action) -> bool {
        let Some(own) = self.role(account) else {
            return false;
        };
        match action {
            Action::Add(role) | Action::Invite(role) => may_grant(own, role),
            Action::Admit | Action::AddDevice => true,
            Action::Remove(who) => {
                who == *account || self.role(&who).is_some_and(|role| may_remove(own, role))
            }
            Action::SetRole(who, to) => {
                self.role(&who).is_some_and(|from| may_set_role(own, who == *account, from, to))
            }
            Action::CloseInvite(op) => {
                self.invites.get(&op).is_some_and(|invite| invite.maker == *account || own >= Role::Moderator)
            }
            Action::RevokeDevice(who) => who == *account,
            Action::SetHistory => may_set_history(own),
        }
    }
}

/// May a member of role `own` bring somebody in as `role` without an invite, or open an invite that does?
pub(super) fn may_grant(own: Role, role: Role) -> bool {
    match own {
        Role::Owner => true,
        Role::Admin => role <= Role::Moderator,
        Role::Moderator => role == Role::Member,
        Role::Member => false,
    }
}

/// May a member of role `own` remove another of role `other`?
pub(super) fn may_remove(own: Role, other: Role) -> bool {
    match own {
        Role::Owner | Role::Admin => other <= own,
        Role::Moderator => other == Role::Member,
        Role::Member => false,
    }
}

/// May a member of role `own` move an account (`own_account`: itself) from one role to another?
pub(super) fn may_set_role(own: Role, own_account: bool, from: Role, to: Role) -> bool {
    match own {
        Role::Owner => true,
        _ if own_account => to < own,
        Role::Admin => from < Role::Admin && to < Role::Admin,
        Role::Moderator | Role::Member => false,
    }
}

/// May a member of role `own` say what newcomers get of the past?
pub(super) fn may_set_history(own: Role) -> bool {
    own >= Role::Admin
}
