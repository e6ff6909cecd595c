//! A second evaluation of the log, written from the text of `docs/spec/log.md` with sets of ids and no index, slow and
//! plain, to be compared with the product's.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use halloo_crdt::log::{Board, Fact, Log, OpKind, Role, SignedOp, Word};
use halloo_crypto::id::{AccountId, DeviceId, OpId};

type Ids = BTreeSet<OpId>;

/// What the reference says about a group: who is in, as what, with which devices; which invites are open; what is void.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) members: BTreeMap<AccountId, (Role, BTreeSet<DeviceId>)>,
    pub(crate) invites: BTreeMap<OpId, u16>,
    pub(crate) void: Ids,
}

/// The same picture of the product's evaluation.
pub(crate) fn of_product(log: &Log) -> Verdict {
    let members = log.view().members().iter();
    let invites = log.view().invites().iter();
    Verdict {
        members: members.map(|(id, m)| (*id, (m.role, m.devices.keys().copied().collect()))).collect(),
        invites: invites.map(|(id, i)| (*id, i.uses_left)).collect(),
        void: log.ids().filter(|id| log.void(id).is_some()).copied().collect(),
    }
}

#[derive(Clone)]
struct Settled {
    accounts: usize,
    /// Per account, what each of its acknowledging devices had surely seen.
    seen: BTreeMap<AccountId, Vec<Ids>>,
}

impl Settled {
    fn unaware(&self, op: &OpId) -> bool {
        let unaware = self.seen.values();
        let unaware = unaware.filter(|all| all.iter().any(|seen| !seen.contains(op)));
        2 * unaware.count() > self.accounts
    }
}

#[derive(Clone, Default)]
struct Decided {
    anchored: Vec<(OpId, Settled)>,
    winners: Vec<OpId>,
    losers: Ids,
}

pub(crate) struct Reference<'a> {
    ops: BTreeMap<OpId, &'a SignedOp>,
    past: BTreeMap<OpId, Ids>,
    order: Vec<OpId>,
    board: &'a Board,
}

impl<'a> Reference<'a> {
    pub(crate) fn new(ops: &[&'a SignedOp], board: &'a Board) -> Self {
        let mut order: Vec<&SignedOp> = ops.to_vec();
        order.sort_by_key(|op| (op.seq(), op.id()));
        let mut past: BTreeMap<OpId, Ids> = BTreeMap::new();
        for op in &order {
            let mut before = Ids::new();
            for parent in op.parents() {
                before.extend(&past[parent]);
                before.insert(*parent);
            }
            past.insert(op.id(), before);
        }
        Self {
            ops: ops.iter().map(|op| (op.id(), *op)).collect(),
            past,
            order: order.iter().map(|op| op.id()).collect(),
            board,
        }
    }

    fn before(&self, a: &OpId, b: &OpId) -> bool {
        self.past[b].contains(a)
    }

    fn beside(&self, a: &OpId, b: &OpId) -> bool {
        a != b && !self.before(a, b) && !self.before(b, a)
    }

    fn kind(&self, op: &OpId) -> &'a OpKind {
        self.ops[op].kind()
    }

    /// Whose device signed: by the first grant in the past.
    fn actor(&self, op: &OpId) -> AccountId {
        let author = self.ops[op].author();
        let mut candidates = self.order.iter();
        let grant = candidates.find(|id| {
            self.past[op].contains(*id)
                && self.ops[*id].grants().iter().any(|g| g.certificate.device == author)
        });
        self.ops[grant.unwrap_or(op)].subject().expect("a grant has a subject")
    }

    // -- who was what among these operations ---------------------------------------------------------------------

    fn fresh(&self, among: &Ids, account: &AccountId, op: &OpId) -> bool {
        among.iter().all(|remove| match self.kind(remove) {
            OpKind::Remove { account: gone } if gone == account => self.before(remove, op),
            _ => true,
        })
    }

