//! The epoch tree: every MLS epoch that this device holds, and the rule that picks the current one (DESIGN 4, branches).
//!
//! ```text
//!        root ---- A ---- B ---- tip        children of one parent are rivals: the heavier wins, then the lower commit id
//!            \---- X                        X stays readable until it is settled; nothing is sealed to it any more
//! ```
//!
//! The weight of an epoch is fixed at its birth: the number of operations in the closure of the heads that its commit realises.
//! Nothing that happens later can change a choice between two epochs that are both known (INV-1), but for acknowledgements: those
//! of Removes may change what the log says at their heads, and an epoch that is no longer fit is passed over; those of epochs anchor
//! one of two rivals ([`Epochs::set_voices`]). Switching to a sibling costs no bytes:
//! both were applied to clones of the parent when they came. Here is bookkeeping only; whether a commit is valid is for
//! [`crate::commits`] to say before it inserts one.

use core::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use halloo_crypto::data::{self, DataError};
use halloo_crypto::group::{EpochTag, GroupSession, peek_epoch};
use halloo_crypto::id::{DeviceId, EpochId};
use halloo_crypto::kdf;

pub use self::anchors::{Said, Voices};
pub use self::node::{Leaves, Node, leaves_of};
pub use self::resting::Resting;
use crate::wire::WireError;

mod anchors;
mod node;
mod resting;
mod trail;

/// Epochs kept with their keys. A busy day of a group of 50 has fewer; beyond it the oldest is settled early.
pub const MAX_NODES: usize = 64;
/// How long a lost branch stays readable and a race may still be decided otherwise.
pub const SETTLE_MS: u64 = 24 * 3_600 * 1_000;
/// Rivals kept under one parent, the best by the rule: a member can make as many commits as it likes.
pub const MAX_RIVALS: usize = 8;
/// Commits kept for members who come back after a long time, about 1.5 kB each.
pub const MAX_TRAIL: usize = 1_024;
/// Bytes of the trail that a newcomer is handed, the newest commits first: in a group of 500 whose tree is warm 64 commits have
/// 100 kB, in a cold one a few fit.
pub const TRAIL_HANDED_BYTES: usize = 128 * 1024;
/// Longest commit: that of the group session.
const MAX_COMMIT_BYTES: usize = 1 << 20;

/// Names a commit by its bytes on the wire.
pub fn commit_name(commit: &[u8]) -> [u8; 32] {
    kdf::hash("commit bytes", &[commit])
}

/// A commit that began an epoch, for whoever lacks it.
#[derive(Clone, Debug)]
pub struct Trace {
    depth: u64,
    commit: Vec<u8>,
}

/// What inserting an epoch did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Planted {
    /// It was there.
    Known,
    /// It is in the tree.
    Added,
    /// It lost to [`MAX_RIVALS`] better ones.
    Outranked,
}

/// The tree, its tip, and the trail of commits.
#[derive(Clone, Debug)]
pub struct Epochs {
    nodes: BTreeMap<EpochId, Node>,
    by_tag: BTreeMap<EpochTag, EpochId>,
    by_seal: BTreeMap<data::EpochTag, EpochId>,
    root: EpochId,
    tip: EpochId,
    trail: BTreeMap<EpochTag, Trace>,
    voices: Voices,
    gone: Pruned,
}

impl Epochs {
    /// A tree of one epoch: a new group's, or a newcomer's.
    pub fn new(root: Node) -> Self {
        let id = root.id();
        let mut tree = Epochs {
            nodes: BTreeMap::new(),
            by_tag: BTreeMap::new(),
            by_seal: BTreeMap::new(),
            root: id,
            tip: id,
            trail: BTreeMap::new(),
            voices: Voices::default(),
            gone: Pruned::default(),
        };
        tree.plant(root);
        tree
    }

