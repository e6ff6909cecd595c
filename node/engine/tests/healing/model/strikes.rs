//! Which strikes win: the rounds of `docs/spec/log.md`, anchors first, then weighing.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::log::{Anchor, Decided, Id, Ids, Kind, Log, Verdict};

impl Log {
    /// What everything here says.
    pub fn verdict(&self) -> Verdict {
        self.verdict_at(&self.all())
    }

    /// What the operations of `scope`, a closure, say; all acknowledgements count.
    pub fn verdict_at(&self, scope: &Ids) -> Verdict {
        let mut decided = Decided::default();
        let mut refused = Ids::new();
        loop {
            let stands = self.sweep(scope, &decided);
            if self.anchor(scope, &mut decided, &mut refused, &stands)
                || self.weigh(scope, &mut decided, &stands)
            {
                continue;
            }
            let mut verdict = self.picture(stands);
            for anchor in &decided.anchors {
                let settled = scope.iter().copied().filter(|op| self.settles(anchor, *op)).collect();
                verdict.anchored.insert(anchor.remove, settled);
            }
            return verdict;
        }
    }

    /// The words given for a Remove of another account; `None` when half or fewer gave one.
    fn words(&self, remove: Id, stands: &Ids) -> Option<Anchor> {
        let Kind::Remove { account: gone } = self.kind(remove) else { return None };
        let author = self.actor(remove);
        if author == *gone {
            return None;
        }
        let here: Ids = self.past(remove).intersection(stands).copied().collect();
        let accounts = self.members(&here);
        let mut own = self.past(remove).clone();
        own.insert(remove);
        let mut seen = BTreeMap::from([(author, vec![own])]);
        let rows = || self.acks.iter().filter(|ack| ack.remove == remove);
        for ack in rows() {
            let Some(who) = self.owner(stands, ack.device) else { continue };
            let lied = rows().filter(|other| other.device == ack.device).count() > 1;
            let past = if lied {
                Some(Ids::new())
            } else {
                self.closure(&ack.heads).filter(|past| past.contains(&remove))
            };
            if let (true, Some(past)) = (who != *gone && accounts.contains(&who), past) {
                seen.entry(who).or_default().push(past);
            }
        }
        (2 * seen.len() > accounts.len()).then_some(Anchor { remove, accounts, seen })
    }

    /// Step 2; true when something was decided.
    fn anchor(&self, scope: &Ids, decided: &mut Decided, refused: &mut Ids, stands: &Ids) -> bool {
        let new = |op: &Id| !decided.anchored(*op) && !refused.contains(op);
        let unchallenged = |anchor: &Anchor| {
            let strikes = stands.iter().copied().filter(|op| self.is_strike(*op));
            let mut hitting = strikes.filter(|strike| self.hits(*strike, anchor.remove, stands));
            hitting.all(|strike| anchor.unaware(strike, &self.rules))
        };
        let found: Vec<Anchor> =
            self.in_order(stands).into_iter().filter(new).filter_map(|op| self.words(op, stands)).collect();
        let found: Vec<Anchor> = found.into_iter().filter(unchallenged).collect();
        let fells = self.fells(scope, decided, &found);
        let quarrels = |a: &Anchor| fells.iter().any(|(by, of)| a.remove == *by || a.remove == *of);
        let mut chosen: Vec<Anchor> = found.iter().filter(|a| !quarrels(a)).cloned().collect();
        if chosen.is_empty() {
            let common = found.iter().map(|a| a.accounts.clone()).reduce(|a, b| &a & &b).unwrap_or_default();
            let voices = |a: &&Anchor| a.seen.keys().filter(|who| common.contains(who)).count();
            let best = found.iter().min_by_key(|a| (Reverse(voices(a)), self.seniority(a.remove, stands)));
            chosen.extend(best.cloned());
        }
        let before = decided.anchors.len();
        let some = !chosen.is_empty();
        let mut anchors = decided.anchors.clone();
        for anchor in chosen {
            let remove = anchor.remove;
            anchors.push(anchor);
            let trial = self.sweep(scope, &Decided { anchors: anchors.clone(), ..Decided::default() });
            if anchors.iter().any(|anchor| !trial.contains(&anchor.remove)) {
                anchors.pop();
                refused.insert(remove);
            }
        }
        if anchors.len() > before {
            *decided = Decided { anchors, ..Decided::default() };
        }
        some
    }

    /// Which anchored Remove makes which other fall, by what it settles and beats or through what the other rests on.
    fn fells(&self, scope: &Ids, decided: &Decided, found: &[Anchor]) -> Vec<(Id, Id)> {
        let mut fells = Vec::new();
        for anchor in found {
            let anchors = decided.anchors.iter().chain([anchor]).cloned().collect();
            let stands = self.sweep(scope, &Decided { anchors, ..Decided::default() });
            let others = found.iter().map(|other| other.remove).filter(|other| *other != anchor.remove);
            fells.extend(others.filter(|other| !stands.contains(other)).map(|other| (anchor.remove, other)));
        }
        fells
    }

    /// Step 3; true when something was decided.
    fn weigh(&self, scope: &Ids, decided: &mut Decided, stands: &Ids) -> bool {
        let hits_any = |strike: Id| stands.iter().any(|op| self.hits(strike, *op, stands));
        let mut open: Vec<Id> =
            stands.iter().copied().filter(|op| self.is_strike(*op) && !decided.decided(*op)).collect();
        open.retain(|strike| hits_any(*strike));
        open.sort_by_key(|strike| self.seniority(*strike, stands));
        let some = !open.is_empty() && self.rules.void_counts_for_nothing;
        let mut losers = Ids::new();
        let mut falls: BTreeMap<Id, Ids> = BTreeMap::new();
        for strike in &open {
            let mut trial = decided.clone();
            trial.winners.push(*strike);
            let trial = self.sweep(scope, &trial);
            if decided.won().any(|winner| !trial.contains(&winner)) {
                losers.insert(*strike);
            } else {
                falls.insert(*strike, open.iter().copied().filter(|other| !trial.contains(other)).collect());
            }
        }
        open.retain(|strike| !losers.contains(strike));
        for strike in &open {
            let mut over = Ids::new();
            while let Some(more) = open.iter().find(|other| {
                let makes = &falls[*other];
                !over.contains(other)
                    && (makes.contains(strike) || makes.iter().any(|fallen| over.contains(fallen)))
            }) {
                over.insert(*more);
            }
            let reached = |other: &Id| reaches(&falls, *strike, *other);
            let ring = over.iter().all(reached);
            let senior = open.iter().find(|other| over.contains(other)).is_none_or(|first| first == strike);
            if over.is_empty() || (ring && senior) {
                decided.winners.push(*strike);
            }
        }
        decided.losers.extend(losers);
        some
    }
}

/// Does `from` make `to` fall, directly or through others?
fn reaches(falls: &BTreeMap<Id, Ids>, from: Id, to: Id) -> bool {
    let mut reached = Ids::from([from]);
    loop {
        let more: Ids = reached.iter().filter_map(|op| falls.get(op)).flatten().copied().collect();
        if more.contains(&to) {
            return true;
        }
        let before = reached.len();
        reached.extend(more);
        if reached.len() == before {
            return false;
        }
    }
}
