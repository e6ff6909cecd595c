//! The epoch tree: the branch rule, settling, the trail.

use super::*;
use crate::wire::bundle::TRAIL_HANDED;
use halloo_crypto::data::DataSealer;
use halloo_crypto::group::{CommitPlan, KeyPackageSecret};
use halloo_crypto::id::{GroupId, Incarnation};
use halloo_crypto::identity::DeviceSecret;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

const GROUP: GroupId = GroupId([1; 32]);
const NOW_MS: u64 = 1_000_000;

/// Two members at one epoch, each with its own session of it.
struct Pair {
    rng: ChaCha20Rng,
    ada: GroupSession,
    ben: GroupSession,
}

fn pair(seed: u64) -> Pair {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let (ada, ben) = (DeviceSecret::generate(&mut rng), DeviceSecret::generate(&mut rng));
    let founded = GroupSession::create(GROUP, &ada, &mut rng).unwrap();
    let package = KeyPackageSecret::generate(GROUP, &ben, &mut rng).unwrap();
    let plan = CommitPlan { add: vec![package.key_package().to_vec()], ..CommitPlan::default() };
    let prepared = founded.prepare(&plan, &mut rng).unwrap();
    let ben = GroupSession::join(&prepared.welcome.unwrap(), &package).unwrap();
    Pair { rng, ada: prepared.next, ben }
}

fn node(session: GroupSession, parent: Option<EpochId>, weight: u64) -> Node {
    Node::new(session, parent, weight, NOW_MS).unwrap()
}

/// A rival of every weight given, made alternately by both members from one parent, as Ada's tree gets it.
fn rivals(pair: &mut Pair, weights: &[u64]) -> Vec<(Node, Vec<u8>)> {
    let parent = pair.ada.epoch_id();
    weights
        .iter()
        .enumerate()
        .map(|(n, weight)| {
            let author = if n % 2 == 0 { &pair.ben } else { &pair.ada };
            let prepared = author.prepare(&CommitPlan::default(), &mut pair.rng).unwrap();
            let session =
                if n % 2 == 0 { pair.ada.apply(&prepared.commit).unwrap().next } else { prepared.next };
            (node(session, Some(parent), *weight), prepared.commit)
        })
        .collect()
}

#[test]
fn the_heavier_rival_wins_in_every_order() {
    let mut pair = pair(1);
    let children = rivals(&mut pair, &[3, 5, 4]);
    let heavy = children[1].0.id();
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]] {
        let mut tree = Epochs::new(node(pair.ada.clone(), None, 0));
        for n in order {
            let (child, commit) = children[n].clone();
            assert_eq!(tree.insert(child, commit), Planted::Added);
            tree.settle_on_chosen();
        }
        assert_eq!(tree.tip().id(), heavy, "INV-1");
    }
}

#[test]
fn of_equal_weight_the_lower_commit_id_wins_in_every_order() {
    for seed in 0..6 {
        let mut pair = pair(seed);
        let children = rivals(&mut pair, &[2, 2]);
        let lower = children.iter().min_by_key(|(child, _)| child.session.commit_id()).unwrap().0.id();
        for order in [[0, 1], [1, 0]] {
            let mut tree = Epochs::new(node(pair.ada.clone(), None, 0));
            for n in order {
                tree.insert(children[n].0.clone(), children[n].1.clone());
            }
            assert!(tree.settle_on_chosen());
            assert_eq!(tree.tip().id(), lower);
            assert!(!tree.settle_on_chosen(), "the rule is stable");
        }
    }
}

#[test]
fn what_is_not_fit_is_passed_over_with_all_that_follows_and_comes_back_when_it_is() {
    let mut pair = pair(12);
    let children = rivals(&mut pair, &[3, 5]);
    let (light, heavy) = (children[0].0.id(), children[1].0.id());
    let mut tree = Epochs::new(node(pair.ada.clone(), None, 0));
    for (child, commit) in &children {
        tree.insert(child.clone(), commit.clone());
    }
    tree.set_fit(&heavy, false);
    assert!(tree.settle_on_chosen() && tree.tip().id() == light);
    tree.set_fit(&light, false);
    assert!(tree.settle_on_chosen() && tree.tip().id() == pair.ada.epoch_id(), "nothing else fits");
    tree.set_fit(&heavy, true);
    assert!(tree.settle_on_chosen() && tree.tip().id() == heavy);
    assert_eq!(tree.children(&pair.ada.epoch_id()), [heavy, light], "what does not fit is the worst rival");
}

