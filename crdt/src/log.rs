//! Who is a member is decided here: signed, hash-linked operations, and an evaluation of the whole set of them.
//!
//! The roster is a pure function of the *set* of operations and acknowledgements, whatever order they arrive in. The
//! rules in full, with the order of evaluation, stand in `docs/spec/log.md`; their reasons in
//! `docs/adr/0003-membership-by-signed-log.md`.
//!
//! | may | owner | admin | moderator | member |
//! |---|---|---|---|---|
//! | Add, Invite as | any role | member, moderator | member | - |
//! | Add by an open invite, as what it says | yes | yes | yes | yes |
//! | Remove | anybody | anybody but owners | members | - |
//! | leave (Remove of oneself), lower one's own role | yes | yes | yes | yes |
//! | SetRole | anybody, any role | below admin, to below admin | - | - |
//! | InviteRevoke | any | any | any | one's own |
//! | SetHistory | yes | yes | - | - |
//! | DeviceAdd, DeviceRevoke | one's own account | same | same | same |
//! | DeviceRevoke with the account key's word | carried by anybody | same | same | same |
//! | DeviceAdd of itself, by a device that the account key certified | yes | yes | yes | yes |
//!
//! What a device may sign is judged at its operation's own past, among the operations that stand. What does not stand
//! is void: kept, listed with its [`VoidReason`], and counted for nothing.
//!
//! Rooms, from the ground up: `history` what newcomers get, `op` bytes, `roster` result and permissions, `error`, `board` acknowledgements, `dag`
//! ancestry, `pending` what waits for parents, `verify` signatures, `standing` what stands per account, `evaluate` one
//! sweep, `resolve` which Removes win, `activity` the list for people, `author` signing one's own.

pub mod history;
pub mod op;
pub mod roster;
pub mod error;
pub mod board;
mod dag;
mod pending;
mod verify;
mod standing;
mod evaluate;
mod resolve;
pub mod activity;
pub mod author;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use halloo_crypto::id::{AccountId, DeviceId, GroupId, OpId};

pub use self::activity::Activity;
pub use self::author::{Author, InviteTerms};
pub use self::board::{Board, Fact, MAX_RIVALS, Row, Word};
pub use self::error::LogError;
pub use self::evaluate::{MAX_DEVICES_PER_ACCOUNT, MAX_OPS_PER_MINUTE};
pub use self::history::{History, MAX_HISTORY_DAYS, MAX_HISTORY_LINES};
pub use self::op::{DeviceGrant, InviteUse, OpContext, OpKind, Role, SignedOp};
pub use self::pending::{MAX_PENDING, MAX_PENDING_PER_AUTHOR};
pub use self::roster::{Action, DeviceEntry, Member, OpenInvite, Roster, VoidReason};
pub use self::verify::MAX_INVITE_USES;

use self::dag::{Dag, Node, Past};
use self::pending::Pending;
use self::resolve::Evaluation;

/// Most operations of one device in a log. An administrator who adds five people a day for two years stays below; a
/// member who floods fills this and no more.
pub const MAX_OPS_PER_DEVICE: usize = 4_096;

/// Most operations of a log. At 700 bytes each this is under 100 MB in memory.
pub const MAX_OPS: usize = 131_072;

/// What became of an operation handed to [`Log::insert`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It is in, and with it those that had waited for it: all new operations, parents first.
    New(Vec<OpId>),
    /// It was here already, or waits already.
    Known,
    /// It waits for these parents, or had no room to wait. Ask for them.
    Missing(Vec<OpId>),
}

/// The operations of one group, with the board.
#[derive(Clone, Debug)]
pub struct Log {
    group: GroupId,
    dag: Dag,
    pending: Pending,
    board: Board,
    /// Grants of a device, whether they stand or not: whose it is.
    owners: BTreeMap<DeviceId, Vec<Node>>,
    per_device: BTreeMap<DeviceId, usize>,
    /// Highest role that an operation names for an account, with the operation.
    powers: BTreeMap<AccountId, Vec<(Node, Role)>>,
    evaluation: OnceCell<Evaluation>,
    view: OnceCell<Roster>,
    /// How often acknowledgements may have changed the view at heads known before.
    settlements: u64,
}

impl Log {
    /// A log that knows its group and nothing else yet; the first operation that fits is the Genesis.
    #[must_use]
    pub fn new(group: GroupId) -> Self {
        Self {
            group,
            dag: Dag::default(),
            pending: Pending::default(),
            board: Board::new(group),
            owners: BTreeMap::new(),
            per_device: BTreeMap::new(),
            powers: BTreeMap::new(),
            evaluation: OnceCell::new(),
            view: OnceCell::new(),
            settlements: 0,
        }
    }

    /// The group.
    #[must_use]
    pub fn group(&self) -> GroupId {
        self.group
    }