    fn role(&self, among: &Ids, account: &AccountId) -> Option<Role> {
        let mut member = false;
        let mut named: Vec<(OpId, Role)> = Vec::new();
        for op in among.iter().filter(|op| self.fresh(among, account, op)) {
            match self.kind(op) {
                OpKind::Genesis { device, .. } if device.certificate.account == *account => {
                    member = true;
                    named.push((*op, Role::Owner));
                }
                OpKind::Add { account: a, role, .. } if a == account => {
                    member = true;
                    named.push((*op, *role));
                }
                OpKind::SetRole { account: a, role } if a == account => named.push((*op, *role)),
                _ => {}
            }
        }
        let last = named.iter().filter(|(op, _)| !named.iter().any(|(later, _)| self.before(op, later)));
        last.map(|(_, role)| *role).min().filter(|_| member)
    }

    fn revoked(&self, among: &Ids, device: &DeviceId) -> bool {
        among.iter().any(|op| matches!(self.kind(op), OpKind::DeviceRevoke { device: d, .. } if d == device))
    }

    fn has_device(&self, among: &Ids, account: &AccountId, device: &DeviceId) -> bool {
        self.role(among, account).is_some()
            && !self.revoked(among, device)
            && among.iter().any(|op| self.grants(op, account, device) && self.fresh(among, account, op))
    }

    fn grants(&self, op: &OpId, account: &AccountId, device: &DeviceId) -> bool {
        let mut grants = self.ops[op].grants().iter();
        grants.any(|g| g.certificate.device == *device && g.certificate.account == *account)
    }

    fn open(&self, among: &Ids, invite: &OpId) -> bool {
        among.contains(invite)
            && !among.iter().any(|op| match self.kind(op) {
                OpKind::InviteRevoke { invite: closed } => closed == invite,
                OpKind::Remove { .. } => self.remove_closes(op, invite),
                _ => false,
            })
    }

    /// Made by the removed, or used by the removed who did not leave by himself.
    fn remove_closes(&self, remove: &OpId, invite: &OpId) -> bool {
        let OpKind::Remove { account } = self.kind(remove) else {
            return false;
        };
        let used = self.past[remove].iter().any(|op| {
            matches!(self.kind(op), OpKind::Add { account: a, invite: Some(used), .. }
                if a == account && used.invite == *invite)
        });
        let forced = self.actor(remove) != *account;
        !self.before(remove, invite) && (self.actor(invite) == *account || forced && used)
    }

    // -- may it ---------------------------------------------------------------------------------------------------

    fn allowed(&self, op: &OpId, stands: &Ids, cap: Option<Role>) -> bool {
        let signed = self.ops[op];
        let actor = self.actor(op);
        let among: Ids = self.past[op].intersection(stands).copied().collect();
        if let OpKind::Genesis { .. } = signed.kind() {
            return true;
        }
        let Some(own) = self.role(&among, &actor) else {
            return false;
        };
        let own = cap.map_or(own, |cap| own.min(cap));
        let itself = matches!(signed.kind(), OpKind::DeviceAdd { device }
            if device.certificate.device == signed.author());
        if !itself && !self.has_device(&among, &actor, &signed.author()) {
            return false;
        }
        let may_give = |role: Role| match own {
            Role::Owner => true,
            Role::Admin => role <= Role::Moderator,
            Role::Moderator => role == Role::Member,
            Role::Member => false,
        };
        match signed.kind() {
            OpKind::Genesis { .. } => true,
            OpKind::Add { account, role, devices, invite } => {
                let way = match invite {
                    None => may_give(*role),
                    Some(used) => self.invited(op, stands, &among, account, &used.invite),
                };
                let new = self.role(&among, account).is_none();
                let clean = |d: &DeviceId| !self.revoked(&among, d) && self.owner_ok(op, stands, d);
                way && new && devices.iter().all(|d| clean(&d.certificate.device))
            }
            OpKind::Remove { account } => self.role(&among, account).is_some_and(|other| {
                *account == actor
                    || match own {
                        Role::Owner => true,
                        Role::Admin => other < Role::Owner,
                        Role::Moderator => other == Role::Member,
                        Role::Member => false,
                    }
            }),
            OpKind::SetRole { account, role } => self.role(&among, account).is_some_and(|from| {
                own == Role::Owner
                    || (*account == actor && *role < own)
                    || (*account != actor && own == Role::Admin && from < Role::Admin && *role < Role::Admin)
            }),
            OpKind::DeviceAdd { device } => {
                let id = &device.certificate.device;
                device.certificate.account == actor
                    && !self.has_device(&among, &actor, id)
                    && !self.revoked(&among, id)
                    && self.owner_ok(op, stands, id)
            }
            OpKind::DeviceRevoke { account, device, revocation } => {
                (*account == actor || revocation.is_some()) && self.has_device(&among, account, device)
            }
            OpKind::Invite { role, .. } => may_give(*role),
            OpKind::SetHistory { .. } => own >= Role::Admin,
            OpKind::InviteRevoke { invite } => {
                self.open(&among, invite) && (own >= Role::Moderator || self.actor(invite) == actor)
            }
        }
    }