#[test]
fn who_has_committed_commits_again_only_when_its_own_is_known_and_does_not_fit() {
    let mut pair = pair(13);
    let mut tree = Epochs::new(node(pair.ada.clone(), None, 0));
    assert!(tree.may_commit());
    let prepared = pair.ada.prepare(&CommitPlan::default(), &mut pair.rng).unwrap();
    let root = tree.tip().id();
    tree.spend(&root, prepared.parent);
    assert!(!tree.may_commit(), "an own commit that is not known here is no excuse");
    let mut own = node(prepared.next, Some(root), 1);
    own.own = true;
    let own_id = own.id();
    let again = Node::from_bytes(&own.to_bytes().unwrap()).unwrap();
    assert!(again.own && !again.spent, "the store remembers whose it is");
    tree.insert(own, prepared.commit);
    assert!(!tree.may_commit(), "not from the parent while the own child counts");
    tree.set_fit(&own_id, false);
    assert!(tree.may_commit());
    let second = tree.tip().session.prepare(&CommitPlan::default(), &mut pair.rng).unwrap();
    assert_ne!(second.next.epoch_id(), own_id, "INV-3: another generation, another epoch");
    tree.spend(&root, second.parent);
}

#[test]
fn a_lost_branch_stays_readable_and_is_told_from_unknown_ones() {
    let mut pair = pair(2);
    let children = rivals(&mut pair, &[1, 9]);
    let mut tree = Epochs::new(node(pair.ada.clone(), None, 0));
    let mut sealer = DataSealer::new(Incarnation::from_bytes([1; 16]));
    let lost = sealer.seal(&children[0].0.keys, b"x", b"on the lost branch").unwrap();
    assert_eq!(tree.open(b"x", &lost), Err(WireError::UnknownKey));
    for (child, commit) in &children {
        tree.insert(child.clone(), commit.clone());
    }
    tree.settle_on_chosen();
    let (epoch, text) = tree.open(b"x", &lost).unwrap();
    assert_eq!((epoch, text.as_slice()), (children[0].0.id(), &b"on the lost branch"[..]));
    assert_ne!(epoch, tree.tip().id());
    assert_eq!(tree.open(b"y", &lost), Err(WireError::BrokenSeal));
    assert_eq!(tree.open(b"x", &lost[..10]), Err(WireError::Short));
}

#[test]
fn rivals_are_bounded_and_the_best_are_kept() {
    let mut pair = pair(3);
    let weights: Vec<u64> = (1..=12).collect();
    let mut tree = Epochs::new(node(pair.ada.clone(), None, 0));
    let mut outranked = 0;
    for (child, commit) in rivals(&mut pair, &weights).into_iter().rev() {
        outranked += usize::from(tree.insert(child, commit) == Planted::Outranked);
    }
    assert_eq!((tree.len(), outranked), (1 + MAX_RIVALS, 12 - MAX_RIVALS));
    tree.settle_on_chosen();
    assert_eq!(tree.tip().weight, 12);
}

#[test]
fn rivals_are_bounded_also_while_the_current_one_is_the_worst() {
    let mut pair = pair(13);
    let weights: Vec<u64> = (1..=12).collect();
    let mut tree = Epochs::new(node(pair.ada.clone(), None, 0));
    let mut children = rivals(&mut pair, &weights).into_iter();
    let (worst, commit) = children.next().expect("twelve");
    let own = worst.id();
    tree.insert(worst, commit);
    assert!(tree.settle_on_chosen());
    for (child, commit) in children {
        tree.insert(child, commit);
        assert!(tree.len() <= 1 + MAX_RIVALS && tree.get(&own).is_some(), "what is current stays");
    }
    assert!(tree.settle_on_chosen());
    assert_eq!((tree.tip().weight, tree.len()), (12, 1 + MAX_RIVALS));
}

