//! What stands, filed per account, so that "who was this account at that point" costs a look at its own few operations.

use std::collections::{BTreeMap, BTreeSet};

use halloo_crypto::id::{AccountId, DeviceId, OpId};

use super::dag::{Dag, Node, Past};
use super::history::History as Policy;
use super::op::{OpKind, Role};
use super::roster::{DeviceEntry, FirstGrant, Member, OpenInvite, Roster};

/// What stands about one account.
#[derive(Clone, Debug, Default)]
struct History {
    /// Genesis or Add.
    adds: Vec<Node>,
    /// Every role given, with an Add or by SetRole.
    roles: Vec<(Node, Role)>,
    removes: Vec<Node>,
    grants: Vec<(Node, DeviceId)>,
    revokes: Vec<(Node, DeviceId)>,
}

/// What stands about one invite.
#[derive(Clone, Debug, Default)]
struct InviteHistory {
    closes: Vec<Node>,
    users: BTreeSet<AccountId>,
    /// Removes that revoke it.
    revokers: Vec<Node>,
}

/// The operations that stand, so far in the sweep.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    accounts: BTreeMap<AccountId, History>,
    devices: BTreeMap<DeviceId, AccountId>,
    invites: BTreeMap<Node, InviteHistory>,
    /// What was said of the past that newcomers get.
    policies: Vec<(Node, Policy)>,
}

impl Standing {
    /// Files an operation that stands; called in rank order.
    pub(super) fn push(&mut self, dag: &Dag, node: Node) {
        let op = dag.op(node);
        for grant in op.grants() {
            let certificate = &grant.certificate;
            assert_eq!(op.subject(), Some(certificate.account), "an operation is about one account");
            let account = self.accounts.entry(certificate.account).or_default();
            account.grants.push((node, certificate.device));
            self.devices.entry(certificate.device).or_insert(certificate.account);
        }
        match op.kind() {
            OpKind::Genesis { device, .. } => {
                let account = self.accounts.entry(device.certificate.account).or_default();
                account.adds.push(node);
                account.roles.push((node, Role::Owner));
            }
            OpKind::Add { account, role, invite, .. } => {
                let history = self.accounts.entry(*account).or_default();
                history.adds.push(node);
                history.roles.push((node, *role));
                if let Some(invite) = invite.and_then(|used| dag.node(&used.invite)) {
                    let invite = self.invites.entry(invite).or_default();
                    invite.users.insert(*account);
                }
            }
            OpKind::Remove { account } => {
                let history = self.accounts.entry(*account).or_default();
                history.removes.push(node);
                self.revoke_invites(dag, node);
            }
            OpKind::SetRole { account, role } => {
                let history = self.accounts.entry(*account).or_default();
                history.roles.push((node, *role));
            }
            OpKind::DeviceRevoke { account, device, .. } => {
                let history = self.accounts.entry(*account).or_default();
                history.revokes.push((node, *device));
            }
            OpKind::Invite { .. } => {
                let maker = dag.account(node);
                let removes = self.removes_of(&maker);
                let revokers: Vec<Node> =
                    removes.filter(|remove| revokes_invite(dag, *remove, node)).collect();
                self.invites.entry(node).or_default().revokers = revokers;
            }
            OpKind::InviteRevoke { invite } => {
                if let Some(invite) = dag.node(invite) {
                    self.invites.entry(invite).or_default().closes.push(node);
                }
            }
            OpKind::SetHistory { history } => self.policies.push((node, *history)),
            OpKind::DeviceAdd { .. } => {}
        }
    }

    /// Adds of the membership that holds at `past`: those that follow every Remove in it. Empty: not a member.
    fn live_adds(dag: &Dag, past: &Past, history: &History) -> Vec<Node> {
        let inside = |node: &Node| dag.contains(past, *node);
        let adds = history.adds.iter().copied().filter(inside);
        adds.filter(|add| Self::survives(dag, past, history, *add)).collect()
    }

    /// Does `node` follow every Remove of its account that lies in `past`?
    fn survives(dag: &Dag, past: &Past, history: &History, node: Node) -> bool {
        let removes = history.removes.iter();
        removes.filter(|remove| dag.contains(past, **remove)).all(|remove| dag.precedes(*remove, node))
    }

