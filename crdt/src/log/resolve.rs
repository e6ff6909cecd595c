//! Which Removes, demotions and revocations win where they meet what is concurrent with them.
//!
//! A *strike* beats the concurrent acts of the one it hits. Strikes can hit each other, directly (A removes B while B
//! removes A) or through what the other rests on (B makes C an owner, C removes A), so the winners are found in rounds:
//!
//! 1. Sweep with what is decided so far. Done when no undecided strike that stands hits anything that stands.
//! 2. *Anchors first.* A Remove that more than half of the accounts before it have acknowledged, unaware of anything that
//!    hits it, wins for good, and what the removed did that more than half had not seen is void. Of anchored Removes of
//!    which one would make another fall: the one with more acknowledgements among the accounts that stood before all of
//!    them, then the senior.
//! 3. For each undecided strike: which others fall if it wins (a trial sweep). One that would undo a decided winner
//!    loses. In the graph of who makes whom fall, every strike that no other endangers wins; in a ring that nobody
//!    outside endangers the senior wins: by role, first grant, account, then rank.
//!
//! Everything is a function of the set of operations and rows. A new anchor starts over without the winners of step 3;
//! every other round decides at least one strike, so it ends.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use halloo_crypto::id::{AccountId, DeviceId, OpId};

use super::board::{Board, Fact, Word};
use super::dag::{Dag, Node, Past};
use super::evaluate::{Anchor, Decided, Sweep, Winner};
use super::op::{OpKind, Role};
use super::roster::{FirstGrant, Roster, VoidReason};
use super::standing::Standing;

/// Most strikes weighed against each other in one round, the senior ones first: a real quarrel has two or three, and a
/// round costs a sweep for each.
const MAX_WEIGHED: usize = 64;

/// Seniority, the senior smaller.
type Seniority = (Reverse<Role>, Option<FirstGrant>, AccountId, (u64, OpId));

/// What the log says.
#[derive(Clone, Debug)]
pub(super) struct Evaluation {
    scope: Past,
    decided: Decided,
    sweep: Sweep,
    /// Some acknowledgement names heads that are not here yet.
    waiting: bool,
}

impl Evaluation {
    /// Evaluates the closure `scope`, or everything.
    pub(super) fn of(dag: &Dag, board: &Board, scope: Option<&Past>) -> Self {
        let scope = scope.cloned().unwrap_or_else(|| dag.everything());
        let mut rounds = Rounds {
            dag,
            board,
            nodes: dag.ranked(&scope),
            decided: Decided::default(),
            refused: BTreeSet::new(),
            waiting: false,
        };
        let sweep = rounds.run();
        Self { scope, decided: rounds.decided, sweep, waiting: rounds.waiting }
    }

    /// Takes in one more operation; false when that needs a whole evaluation. What follows everything is concurrent
    /// with nothing, so no decision changes.
    pub(super) fn extend(&mut self, dag: &Dag, node: Node) -> bool {
        if self.waiting || dag.closure(node).len() != dag.len() {
            return false;
        }
        self.scope = dag.closure(node).clone();
        self.sweep.push(dag, node, &self.decided);
        true
    }

    /// The roster.
    pub(super) fn roster(&self, dag: &Dag) -> Roster {
        self.sweep.standing.roster(dag, &self.scope)
    }

    /// The roster of a past, with what this evaluation of everything has decided where that is all that there is to decide: one sweep
    /// instead of one for each trial. `None` where it is not known to be the same.
    pub(super) fn roster_at(&self, dag: &Dag, board: &Board, past: &Past) -> Option<Roster> {
        // Of more strikes not all are weighed in one round, and to look for what is beside each would cost as much as it saves.
        if dag.strikes().len() > MAX_WEIGHED {
            return None;
        }
        let none = Decided::default();
        // Where nothing is beside a strike, none hits anything.
        let decided = if dag.quarrel_in(past) { self.decided_in(dag, board, past)? } else { &none };
        Some(Sweep::over(dag, &dag.ranked(past), decided).standing.roster(dag, past))
    }