#[test]
fn rivals_are_bounded_also_in_a_tree_from_the_store() {
    let mut pair = pair(14);
    let weights: Vec<u64> = (1..=12).collect();
    let root = node(pair.ada.clone(), None, 0);
    let children = rivals(&mut pair, &weights);
    let tip = children[0].0.id();
    let all = children.into_iter().map(|(child, _)| child).chain([root]).collect();
    let mut tree = Epochs::restore(all, tip, Vec::new()).expect("a tree");
    assert_eq!((tree.tip().id(), tree.len()), (tip, 1 + MAX_RIVALS), "what is current stays");
    assert!(tree.settle_on_chosen());
    assert_eq!(tree.tip().weight, 12);
}

#[test]
fn who_lacks_commits_gets_them_parents_first() {
    let mut pair = pair(4);
    let start = pair.ada.tag();
    let mut tree = Epochs::new(node(pair.ada.clone(), None, 0));
    let mut session = pair.ben.clone();
    for weight in 1..=4 {
        let prepared = session.prepare(&CommitPlan::default(), &mut pair.rng).unwrap();
        let parent = tree.tip().id();
        let next = tree.tip().session.apply(&prepared.commit).unwrap().next;
        assert_eq!(tree.insert(node(next, Some(parent), weight), prepared.commit), Planted::Added);
        tree.settle_on_chosen();
        session = prepared.next;
    }
    assert!(tree.commits_after(&tree.tags(64)).is_empty());
    assert!(tree.commits_after(&[[9; 8]]).is_empty(), "nothing leads from an epoch that is not known");
    let mut follower = pair.ben.clone();
    for commit in tree.commits_after(&[start]) {
        follower = match follower.apply(&commit) {
            Ok(applied) => applied.next,
            // Its own commits come back to Ben; here only their number matters.
            Err(_) => break,
        };
    }
    assert_eq!(tree.commits_after(&[start]).len(), 4);
    let ben = pair.ben.device();
    assert!(tree.leads_here(&[start], &ben) && tree.leads_here(&[[1; 8], tree.tip().session.tag()], &ben));
    assert!(!tree.leads_here(&[[9; 8]], &ben) && !tree.leads_here(&[], &ben));
    assert!(tree.descends(&tree.tip().id(), &pair.ada.epoch_id()));
    assert!(!tree.descends(&pair.ada.epoch_id(), &tree.tip().id()));
    drop(follower);
}

#[test]
fn nothing_leads_a_device_past_a_commit_that_gives_it_another_leaf() {
    let mut rng = ChaCha20Rng::seed_from_u64(12);
    let [ada, ben, cleo] = [(); 3].map(|()| DeviceSecret::generate(&mut rng));
    let mut package = |of: &DeviceSecret| {
        let secret = KeyPackageSecret::generate(GROUP, of, &mut rng).unwrap();
        secret.key_package().to_vec()
    };
    let plan = |remove: &[DeviceId], add: Vec<Vec<u8>>| CommitPlan {
        remove: remove.to_vec(),
        add,
        ..CommitPlan::default()
    };
    let (first, third) = (package(&ben), package(&cleo));
    let (again, fresh) = (first.clone(), package(&ben));
    let (ben, cleo) = (ben.id(), cleo.id());
    // Out and in again by the same package in two commits; another package in one.
    for steps in [vec![plan(&[ben], vec![]), plan(&[], vec![again])], vec![plan(&[ben], vec![fresh])]] {
        let founded = GroupSession::create(GROUP, &ada, &mut rng).unwrap();
        let all = founded.prepare(&plan(&[], vec![first.clone(), third.clone()]), &mut rng).unwrap().next;
        let start = all.tag();
        let mut tree = Epochs::new(node(all, None, 0));
        for (weight, step) in (1..).zip(steps) {
            let parent = tree.tip().id();
            let prepared = tree.tip().session.prepare(&step, &mut rng).unwrap();
            tree.insert(node(prepared.next, Some(parent), weight), prepared.commit);
            tree.settle_on_chosen();
        }
        assert!(tree.leads_here(&[start], &cleo) && !tree.outranks(&[start], &cleo));
        assert!(!tree.leads_here(&[start], &ben) && tree.outranks(&[start], &ben));
        assert!(tree.leads_here(&[tree.tip().session.tag()], &ben), "who stands where we do is there");
    }
}