    /// The role of an account at `past`: of the settings that no other follows, the lowest. `None`: not a member.
    pub(super) fn role(&self, dag: &Dag, past: &Past, account: &AccountId) -> Option<Role> {
        let history = self.accounts.get(account)?;
        if let ([], [(node, role)]) = (&history.removes[..], &history.roles[..]) {
            // Nearly everybody: added once, never touched again.
            return dag.contains(past, *node).then_some(*role);
        }
        if Self::live_adds(dag, past, history).is_empty() {
            return None;
        }
        let live: Vec<(Node, Role)> = history
            .roles
            .iter()
            .copied()
            .filter(|(node, _)| dag.contains(past, *node) && Self::survives(dag, past, history, *node))
            .collect();
        let last = live.iter().filter(|(node, _)| !live.iter().any(|(later, _)| dag.precedes(*node, *later)));
        last.map(|(_, role)| *role).min()
    }

    /// What newcomers get at `past`: of what was said there and nothing there follows, what all of it allows.
    pub(super) fn history(&self, dag: &Dag, past: &Past) -> Policy {
        let said: Vec<_> = self.policies.iter().filter(|(node, _)| dag.contains(past, *node)).collect();
        let last = said.iter().filter(|(node, _)| !said.iter().any(|(later, _)| dag.precedes(*node, *later)));
        last.map(|(_, policy)| *policy).reduce(Policy::strictest).unwrap_or_default()
    }

    /// The grant by which a device is in the group at `past`, and for whom; a revoked device never is.
    pub(super) fn device_in(&self, dag: &Dag, past: &Past, device: &DeviceId) -> Option<(AccountId, Node)> {
        let account = *self.devices.get(device)?;
        let history = self.accounts.get(&account)?;
        if self.revoked(dag, past, &account, device) || Self::live_adds(dag, past, history).is_empty() {
            return None;
        }
        let grants = history.grants.iter();
        let grant = grants
            .filter(|(node, granted)| granted == device && dag.contains(past, *node))
            .find(|(node, _)| Self::survives(dag, past, history, *node))?;
        Some((account, grant.0))
    }

    /// Was the device revoked in `past`?
    pub(super) fn revoked(&self, dag: &Dag, past: &Past, account: &AccountId, device: &DeviceId) -> bool {
        self.accounts.get(account).is_some_and(|history| {
            let revokes = history.revokes.iter();
            revokes.filter(|(_, revoked)| revoked == device).any(|(node, _)| dag.contains(past, *node))
        })
    }

    /// Whose device this is, by the first grant.
    pub(super) fn account_of(&self, device: &DeviceId) -> Option<AccountId> {
        self.devices.get(device).copied()
    }

    /// How many different devices the account was ever granted.
    pub(super) fn device_count(&self, account: &AccountId) -> usize {
        self.accounts.get(account).map_or(0, |history| {
            let devices: BTreeSet<_> = history.grants.iter().map(|(_, device)| device).collect();
            devices.len()
        })
    }

    /// First Add of an account, for seniority.
    pub(super) fn first_grant(&self, dag: &Dag, account: &AccountId) -> Option<FirstGrant> {
        let adds = &self.accounts.get(account)?.adds;
        assert!(adds.is_sorted_by_key(|node| dag.rank(*node)), "filed by rank, so the first is the eldest");
        adds.first().map(|node| dag.rank(*node))
    }

    /// Accounts in the group at `past`.
    pub(super) fn members(&self, dag: &Dag, past: &Past) -> BTreeSet<AccountId> {
        let accounts = self.accounts.iter();
        accounts
            .filter(|(_, history)| !Self::live_adds(dag, past, history).is_empty())
            .map(|(account, _)| *account)
            .collect()
    }

    /// Notes a Remove with the invites that it revokes.
    fn revoke_invites(&mut self, dag: &Dag, remove: Node) {
        let invites: Vec<Node> = self.invites.keys().copied().collect();
        for invite in invites {
            if revokes_invite(dag, remove, invite) {
                self.invites.entry(invite).or_default().revokers.push(remove);
            }
        }
    }

    /// Is the invite open at `past`: made, not closed, and none of those who made or used it removed since?
    pub(super) fn invite_open(&self, dag: &Dag, past: &Past, invite: Node) -> bool {
        self.invites.get(&invite).is_some_and(|history| {
            let ends = history.closes.iter().chain(&history.revokers);
            dag.contains(past, invite) && !ends.copied().any(|node| dag.contains(past, node))
        })
    }