    /// Takes in an operation from anywhere: checks shape, signatures and that its author ever had the power, then
    /// files it, or holds it until its parents arrive.
    ///
    /// # Errors
    /// The faults of the peer in [`LogError`]; the log is as before.
    pub fn insert(&mut self, op: SignedOp) -> Result<Inserted, LogError> {
        if self.contains(&op.id()) || self.pending.contains(&op.id()) {
            return Ok(Inserted::Known);
        }
        verify::shape(&op, &self.group)?;
        verify::signatures(&op)?;
        let missing = self.missing_of(&op);
        if !missing.is_empty() {
            // No room is no fault of this sender: he, or another, has it and brings it again.
            let _held = self.pending.hold(op, &missing);
            return Ok(Inserted::Missing(missing));
        }
        let mut new = vec![op.id()];
        let mut next = self.admit(op, true)?;
        while let Some(op) = next.pop() {
            let missing = self.missing_of(&op);
            let id = op.id();
            if !missing.is_empty() {
                let _held = self.pending.hold(op, &missing);
            } else if let Ok(released) = self.admit(op, true) {
                // One that waited and turns out to be bad is dropped: its sender is long gone.
                new.push(id);
                next.extend(released);
            }
        }
        assert!(new.iter().all(|id| self.contains(id)), "what is called new is in");
        Ok(Inserted::New(new))
    }

    /// Takes in an operation read back from our own sealed store, parents first: as [`Self::insert`] without checking
    /// signatures again.
    ///
    /// # Errors
    /// As [`Self::insert`], [`LogError::Unknown`] for a parent that is not here yet.
    pub fn insert_trusted(&mut self, op: SignedOp) -> Result<(), LogError> {
        if self.contains(&op.id()) {
            return Ok(());
        }
        verify::shape(&op, &self.group)?;
        if let Some(missing) = self.missing_of(&op).first() {
            return Err(LogError::Unknown(*missing));
        }
        self.admit(op, false).map(drop)
    }

    fn missing_of(&self, op: &SignedOp) -> Vec<OpId> {
        let parents = op.parents().iter();
        parents.filter(|id| !self.contains(id)).copied().collect()
    }

    /// Files an operation whose parents are all here; returns those that had waited for it.
    fn admit(&mut self, op: SignedOp, check: bool) -> Result<Vec<SignedOp>, LogError> {
        let parents = op.parents().iter();
        let height = parents
            .map(|id| self.dag.op(self.dag.node(id).expect("all parents are here")).seq() + 1)
            .max()
            .unwrap_or(0);
        if op.seq() != height {
            return Err(LogError::Malformed);
        }
        let past = self.dag.closure_of(op.parents()).map_err(LogError::Unknown)?;
        let account = self.power(&op, &past)?;
        if check {
            if let OpKind::Add { invite: Some(used), .. } = op.kind() {
                // Only an invite in its past can be checked the same way by everybody.
                let invite = self.dag.node(&used.invite);
                let invite = invite.filter(|node| self.dag.contains(&past, *node));
                let invite = invite.ok_or(LogError::Malformed)?;
                verify::invite_use(&op, self.dag.op(invite))?;
            }
            self.allowance(&op)?;
        }
        Ok(self.file(op, account))
    }

    fn allowance(&self, op: &SignedOp) -> Result<(), LogError> {
        let own = self.per_device.get(&op.author()).copied().unwrap_or(0);
        let full = own >= MAX_OPS_PER_DEVICE || self.dag.len() >= MAX_OPS;
        // What somebody else built on must come in, or replicas could never agree again.
        if full && !self.pending.wanted(&op.id(), &op.author()) {
            return Err(LogError::TooMany);
        }
        Ok(())
    }

    fn file(&mut self, op: SignedOp, account: AccountId) -> Vec<SignedOp> {
        let id = op.id();
        assert_eq!(op.group(), self.group, "shapes are checked before filing");
        assert!(!self.pending.contains(&id), "what is filed no longer waits");
        *self.per_device.entry(op.author()).or_default() += 1;
        let node = self.dag.push(op, account);
        let op = self.dag.op(node);
        for grant in op.grants() {
            let device = grant.certificate.device;
            self.owners.entry(device).or_default().push(node);
        }
        let named = match op.kind() {
            OpKind::Genesis { .. } => Some(Role::Owner),
            OpKind::Add { role, .. } | OpKind::SetRole { role, .. } => Some(*role),
            _ => None,
        };
        if let (Some(role), Some(subject)) = (named, op.subject()) {
            self.powers.entry(subject).or_default().push((node, role));
        }
        self.view.take();
        if self.board.names(&id) {
            self.settlements += 1;
        }
        let extended = self.evaluation.get_mut().is_some_and(|evaluation| evaluation.extend(&self.dag, node));
        if !extended {
            self.evaluation.take();
        }
        self.pending.release(&id)
    }

