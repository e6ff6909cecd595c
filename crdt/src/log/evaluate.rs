//! One sweep over the operations in rank order: each is judged at its own past, among those that stand so far.
//!
//! A sweep is told which Removes, revocations and demotions (*strikes*) win against what is concurrent with them; which
//! these are, `resolve` finds out. Within a sweep nothing depends on the order of arrival: rank is (height, id).

use std::collections::{BTreeMap, BTreeSet};

use halloo_crypto::id::{AccountId, DeviceId};

use super::dag::{Dag, Node, Past};
use super::op::{DeviceGrant, InviteUse, OpKind, Role, SignedOp};
use super::roster::{VoidReason, may_grant, may_remove, may_set_history, may_set_role};
use super::standing::{Standing, revokes_invite};

/// Most operations of one device that stand within one minute of its own stamps: a person who lets in a queue at the
/// gate needs one a second at most.
pub const MAX_OPS_PER_MINUTE: usize = 120;

/// Most devices that one account is ever granted in a group: a device every two months for five years.
pub const MAX_DEVICES_PER_ACCOUNT: usize = 32;

/// Length of the minute of [`MAX_OPS_PER_MINUTE`].
const MINUTE_MS: u64 = 60_000;

/// Could an account that at some time had at most `highest` ever sign this? Deliberately generous, see `Log::power`.
pub(super) fn conceivable(op: &SignedOp, account: AccountId, highest: Role) -> bool {
    match op.kind() {
        OpKind::Genesis { .. } => false,
        OpKind::Add { role, invite, .. } => invite.is_some() || may_grant(highest, *role),
        OpKind::Remove { account: who } => *who == account || highest >= Role::Moderator,
        OpKind::SetRole { account: who, role } => {
            may_set_role(highest, *who == account, Role::Member, *role)
                || (*who == account && *role < highest)
        }
        OpKind::DeviceAdd { device } => device.certificate.account == account,
        OpKind::DeviceRevoke { account: who, revocation, .. } => *who == account || revocation.is_some(),
        OpKind::Invite { role, .. } => may_grant(highest, *role),
        OpKind::InviteRevoke { .. } => true,
        OpKind::SetHistory { .. } => may_set_history(highest),
    }
}

/// A strike that wins.
#[derive(Clone, Debug)]
pub(super) struct Winner {
    pub(super) node: Node,
    /// What each acknowledging account had surely seen, when most had acknowledged: an anchored Remove. One list an
    /// account, one past a device.
    pub(super) anchor: Option<Anchor>,
}

/// The acknowledgements that anchor a Remove.
#[derive(Clone, Debug)]
pub(super) struct Anchor {
    /// Accounts in the group before the Remove.
    pub(super) electorate: BTreeSet<AccountId>,
    /// Pasts at which the devices of each account acknowledged.
    pub(super) pasts: BTreeMap<AccountId, Vec<Past>>,
}

impl Anchor {
    /// Did more than half of the accounts acknowledge?
    pub(super) fn holds(&self) -> bool {
        assert!(self.pasts.len() <= self.electorate.len(), "a voice for each account");
        self.pasts.len() * 2 > self.electorate.len()
    }

    /// Did more than half of the accounts acknowledge without having seen `node`? Once true, true for ever: further
    /// acknowledgements only add to them.
    pub(super) fn excludes(&self, dag: &Dag, node: Node) -> bool {
        let unaware = self.pasts.values();
        let unaware = unaware.filter(|pasts| pasts.iter().any(|past| !dag.contains(past, node))).count();
        unaware * 2 > self.electorate.len()
    }
}

/// What is decided about strikes before a sweep.
#[derive(Clone, Debug, Default)]
pub(super) struct Decided {
    pub(super) winners: Vec<Winner>,
    /// Strikes that lose, with the winner that they would have undone.
    pub(super) losers: BTreeMap<Node, Node>,
}

impl Decided {
    pub(super) fn anchored(&self, node: Node) -> bool {
        let mut winners = self.winners.iter();
        winners.any(|winner| winner.node == node && winner.anchor.is_some())
    }

    pub(super) fn contains(&self, node: Node) -> bool {
        self.losers.contains_key(&node) || self.winners.iter().any(|winner| winner.node == node)
    }
}

/// The result of one sweep.
#[derive(Clone, Debug, Default)]
pub(super) struct Sweep {
    pub(super) standing: Standing,
    pub(super) void: BTreeMap<Node, VoidReason>,
    judged: BTreeSet<Node>,
    signed: BTreeMap<(DeviceId, u64), usize>,
}