    /// The tree of a snapshot; `None` if the tip is not among the nodes or hangs in the air.
    pub fn restore(nodes: Vec<Node>, tip: EpochId, trail: Vec<(EpochTag, u64, Vec<u8>)>) -> Option<Self> {
        let nodes: BTreeMap<EpochId, Node> = nodes.into_iter().map(|node| (node.id(), node)).collect();
        let mut root = tip;
        while let Some(parent) = nodes.get(&root)?.parent.filter(|parent| nodes.contains_key(parent)) {
            root = parent;
        }
        let mut all = nodes.into_values();
        let mut tree = Epochs::new(all.next()?);
        all.for_each(|node| tree.plant(node));
        (tree.root, tree.tip) = (root, tip);
        tree.trail = trail.into_iter().map(|(tag, depth, commit)| (tag, Trace { depth, commit })).collect();
        // What had gone before the process ended may still be in the store.
        for parent in tree.nodes.keys().copied().collect::<Vec<_>>() {
            while let Some(worst) = tree.worst_rival(&parent) {
                tree.uproot_branch(&worst);
            }
        }
        tree.drop_strays();
        tree.rest();
        Some(tree)
    }

    fn plant(&mut self, node: Node) {
        assert!(node.parent != Some(node.id()), "no epoch is its own parent");
        self.by_tag.insert(node.tag, node.id());
        self.by_seal.insert(node.keys.tag(), node.id());
        self.nodes.insert(node.id(), node);
    }

    fn uproot(&mut self, id: &EpochId) {
        assert_ne!(*id, self.tip, "the current epoch stays");
        if let Some(node) = self.nodes.remove(id) {
            self.by_tag.remove(&node.tag);
            self.by_seal.remove(&node.keys.tag());
        }
    }

    /// The current epoch.
    pub fn tip(&self) -> &Node {
        self.nodes.get(&self.tip).expect("the tip is in the tree")
    }

    /// An epoch.
    pub fn get(&self, id: &EpochId) -> Option<&Node> {
        self.nodes.get(id)
    }

    /// The epoch that a commit was made in.
    pub fn parent_of(&self, commit: &[u8]) -> Option<&Node> {
        self.of_tag(&peek_epoch(commit)?)
    }

    /// Epochs in the tree.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether the tree is empty: never.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Opens a data seal of any epoch in the tree, lost branches included; says which.
    ///
    /// # Errors
    /// [`WireError::UnknownKey`] for an epoch that is not here, [`WireError::BrokenSeal`].
    pub fn open(&self, aad: &[u8], seal: &[u8]) -> Result<(EpochId, Vec<u8>), WireError> {
        let tag = data::peek_tag(seal).ok_or(WireError::Short)?;
        let node = self.by_seal.get(&tag).and_then(|id| self.nodes.get(id)).ok_or(WireError::UnknownKey)?;
        let opened = node.keys.open(aad, seal).map_err(|error| match error {
            DataError::OtherEpoch => WireError::UnknownKey,
            _ => WireError::BrokenSeal,
        })?;
        Ok((node.id(), opened.plaintext))
    }

    /// Adds a child of an epoch in the tree, with the commit that began it.
    pub fn insert(&mut self, child: Node, commit: Vec<u8>) -> Planted {
        let parent = child.parent.expect("a child has a parent");
        assert!(self.nodes.contains_key(&parent), "children hang on the tree");
        assert!(commit.len() <= MAX_COMMIT_BYTES, "checked when it was applied");
        let id = child.id();
        if self.nodes.contains_key(&id) {
            return Planted::Known;
        }
        let (tag, depth) = (child.tag, child.depth);
        self.plant(child);
        self.weigh_down_to(id);
        if let Some(worst) = self.worst_rival(&parent) {
            if worst == id {
                self.uproot(&id);
                return Planted::Outranked;
            }
            self.uproot_branch(&worst);
        }
        assert!(self.children(&parent).len() <= MAX_RIVALS, "INV-6: rivals are bounded");
        self.trail.insert(tag, Trace { depth, commit });
        Planted::Added
    }

    /// Of more rivals than are kept the one that goes: the worst, but the current branch stays until another one is chosen.
    fn worst_rival(&self, parent: &EpochId) -> Option<EpochId> {
        let rivals = self.children(parent);
        let worst = || rivals.iter().rfind(|rival| !self.descends(&self.tip, rival)).copied();
        if rivals.len() > MAX_RIVALS { worst() } else { None }
    }