    /// The account that the author acts for, if the author could ever have signed this: let in by something in its
    /// past, with a role that something in its past named. Coarser than the evaluation, and fixed for ever: what fails
    /// here can never stand, so it need not be kept.
    fn power(&self, op: &SignedOp, past: &Past) -> Result<AccountId, LogError> {
        if let OpKind::Genesis { device, .. } = op.kind() {
            return Ok(device.certificate.account);
        }
        let account = match (op.kind(), self.owner(&op.author(), past)) {
            (_, Some(account)) => account,
            (OpKind::DeviceAdd { device }, None) if device.certificate.device == op.author() => {
                device.certificate.account
            }
            _ => return Err(LogError::Powerless),
        };
        let named = self.powers.get(&account).into_iter().flatten();
        let highest = named
            .filter(|(node, _)| self.dag.contains(past, *node))
            .map(|(_, role)| *role)
            .max()
            .ok_or(LogError::Powerless)?;
        if evaluate::conceivable(op, account, highest) { Ok(account) } else { Err(LogError::Powerless) }
    }

    /// Whose device this is by the first grant in `past`.
    fn owner(&self, device: &DeviceId, past: &Past) -> Option<AccountId> {
        let grants = self.owners.get(device)?.iter();
        let first =
            grants.filter(|node| self.dag.contains(past, **node)).min_by_key(|node| self.dag.rank(**node))?;
        self.dag.op(*first).subject()
    }

    /// Takes in somebody's acknowledgement; true when the board changed.
    ///
    /// # Errors
    /// Those of [`Board::merge`]; [`LogError::Unknown`] for a Remove that is not here (yet),
    /// [`LogError::Powerless`] for a device that was never let in.
    pub fn acknowledge(&mut self, row: Row) -> Result<bool, LogError> {
        let mut settles = false;
        if let Fact::Remove(id) = row.fact() {
            let node = self.dag.node(&id).ok_or(LogError::Unknown(id))?;
            if !matches!(self.dag.op(node).kind(), OpKind::Remove { .. }) {
                return Err(LogError::Malformed);
            }
            // Where nothing is beside the Remove, or beside a strike before it, there is nothing to settle, and hundreds of
            // rows cost no evaluation.
            settles = self.dag.disputed(node) || self.dag.quarrel_in(self.dag.closure(node));
        }
        if !self.owners.contains_key(&row.device()) {
            return Err(LogError::Powerless);
        }
        let changed = self.board.merge(row)?;
        if changed && settles {
            self.settlements += 1;
            self.evaluation.take();
            self.view.take();
        }
        Ok(changed)
    }

    /// The acknowledgements.
    #[must_use]
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// Forgets the acknowledgements of a settled commit.
    pub fn settle(&mut self, commit: &[u8; 32]) {
        self.board.settle(commit);
    }

    fn evaluation(&self) -> &Evaluation {
        self.evaluation.get_or_init(|| Evaluation::of(&self.dag, &self.board, None))
    }

    /// The group as of everything known. Cached; the first call after a change pays for the evaluation.
    #[must_use]
    pub fn view(&self) -> &Roster {
        self.view.get_or_init(|| self.evaluation().roster(&self.dag))
    }

    /// The group as of the closure of `heads`, as if nothing else were known; acknowledgements count.
    ///
    /// # Errors
    /// [`LogError::Unknown`] for a head that is not here.
    pub fn view_at(&self, heads: &[OpId]) -> Result<Roster, LogError> {
        let past = self.dag.closure_of(heads).map_err(LogError::Unknown)?;
        if past.len() == self.dag.len() {
            return Ok(self.view().clone());
        }
        if let Some(roster) = self.evaluation().roster_at(&self.dag, &self.board, &past) {
            return Ok(roster);
        }
        Ok(Evaluation::of(&self.dag, &self.board, Some(&past)).roster(&self.dag))
    }

    /// Grows whenever acknowledgements may have changed what [`Self::view_at`] says of heads that were known before; nothing else
    /// changes that.
    #[must_use]
    pub fn settlements(&self) -> u64 {
        self.settlements
    }

    /// May acknowledgements that come later change what [`Self::view_at`] says of these heads: is anything beside a Remove, a
    /// demotion or a revocation among what they follow?
    #[must_use]
    pub fn hinges_on_acknowledgements(&self, heads: &[OpId]) -> bool {
        self.dag.closure_of(heads).is_ok_and(|past| self.dag.quarrel_in(&past))
    }

    /// What nothing follows yet: the parents of the next operation.
    #[must_use]
    pub fn heads(&self) -> &BTreeSet<OpId> {
        self.dag.heads()
    }

