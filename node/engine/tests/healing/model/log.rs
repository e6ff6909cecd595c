//! The group log as `docs/spec/log.md` tells it, from plain ids, with sets and no index: every question is answered by looking at
//! everything again.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::Rules;

/// An operation, account or device; operations rank by height, then by this.
pub type Id = u64;
pub type Ids = BTreeSet<Id>;

/// Most operations of one device that stand in one minute of its stamps.
const MOST_IN_A_MINUTE: usize = 120;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    Member,
    Moderator,
    Admin,
    Owner,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Genesis {
        account: Id,
        device: Id,
    },
    Add {
        account: Id,
        role: Role,
        devices: Vec<Id>,
        invite: Option<Id>,
    },
    Remove {
        account: Id,
    },
    SetRole {
        account: Id,
        role: Role,
    },
    DeviceAdd {
        account: Id,
        device: Id,
    },
    /// `word`: it carries the word of the account key.
    DeviceRevoke {
        account: Id,
        device: Id,
        word: bool,
    },
    Invite {
        expires: u64,
        uses: usize,
        role: Role,
    },
    CloseInvite {
        invite: Id,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Op {
    pub id: Id,
    /// The signing device.
    pub author: Id,
    pub parents: Vec<Id>,
    pub at_ms: u64,
    pub kind: Kind,
}

/// A row of the board about a Remove: the heads of the log of who acknowledged it, at that moment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ack {
    pub device: Id,
    pub remove: Id,
    pub heads: Vec<Id>,
}

/// What the log says.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Verdict {
    pub members: BTreeMap<Id, (Role, Ids)>,
    /// Open invites with the uses left.
    pub invites: BTreeMap<Id, usize>,
    pub stands: Ids,
    /// Anchored Removes, each with what it settled.
    pub anchored: BTreeMap<Id, Ids>,
}

impl Verdict {
    /// Every device that is in.
    pub fn devices(&self) -> Ids {
        self.members.values().flat_map(|(_, devices)| devices).copied().collect()
    }

    pub fn owner_of(&self, device: Id) -> Option<Id> {
        self.members.iter().find(|(_, (_, devices))| devices.contains(&device)).map(|(account, _)| *account)
    }
}

/// The acknowledgements of one Remove, when more than half of the accounts before it gave one.
#[derive(Clone)]
pub(super) struct Anchor {
    pub(super) remove: Id,
    pub(super) accounts: Ids,
    /// Per account: what each of its devices had surely seen.
    pub(super) seen: BTreeMap<Id, Vec<Ids>>,
}

impl Anchor {
    /// Had more than half not seen this when they acknowledged?
    pub(super) fn unaware(&self, op: Id, rules: &Rules) -> bool {
        let unaware =
            |pasts: &Vec<Ids>| !rules.only_unaware_count || pasts.iter().any(|past| !past.contains(&op));
        2 * self.seen.values().filter(|pasts| unaware(pasts)).count() > self.accounts.len()
    }
}

/// What is decided about strikes so far.
#[derive(Clone, Default)]
pub(super) struct Decided {
    pub(super) anchors: Vec<Anchor>,
    pub(super) winners: Vec<Id>,
    pub(super) losers: Ids,
}

impl Decided {
    pub(super) fn anchored(&self, op: Id) -> bool {
        self.anchors.iter().any(|anchor| anchor.remove == op)
    }

    pub(super) fn decided(&self, op: Id) -> bool {
        self.anchored(op) || self.winners.contains(&op) || self.losers.contains(&op)
    }

    /// Everything that won.
    pub(super) fn won(&self) -> impl Iterator<Item = Id> + '_ {
        self.anchors.iter().map(|anchor| anchor.remove).chain(self.winners.iter().copied())
    }
}

/// A set of operations and rows.
pub struct Log {
    ops: BTreeMap<Id, Op>,
    pub(super) acks: BTreeSet<Ack>,
    past: BTreeMap<Id, Ids>,
    height: BTreeMap<Id, usize>,
    pub(super) rules: Rules,
}

