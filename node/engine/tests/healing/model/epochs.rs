//! Commits and branches as DESIGN 4 and `docs/adr/0013-which-branch-counts.md` tell them: from a set of facts to the one epoch that is current.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::log::{Ack, Id, Ids, Log, Op, Verdict};
use super::{Choice, Hash, Rules, Taint};

/// The epoch that everybody begins with.
pub const ROOT: Id = 0;

/// A commit, and the epoch that it begins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Commit {
    pub id: Id,
    pub parent: Id,
    /// The device that made it.
    pub author: Id,
    /// Heads of the log that it realises.
    pub heads: Vec<Id>,
    pub leaves: Ids,
}

/// An acknowledgement of a commit, with the rivals that its author had seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Word {
    pub device: Id,
    pub commit: Id,
    pub rivals: Ids,
}

/// Anything signed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact {
    Op(Op),
    Ack(Ack),
    Commit(Commit),
    Word(Word),
}

/// What a device knows.
pub struct Facts {
    pub log: Log,
    pub commits: BTreeMap<Id, Commit>,
    pub words: BTreeSet<Word>,
    /// The leaves of [`ROOT`].
    pub first: Ids,
    rules: Rules,
}

impl Facts {
    pub fn new<'a>(facts: impl IntoIterator<Item = &'a Fact>, first: &Ids, rules: Rules) -> Self {
        let (mut ops, mut acks) = (Vec::new(), Vec::new());
        let (mut commits, mut words) = (BTreeMap::new(), BTreeSet::new());
        for fact in facts {
            match fact {
                Fact::Op(op) => ops.push(op.clone()),
                Fact::Ack(ack) => acks.push(ack.clone()),
                Fact::Commit(commit) => {
                    commits.insert(commit.id, commit.clone());
                }
                Fact::Word(word) => {
                    words.insert(word.clone());
                }
            }
        }
        Self { log: Log::new(ops, acks, rules), commits, words, first: first.clone(), rules }
    }

    pub fn leaves(&self, epoch: Id) -> &Ids {
        self.commits.get(&epoch).map_or(&self.first, |commit| &commit.leaves)
    }

    pub fn parent(&self, epoch: Id) -> Option<Id> {
        self.commits.get(&epoch).map(|commit| commit.parent)
    }

    /// Does `epoch` follow from `from`, or is it the same?
    pub fn follows(&self, epoch: Id, from: Id) -> bool {
        epoch == from || self.parent(epoch).is_some_and(|parent| self.follows(parent, from))
    }

    /// Operations in the closure of the heads: fixed at birth.
    pub fn weight(&self, commit: &Commit) -> usize {
        self.log.closure(&commit.heads).map_or(0, |closure| closure.len())
    }

    /// Are its leaves the roster of the log at its heads?
    pub fn fits(&self, commit: &Commit) -> bool {
        let Some(scope) = self.log.closure(&commit.heads) else { return false };
        self.log.verdict_at(&scope).devices() == commit.leaves
    }

    /// All commits that fit, whatever their parents.
    pub fn fit(&self) -> Ids {
        self.commits.values().filter(|commit| self.fits(commit)).map(|commit| commit.id).collect()
    }

    /// From the first epoch on the best child that fits, while there is one.
    pub fn chosen(&self, fit: &Ids, verdict: &Verdict) -> Id {
        let mut at = ROOT;
        while let Some(best) = self.children(at, fit, verdict).first() {
            at = *best;
        }
        at
    }

    /// Where this device stands: as everybody, but a branch that ends without a leaf for it is not for it. A branch that takes its leaf
    /// and gives it another is: there is a welcome.
    pub fn stance(&self, device: Id, fit: &Ids, verdict: &Verdict) -> Option<Id> {
        self.stance_from(ROOT, device, fit, verdict)
    }

    fn stance_from(&self, at: Id, device: Id, fit: &Ids, verdict: &Verdict) -> Option<Id> {
        let children = self.children(at, fit, verdict);
        let further = children.into_iter().find_map(|child| self.stance_from(child, device, fit, verdict));
        further.or_else(|| self.leaves(at).contains(&device).then_some(at))
    }

    /// The children that count, best first.
    fn children(&self, at: Id, fit: &Ids, verdict: &Verdict) -> Vec<Id> {
        let sound = |id: &Id| self.rules.taint != Taint::Avoided || self.tainted(*id, verdict).is_empty();
        let children = self.commits.values().filter(|commit| commit.parent == at && fit.contains(&commit.id));
        let mut children: Vec<&Commit> = children.filter(|commit| sound(&commit.id)).collect();
        let mut order = Vec::new();
        while let Some(best) = self.best(&children) {
            children.retain(|commit| commit.id != best);
            order.push(best);
        }
        order
    }

    fn best(&self, children: &[&Commit]) -> Option<Id> {
        let still = |commit: &&&Commit| (Reverse(self.weight(commit)), commit.id);
        let best = children.iter().min_by_key(still)?.id;
        match self.rules.choice {
            Choice::Static => Some(best),
            Choice::Voices => {
                let voices =
                    |commit: &Commit| self.words.iter().filter(|word| word.commit == commit.id).count();
                children
                    .iter()
                    .min_by_key(|commit| (Reverse(voices(commit)), still(commit)))
                    .map(|commit| commit.id)
            }
            Choice::Anchored | Choice::AnchoredByChild => {
                let beats = |a: &Commit, b: &Commit| match (self.anchored(a, b), self.anchored(b, a)) {
                    (true, false) => true,
                    (false, true) => false,
                    _ => still(&&a) < still(&&b),
                };
                let first = children.iter().find(|a| children.iter().all(|b| a.id == b.id || beats(a, b)));
                Some(first.map_or(best, |commit| commit.id))
            }
        }
    }

    /// Did more than half of the accounts acknowledge `a`, or what follows from it, without having seen `b`? Who made it has.
    pub fn anchored(&self, a: &Commit, b: &Commit) -> bool {
        let all = self.log.all();
        let account = |device: &Id| self.log.owner(&all, *device);
        let child = self.rules.choice == Choice::AnchoredByChild;
        let electorate = if child { &a.leaves } else { self.leaves(a.parent) };
        let electorate: Ids = electorate.iter().filter_map(account).collect();
        let counts = |word: &&Word| {
            self.follows(word.commit, a.id)
                && (!self.rules.only_unaware_count || !word.rivals.contains(&b.id))
        };
        let voices = self.words.iter().filter(counts).map(|word| word.device).chain([a.author]);
        let voices: Ids =
            voices.filter_map(|device| account(&device)).filter(|who| electorate.contains(who)).collect();
        2 * voices.len() > electorate.len()
    }

    /// Pairs of rivals of which the first is anchored.
    pub fn anchors(&self) -> BTreeSet<(Id, Id)> {
        if !matches!(self.rules.choice, Choice::Anchored | Choice::AnchoredByChild) {
            return BTreeSet::new();
        }
        let rivals = |a: &Commit, b: &Commit| a.id != b.id && a.parent == b.parent;
        let of = |a| {
            self.commits.values().filter(move |b| rivals(a, b) && self.anchored(a, b)).map(|b| (a.id, b.id))
        };
        self.commits.values().flat_map(of).collect()
    }

    /// Leaves of an epoch that the log removes.
    pub fn tainted(&self, epoch: Id, verdict: &Verdict) -> Ids {
        self.leaves(epoch).difference(&verdict.devices()).copied().collect()
    }

    /// The leaves that the next epoch should have, if not those of this one.
    pub fn plan(&self, epoch: Id, verdict: &Verdict) -> Option<Ids> {
        let mut wanted = verdict.devices();
        if self.rules.taint == Taint::Ignored {
            wanted.extend(self.leaves(epoch));
        }
        (wanted != *self.leaves(epoch)).then_some(wanted)
    }

    /// May this device commit from there: it has a leaf, and has not done so before.
    pub fn may_commit(&self, device: Id, epoch: Id, fit: &Ids) -> bool {
        let own = self.commits.values().filter(|commit| commit.author == device && commit.parent == epoch);
        let counted = own.filter(|commit| !self.rules.again_when_unfit || fit.contains(&commit.id)).count();
        self.leaves(epoch).contains(&device) && counted == 0
    }

    /// The commit that a device with this knowledge makes from there.
    pub fn commit(&self, device: Id, epoch: Id, leaves: Ids, salt: u64) -> Commit {
        let heads = self.log.heads();
        let hash =
            Hash::new(salt).words([epoch, device]).words(heads.iter().copied()).words(leaves.iter().copied());
        Commit { id: hash.id(), parent: epoch, author: device, heads, leaves }
    }

    /// The acknowledgement of an epoch, and by that of all before it, by a device that knows this: it names the rivals of each.
    pub fn word(&self, device: Id, epoch: Id) -> Word {
        let beside = |other: &&Commit| {
            other.parent != epoch && self.follows(epoch, other.parent) && !self.follows(epoch, other.id)
        };
        let rivals = self.commits.values().filter(beside);
        Word { device, commit: epoch, rivals: rivals.map(|other| other.id).collect() }
    }
}
