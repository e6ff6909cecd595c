//! The rules hold in every small story, and each other rule that was considered goes wrong in one.

use crate::explore::{Explorer, Wrong};
use crate::model::{Choice, Fitness, Hash, RULES, Role, Rules, Taint};
use crate::people::{Alphabet, DEVICES, Scene};

/// Two owners and two members.
const ROLES: [Role; 3] = [Role::Owner, Role::Member, Role::Member];

const QUIET: Alphabet = Alphabet {
    remove: &[],
    demote: &[],
    readd: false,
    invite: false,
    acks: false,
    words: false,
    updates: &[],
};
/// The owners remove each other, all acknowledge, the keys follow.
const QUARREL: Alphabet = Alphabet { remove: &[0, 1], acks: true, ..QUIET };
/// The same without acknowledgements, but the owners may also make each other members.
const DEMOTION: Alphabet = Alphabet { remove: &[0, 1], demote: &[0, 1], ..QUIET };
/// One invite, two newcomers, and a member who goes.
const ADMISSION: Alphabet = Alphabet { invite: true, remove: &[2], ..QUIET };
/// A member goes and comes back, while keys are renewed.
const RETURN: Alphabet = Alphabet { remove: &[2], readd: true, updates: &[0, 1], ..QUIET };
/// Branches that nobody needs, and acknowledgements of them.
const RACES: Alphabet = Alphabet { words: true, updates: &[0, 1], ..QUIET };
/// The same when the branches remove people.
const SIDES: Alphabet = Alphabet { remove: &[0, 1], words: true, ..QUIET };
/// Everything that can happen.
const ALL: Alphabet = Alphabet {
    remove: &[0, 1, 2],
    demote: &[1],
    readd: true,
    invite: true,
    acks: true,
    words: true,
    updates: &[0, 1, 2, 3],
};
/// With acknowledged branches.
const ANCHORED: Rules = Rules { choice: Choice::Anchored, ..RULES };

/// Acts up to which the gate explores in full where it looks for what goes wrong.
const SHORT: usize = 5;
/// Random stories: how many and how long in the gate, and in the proof.
const WALKS: [(u64, usize); 2] = [(24, 10), (200, 14)];

/// The gate is small; `HALLOO_PROVE=1` asks for six acts of four devices where that ends in minutes, and tells how many stories that were.
pub fn proving() -> bool {
    std::env::var_os("HALLOO_PROVE").is_some()
}

fn holds(name: &str, rules: Rules, alphabet: Alphabet, gate: usize, full: usize) {
    let most = if proving() { full } else { gate };
    for salt in 1..=2 {
        let report = Explorer::new(Scene::new(rules, alphabet, ROLES, salt)).explore(most);
        println!("| {name} | {salt} | {:?} |", report.stories);
        assert!(report.wrong.is_none(), "{:?}", report.wrong);
        assert_eq!(report.stories.len(), most + 1, "every length was explored");
    }
}

/// Another rule goes wrong in a story of at most so many acts; in no story of that length do the rules that hold.
fn goes_wrong(rules: Rules, instead_of: Rules, alphabet: Alphabet, most: usize, expected: Wrong) {
    let found = (1..=8).find_map(|salt| {
        let wrong = Explorer::new(Scene::new(rules, alphabet, ROLES, salt)).explore(most).wrong;
        wrong.map(|(wrong, story)| (salt, wrong, story))
    });
    let (salt, wrong, story) = found.expect("the exploration bites");
    assert_eq!(wrong, expected, "{story}");
    let acts = story.lines().count();
    println!("{wrong:?} after {acts} acts:\n{story}");
    if acts <= SHORT || proving() {
        let report = Explorer::new(Scene::new(instead_of, alphabet, ROLES, salt)).explore(acts);
        assert!(report.wrong.is_none(), "{:?}", report.wrong);
    }
}

#[test]
fn long_random_stories_leave_one_group() {
    let (walks, acts) = WALKS[usize::from(proving())];
    for seed in 0..walks {
        for rules in [RULES, ANCHORED] {
            let mut hash = Hash::new(seed);
            let mut explorer = Explorer::new(Scene::new(rules, ALL, ROLES, seed));
            let wrong = explorer.wander(acts, |most| {
                hash = hash.word(1);
                hash.below(most)
            });
            assert!(wrong.is_none(), "{rules:?}, {seed}: {wrong:?}");
        }
    }
}