#[test]
fn what_is_settled_is_given_up_and_the_current_branch_stays() {
    let mut pair = pair(5);
    let mut tree = Epochs::new(node(pair.ada.clone(), None, 0));
    let children = rivals(&mut pair, &[1, 9]);
    for (child, commit) in &children {
        tree.insert(child.clone(), commit.clone());
    }
    tree.settle_on_chosen();
    assert_eq!(tree.prune(NOW_MS + SETTLE_MS / 2), Pruned::default());
    let pruned = tree.prune(NOW_MS + SETTLE_MS + 1);
    let mut expected = vec![pair.ada.epoch_id(), children[0].0.id()];
    expected.sort();
    assert_eq!((pruned.epochs, tree.len()), (expected, 1));
    assert_eq!(tree.tip().id(), children[1].0.id());
    assert_eq!(tree.commits_after(&[pair.ada.tag()]).len(), 2, "who slept can still follow");
}

#[test]
fn a_restored_tree_is_the_same_tree() {
    let mut pair = pair(6);
    let mut tree = Epochs::new(node(pair.ada.clone(), None, 0));
    for (child, commit) in rivals(&mut pair, &[1, 9]) {
        tree.insert(child, commit);
    }
    tree.settle_on_chosen();
    let nodes: Vec<Node> =
        tree.nodes.values().map(|node| Node::from_bytes(&node.to_bytes().unwrap()).unwrap()).collect();
    let trail = tree.trail.iter().map(|(tag, trace)| (*tag, trace.depth, trace.commit.clone())).collect();
    let again = Epochs::restore(nodes.clone(), tree.tip, trail).unwrap();
    assert_eq!((again.tip().id(), again.chosen(), again.len()), (tree.tip().id(), tree.chosen(), tree.len()));
    assert_eq!(again.commits_after(&[pair.ada.tag()]), tree.commits_after(&[pair.ada.tag()]));
    assert!(Epochs::restore(nodes, EpochId::from_bytes([0; 32]), Vec::new()).is_none());
    assert!(Node::from_bytes(&[1, 2, 3]).is_err());
}

#[test]
#[should_panic(expected = "INV-3")]
fn a_device_commits_once_from_an_epoch() {
    let pair = pair(7);
    let mut tree = Epochs::new(node(pair.ada.clone(), None, 0));
    let id = tree.tip().id();
    tree.spend(&id, pair.ada.clone());
    tree.spend(&id, pair.ada);
}

#[test]
fn a_welcome_to_the_other_branch_replaces_the_tree_without_forgetting_it() {
    let pair = pair(8);
    let other = self::pair(9);
    let mut tree = Epochs::new(node(pair.ada.clone(), None, 0));
    let mut sealer = DataSealer::new(Incarnation::from_bytes([1; 16]));
    let old = sealer.seal(&tree.tip().keys, b"", b"before").unwrap();
    let before = tree.tags(64);
    tree.transplant(node(other.ada.clone(), None, 5));
    assert_eq!(tree.tip().id(), other.ada.epoch_id());
    assert_eq!(tree.open(b"", &old).unwrap().1, b"before");
    assert_eq!(tree.tags(64), [other.ada.tag()], "nothing leads on from what was left behind");
    assert!(tree.outranks(&before, &other.ada.device()), "whoever stands there has to come over");
}

