//! Every history of a small kind, not a sample: three owners who strike at each other at the same time, all outcomes.

use std::collections::BTreeSet;

use halloo_crdt::log::{Fact, Inserted, Log, OpKind, Role, Row, SignedOp};
use halloo_crypto::id::{AccountId, OpId};

use crate::kit::{Person, act, group, heads, people, tell};
use crate::reference::{Reference, of_product};

/// What one of the three does to another, or nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Move {
    Nothing,
    Remove(usize),
    Demote(usize),
}

impl Move {
    fn all(own: usize) -> Vec<Self> {
        let others = (0..3).filter(|other| *other != own);
        let strikes = others.flat_map(|other| [Self::Remove(other), Self::Demote(other)]);
        std::iter::once(Self::Nothing).chain(strikes).collect()
    }

    fn kind(self, people: &[Person]) -> Option<OpKind> {
        match self {
            Self::Nothing => None,
            Self::Remove(other) => Some(people[other].remove()),
            Self::Demote(other) => Some(people[other].set_role(Role::Member)),
        }
    }

    fn target(self) -> Option<usize> {
        match self {
            Self::Nothing => None,
            Self::Remove(other) | Self::Demote(other) => Some(other),
        }
    }
}

struct Trio {
    people: Vec<Person>,
    start: Log,
}

impl Trio {
    /// Three owners, the first the eldest, and two members who look on.
    fn new() -> Self {
        let people = people(5);
        let roles = [Role::Owner, Role::Owner, Role::Member, Role::Member];
        let start = group(&people, &roles);
        Self { people, start }
    }

    /// Each moves without knowing of the others; then all is put together.
    fn play(&self, moves: [Move; 3]) -> (Log, [Option<SignedOp>; 3]) {
        let mut whole = self.start.clone();
        let mut ops = [None, None, None];
        for (own, chosen) in moves.into_iter().enumerate() {
            let mut side = self.start.clone();
            if let Some(kind) = chosen.kind(&self.people) {
                ops[own] = Some(act(&mut side, self.people[own].device(), kind));
            }
            tell(&side, &mut whole);
        }
        (whole, ops)
    }

    fn every_play(&self, mut look: impl FnMut([Move; 3], Log, [Option<SignedOp>; 3])) {
        for a in Move::all(0) {
            for b in Move::all(1) {
                for c in Move::all(2) {
                    let (log, ops) = self.play([a, b, c]);
                    look([a, b, c], log, ops);
                }
            }
        }
    }
}

fn owners(log: &Log) -> BTreeSet<AccountId> {
    let members = log.view().members().iter();
    members.filter(|(_, member)| member.role == Role::Owner).map(|(id, _)| *id).collect()
}

#[test]
fn whoever_nobody_strikes_stays_and_somebody_always_remains_in_charge() {
    let trio = Trio::new();
    let mut plays = 0;
    trio.every_play(|moves, log, _| {
        plays += 1;
        let left = owners(&log);
        assert!(!left.is_empty(), "{moves:?}: nobody is left in charge");
        for (own, person) in trio.people[..3].iter().enumerate() {
            let struck = moves.iter().any(|other| other.target() == Some(own));
            assert!(struck || left.contains(&person.id()), "{moves:?}: {own} fell by nobody's hand");
        }
        for looker in &trio.people[3..] {
            assert_eq!(log.view().role(&looker.id()), Some(Role::Member));
        }
    });
    assert_eq!(plays, 125);
}

#[test]
fn whoever_is_struck_by_one_who_stays_falls() {
    let trio = Trio::new();
    trio.every_play(|moves, log, ops| {
        for (own, op) in ops.iter().enumerate() {
            let (Some(op), Some(target)) = (op, moves[own].target()) else { continue };
            let fell = !owners(&log).contains(&trio.people[target].id());
            assert!(log.void(&op.id()).is_some() || fell, "{moves:?}: a strike that stands has no effect");
        }
    });
}

#[test]
fn of_any_pair_that_strike_each_other_the_senior_act_is_not_beaten_by_the_junior() {
    let trio = Trio::new();
    trio.every_play(|moves, log, ops| {
        for senior in 0..3 {
            for junior in senior + 1..3 {
                let mutual = moves[senior].target() == Some(junior) && moves[junior].target() == Some(senior);
                if let (true, Some(act), Some(answer)) = (mutual, &ops[senior], &ops[junior]) {
                    assert!(log.void(&answer.id()).is_some() || log.void(&act.id()).is_some());
                    let third = 3 - senior - junior;
                    let undisturbed = moves[third].target() != Some(senior);
                    assert!(!undisturbed || log.void(&act.id()).is_none(), "{moves:?}");
                }
            }
        }
    });
}