    /// Starts a new tree at an epoch that a welcome gave, because the branch of the old one was lost. The old epochs stay
    /// readable until they are settled.
    pub fn transplant(&mut self, root: Node) {
        let id = root.id();
        assert!(root.parent.is_none(), "a welcome gives a root");
        self.plant(root);
        self.root = id;
        self.tip = id;
    }

    /// Children of an epoch, best first.
    pub fn children(&self, parent: &EpochId) -> Vec<EpochId> {
        let mut all: Vec<&Node> = self.nodes.values().filter(|node| node.parent == Some(*parent)).collect();
        all.sort_by_key(|node| node.rank());
        let (fit, unfit) = all.into_iter().partition(|node| node.fit);
        anchors::ordered(fit).into_iter().chain(anchors::ordered(unfit)).map(Node::id).collect()
    }

    /// Where the rule leads from the root; a pure function of the tree and of what in it is fit.
    pub fn chosen(&self) -> EpochId {
        let mut at = self.root;
        while let Some(best) =
            self.children(&at).into_iter().find(|id| self.nodes.get(id).is_some_and(|child| child.fit))
        {
            at = best;
        }
        at
    }

    /// All devices that have a leaf somewhere in the tree.
    pub fn devices(&self) -> BTreeSet<DeviceId> {
        self.nodes.values().flat_map(|node| node.leaves.keys().copied()).collect()
    }

    /// Epochs with the epochs before them.
    pub fn pairs(&self) -> impl Iterator<Item = (&Node, &Node)> {
        self.nodes.values().filter_map(|node| Some((self.nodes.get(&node.parent?)?, node)))
    }

    /// Says whether an epoch is fit.
    pub fn set_fit(&mut self, id: &EpochId, fit: bool) {
        if let Some(node) = self.nodes.get_mut(id) {
            node.fit = fit;
        }
    }

    /// Whether this device may commit from the current epoch: it has not, or what it made there is not fit any more. An own commit
    /// that is not known here is no excuse: an old copy was put back, and its generation is spent.
    pub fn may_commit(&self) -> bool {
        self.may_commit_from(&self.tip)
    }

    fn may_commit_from(&self, id: &EpochId) -> bool {
        let mut own = self.nodes.values().filter(|node| node.parent == Some(*id) && node.own).peekable();
        let spent = self.nodes.get(id).is_some_and(|node| node.spent);
        !spent || (own.peek().is_some() && own.all(|node| !node.fit))
    }

    /// Makes the chosen epoch current; true if it was not.
    pub fn settle_on_chosen(&mut self) -> bool {
        let chosen = self.chosen();
        assert!(self.nodes.contains_key(&chosen), "the chosen epoch is in the tree");
        debug_assert!(
            self.pairs().all(|(parent, node)| parent.id() != chosen || !node.fit),
            "a tip has no child that is fit"
        );
        let before = core::mem::replace(&mut self.tip, chosen);
        self.rest();
        before != chosen
    }

    /// Puts to rest whatever is not current.
    fn rest(&mut self) {
        for node in self.nodes.values_mut().filter(|node| node.id() != self.tip) {
            node.session.rest();
            node.keys.forget_senders();
        }
    }

    /// Whether `id` follows from `ancestor`.
    pub fn descends(&self, id: &EpochId, ancestor: &EpochId) -> bool {
        let mut at = Some(*id);
        while let Some(epoch) = at {
            if epoch == *ancestor {
                return true;
            }
            at = self.nodes.get(&epoch).and_then(|node| node.parent);
        }
        false
    }

    /// Replaces the session of an epoch by one with a handshake generation spent, and notes that this device committed there.
    pub fn spend(&mut self, id: &EpochId, session: GroupSession) {
        assert!(
            self.may_commit_from(id),
            "INV-3: a device commits once from an epoch, unless that is not fit any more"
        );
        let node = self.nodes.get_mut(id).expect("what was prepared is in the tree");
        assert_eq!(session.epoch_id(), *id, "the same epoch");
        node.session = Resting::new(session);
        node.spent = true;
    }