    /// What is decided within a past if nothing outside it had a part in that: as [`Self::extend`], seen from behind.
    fn decided_in(&self, dag: &Dag, board: &Board, past: &Past) -> Option<&Decided> {
        let sequel = dag.sequel(past).filter(|_| !self.waiting)?;
        let strikes = dag.strikes().iter().any(|strike| !dag.contains(past, *strike));
        // The word of a device that was let in later says nothing there.
        let later: BTreeSet<DeviceId> = sequel
            .iter()
            .flat_map(|node| dag.op(*node).grants())
            .map(|grant| grant.certificate.device)
            .collect();
        let spoke = !later.is_empty() && board.rows().any(|row| later.contains(&row.device()));
        (!strikes && !spoke).then_some(&self.decided)
    }

    pub(super) fn void(&self, node: Node) -> Option<VoidReason> {
        self.sweep.void.get(&node).copied()
    }

    pub(super) fn standing(&self) -> &Standing {
        &self.sweep.standing
    }
}

struct Rounds<'a> {
    dag: &'a Dag,
    board: &'a Board,
    /// In rank order.
    nodes: Vec<Node>,
    decided: Decided,
    /// Removes with a majority that would have undone an anchored one.
    refused: BTreeSet<Node>,
    waiting: bool,
}

impl Rounds<'_> {
    fn run(&mut self) -> Sweep {
        // Every round but the last decides one strike or starts over with one more anchor.
        let strikes = self.dag.strikes().len();
        let most_rounds = (strikes + 1) * (strikes + 1) + 1;
        for _ in 0..most_rounds {
            let sweep = Sweep::over(self.dag, &self.nodes, &self.decided);
            if self.anchor(&sweep) {
                continue;
            }
            if !self.weigh(&sweep) {
                return sweep;
            }
        }
        unreachable!("each round decides something");
    }

    fn in_scope(&self, node: Node, sweep: &Sweep) -> bool {
        sweep.judged(node) && !sweep.void.contains_key(&node)
    }

    /// Undecided strikes that stand.
    fn strikes<'s>(&'s self, sweep: &'s Sweep) -> impl Iterator<Item = Node> + 's {
        let strikes = self.dag.strikes().iter().copied();
        strikes.filter(|node| self.in_scope(*node, sweep))
    }

    fn seniority(&self, sweep: &Sweep, node: Node) -> Seniority {
        let account = self.dag.account(node);
        let past = self.before(node);
        let role = sweep.standing.role(self.dag, &past, &account);
        (
            Reverse(role.expect("the author of what stands is a member")),
            sweep.standing.first_grant(self.dag, &account),
            account,
            self.dag.rank(node),
        )
    }

    /// The closure of the parents.
    fn before(&self, node: Node) -> Past {
        let parents = self.dag.op(node).parents();
        self.dag.closure_of(parents).expect("the parents of what is filed are filed")
    }

    // -- step 2 ---------------------------------------------------------------------------------------------------

    /// Decides the next anchored Removes; true when there was one.
    fn anchor(&mut self, sweep: &Sweep) -> bool {
        let mut found: Vec<Winner> = Vec::new();
        let mut removes: Vec<Node> = self
            .strikes(sweep)
            .filter(|node| !self.decided.anchored(*node) && !self.refused.contains(node))
            .collect();
        removes.sort_unstable_by_key(|node| self.dag.rank(*node));
        for node in removes {
            if let Some(anchor) = self.anchor_of(sweep, node)
                && !self.challenged(sweep, node, &anchor)
            {
                found.push(Winner { node, anchor: Some(anchor) });
            }
        }
        let falls = self.falls(sweep, &found);
        let Some(best) = self.best(sweep, &found, &falls) else {
            return false;
        };
        let (free, _) = free_of_conflict(&found, &falls);
        let chosen: Vec<Winner> = if free.is_empty() { vec![best] } else { free };
        let mut kept: Vec<Winner> = self.decided.winners.clone();
        kept.retain(|winner| winner.anchor.is_some());
        let mut fresh = false;
        for winner in chosen {
            let node = winner.node;
            let mut trial = Decided { winners: kept.clone(), losers: BTreeMap::new() };
            trial.winners.push(winner);
            let swept = Sweep::over(self.dag, &self.nodes, &trial);
            let undone = trial.winners.iter().any(|w| swept.void.contains_key(&w.node));
            if undone {
                self.refused.insert(node);
            } else {
                kept = trial.winners;
                fresh = true;
            }
        }
        if fresh {
            self.decided = Decided { winners: kept, losers: BTreeMap::new() };
        }
        // A refusal is progress too: that Remove is not looked at again.
        true
    }

    /// The acknowledgements of a Remove, if they anchor it.
    fn anchor_of(&mut self, sweep: &Sweep, node: Node) -> Option<Anchor> {
        let op = self.dag.op(node);
        let OpKind::Remove { account: removed } = op.kind() else {
            return None;
        };
        let author = self.dag.account(node);
        if author == *removed {
            return None;
        }
        let electorate = sweep.standing.members(self.dag, &self.before(node));
        let mut pasts: BTreeMap<AccountId, Vec<Past>> = BTreeMap::new();
        // Who signs a Remove has seen it; his word is the operation.
        pasts.insert(author, vec![self.dag.closure(node).clone()]);
        for (device, word) in self.board.words(&Fact::Remove(op.id())) {
            let Some(account) = sweep.standing.account_of(device) else {
                continue;
            };
            if account == *removed || !electorate.contains(&account) {
                continue;
            }
            if let Some(past) = self.past_of(word, node) {
                pasts.entry(account).or_default().push(past);
            }
        }
        let anchor = Anchor { electorate, pasts };
        let voters = anchor.pasts.keys();
        assert!(voters.clone().all(|account| anchor.electorate.contains(account)), "only members vote");
        anchor.holds().then_some(anchor)
    }

    /// Does a strike that stands hit this Remove, one that too many had seen when they acknowledged? Then the two are
    /// weighed like any others first.
    fn challenged(&self, sweep: &Sweep, remove: Node, anchor: &Anchor) -> bool {
        self.strikes(sweep).any(|strike| {
            self.dag.concurrent(strike, remove)
                && sweep.hits(self.dag, strike, remove)
                && !anchor.excludes(self.dag, strike)
        })
    }

    /// What the device had surely seen when it acknowledged; of a liar, nothing.
    fn past_of(&mut self, word: &Word, remove: Node) -> Option<Past> {
        let Some(row) = word.row() else {
            return Some(Past::default());
        };
        match self.dag.closure_of(row.heads()) {
            Ok(past) => self.dag.contains(&past, remove).then_some(past),
            Err(_) => {
                self.waiting = true;
                None
            }
        }
    }

    /// Which of these anchored Removes would make which others fall, by what they settle and beat or through what the others
    /// rest on: he whom most removed may have brought in, backdated, people who anchor something among themselves.
    fn falls(&self, sweep: &Sweep, found: &[Winner]) -> BTreeSet<(Node, Node)> {
        let mut falls = BTreeSet::new();
        for winner in found.iter().filter(|winner| self.hits_something(sweep, winner.node)) {
            let mut trial = self.decided.clone();
            trial.winners.retain(|winner| winner.anchor.is_some());
            trial.losers.clear();
            trial.winners.push(winner.clone());
            let swept = Sweep::over(self.dag, &self.nodes, &trial);
            let fallen = found.iter().map(|other| other.node).filter(|other| swept.void.contains_key(other));
            falls.extend(fallen.map(|other| (winner.node, other)));
        }
        falls
    }

    /// Of anchored Removes of which one would make another fall, the one to decide first.
    fn best(&self, sweep: &Sweep, found: &[Winner], falls: &BTreeSet<(Node, Node)>) -> Option<Winner> {
        let (free, quarrel) = free_of_conflict(found, falls);
        let among = if quarrel.is_empty() { free } else { quarrel };
        let anchors = || among.iter().filter_map(|winner| winner.anchor.as_ref());
        let common = anchors()
            .map(|anchor| anchor.electorate.clone())
            .reduce(|a, b| a.intersection(&b).copied().collect())?;
        let voices = |winner: &Winner| {
            winner.anchor.as_ref().map_or(0, |anchor| {
                let voices = anchor.pasts.keys();
                voices.filter(|account| common.contains(account)).count()
            })
        };
        let best =
            among.iter().min_by_key(|winner| (Reverse(voices(winner)), self.seniority(sweep, winner.node)));
        best.cloned()
    }

    // -- step 3 ---------------------------------------------------------------------------------------------------

    /// Decides the next strikes; false when there are none.
    fn weigh(&mut self, sweep: &Sweep) -> bool {
        let mut contested: Vec<Node> = self
            .strikes(sweep)
            .filter(|node| !self.decided.contains(*node))
            .filter(|node| self.hits_something(sweep, *node))
            .collect();
        contested.sort_by_cached_key(|node| self.seniority(sweep, *node));
        contested.truncate(MAX_WEIGHED);
        if contested.is_empty() {
            return false;
        }
        let (candidates, falls) = self.trials(contested);
        let chosen = sources(&falls);
        assert!(candidates.is_empty() || !chosen.is_empty(), "a graph that is not empty has a source");
        for at in chosen {
            assert!(!self.decided.contains(candidates[at]), "what is decided stays decided");
            self.decided.winners.push(Winner { node: candidates[at], anchor: None });
        }
        // What is no candidate lost to a decided winner, so something was decided either way.
        true
    }

    /// Tries each strike as a winner. Those that would undo a decided winner become losers; of the rest, who makes whom
    /// fall, as bit masks.
    fn trials(&mut self, contested: Vec<Node>) -> (Vec<Node>, Vec<u64>) {
        let mut candidates = Vec::new();
        let mut fallen: Vec<BTreeSet<Node>> = Vec::new();
        let base = self.decided.clone();
        for node in &contested {
            let mut trial = base.clone();
            trial.winners.push(Winner { node: *node, anchor: None });
            let swept = Sweep::over(self.dag, &self.nodes, &trial);
            let before = base.winners.iter();
            let undone = before.map(|winner| winner.node).find(|winner| swept.void.contains_key(winner));
            if let Some(winner) = undone {
                self.decided.losers.insert(*node, winner);
            } else {
                candidates.push(*node);
                let others = contested.iter().copied();
                fallen.push(others.filter(|other| swept.void.contains_key(other)).collect());
            }
        }
        assert_eq!(candidates.len(), fallen.len(), "a trial for each candidate");
        let falls = fallen
            .iter()
            .map(|fallen| {
                let bits = candidates.iter().enumerate();
                bits.filter(|(_, node)| fallen.contains(node)).fold(0_u64, |mask, (bit, _)| mask | 1 << bit)
            })
            .collect();
        (candidates, falls)
    }

    /// Would the strike, if it wins, void anything that stands?
    fn hits_something(&self, sweep: &Sweep, strike: Node) -> bool {
        let hit = |node: Node| {
            self.in_scope(node, sweep)
                && self.dag.concurrent(strike, node)
                && sweep.hits(self.dag, strike, node)
        };
        let op = self.dag.op(strike);
        let victims = op.subject().map_or(&[][..], |who| self.dag.signed_by(&who));
        let removes = matches!(op.kind(), OpKind::Remove { .. });
        victims.iter().copied().any(hit) || removes && self.dag.uses().any(|(add, _)| hit(add))
    }
}