#[test]
fn inv_1_every_small_quarrel_is_the_one_of_the_text_in_every_order() {
    let trio = Trio::new();
    trio.every_play(|moves, log, ops| {
        let expected = of_product(&log);
        assert_eq!(Reference::new(&log.ops(), log.board()).verdict(), expected, "{moves:?}");
        let ops: Vec<&SignedOp> = ops.iter().flatten().collect();
        for order in orders(ops.len()) {
            let mut other = trio.start.clone();
            for at in order {
                let inserted = other.insert(ops[at].clone()).expect("acceptable");
                assert!(matches!(inserted, Inserted::New(_)));
                let _ = other.view();
            }
            assert_eq!(other.view(), log.view(), "{moves:?}");
        }
    });
}

fn orders(count: usize) -> Vec<Vec<usize>> {
    match count {
        0 => vec![vec![]],
        _ => orders(count - 1)
            .into_iter()
            .flat_map(|order| {
                (0..count).map(move |at| {
                    let mut order = order.clone();
                    order.insert(at, count - 1);
                    order
                })
            })
            .collect(),
    }
}

/// Who acknowledges which of the concurrent Removes before he hears of the others: all choices of the two who look on
/// and of the third owner.
#[test]
fn inv_1_acknowledgements_settle_alike_everywhere_and_never_leave_nobody() {
    let trio = Trio::new();
    let quarrel = [Move::Remove(1), Move::Remove(0), Move::Nothing];
    let (whole, ops) = trio.play(quarrel);
    let removes: Vec<OpId> = ops.iter().flatten().map(SignedOp::id).collect();
    let voters = [2, 3, 4];
    let mut outcomes = BTreeSet::new();
    for choice in 0..27_usize {
        let mut log = whole.clone();
        let mut voices = [1, 1];
        for (at, voter) in voters.iter().enumerate() {
            let vote = choice / 3_usize.pow(at as u32) % 3;
            let Some(remove) = removes.get(vote) else { continue };
            voices[vote] += 1;
            let device = trio.people[*voter].device();
            let row = Row::sign(log.group(), Fact::Remove(*remove), vec![*remove], vec![], device);
            log.acknowledge(row).expect("a member may");
        }
        let expected = of_product(&log);
        assert_eq!(Reference::new(&log.ops(), log.board()).verdict(), expected, "{choice}");
        let eldest = log.view().is_member(&trio.people[0].id());
        assert_ne!(eldest, log.view().is_member(&trio.people[1].id()), "{choice}: exactly one stays");
        // Three of five settle it; without them the elder stays.
        assert_eq!(eldest, voices[1] < 3, "{choice}: {voices:?}");
        outcomes.insert(eldest);
    }
    assert_eq!(outcomes.len(), 2, "both ends happen");
}

#[test]
fn inv_5_what_most_settled_the_lies_of_the_others_do_not_unsettle() {
    let trio = Trio::new();
    let (mut log, ops) = trio.play([Move::Remove(1), Move::Remove(0), Move::Nothing]);
    let removes: Vec<OpId> = ops.iter().flatten().map(SignedOp::id).collect();
    for voter in [2, 3] {
        let device = trio.people[voter].device();
        let row = Row::sign(log.group(), Fact::Remove(removes[1]), vec![removes[1]], vec![], device);
        log.acknowledge(row).expect("a member may");
    }
    assert!(!log.view().is_member(&trio.people[0].id()), "the junior was heard first by most");
    // Now the removed and his friend sign everything they can think of for him.
    for voter in [0, 4] {
        let device = trio.people[voter].device();
        for seen in [vec![removes[0]], heads(&log), vec![removes[0], removes[1]]] {
            let row = Row::sign(log.group(), Fact::Remove(removes[0]), seen, vec![], device);
            log.acknowledge(row).expect("kept");
        }
        let row = Row::sign(log.group(), Fact::Remove(removes[1]), heads(&log), vec![], device);
        log.acknowledge(row).expect("kept");
        assert!(!log.view().is_member(&trio.people[0].id()), "after the votes of {voter}");
        assert!(log.view().is_member(&trio.people[1].id()));
    }
}

#[test]
fn who_acknowledges_both_of_two_answers_weighs_on_both_sides() {
    let trio = Trio::new();
    let (mut log, ops) = trio.play([Move::Remove(1), Move::Remove(0), Move::Nothing]);
    let removes: Vec<OpId> = ops.iter().flatten().map(SignedOp::id).collect();
    let vote = |log: &mut Log, voter: usize, vote: usize| {
        let device = trio.people[voter].device();
        let seen = vec![removes[vote]];
        let row = Row::sign(log.group(), Fact::Remove(removes[vote]), seen, vec![], device);
        log.acknowledge(row).expect("a member may");
    };
    let elder_is_in = |log: &Log| log.view().is_member(&trio.people[0].id());
    // 2 and 3 settle the junior's act; 2 lies and voices the elder's as well, as 4 does on the other side.
    vote(&mut log, 2, 1);
    vote(&mut log, 3, 1);
    assert!(!elder_is_in(&log));
    vote(&mut log, 2, 0);
    assert!(!elder_is_in(&log), "two of five settle nothing");
    vote(&mut log, 4, 0);
    assert!(elder_is_in(&log), "three against three: the senior");
    vote(&mut log, 4, 1);
    assert!(!elder_is_in(&log), "four against three");
}