impl Log {
    /// The order of `ops` does not matter; every parent must be among them.
    pub fn new(ops: impl IntoIterator<Item = Op>, acks: impl IntoIterator<Item = Ack>, rules: Rules) -> Self {
        let ops: BTreeMap<Id, Op> = ops.into_iter().map(|op| (op.id, op)).collect();
        let (mut past, mut height) = (BTreeMap::<Id, Ids>::new(), BTreeMap::<Id, usize>::new());
        while past.len() < ops.len() {
            let before = past.len();
            for op in ops.values() {
                if !past.contains_key(&op.id) && op.parents.iter().all(|parent| past.contains_key(parent)) {
                    let mut all: Ids = op.parents.iter().copied().collect();
                    op.parents.iter().for_each(|parent| all.extend(past[parent].clone()));
                    past.insert(op.id, all);
                    height
                        .insert(op.id, op.parents.iter().map(|parent| height[parent] + 1).max().unwrap_or(0));
                }
            }
            assert!(past.len() > before, "every parent is here");
        }
        Self { ops, acks: acks.into_iter().collect(), past, height, rules }
    }

    pub fn all(&self) -> Ids {
        self.ops.keys().copied().collect()
    }

    /// What nothing here follows.
    pub fn heads(&self) -> Vec<Id> {
        let followed: Ids = self.past.values().flatten().copied().collect();
        self.ops.keys().filter(|id| !followed.contains(id)).copied().collect()
    }

    /// The heads and all before them; `None` if one is not here.
    pub fn closure(&self, heads: &[Id]) -> Option<Ids> {
        let mut all: Ids = heads.iter().copied().collect();
        for head in heads {
            all.extend(self.past.get(head)?);
        }
        Some(all)
    }

    pub fn kind(&self, op: Id) -> &Kind {
        &self.ops[&op].kind
    }

    pub fn author_of(&self, op: Id) -> Id {
        self.ops[&op].author
    }

    pub fn acks(&self) -> impl Iterator<Item = &Ack> {
        self.acks.iter()
    }

    /// Would this, put after everything here, stand?
    pub fn would_stand(&self, op: &Op) -> bool {
        let ops = self.ops.values().cloned().chain([op.clone()]);
        Self::new(ops, self.acks.iter().cloned(), self.rules).verdict().stands.contains(&op.id)
    }

    pub(super) fn rank(&self, op: Id) -> (usize, Id) {
        (self.height[&op], op)
    }

    pub(super) fn at_ms(&self, op: Id) -> u64 {
        self.ops[&op].at_ms
    }

    /// Its kind, if it is here.
    pub(super) fn known(&self, op: Id) -> Option<&Kind> {
        self.ops.get(&op).map(|op| &op.kind)
    }

    pub(super) fn past(&self, op: Id) -> &Ids {
        &self.past[&op]
    }

    pub(super) fn before(&self, a: Id, b: Id) -> bool {
        self.past[&b].contains(&a)
    }

    pub(super) fn beside(&self, a: Id, b: Id) -> bool {
        a != b && !self.before(a, b) && !self.before(b, a)
    }

    pub(super) fn in_order(&self, ops: &Ids) -> Vec<Id> {
        let mut all: Vec<Id> = ops.iter().copied().collect();
        all.sort_by_key(|op| self.rank(*op));
        all
    }

    pub(super) fn granted(&self, op: Id) -> Vec<(Id, Id)> {
        match self.kind(op) {
            Kind::Genesis { account, device } | Kind::DeviceAdd { account, device } => {
                vec![(*account, *device)]
            }
            Kind::Add { account, devices, .. } => devices.iter().map(|device| (*account, *device)).collect(),
            _ => Vec::new(),
        }
    }