#[test]
fn a_newcomer_hands_on_how_the_group_came_to_where_it_joined() {
    let mut pair = pair(10);
    let start = pair.ada.tag();
    let mut old = Epochs::new(node(pair.ada.clone(), None, 0));
    let mut session = pair.ben.clone();
    for weight in 1..=3 {
        let prepared = session.prepare(&CommitPlan::default(), &mut pair.rng).unwrap();
        let parent = old.tip().id();
        let next = old.tip().session.apply(&prepared.commit).unwrap().next;
        old.insert(node(next, Some(parent), weight), prepared.commit);
        old.settle_on_chosen();
        session = prepared.next;
    }
    let mut newcomer = Epochs::new(node(session, None, 3));
    assert!(newcomer.trail().is_empty() && newcomer.commits_after(&[start]).is_empty());
    let trail = old.trail();
    assert_eq!(trail.len(), 3);
    let junk = [vec![], vec![1; 15], vec![2; 16], [trail[0].as_slice(), &[0]].concat()];
    assert_eq!(
        newcomer.lay(&[trail.clone(), junk.to_vec()].concat()).len(),
        3,
        "junk and repetitions are left out"
    );
    assert!(newcomer.lay(&trail).is_empty());
    assert_eq!(newcomer.commits_after(&[start]), old.commits_after(&[start]));
    assert!(
        newcomer.leads_here(&[start], &DeviceId::from_bytes([7; 32])),
        "who stands at the beginning can follow"
    );
    let bytes: usize = trail.iter().map(Vec::len).sum();
    assert!(bytes < TRAIL_HANDED_BYTES && trail.len() <= TRAIL_HANDED);
}

#[test]
fn a_trail_keeps_its_budget_newest_first() {
    let mut pair = pair(11);
    let mut tree = Epochs::new(node(pair.ada.clone(), None, 0));
    let mut session = pair.ben.clone();
    for weight in 1..=TRAIL_HANDED as u64 + 6 {
        let prepared = session.prepare(&CommitPlan::default(), &mut pair.rng).unwrap();
        let parent = tree.tip().id();
        let next = tree.tip().session.apply(&prepared.commit).unwrap().next;
        tree.insert(node(next, Some(parent), weight), prepared.commit.clone());
        tree.settle_on_chosen();
        session = prepared.next;
        assert!(tree.trail()[0].ends_with(&prepared.commit));
    }
    assert_eq!(tree.trail().len(), TRAIL_HANDED);
    let big: Vec<Vec<u8>> =
        (0..9_u8).map(|n| [&[n; 16], tree.trail()[0].split_at(16).1, &[n; 30_000]].concat()).collect();
    let mut full = Epochs::new(node(pair.ada.clone(), None, 0));
    assert_eq!(full.lay(&big).len(), 9, "commits of a cold tree are large");
}

#[test]
fn what_is_not_current_is_at_rest_and_wakes_as_it_was() {
    let mut pair = pair(91);
    let start = pair.ada.epoch_id();
    let mut tree = Epochs::new(node(pair.ada.clone(), None, 1));
    let prepared = pair.ada.prepare(&CommitPlan::default(), &mut pair.rng).unwrap();
    let (awake, call) = (tree.tip().to_bytes().unwrap(), tree.tip().call_secret().unwrap());
    tree.insert(node(prepared.next.clone(), Some(start), 2), prepared.commit);
    assert!(tree.settle_on_chosen());
    let resting: Vec<bool> = tree.nodes.values().map(|node| node.session.rests()).collect();
    assert_eq!(resting.iter().filter(|rests| **rests).count(), 1);
    assert!(!tree.tip().session.rests() && tree.get(&start).unwrap().session.rests());
    let stored = tree.get(&start).unwrap().to_bytes().unwrap();
    assert_eq!(stored, awake, "written once for all");
    assert_eq!(tree.get(&start).unwrap().call_secret().unwrap().expose(), call.expose());
    assert_eq!(tree.get(&start).unwrap().tag(), pair.ada.tag());
    assert!(tree.get(&start).unwrap().session.rests(), "written as it lies, and its secrets are at hand");
    // A rival from the epoch that rests, made by the other member, is applied as if it had never rested.
    let rival = pair.ben.prepare(&CommitPlan::default(), &mut pair.rng).unwrap();
    let woken = tree.parent_of(&rival.commit).unwrap();
    let applied = woken.session.apply(&rival.commit).unwrap().next;
    assert_eq!(applied.epoch_id(), pair.ada.apply(&rival.commit).unwrap().next.epoch_id());
    assert!(!woken.session.rests());
    assert_eq!(tree.insert(node(applied, Some(start), 1), rival.commit), Planted::Added);
    tree.settle_on_chosen();
    assert_eq!(
        tree.nodes.values().filter(|node| !node.session.rests()).count(),
        1,
        "only the tip is awake again"
    );
    assert_eq!(tree.get(&start).unwrap().to_bytes().unwrap(), stored);
}