impl Sweep {
    /// Judges `nodes`, which come in rank order.
    pub(super) fn over(dag: &Dag, nodes: &[Node], decided: &Decided) -> Self {
        assert!(nodes.is_sorted_by_key(|node| dag.rank(*node)), "a sweep goes by rank");
        let mut sweep = Self::default();
        for node in nodes {
            sweep.push(dag, *node, decided);
        }
        assert_eq!(sweep.judged.len(), nodes.len(), "everything is judged");
        sweep
    }

    /// Judges the next operation in rank order.
    pub(super) fn push(&mut self, dag: &Dag, node: Node, decided: &Decided) {
        let new = self.judged.insert(node);
        assert!(new, "each operation is judged once");
        match self.judge(dag, node, decided) {
            Ok(()) => self.standing.push(dag, node),
            Err(reason) => {
                self.void.insert(node, reason);
            }
        }
    }

    /// Was the operation in this sweep?
    pub(super) fn judged(&self, node: Node) -> bool {
        self.judged.contains(&node)
    }

    fn judge(&mut self, dag: &Dag, node: Node, decided: &Decided) -> Result<(), VoidReason> {
        if let Some(winner) = decided.losers.get(&node) {
            let by = dag.op(*winner).id();
            return Err(VoidReason::Beaten { by });
        }
        for winner in &decided.winners {
            self.beaten(dag, winner, node, decided.anchored(node))?;
        }
        // Counted only now: what the removed backdates must not crowd out what stood (INV-5).
        let op = dag.op(node);
        let minute = (op.author(), op.at_ms() / MINUTE_MS);
        let signed = self.signed.entry(minute).or_default();
        *signed += 1;
        if *signed > MAX_OPS_PER_MINUTE {
            return Err(VoidReason::TooFast);
        }
        self.permitted(dag, node, None)
    }

    /// Does the winner void this operation? An anchored one yields only to what settled the matter before it.
    fn beaten(&self, dag: &Dag, winner: &Winner, node: Node, anchored: bool) -> Result<(), VoidReason> {
        if !dag.concurrent(winner.node, node) {
            return Ok(());
        }
        let by = dag.op(winner.node).id();
        if let (Some(anchor), Some(struck)) = (&winner.anchor, dag.op(winner.node).subject())
            && dag.account(node) == struck
            && anchor.excludes(dag, node)
        {
            return Err(VoidReason::Settled { by });
        }
        if !anchored && self.hits(dag, winner.node, node) {
            return Err(VoidReason::Beaten { by });
        }
        Ok(())
    }

    /// Would this strike, if it wins, void this operation, given that the two are concurrent? A voluntary act (leaving,
    /// stepping down, retiring one's own device) strikes nothing.
    pub(super) fn hits(&self, dag: &Dag, strike: Node, node: Node) -> bool {
        let actor = dag.account(strike);
        let victim = dag.account(node);
        match dag.op(strike).kind() {
            OpKind::Remove { account } if actor != *account => {
                victim == *account || uses_revoked(dag, strike, node)
            }
            OpKind::SetRole { account, role } if actor != *account => {
                victim == *account
                    && self.permitted(dag, node, None).is_ok()
                    && self.permitted(dag, node, Some(*role)).is_err()
            }
            OpKind::DeviceRevoke { device, .. } if dag.op(strike).author() != *device => {
                dag.op(node).author() == *device && !has_account_word(dag.op(node))
            }
            _ => false,
        }
    }

    /// Was the author in the group in the operation's past, with a role (capped by `cap`) that allows it?
    fn permitted(&self, dag: &Dag, node: Node, cap: Option<Role>) -> Result<(), VoidReason> {
        let op = dag.op(node);
        let account = dag.account(node);
        if let OpKind::Genesis { .. } = op.kind() {
            return Ok(());
        }
        let past = dag.closure_of(op.parents()).map_err(|_| VoidReason::NotAMember)?;
        let introduces_itself = matches!(op.kind(), OpKind::DeviceAdd { device }
            if device.certificate.device == op.author());
        let own = self.standing.role(dag, &past, &account);
        let own = own.ok_or(VoidReason::NotAMember)?;
        let own = cap.map_or(own, |cap| cap.min(own));
        if !introduces_itself {
            let device = self.standing.device_in(dag, &past, &op.author());
            if device.is_none_or(|(owner, _)| owner != account) {
                return Err(VoidReason::NotAMember);
            }
        }
        let case = Case { dag, standing: &self.standing, past: &past, op, account, own };
        case.judge()
    }
}

