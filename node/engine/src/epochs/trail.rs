//! The trail: the commits that led to the epochs, and whom they lead where. They are opaque here; whoever holds the epoch that one begins
//! from can judge it.

use core::cmp::Reverse;
use std::collections::BTreeSet;

use halloo_crypto::group::{EpochTag, peek_epoch};
use halloo_crypto::id::DeviceId;

use super::{Epochs, MAX_COMMIT_BYTES, MAX_NODES, MAX_TRAIL, Node, TRAIL_HANDED_BYTES, Trace, commit_name};
use crate::wire::bundle::TRAIL_HANDED;

impl Epochs {
    /// Whether a device with these epochs (its current one first) stands on a branch that has lost: we know its epoch, the rule
    /// chose another, and nothing leads it from any of them to ours.
    pub fn outranks(&self, tags: &[EpochTag], device: &DeviceId) -> bool {
        tags.first().is_some_and(|theirs| self.by_tag.contains_key(theirs)) && !self.leads_here(tags, device)
    }

    /// Whether a device with these epochs and this rank has to come over to our branch: the rule says so, or neither knows the
    /// other's epoch and its rank is the lower one.
    pub fn strands(&self, tags: &[EpochTag], device: &DeviceId, rank: (u64, [u8; 32])) -> bool {
        let own = (Reverse(self.tip().weight), self.tip().commit_id.0);
        let below = !tags.is_empty() && !self.leads_here(tags, device) && own < (Reverse(rank.0), rank.1);
        self.outranks(tags, device) || below
    }

    /// The commits that lead a peer with these epochs to ours, parents first.
    pub fn commits_after(&self, tags: &[EpochTag]) -> Vec<Vec<u8>> {
        let mut known: BTreeSet<EpochTag> = tags.iter().copied().collect();
        let mut order: Vec<(&EpochTag, &Trace)> = self.trail.iter().collect();
        order.sort_by_key(|(tag, trace)| (trace.depth, **tag));
        let mut commits = Vec::new();
        for (tag, trace) in order {
            let follows = peek_epoch(&trace.commit).is_some_and(|parent| known.contains(&parent));
            if follows && known.insert(*tag) {
                commits.push(trace.commit.clone());
            }
        }
        commits
    }

    /// Whether any of these epochs leads this device to the current one by commits that are kept here. A commit that puts it out
    /// or gives it another leaf leads it nowhere: whoever is added again comes by a welcome. A device without a leaf in the
    /// current epoch is asked for the commits only: there is no welcome yet that it could come by.
    pub fn leads_here(&self, tags: &[EpochTag], device: &DeviceId) -> bool {
        let mut at = self.tip().tag;
        let leaf = self.tip().leaves.get(device);
        // Others hand trails over, and one that bites its own tail has no end.
        for _ in 0..=MAX_TRAIL {
            if tags.contains(&at) {
                return true;
            }
            let parent = self.trail.get(&at).and_then(|trace| peek_epoch(&trace.commit));
            let Some(parent) = parent else { return false };
            let other = |before: &Node| leaf.is_some() && before.leaves.get(device) != leaf;
            if self.of_tag(&parent).is_some_and(other) {
                return false;
            }
            at = parent;
        }
        false
    }

    /// Whether this epoch of a welcome and one that led to the current one begin from one parent, by the trail, and the rule ranks
    /// the latter first: two made the commit that was due, and each sent a welcome.
    pub fn came_second(&self, node: &Node) -> bool {
        let before = |tag: &EpochTag| self.trail.get(tag).and_then(|trace| peek_epoch(&trace.commit));
        let Some(parent) = before(&node.tag) else { return false };
        let mut at = self.tip().tag;
        // Others hand trails over, and one that bites its own tail has no end.
        for _ in 0..MAX_TRAIL {
            let Some(from) = before(&at) else { break };
            if from == parent {
                return self.of_tag(&at).is_some_and(|rival| rival.rank() < node.rank());
            }
            at = from;
        }
        false
    }

    /// The newest of these commits that led to the current epoch, by the hash of their bytes, and the epoch that it began. Looked for
    /// among as many as an epoch tree holds.
    pub fn begun_by(&self, commits: &[[u8; 32]]) -> Option<([u8; 32], EpochTag)> {
        let mut at = self.tip().tag;
        for _ in 0..MAX_NODES {
            let trace = self.trail.get(&at)?;
            let hash = commit_name(&trace.commit);
            if commits.contains(&hash) {
                return Some((hash, at));
            }
            at = peek_epoch(&trace.commit)?;
        }
        None
    }

    /// The commit that began an epoch.
    pub fn commit_of(&self, tag: &EpochTag) -> Option<&[u8]> {
        self.trail.get(tag).map(|trace| trace.commit.as_slice())
    }

    /// The trail entry of an epoch as the store keeps it: depth, then the commit.
    pub fn trace_bytes(&self, tag: &EpochTag) -> Option<Vec<u8>> {
        let trace = self.trail.get(tag)?;
        Some([&trace.depth.to_be_bytes(), trace.commit.as_slice()].concat())
    }

    /// The commits that led to the current epoch, the newest first, as a newcomer is handed them: tag of the epoch that each
    /// began, depth, commit.
    pub fn trail(&self) -> Vec<Vec<u8>> {
        self.trail_within(TRAIL_HANDED_BYTES)
    }

    /// As [`Self::trail`], in fewer bytes.
    pub fn trail_within(&self, bytes: usize) -> Vec<Vec<u8>> {
        let mut handed = Vec::new();
        let (mut at, mut left) = (self.tip().tag, bytes);
        while let Some(trace) = self.trail.get(&at).filter(|_| handed.len() < TRAIL_HANDED) {
            let step = [at.as_slice(), &trace.depth.to_be_bytes(), &trace.commit].concat();
            if step.len() > left {
                break;
            }
            left -= step.len();
            handed.push(step);
            let Some(parent) = peek_epoch(&trace.commit) else { break };
            at = parent;
        }
        handed
    }

    /// Takes in what [`Self::trail`] of another member gave; gives the tags that are new. They are opaque here: whoever has an
    /// epoch that they lead from judges them.
    pub fn lay(&mut self, trail: &[Vec<u8>]) -> Vec<EpochTag> {
        let mut laid = Vec::new();
        for step in trail.iter().take(TRAIL_HANDED) {
            let Some((tag, rest)) = step.split_first_chunk::<8>() else { continue };
            let Some((depth, commit)) = rest.split_first_chunk::<8>() else { continue };
            let sized = commit.len() <= MAX_COMMIT_BYTES && self.trail.len() < MAX_TRAIL;
            if sized && peek_epoch(commit).is_some() && !self.trail.contains_key(tag) {
                let trace = Trace { depth: u64::from_be_bytes(*depth), commit: commit.to_vec() };
                self.trail.insert(*tag, trace);
                laid.push(*tag);
            }
        }
        assert!(self.trail.len() <= MAX_TRAIL, "INV-6: bounded where it grows");
        laid
    }
}