    /// No earlier operation that stands granted the device to somebody else.
    fn owner_ok(&self, op: &OpId, stands: &Ids, device: &DeviceId) -> bool {
        let subject = self.ops[op].subject().expect("grants have a subject");
        let earlier = self.order.iter().take_while(|id| *id != op);
        let first = earlier
            .filter(|id| stands.contains(*id))
            .find(|id| self.ops[*id].grants().iter().any(|g| g.certificate.device == *device));
        first.is_none_or(|id| self.ops[id].subject() == Some(subject))
    }

    fn invited(&self, op: &OpId, stands: &Ids, among: &Ids, account: &AccountId, invite: &OpId) -> bool {
        let Some(OpKind::Invite { expires_ms, max_uses, .. }) = self.ops.get(invite).map(|op| op.kind())
        else {
            return false;
        };
        let earlier = self.order.iter().take_while(|id| *id != op);
        let users: BTreeSet<AccountId> = earlier
            .filter(|id| stands.contains(*id))
            .filter_map(|id| match self.kind(id) {
                OpKind::Add { account, invite: Some(used), .. } if used.invite == *invite => Some(*account),
                _ => None,
            })
            .collect();
        self.open(among, invite)
            && self.ops[op].at_ms() <= *expires_ms
            && (users.contains(account) || users.len() < usize::from(*max_uses))
    }

    // -- strikes --------------------------------------------------------------------------------------------------

    fn is_strike(&self, op: &OpId) -> bool {
        matches!(self.kind(op), OpKind::Remove { .. } | OpKind::SetRole { .. } | OpKind::DeviceRevoke { .. })
    }

    /// If `strike` wins, is `op`, beside it, void?
    fn hits(&self, strike: &OpId, op: &OpId, stands: &Ids) -> bool {
        if !self.beside(strike, op) {
            return false;
        }
        let by = self.actor(strike);
        match self.kind(strike) {
            OpKind::Remove { account } => {
                let invited = match self.kind(op) {
                    OpKind::Add { invite: Some(used), .. } => self.remove_closes(strike, &used.invite),
                    _ => false,
                };
                by != *account && (self.actor(op) == *account || invited)
            }
            OpKind::SetRole { account, role } => {
                by != *account
                    && self.actor(op) == *account
                    && self.allowed(op, stands, None)
                    && !self.allowed(op, stands, Some(*role))
            }
            OpKind::DeviceRevoke { device, .. } => {
                let word = matches!(self.kind(op), OpKind::DeviceRevoke { revocation: Some(_), .. });
                self.ops[strike].author() != *device && self.ops[op].author() == *device && !word
            }
            _ => false,
        }
    }

    /// Everything in order of rank; no operation here is near the cap per minute.
    fn sweep(&self, decided: &Decided) -> Ids {
        let mut stands = Ids::new();
        for op in &self.order {
            let is_anchored = decided.anchored.iter().any(|(id, _)| id == op);
            let settled = decided.anchored.iter().any(|(remove, settled)| {
                self.beside(remove, op)
                    && self.ops[remove].subject() == Some(self.actor(op))
                    && settled.unaware(op)
            });
            let mut winners = decided.anchored.iter().map(|(id, _)| id).chain(&decided.winners);
            let beaten = !is_anchored && winners.any(|winner| self.hits(winner, op, &stands));
            if !settled && !beaten && !decided.losers.contains(op) && self.allowed(op, &stands, None) {
                stands.insert(*op);
            }
        }
        stands
    }

    fn seniority(&self, strike: &OpId, stands: &Ids) -> impl Ord + use<> {
        let actor = self.actor(strike);
        let among: Ids = self.past[strike].intersection(stands).copied().collect();
        let first = self.order.iter().find(|op| {
            stands.contains(*op)
                && match self.kind(op) {
                    OpKind::Genesis { device, .. } => device.certificate.account == actor,
                    OpKind::Add { account, .. } => *account == actor,
                    _ => false,
                }
        });
        let rank = |op: &OpId| (self.ops[op].seq(), *op);
        (Reverse(self.role(&among, &actor)), first.map(rank), actor, rank(strike))
    }