/// Splits into those that no other would make fall and that make no other fall, and the rest.
fn free_of_conflict(found: &[Winner], falls: &BTreeSet<(Node, Node)>) -> (Vec<Winner>, Vec<Winner>) {
    let quarrels = |winner: &&Winner| {
        let own = winner.node;
        falls.iter().any(|(a, b)| a != b && (*a == own || *b == own))
    };
    let (quarrel, free): (Vec<&Winner>, Vec<&Winner>) = found.iter().partition(quarrels);
    (free.into_iter().cloned().collect(), quarrel.into_iter().cloned().collect())
}

/// Of a graph (`falls[a]` has the bit of `b` when `a` makes `b` fall; senior first): those that nobody endangers, and of
/// each ring that nobody outside endangers the senior.
fn sources(falls: &[u64]) -> Vec<usize> {
    assert!(falls.len() <= MAX_WEIGHED, "a bit for each");
    let mut reach = falls.to_vec();
    for via in 0..reach.len() {
        for from in 0..reach.len() {
            if reach[from] & 1 << via != 0 {
                reach[from] |= reach[via];
            }
        }
    }
    let reaches = |a: usize, b: usize| reach[a] & 1 << b != 0;
    let all = || 0..reach.len();
    let source = |node: usize| all().all(|other| !reaches(other, node) || reaches(node, other));
    let ring_senior =
        |node: usize| !all().any(|other| other < node && reaches(other, node) && reaches(node, other));
    all().filter(|node| source(*node) && ring_senior(*node)).collect()
}

#[cfg(test)]
mod tests;