    /// Notes that this device committed from the parent of this commit; says which epoch that is, unless it was noted before.
    pub fn retire(&mut self, commit: &[u8]) -> Option<EpochId> {
        let id = self.parent_of(commit)?.id();
        let node = self.nodes.get_mut(&id)?;
        (!core::mem::replace(&mut node.spent, true)).then_some(id)
    }

    /// Whether this commit began an epoch that is known here.
    pub fn holds(&self, commit: &[u8]) -> bool {
        self.trail.values().any(|trace| trace.commit == commit)
    }

    /// Names of the epochs that this device can follow from, the current one first, then newest first, at most `max`. What was
    /// left behind by a welcome stays readable, but nothing leads on from there any more.
    pub fn tags(&self, max: usize) -> Vec<EpochTag> {
        let mut nodes: Vec<&Node> =
            self.nodes.values().filter(|node| self.descends(&node.id(), &self.root)).collect();
        nodes.sort_by_key(|node| (node.id() != self.tip, Reverse(node.depth), node.commit_id));
        nodes.into_iter().take(max).map(|node| node.tag).collect()
    }

    /// An epoch by its tag.
    pub fn of_tag(&self, tag: &EpochTag) -> Option<&Node> {
        self.by_tag.get(tag).and_then(|id| self.nodes.get(id))
    }

    /// The rank of the current epoch as it is told to others: weight and commit.
    pub fn standing(&self) -> (u64, [u8; 32]) {
        (self.tip().weight, self.tip().commit_id.0)
    }

    /// Settles what is old: gives up epochs before the settled part of the current branch, and their lost siblings.
    pub fn prune(&mut self, now_ms: u64) -> Pruned {
        let mut path = vec![self.tip];
        while let Some(parent) = path.last().and_then(|id| self.nodes.get(id)).and_then(|node| node.parent) {
            if !self.nodes.contains_key(&parent) {
                break;
            }
            path.push(parent);
        }
        path.reverse();
        for next in path.iter().skip(1) {
            let settled =
                self.nodes.get(next).is_some_and(|node| now_ms.saturating_sub(node.seen_ms) > SETTLE_MS);
            if !settled && self.nodes.len() <= MAX_NODES {
                break;
            }
            self.root = *next;
            self.drop_strays();
        }
        assert!(
            self.nodes.contains_key(&self.root) && self.nodes.contains_key(&self.tip),
            "the current branch stays"
        );
        while self.trail.len() > MAX_TRAIL {
            let oldest =
                self.trail.iter().min_by_key(|(tag, trace)| (trace.depth, **tag)).map(|(tag, _)| *tag);
            let oldest = oldest.expect("longer than the limit");
            self.trail.remove(&oldest);
            self.gone.traces.push(oldest);
        }
        self.take_gone()
    }

    /// What was given up since this was asked last: whoever keeps the tree in a store deletes it there.
    pub fn take_gone(&mut self) -> Pruned {
        core::mem::take(&mut self.gone)
    }

    /// Drops every epoch that does not follow from the root, unless it is of a transplanted branch still within the limits.
    fn drop_strays(&mut self) {
        let mut kept = BTreeSet::from([self.root]);
        let mut open = vec![self.root];
        while let Some(at) = open.pop() {
            for child in self.children(&at) {
                kept.insert(child);
                open.push(child);
            }
        }
        let gone: Vec<EpochId> = self.nodes.keys().filter(|id| !kept.contains(id)).copied().collect();
        gone.iter().for_each(|id| self.uproot(id));
        self.gone.epochs.extend(gone);
    }

    /// Gives up a rival and what follows it, with the commits: a member that makes one after the other must not fill the trail.
    fn uproot_branch(&mut self, id: &EpochId) {
        for child in self.children(id) {
            self.uproot_branch(&child);
        }
        let Some(tag) = self.nodes.get(id).filter(|_| *id != self.tip).map(|node| node.tag) else { return };
        self.uproot(id);
        self.gone.epochs.push(*id);
        self.gone.traces.extend(self.trail.remove(&tag).map(|_| tag));
    }
}

/// What pruning gave up, to be deleted from the store.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pruned {
    /// Epochs.
    pub epochs: Vec<EpochId>,
    /// Commits of the trail.
    pub traces: Vec<EpochTag>,
}

#[cfg(test)]
mod tests;