    fn settled(&self, remove: &OpId, stands: &Ids) -> Option<(BTreeSet<AccountId>, Settled)> {
        let OpKind::Remove { account: gone } = self.kind(remove) else {
            return None;
        };
        let author = self.actor(remove);
        if author == *gone {
            return None;
        }
        let among: Ids = self.past[remove].intersection(stands).copied().collect();
        let everybody: BTreeSet<AccountId> = self
            .ops
            .values()
            .filter_map(|op| op.subject())
            .filter(|account| self.role(&among, account).is_some())
            .collect();
        let mut own = self.past[remove].clone();
        own.insert(*remove);
        let mut seen = BTreeMap::from([(author, vec![own])]);
        for (device, word) in self.board.words(&Fact::Remove(*remove)) {
            let mut granted = self.order.iter().filter(|id| stands.contains(*id));
            let grant =
                granted.find(|id| self.ops[*id].grants().iter().any(|g| g.certificate.device == *device));
            let Some(account) = grant.and_then(|id| self.ops[id].subject()) else {
                continue;
            };
            if account == *gone || !everybody.contains(&account) {
                continue;
            }
            let past = match word {
                Word::Lied(_) => Some(Ids::new()),
                Word::Said(row) => self.closure(row.heads()).filter(|p| p.contains(remove)),
            };
            if let Some(past) = past {
                seen.entry(account).or_default().push(past);
            }
        }
        let accounts = everybody.len();
        (2 * seen.len() > accounts).then_some((everybody, Settled { accounts, seen }))
    }

    fn closure(&self, heads: &[OpId]) -> Option<Ids> {
        let mut all = Ids::new();
        for head in heads {
            all.extend(self.past.get(head)?);
            all.insert(*head);
        }
        Some(all)
    }

    // -- the rounds -----------------------------------------------------------------------------------------------

    pub(crate) fn verdict(&self) -> Verdict {
        let mut decided = Decided::default();
        let mut refused = Ids::new();
        let stands = loop {
            let stands = self.sweep(&decided);
            if !self.anchor(&mut decided, &mut refused, &stands) && !self.weigh(&mut decided, &stands) {
                break stands;
            }
        };
        self.picture(&stands)
    }

    fn anchor(&self, decided: &mut Decided, refused: &mut Ids, stands: &Ids) -> bool {
        let known = |op: &OpId| decided.anchored.iter().any(|(id, _)| id == op);
        let found: Vec<_> = stands
            .iter()
            .filter(|op| !known(op) && !refused.contains(*op))
            .filter_map(|op| self.settled(op, stands).map(|(all, settled)| (*op, all, settled)))
            .filter(|(op, _, settled)| {
                !stands.iter().any(|strike| {
                    self.is_strike(strike) && self.hits(strike, op, stands) && !settled.unaware(strike)
                })
            })
            .collect();
        if found.is_empty() {
            return false;
        }
        let kills: BTreeSet<(OpId, OpId)> = found
            .iter()
            .flat_map(|(op, _, settled)| {
                let mut anchored = decided.anchored.clone();
                anchored.push((*op, settled.clone()));
                let swept = self.sweep(&Decided { anchored, ..Decided::default() });
                let others = found.iter().map(|other| other.0);
                others.filter(|other| !swept.contains(other)).map(|other| (*op, other)).collect::<Vec<_>>()
            })
            .collect();
        let (mut free, quarrel): (Vec<_>, Vec<_>) = found
            .iter()
            .partition(|a| !found.iter().any(|b| kills.contains(&(a.0, b.0)) || kills.contains(&(b.0, a.0))));
        free.sort_by_key(|a| (self.ops[&a.0].seq(), a.0));
        if free.is_empty() {
            let common =
                quarrel.iter().map(|a| a.1.clone()).reduce(|a, b| &a & &b).expect("a quarrel has parties");
            let best = quarrel.into_iter().min_by_key(|a| {
                let voices = a.2.seen.keys().filter(|id| common.contains(id)).count();
                (Reverse(voices), self.seniority(&a.0, stands))
            });
            free.extend(best);
        }
        let mut kept = decided.anchored.clone();
        for (op, _, settled) in free {
            let mut trial = kept.clone();
            trial.push((*op, settled.clone()));
            let anchored = trial;
            let swept = self.sweep(&Decided { anchored: anchored.clone(), ..Decided::default() });
            if anchored.iter().all(|(id, _)| swept.contains(id)) {
                kept = anchored;
            } else {
                refused.insert(*op);
            }
        }
        if kept.len() > decided.anchored.len() {
            *decided = Decided { anchored: kept, ..Decided::default() };
        }
        true
    }