fn uses_revoked(dag: &Dag, remove: Node, node: Node) -> bool {
    let OpKind::Add { invite: Some(used), .. } = dag.op(node).kind() else {
        return false;
    };
    dag.node(&used.invite).is_some_and(|invite| revokes_invite(dag, remove, invite))
}

fn has_account_word(op: &SignedOp) -> bool {
    matches!(op.kind(), OpKind::DeviceRevoke { revocation: Some(_), .. })
}

/// One operation whose author is in the group as `own`.
struct Case<'a> {
    dag: &'a Dag,
    standing: &'a Standing,
    past: &'a Past,
    op: &'a SignedOp,
    account: AccountId,
    own: Role,
}

impl Case<'_> {
    fn judge(&self) -> Result<(), VoidReason> {
        match self.op.kind() {
            OpKind::Genesis { .. } => Ok(()),
            OpKind::Add { account, role, devices, invite } => {
                match invite {
                    Some(used) => self.invited(account, used)?,
                    None => entitled(may_grant(self.own, *role))?,
                }
                if self.role_of(account).is_some() {
                    return Err(VoidReason::AlreadyAMember);
                }
                devices.iter().try_for_each(|device| self.device(device))
            }
            OpKind::Remove { account } => {
                let other = self.role_of(account).ok_or(VoidReason::NoSuchMember)?;
                entitled(*account == self.account || may_remove(self.own, other))
            }
            OpKind::SetRole { account, role } => {
                let from = self.role_of(account).ok_or(VoidReason::NoSuchMember)?;
                let own = *account == self.account;
                entitled(may_set_role(self.own, own, from, *role))
            }
            OpKind::DeviceAdd { device } => {
                entitled(device.certificate.account == self.account)?;
                let id = &device.certificate.device;
                if self.standing.device_in(self.dag, self.past, id).is_some() {
                    return Err(VoidReason::DeviceSpent);
                }
                self.device(device)
            }
            OpKind::DeviceRevoke { account, device, revocation } => {
                entitled(*account == self.account || revocation.is_some())?;
                match self.standing.device_in(self.dag, self.past, device) {
                    Some((owner, _)) if owner == *account => Ok(()),
                    _ => Err(VoidReason::NoSuchMember),
                }
            }
            OpKind::Invite { role, .. } => entitled(may_grant(self.own, *role)),
            OpKind::SetHistory { .. } => entitled(may_set_history(self.own)),
            OpKind::InviteRevoke { invite } => {
                let invite = self.dag.node(invite).ok_or(VoidReason::InviteClosed)?;
                if !self.standing.invite_open(self.dag, self.past, invite) {
                    return Err(VoidReason::InviteClosed);
                }
                let own = self.dag.account(invite) == self.account;
                entitled(own || self.own >= Role::Moderator)
            }
        }
    }

    fn role_of(&self, account: &AccountId) -> Option<Role> {
        self.standing.role(self.dag, self.past, account)
    }

    fn invited(&self, account: &AccountId, used: &InviteUse) -> Result<(), VoidReason> {
        let invite = self.dag.node(&used.invite).ok_or(VoidReason::InviteClosed)?;
        if !self.standing.invite_open(self.dag, self.past, invite) {
            return Err(VoidReason::InviteClosed);
        }
        let OpKind::Invite { expires_ms, max_uses, .. } = self.dag.op(invite).kind() else {
            return Err(VoidReason::InviteClosed);
        };
        if self.op.at_ms() > *expires_ms {
            return Err(VoidReason::InviteExpired);
        }
        let full = self
            .standing
            .users(invite)
            .is_some_and(|users| users.len() >= usize::from(*max_uses) && !users.contains(account));
        if full {
            return Err(VoidReason::InviteUsedUp);
        }
        Ok(())
    }

    fn device(&self, grant: &DeviceGrant) -> Result<(), VoidReason> {
        let device = &grant.certificate.device;
        let account = &grant.certificate.account;
        match self.standing.account_of(device) {
            Some(owner) if owner != *account => return Err(VoidReason::DeviceTaken),
            Some(_) => {}
            None if self.standing.device_count(account) >= MAX_DEVICES_PER_ACCOUNT => {
                return Err(VoidReason::TooManyDevices);
            }
            None => {}
        }
        if self.standing.revoked(self.dag, self.past, account, device) {
            return Err(VoidReason::DeviceSpent);
        }
        Ok(())
    }
}

fn entitled(yes: bool) -> Result<(), VoidReason> {
    if yes { Ok(()) } else { Err(VoidReason::NotEntitled) }
}
