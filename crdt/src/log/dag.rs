//! The graph of operations with an index that answers "is a before b" at once.
//!
//! Chain decomposition (Jagadish, "A compression technique to materialize transitive closure", 1990), grown greedily:
//! an operation that follows the last one of a chain extends it, else it begins a chain. A [`Past`] counts, per chain,
//! how many of its operations lie in a closure; a group that talks in turn needs one chain, a partition one a side.
//! Numbers of nodes and chains depend on the order of arrival, so they never leave the log.

use std::collections::{BTreeMap, BTreeSet};

use halloo_crypto::id::{AccountId, OpId};

use super::op::{OpKind, SignedOp};

/// Number of an operation in order of arrival; parents have lower numbers.
pub(super) type Node = usize;

/// A downward-closed set of operations: per chain, how many from its beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Past(Vec<u32>);

impl Past {
    fn count(&self, chain: usize) -> u32 {
        self.0.get(chain).copied().unwrap_or(0)
    }

    /// The union.
    pub(super) fn join(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        assert!(self.0.len() >= other.0.len(), "no chain of the other is left out");
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine = (*mine).max(*theirs);
        }
    }

    /// Is all of the other in it?
    fn holds(&self, other: &Self) -> bool {
        other.0.iter().enumerate().all(|(chain, count)| self.count(chain) >= *count)
    }

    /// How many operations.
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|count| *count as usize).sum()
    }
}

#[derive(Clone, Debug)]
struct Entry {
    op: SignedOp,
    account: AccountId,
    chain: usize,
    position: u32,
    /// The closure, itself included.
    closure: Past,
}

/// All operations whose parents are here.
#[derive(Clone, Debug, Default)]
pub(super) struct Dag {
    entries: Vec<Entry>,
    nodes: BTreeMap<OpId, Node>,
    /// Length of every chain.
    chains: Vec<u32>,
    heads: BTreeSet<OpId>,
    /// What each account signed, in order of arrival.
    signed: BTreeMap<AccountId, Vec<Node>>,
    /// Adds by invite, whether they stand or not, per account added: (Add, Invite).
    uses: BTreeMap<AccountId, Vec<(Node, Node)>>,
    /// Operations that may beat concurrent ones: Removes, demotions, revocations.
    strikes: Vec<Node>,
}