    fn weigh(&self, decided: &mut Decided, stands: &Ids) -> bool {
        let done = |op: &OpId| {
            decided.winners.contains(op)
                || decided.losers.contains(op)
                || decided.anchored.iter().any(|(id, _)| id == op)
        };
        let mut open: Vec<OpId> = stands
            .iter()
            .filter(|op| self.is_strike(op) && !done(op))
            .filter(|op| stands.iter().any(|other| self.hits(op, other, stands)))
            .copied()
            .collect();
        if open.is_empty() {
            return false;
        }
        open.sort_by_key(|op| self.seniority(op, stands));
        let mut falls: BTreeMap<OpId, Ids> = BTreeMap::new();
        for op in &open {
            let mut trial = decided.clone();
            trial.winners.push(*op);
            // Losers found in this round do not bear on its other trials.
            trial.losers.retain(|id| !open.contains(id));
            let swept = self.sweep(&trial);
            let all = decided.winners.iter();
            let all = all.chain(decided.anchored.iter().map(|(id, _)| id));
            if all.clone().any(|winner| !swept.contains(winner)) {
                decided.losers.insert(*op);
            } else {
                falls.insert(*op, open.iter().filter(|o| !swept.contains(*o)).copied().collect());
            }
        }
        let endangered_by = |op: &OpId| self.reach(&falls, op);
        for op in &open {
            if !falls.contains_key(op) {
                continue;
            }
            let over = endangered_by(op);
            let under: Ids =
                falls.keys().filter(|other| endangered_by(other).contains(op)).copied().collect();
            let ring: Vec<&OpId> = open.iter().filter(|o| over.contains(*o)).collect();
            if over.is_subset(&under) && ring.first().is_none_or(|first| *first == op) {
                decided.winners.push(*op);
            }
        }
        true
    }

    /// Everything that makes `op` fall, directly or over others.
    fn reach(&self, falls: &BTreeMap<OpId, Ids>, op: &OpId) -> Ids {
        let mut over = Ids::new();
        loop {
            let more: Ids = falls
                .iter()
                .filter(|(id, f)| {
                    !over.contains(*id) && (f.contains(op) || f.iter().any(|x| over.contains(x)))
                })
                .map(|(id, _)| *id)
                .collect();
            if more.is_empty() {
                return over;
            }
            over.extend(more);
        }
    }

    fn picture(&self, stands: &Ids) -> Verdict {
        let accounts: BTreeSet<AccountId> = stands.iter().filter_map(|op| self.ops[op].subject()).collect();
        let mut members = BTreeMap::new();
        for account in accounts {
            if let Some(role) = self.role(stands, &account) {
                let granted = stands.iter().flat_map(|op| self.ops[op].grants());
                let devices = granted
                    .map(|g| g.certificate.device)
                    .filter(|device| self.has_device(stands, &account, device))
                    .collect();
                members.insert(account, (role, devices));
            }
        }
        let mut invites = BTreeMap::new();
        for op in stands {
            let OpKind::Invite { max_uses, .. } = self.kind(op) else {
                continue;
            };
            let users: BTreeSet<AccountId> = stands
                .iter()
                .filter_map(|id| match self.kind(id) {
                    OpKind::Add { account, invite: Some(used), .. } if used.invite == *op => Some(*account),
                    _ => None,
                })
                .collect();
            let left = usize::from(*max_uses).saturating_sub(users.len());
            if left > 0 && self.open(stands, op) {
                invites.insert(*op, left as u16);
            }
        }
        Verdict {
            members,
            invites,
            void: self.ops.keys().filter(|op| !stands.contains(*op)).copied().collect(),
        }
    }
}