#[test]
fn whoever_lies_the_honest_come_together() {
    let most = if proving() { 5 } else { 4 };
    for (name, alphabet) in [("quarrel", QUARREL), ("return", RETURN)] {
        for liar in 0..DEVICES {
            let scene = Scene { liar: Some(liar), ..Scene::new(RULES, alphabet, ROLES, 1) };
            let report = Explorer::new(scene).explore(most);
            println!("| {name}, {liar} lies | 1 | {:?} |", report.stories);
            assert!(report.wrong.is_none(), "{liar} lies: {:?}", report.wrong);
        }
    }
}

#[test]
fn two_owners_who_remove_each_other_leave_one_group_whoever_hears_what_first() {
    holds("quarrel", RULES, QUARREL, 5, 6);
}

#[test]
fn two_owners_who_demote_each_other_leave_one_group() {
    holds("demotion", RULES, DEMOTION, 5, 6);
}

#[test]
fn an_invite_used_twice_leaves_one_group() {
    holds("admission", RULES, ADMISSION, 4, 5);
}

#[test]
fn who_goes_and_comes_back_leaves_one_group() {
    holds("return", RULES, RETURN, 4, 6);
}

#[test]
fn races_of_commits_leave_one_group() {
    holds("races", RULES, RACES, 4, 6);
}

#[test]
fn races_that_acknowledgements_anchor_leave_one_group() {
    holds("races, anchored", ANCHORED, RACES, 4, 6);
}

#[test]
fn sides_that_acknowledgements_anchor_leave_one_group() {
    holds("sides, anchored", ANCHORED, SIDES, 5, 6);
}

#[test]
fn everything_together_leaves_one_group() {
    holds("all", RULES, ALL, 3, 4);
}

#[test]
fn acknowledgements_as_weight_lead_back_to_a_branch_that_was_left() {
    goes_wrong(Rules { choice: Choice::Voices, ..RULES }, RULES, RACES, 4, Wrong::Lasso);
}

#[test]
fn counting_what_is_void_leaves_nobody_in_charge() {
    goes_wrong(Rules { void_counts_for_nothing: false, ..RULES }, RULES, QUARREL, 2, Wrong::NobodyInCharge);
}

#[test]
fn minding_no_taint_keeps_the_removed_in() {
    goes_wrong(Rules { taint: Taint::Ignored, ..RULES }, RULES, QUARREL, 2, Wrong::Stuck);
}

#[test]
fn avoiding_tainted_epochs_leaves_a_device_that_cannot_end_its_own() {
    goes_wrong(Rules { taint: Taint::Avoided, ..RULES }, RULES, RETURN, 3, Wrong::Stuck);
}

#[test]
fn judging_a_commit_once_divides_those_who_know_the_same() {
    goes_wrong(Rules { fitness: Fitness::Once, ..RULES }, RULES, QUARREL, 5, Wrong::TwoVerdicts);
}

#[test]
fn committing_once_from_an_epoch_leaves_a_device_that_cannot_end_its_taint() {
    goes_wrong(Rules { again_when_unfit: false, ..RULES }, RULES, QUARREL, 5, Wrong::Stuck);
}

#[test]
fn anchoring_a_removal_by_those_who_saw_both_undoes_what_was_decided() {
    goes_wrong(Rules { only_unaware_count: false, ..RULES }, RULES, QUARREL, 6, Wrong::AnchorUndone);
}

#[test]
fn anchoring_a_branch_by_those_who_saw_both_undoes_what_was_decided() {
    goes_wrong(Rules { only_unaware_count: false, ..ANCHORED }, ANCHORED, RACES, 6, Wrong::AnchorUndone);
}

#[test]
fn counting_the_accounts_of_each_side_by_itself_anchors_both() {
    goes_wrong(Rules { choice: Choice::AnchoredByChild, ..RULES }, ANCHORED, SIDES, 6, Wrong::AnchorUndone);
}