    fn removes_of(&self, account: &AccountId) -> impl Iterator<Item = Node> {
        let history = self.accounts.get(account).into_iter();
        history.flat_map(|history| history.removes.iter().copied())
    }

    /// Accounts that used the invite.
    pub(super) fn users(&self, invite: Node) -> Option<&BTreeSet<AccountId>> {
        self.invites.get(&invite).map(|history| &history.users)
    }

    /// Removes of the account of a device, and revocations of the device.
    pub(super) fn ends_of(&self, device: &DeviceId) -> Vec<Node> {
        let Some(history) = self.devices.get(device).and_then(|account| self.accounts.get(account)) else {
            return Vec::new();
        };
        let revokes = history.revokes.iter();
        let revokes = revokes.filter(|(_, revoked)| revoked == device).map(|(node, _)| *node);
        history.removes.iter().copied().chain(revokes).collect()
    }

    /// The whole roster at `past`.
    pub(super) fn roster(&self, dag: &Dag, past: &Past) -> Roster {
        let mut roster = Roster::default();
        for (account, history) in &self.accounts {
            let Some(role) = self.role(dag, past, account) else {
                continue;
            };
            let adds = Self::live_adds(dag, past, history);
            let since = adds.iter().map(|node| dag.op(*node).at_ms()).min();
            let mut devices = BTreeMap::new();
            for (_, device) in &history.grants {
                if devices.contains_key(device) {
                    continue;
                }
                let Some((owner, node)) = self.device_in(dag, past, device) else {
                    continue;
                };
                if owner == *account {
                    roster.devices.insert(*device, owner);
                    devices.insert(*device, Box::new(entry(dag, node, device)));
                }
            }
            let member = Member {
                role,
                first_grant: self.first_grant(dag, account).expect("a member has been added"),
                since_ms: since.expect("a member has a live Add"),
                devices,
            };
            roster.members.insert(*account, member);
        }
        let listed: usize = roster.members.values().map(|member| member.devices.len()).sum();
        assert_eq!(listed, roster.devices.len(), "a device is of one member");
        for invite in self.invites.keys() {
            if let Some((op, open)) = self.open_invite(dag, past, *invite) {
                roster.invites.insert(op, open);
            }
        }
        roster
    }

    fn open_invite(&self, dag: &Dag, past: &Past, invite: Node) -> Option<(OpId, OpenInvite)> {
        let op = dag.op(invite);
        let OpKind::Invite { key, expires_ms, max_uses, role } = op.kind() else {
            return None;
        };
        let used = self.users(invite)?.len();
        assert!(used <= usize::from(*max_uses), "an invite admits no more than it says");
        let uses_left = max_uses.saturating_sub(u16::try_from(used).unwrap_or(u16::MAX));
        let open = uses_left > 0 && self.invite_open(dag, past, invite);
        open.then(|| {
            let invite = OpenInvite {
                maker: dag.account(invite),
                key: *key,
                expires_ms: *expires_ms,
                uses_left,
                role: *role,
            };
            (op.id(), invite)
        })
    }
}

/// Does this Remove revoke this invite, in its future and, unless somebody left by himself, beside it? It does when the
/// invite does not follow it and the removed made it, or was made to go and had been brought in by it.
pub(super) fn revokes_invite(dag: &Dag, remove: Node, invite: Node) -> bool {
    let OpKind::Remove { account } = dag.op(remove).kind() else {
        return false;
    };
    if dag.precedes(remove, invite) {
        return false;
    }
    let left = dag.account(remove) == *account;
    let made = dag.account(invite) == *account;
    let mut uses = dag.uses_by(account).iter();
    made || !left && uses.any(|(add, used)| *used == invite && dag.precedes(*add, remove))
}

fn entry(dag: &Dag, node: Node, device: &DeviceId) -> DeviceEntry {
    let op = dag.op(node);
    let mut grants = op.grants().iter();
    let grant =
        grants.find(|grant| grant.certificate.device == *device).expect("the operation granted this device");
    DeviceEntry { grant: grant.clone(), op: op.id() }
}