    /// Whose device it is, by the first grant among these.
    pub fn owner(&self, among: &Ids, device: Id) -> Option<Id> {
        let grants = self.in_order(among).into_iter().flat_map(|op| self.granted(op));
        grants.into_iter().find(|(_, granted)| *granted == device).map(|(account, _)| account)
    }

    /// The account that an operation acts for.
    pub(super) fn actor(&self, op: Id) -> Id {
        let own = self.granted(op).first().map(|(account, _)| *account);
        let owner = self.owner(&self.past[&op], self.author_of(op)).or(own);
        owner.expect("what nothing let in is not kept")
    }

    /// Members have an Add that follows every Remove; of the roles given since and followed by no other, the lowest.
    pub(super) fn role(&self, among: &Ids, who: Id) -> Option<Role> {
        let mut member = false;
        let mut given: Vec<(Id, Role)> = Vec::new();
        for op in among.iter().copied().filter(|op| self.since(among, who, *op)) {
            match self.kind(op) {
                Kind::Genesis { account, .. } if *account == who => {
                    member = true;
                    given.push((op, Role::Owner));
                }
                Kind::Add { account, role, .. } if *account == who => {
                    member = true;
                    given.push((op, *role));
                }
                Kind::SetRole { account, role } if *account == who => given.push((op, *role)),
                _ => {}
            }
        }
        let last = given.iter().filter(|(op, _)| !given.iter().any(|(other, _)| self.before(*op, *other)));
        last.map(|(_, role)| *role).min().filter(|_| member)
    }

    /// Does it follow every Remove of this account?
    pub(super) fn since(&self, among: &Ids, who: Id, op: Id) -> bool {
        let removes = |other: &Id| matches!(self.kind(*other), Kind::Remove { account } if *account == who);
        among.iter().filter(|other| removes(other)).all(|remove| self.before(*remove, op))
    }

    pub(super) fn revoked(&self, among: &Ids, which: Id) -> bool {
        among.iter().any(|op| matches!(self.kind(*op), Kind::DeviceRevoke { device, .. } if *device == which))
    }

    pub(super) fn device_in(&self, among: &Ids, who: Id, device: Id) -> bool {
        self.role(among, who).is_some()
            && !self.revoked(among, device)
            && among
                .iter()
                .any(|op| self.granted(*op).contains(&(who, device)) && self.since(among, who, *op))
    }

    pub(super) fn members(&self, among: &Ids) -> Ids {
        let named = among.iter().flat_map(|op| self.granted(*op)).map(|(account, _)| account);
        named.filter(|who| self.role(among, *who).is_some()).collect()
    }

    /// Made, not closed, and neither its maker nor anybody whom it brought in (and who did not leave by himself) removed since.
    pub(super) fn open(&self, among: &Ids, invite: Id) -> bool {
        let ends = |op: Id| match self.kind(op) {
            Kind::CloseInvite { invite: closed } => *closed == invite,
            Kind::Remove { .. } => self.revokes(op, invite),
            _ => false,
        };
        among.contains(&invite) && !among.iter().any(|op| ends(*op))
    }

    pub(super) fn revokes(&self, remove: Id, invite: Id) -> bool {
        let Kind::Remove { account: gone } = self.kind(remove) else { return false };
        let brought = |op: &Id| matches!(self.kind(*op), Kind::Add { account, invite: Some(used), .. } if account == gone && *used == invite);
        let forced = self.actor(remove) != *gone;
        let used = forced && self.past[&remove].iter().any(brought);
        !self.before(remove, invite) && (self.actor(invite) == *gone || used)
    }

    pub(super) fn users(&self, among: &Ids, invite: Id) -> Ids {
        let user = |op: &Id| match self.kind(*op) {
            Kind::Add { account, invite: Some(used), .. } if *used == invite => Some(*account),
            _ => None,
        };
        among.iter().filter_map(user).collect()
    }

    // -- strikes --------------------------------------------------------------------------------------------------------------

    pub(super) fn is_strike(&self, op: Id) -> bool {
        matches!(self.kind(op), Kind::Remove { .. } | Kind::SetRole { .. } | Kind::DeviceRevoke { .. })
    }