    /// One operation.
    #[must_use]
    pub fn get(&self, id: &OpId) -> Option<&SignedOp> {
        self.dag.node(id).map(|node| self.dag.op(node))
    }

    /// Is the operation here?
    #[must_use]
    pub fn contains(&self, id: &OpId) -> bool {
        self.dag.node(id).is_some()
    }

    /// Ids of all operations, ascending: what reconciliation compares.
    pub fn ids(&self) -> impl Iterator<Item = &OpId> {
        self.dag.ids()
    }

    /// All operations, parents first, in the order that every replica shares.
    #[must_use]
    pub fn ops(&self) -> Vec<&SignedOp> {
        let mut nodes: Vec<Node> = (0..self.dag.len()).collect();
        nodes.sort_unstable_by_key(|node| self.dag.rank(*node));
        nodes.into_iter().map(|node| self.dag.op(node)).collect()
    }

    /// How many operations are in.
    #[must_use]
    pub fn len(&self) -> usize {
        self.dag.len()
    }

    /// Is there not even a Genesis?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.dag.len() == 0
    }

    /// Parents that operations in waiting lack: what to ask others for.
    pub fn missing(&self) -> impl Iterator<Item = &OpId> {
        self.pending.missing()
    }

    /// How many operations wait for parents.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.pending.len()
    }

    /// Is `id` in the closure of `heads`? False when either is not here.
    #[must_use]
    pub fn closure_contains(&self, heads: &[OpId], id: &OpId) -> bool {
        let (Ok(past), Some(node)) = (self.dag.closure_of(heads), self.dag.node(id)) else {
            return false;
        };
        self.dag.contains(&past, node)
    }

    /// The weight of a commit that names these heads: how many operations their closure holds.
    ///
    /// # Errors
    /// [`LogError::Unknown`] for a head that is not here.
    pub fn weight(&self, heads: &[OpId]) -> Result<u64, LogError> {
        let past = self.dag.closure_of(heads).map_err(LogError::Unknown)?;
        Ok(past.len() as u64)
    }

    /// Why an operation is void; `None` when it stands or is not here.
    #[must_use]
    pub fn void(&self, id: &OpId) -> Option<VoidReason> {
        self.evaluation().void(self.dag.node(id)?)
    }

    /// Whose device this is or was: by the first grant that stands.
    #[must_use]
    pub fn account_of(&self, device: &DeviceId) -> Option<AccountId> {
        self.evaluation().standing().account_of(device)
    }

    /// Was the device in the group at `heads`, as far as is known today? What content signed there asks.
    #[must_use]
    pub fn author_entitled_at(&self, device: &DeviceId, heads: &[OpId]) -> bool {
        let Ok(past) = self.dag.closure_of(heads) else {
            return false;
        };
        self.evaluation().standing().device_in(&self.dag, &past, device).is_some()
    }

    /// Whose device this is by the first grant among what `heads` follow, whether it stands or not; `None` when nothing there
    /// let it in. Fixed for ever, so it decides what is kept; what counts is for [`Self::author_entitled_at`] to say.
    #[must_use]
    pub fn author_at(&self, device: &DeviceId, heads: &[OpId]) -> Option<AccountId> {
        self.owner(device, &self.dag.closure_of(heads).ok()?)
    }

    /// The role of an account at `heads`, as far as is known today; `None` when it was not in the group there. Costs a
    /// look at the account's own operations, where [`Self::view_at`] costs a whole evaluation.
    #[must_use]
    pub fn role_at(&self, account: &AccountId, heads: &[OpId]) -> Option<Role> {
        let past = self.dag.closure_of(heads).ok()?;
        self.evaluation().standing().role(&self.dag, &past, account)
    }

    /// What newcomers were given of the past at `heads`, as far as is known today: of what admins said there, the last word; of
    /// words that nobody saw together, what all of them allow. Nothing where a head is not here.
    #[must_use]
    pub fn history_at(&self, heads: &[OpId]) -> History {
        let past = self.dag.closure_of(heads);
        past.map(|past| self.evaluation().standing().history(&self.dag, &past)).unwrap_or_default()
    }

    /// Removes and revocations that stand, hit this device, and are unknown at `heads`: content that its device signed
    /// there counts only if somebody who remains refers to it without following all of these. Empty when nothing
    /// happened since.
    #[must_use]
    pub fn removed_after(&self, device: &DeviceId, heads: &[OpId]) -> Vec<OpId> {
        let Ok(past) = self.dag.closure_of(heads) else {
            return Vec::new();
        };
        let nodes = self.evaluation().standing().ends_of(device);
        nodes
            .into_iter()
            .filter(|node| !self.dag.contains(&past, *node))
            .map(|node| self.dag.op(node).id())
            .collect()
    }
}