impl Dag {
    /// Appends an operation signed by a device of `account`. All parents must be here, the operation must not.
    pub(super) fn push(&mut self, op: SignedOp, account: AccountId) -> Node {
        assert!(!self.nodes.contains_key(&op.id()), "each operation once");
        let mut closure = Past::default();
        let mut chain = None;
        for parent in op.parents() {
            let entry = &self.entries[self.nodes[parent]];
            assert!(entry.op.seq() < op.seq(), "a parent is lower");
            closure.join(&entry.closure);
            let last = entry.position + 1 == self.chains[entry.chain];
            if last && chain.is_none_or(|chain| entry.chain < chain) {
                chain = Some(entry.chain);
            }
            self.heads.remove(parent);
        }
        let chain = chain.unwrap_or_else(|| {
            self.chains.push(0);
            self.chains.len() - 1
        });
        let position = self.chains[chain];
        self.chains[chain] += 1;
        if closure.0.len() <= chain {
            closure.0.resize(chain + 1, 0);
        }
        assert_eq!(closure.0[chain], position, "what extends a chain follows all of it");
        closure.0[chain] = position + 1;
        let node = self.entries.len();
        self.heads.insert(op.id());
        self.nodes.insert(op.id(), node);
        self.signed.entry(account).or_default().push(node);
        match op.kind() {
            OpKind::Add { account: added, invite: Some(used), .. } => {
                if let Some(invite) = self.node(&used.invite) {
                    self.uses.entry(*added).or_default().push((node, invite));
                }
            }
            OpKind::Remove { .. } | OpKind::SetRole { .. } | OpKind::DeviceRevoke { .. } => {
                self.strikes.push(node);
            }
            _ => {}
        }
        assert!(closure.len() <= node + 1, "a closure holds nothing that is not here");
        self.entries.push(Entry { op, account, chain, position, closure });
        assert_eq!(self.entries.len(), self.nodes.len(), "one entry a name");
        node
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn node(&self, id: &OpId) -> Option<Node> {
        self.nodes.get(id).copied()
    }

    pub(super) fn op(&self, node: Node) -> &SignedOp {
        &self.entries[node].op
    }

    /// The account of the author.
    pub(super) fn account(&self, node: Node) -> AccountId {
        self.entries[node].account
    }

    /// The closure of one operation, itself included.
    pub(super) fn closure(&self, node: Node) -> &Past {
        &self.entries[node].closure
    }

    /// The closure of `heads`, or the first that is not here.
    pub(super) fn closure_of(&self, heads: &[OpId]) -> Result<Past, OpId> {
        let mut all = Past::default();
        for head in heads {
            all.join(self.closure(self.node(head).ok_or(*head)?));
        }
        Ok(all)
    }

    pub(super) fn contains(&self, past: &Past, node: Node) -> bool {
        let entry = &self.entries[node];
        past.count(entry.chain) > entry.position
    }

    /// Does `a` lie strictly before `b`?
    pub(super) fn precedes(&self, a: Node, b: Node) -> bool {
        a != b && self.contains(self.closure(b), a)
    }

    /// Neither before the other, nor the same.
    pub(super) fn concurrent(&self, a: Node, b: Node) -> bool {
        a != b && !self.precedes(a, b) && !self.precedes(b, a)
    }

    /// Is anything concurrent with `node`?
    pub(super) fn disputed(&self, node: Node) -> bool {
        (0..self.entries.len()).any(|other| self.concurrent(node, other))
    }

    /// Is anything in this past concurrent with a strike in it?
    pub(super) fn quarrel_in(&self, past: &Past) -> bool {
        let mut strikes = self.strikes.iter().copied().filter(|node| self.contains(past, *node));
        strikes.any(|strike| {
            let mut all = 0..self.entries.len();
            all.any(|other| self.contains(past, other) && self.concurrent(strike, other))
        })
    }

    /// What lies outside this past, if all of it follows all of the past.
    pub(super) fn sequel(&self, past: &Past) -> Option<Vec<Node>> {
        let sequel: Vec<Node> = (0..self.len()).filter(|node| !self.contains(past, *node)).collect();
        sequel.iter().all(|node| self.closure(*node).holds(past)).then_some(sequel)
    }

    /// The operations of a past in the one order.
    pub(super) fn ranked(&self, past: &Past) -> Vec<Node> {
        let mut nodes: Vec<Node> = (0..self.len()).filter(|node| self.contains(past, *node)).collect();
        nodes.sort_unstable_by_key(|node| self.rank(*node));
        assert_eq!(nodes.len(), past.len(), "a closure is complete");
        nodes
    }

    /// The place in the one order that every replica shares: a parent comes before its children.
    pub(super) fn rank(&self, node: Node) -> (u64, OpId) {
        let op = self.op(node);
        (op.seq(), op.id())
    }

    /// The closure of all heads.
    pub(super) fn everything(&self) -> Past {
        Past(self.chains.clone())
    }

    /// What an account signed.
    pub(super) fn signed_by(&self, account: &AccountId) -> &[Node] {
        self.signed.get(account).map_or(&[], Vec::as_slice)
    }

    /// Adds by invite of an account, with the invites.
    pub(super) fn uses_by(&self, account: &AccountId) -> &[(Node, Node)] {
        self.uses.get(account).map_or(&[], Vec::as_slice)
    }

    /// All Adds by invite, with the invites.
    pub(super) fn uses(&self) -> impl Iterator<Item = (Node, Node)> {
        self.uses.values().flatten().copied()
    }

    /// Removes, SetRoles and DeviceRevokes.
    pub(super) fn strikes(&self) -> &[Node] {
        &self.strikes
    }

    pub(super) fn heads(&self) -> &BTreeSet<OpId> {
        &self.heads
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &OpId> {
        self.nodes.keys()
    }
}

#[cfg(test)]
mod tests;
