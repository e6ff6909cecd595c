//! Anchors: who acknowledged a branch before it had seen a rival, and which of two rivals that decides.
//!
//! ```text
//!   p ---- a ---- a2 ---- tip      Ben signs "tip, and I have seen none of its rivals": that counts for tip, a2 and a
//!     \--- x                       x comes a day later, heavier: a is anchored over it if more than half of the accounts of p said so
//! ```
//!
//! A word about an epoch counts for every epoch before it. Its author names the rivals of all of them that it had seen; against those
//! it does not count. Nothing that follows the choice feeds it, or devices would come back to branches that they left.

use std::collections::{BTreeMap, BTreeSet};

use halloo_crypto::id::{AccountId, DeviceId, EpochId};

use super::{Epochs, Node};

/// Somebody's acknowledgement of an epoch, named by the commit that began it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    /// Of whom.
    pub account: AccountId,
    /// Which epoch.
    pub commit: [u8; 32],
    /// The rivals of its branch that its author had seen. None from who signed two: its past counts as empty, so that no third word
    /// can take anything back.
    pub rivals: Vec<[u8; 32]>,
}

/// All that is known of who acknowledged what.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Voices {
    /// The words.
    pub said: Vec<Said>,
    /// Whose the devices in the tree are, also of those who are out by now.
    pub accounts: BTreeMap<DeviceId, AccountId>,
}

impl Epochs {
    /// The epoch that a commit began.
    pub fn of_commit(&self, commit: &[u8; 32]) -> Option<&Node> {
        self.nodes.values().find(|node| node.commit_id.0 == *commit)
    }

    /// The rivals of the current epoch and of all before it, by their commits.
    pub fn rivals_of_branch(&self) -> Vec<[u8; 32]> {
        let beside = |node: &&Node| {
            let before = |parent: &EpochId| *parent != self.tip && self.descends(&self.tip, parent);
            node.parent.is_some_and(|parent| before(&parent)) && !self.descends(&self.tip, &node.id())
        };
        self.nodes.values().filter(beside).map(|node| node.commit_id.0).collect()
    }

    /// Takes in who acknowledged what; true if that anchored another rival, or one less.
    pub fn set_voices(&mut self, voices: Voices) -> bool {
        if self.voices == voices {
            return false;
        }
        self.voices = voices;
        let parents: BTreeSet<EpochId> = self.nodes.values().filter_map(|node| node.parent).collect();
        let mut changed = false;
        for parent in parents {
            changed |= self.weigh(&parent);
        }
        changed
    }

    /// Whether there are rivals in the tree.
    pub fn is_forked(&self) -> bool {
        let mut parents = BTreeSet::new();
        self.nodes.values().filter_map(|node| node.parent).any(|parent| !parents.insert(parent))
    }

    /// Whether any rival in the tree is anchored.
    pub fn has_anchors(&self) -> bool {
        self.nodes.values().any(|node| !node.anchored_over.is_empty())
    }

    /// Whether more than half of the accounts of the epoch before acknowledged the current one, or what follows from it.
    pub fn tip_is_acknowledged(&self) -> bool {
        let parent = self.tip().parent.and_then(|parent| self.nodes.get(&parent));
        parent.is_none_or(|parent| self.voices_for(parent, self.tip(), None))
    }

    /// Looks again at every fork before an epoch that is new: there may be words about it already.
    pub(super) fn weigh_down_to(&mut self, id: EpochId) {
        let mut at = Some(id);
        while let Some(parent) = at.and_then(|epoch| self.nodes.get(&epoch)).and_then(|node| node.parent) {
            self.weigh(&parent);
            at = Some(parent);
        }
    }

    /// Looks again which children of an epoch are anchored over which.
    pub(super) fn weigh(&mut self, parent: &EpochId) -> bool {
        let children: Vec<&Node> = self.nodes.values().filter(|node| node.parent == Some(*parent)).collect();
        let Some(before) = self.nodes.get(parent).filter(|_| children.len() > 1) else { return false };
        let mut anchors: BTreeMap<EpochId, BTreeSet<EpochId>> = BTreeMap::new();
        for a in &children {
            let rivals = children.iter().filter(|b| b.id() != a.id());
            let over = rivals.filter(|b| self.voices_for(before, a, Some(b))).map(|b| b.id()).collect();
            anchors.insert(a.id(), over);
        }
        let mut changed = false;
        for (id, over) in anchors {
            if let Some(node) = self.nodes.get_mut(&id).filter(|node| node.anchored_over != over) {
                node.anchored_over = over;
                changed = true;
            }
        }
        changed
    }

    /// Do more than half of the accounts of `parent` stand behind `a`, not counting who had seen `b`? Who made it does.
    fn voices_for(&self, parent: &Node, a: &Node, b: Option<&Node>) -> bool {
        let account = |device: &DeviceId| self.voices.accounts.get(device).copied();
        let electorate: BTreeSet<AccountId> = parent.leaves.keys().filter_map(account).collect();
        let counts = |said: &&Said| {
            let behind = self.of_commit(&said.commit).is_some_and(|node| self.descends(&node.id(), &a.id()));
            behind && !b.is_some_and(|b| said.rivals.contains(&b.commit_id.0))
        };
        let said = self.voices.said.iter().filter(counts).map(|said| said.account);
        let voices: BTreeSet<AccountId> = said
            .chain(a.committer.and_then(|device| account(&device)))
            .filter(|who| electorate.contains(who))
            .collect();
        assert!(voices.len() <= electorate.len(), "only those of the parent count");
        2 * voices.len() > electorate.len()
    }
}

/// Rivals, sorted by rank, in the order in which they count: an anchored one goes before one that is not.
pub(super) fn ordered(mut rivals: Vec<&Node>) -> Vec<&Node> {
    if rivals.iter().all(|node| node.anchored_over.is_empty()) {
        return rivals;
    }
    let beats =
        |a: &Node, b: &Node| match (a.anchored_over.contains(&b.id()), b.anchored_over.contains(&a.id())) {
            (true, false) => true,
            (false, true) => false,
            _ => a.rank() < b.rank(),
        };
    let mut order = Vec::new();
    while !rivals.is_empty() {
        // Anchors over three rivals may go round in a circle; then rank decides.
        let first = rivals.iter().position(|a| rivals.iter().all(|b| a.id() == b.id() || beats(a, b)));
        order.push(rivals.remove(first.unwrap_or(0)));
        assert!(order.len() <= super::MAX_RIVALS + 1, "rivals are bounded where they are inserted");
    }
    order
}

#[cfg(test)]
mod tests;