    /// If the strike wins, is this void?
    pub(super) fn hits(&self, strike: Id, op: Id, stands: &Ids) -> bool {
        let (by, of) = (self.actor(strike), self.actor(op));
        self.beside(strike, op)
            && match self.kind(strike) {
                Kind::Remove { account } if by != *account => {
                    let through = match self.kind(op) {
                        Kind::Add { invite: Some(invite), .. } => self.revokes(strike, *invite),
                        _ => false,
                    };
                    of == *account || through
                }
                Kind::SetRole { account, role } if by != *account && of == *account => {
                    self.allowed(op, stands, None) && !self.allowed(op, stands, Some(*role))
                }
                Kind::DeviceRevoke { device, .. } if self.author_of(strike) != *device => {
                    let word = matches!(self.kind(op), Kind::DeviceRevoke { word: true, .. });
                    self.author_of(op) == *device && !word
                }
                _ => false,
            }
    }

    pub(super) fn settles(&self, anchor: &Anchor, op: Id) -> bool {
        let Kind::Remove { account } = self.kind(anchor.remove) else { return false };
        self.beside(anchor.remove, op) && self.actor(op) == *account && anchor.unaware(op, &self.rules)
    }

    /// One look at everything in rank order: what stands.
    pub(super) fn sweep(&self, scope: &Ids, decided: &Decided) -> Ids {
        let mut stands = Ids::new();
        let mut signed: BTreeMap<(Id, u64), usize> = BTreeMap::new();
        for op in self.in_order(scope) {
            let settled = decided.anchors.iter().any(|anchor| self.settles(anchor, op));
            let beaten = !decided.anchored(op) && decided.won().any(|strike| self.hits(strike, op, &stands));
            if self.rules.void_counts_for_nothing && (settled || beaten || decided.losers.contains(&op)) {
                continue;
            }
            let minute = signed.entry((self.author_of(op), self.ops[&op].at_ms / 60_000)).or_default();
            *minute += 1;
            if *minute <= MOST_IN_A_MINUTE && self.allowed(op, &stands, None) {
                stands.insert(op);
            }
        }
        stands
    }

    /// The senior first: role, first Add ever, account; then the rank of the act.
    pub(super) fn seniority(&self, op: Id, stands: &Ids) -> impl Ord + use<> {
        let actor = self.actor(op);
        let here: Ids = self.past[&op].intersection(stands).copied().collect();
        let adds = |op: &Id| match self.kind(*op) {
            Kind::Genesis { account, .. } | Kind::Add { account, .. } => *account == actor,
            _ => false,
        };
        let first = self.in_order(stands).into_iter().find(adds).map(|op| self.rank(op));
        (Reverse(self.role(&here, actor)), first, actor, self.rank(op))
    }

    /// The roster and the invites of what stands.
    pub(super) fn picture(&self, stands: Ids) -> Verdict {
        let grants: BTreeSet<(Id, Id)> = stands.iter().flat_map(|op| self.granted(*op)).collect();
        let devices = |who: Id| -> Ids {
            let own = grants
                .iter()
                .filter(|(account, device)| *account == who && self.device_in(&stands, who, *device));
            own.map(|(_, device)| *device).collect()
        };
        let roles = self.members(&stands).into_iter().filter_map(|who| Some((who, self.role(&stands, who)?)));
        let members: BTreeMap<Id, (Role, Ids)> =
            roles.map(|(who, role)| (who, (role, devices(who)))).collect();
        let left = |op: &Id| match self.kind(*op) {
            Kind::Invite { uses, .. } => Some((*op, uses.saturating_sub(self.users(&stands, *op).len()))),
            _ => None,
        };
        let open = stands.iter().filter_map(left).filter(|(op, left)| *left > 0 && self.open(&stands, *op));
        let invites = open.collect();
        Verdict { members, invites, anchored: BTreeMap::new(), stands }
    }
}
