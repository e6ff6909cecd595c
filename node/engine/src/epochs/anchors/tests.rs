//! Which rival counts when some were acknowledged.

use super::*;
use halloo_crypto::group::{CommitPlan, GroupSession, KeyPackageSecret};
use halloo_crypto::id::GroupId;
use halloo_crypto::identity::DeviceSecret;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

/// Four members of four accounts, seen by the first; the second makes all commits.
struct Scene {
    rng: ChaCha20Rng,
    tree: Epochs,
    mine: BTreeMap<EpochId, GroupSession>,
    theirs: BTreeMap<EpochId, GroupSession>,
    accounts: Vec<AccountId>,
    said: Vec<Said>,
    owners: BTreeMap<DeviceId, AccountId>,
}

impl Scene {
    fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let group = GroupId([1; 32]);
        let devices: Vec<DeviceSecret> = (0..4).map(|_| DeviceSecret::generate(&mut rng)).collect();
        let founded = GroupSession::create(group, &devices[0], &mut rng).expect("founded");
        let packages: Vec<KeyPackageSecret> = devices[1..]
            .iter()
            .map(|device| KeyPackageSecret::generate(group, device, &mut rng).expect("a package"))
            .collect();
        let add = packages.iter().map(|package| package.key_package().to_vec()).collect();
        let made = founded.prepare(&CommitPlan { add, ..CommitPlan::default() }, &mut rng).expect("made");
        let theirs = GroupSession::join(&made.welcome.expect("a welcome"), &packages[0]).expect("joined");
        let root = made.next.epoch_id();
        let node = Node::new(made.next.clone(), None, 0, 1).expect("a node");
        let accounts: Vec<AccountId> = (0..4).map(|n| AccountId::from_bytes([n; 32])).collect();
        let owners = devices.iter().map(DeviceSecret::id).zip(accounts.iter().copied()).collect();
        Scene {
            rng,
            tree: Epochs::new(node),
            mine: BTreeMap::from([(root, made.next)]),
            theirs: BTreeMap::from([(root, theirs)]),
            accounts,
            said: Vec::new(),
            owners,
        }
    }

    fn commit(&mut self, parent: EpochId, weight: u64) -> EpochId {
        let made = self.theirs[&parent].prepare(&CommitPlan::default(), &mut self.rng).expect("made");
        self.theirs.insert(parent, made.parent);
        let applied = self.mine[&parent].apply(&made.commit).expect("applied");
        let id = applied.next.epoch_id();
        self.mine.insert(id, applied.next.clone());
        self.theirs.insert(id, made.next);
        let node = Node::new(applied.next, Some(parent), weight, 1).expect("a node");
        self.tree.insert(Node { committer: Some(applied.committer), ..node }, made.commit);
        id
    }

    fn name(&self, epoch: EpochId) -> [u8; 32] {
        self.tree.get(&epoch).expect("in the tree").session.commit_id().0
    }

    /// This one of the four says that it has this epoch and saw these rivals.
    fn say(&mut self, who: usize, epoch: EpochId, rivals: &[EpochId]) -> bool {
        let rivals = rivals.iter().map(|rival| self.name(*rival)).collect();
        self.said.push(Said { account: self.accounts[who], commit: self.name(epoch), rivals });
        self.tree.set_voices(Voices { said: self.said.clone(), accounts: self.owners.clone() })
    }
}

#[test]
fn a_heavier_rival_of_old_pulls_nobody_back_when_more_than_half_had_acknowledged() {
    let mut scene = Scene::new();
    let root = scene.tree.tip().id();
    let a = scene.commit(root, 1);
    let later = scene.commit(a, 1);
    scene.tree.settle_on_chosen();
    assert!(!scene.tree.tip_is_acknowledged());
    // Who made it counts, and two more are most of four. The word about what follows counts for what was before.
    scene.say(0, later, &[]);
    scene.say(2, later, &[]);
    assert!(scene.tree.tip_is_acknowledged());
    let x = scene.commit(root, 9);
    assert_eq!(scene.tree.chosen(), later);
    assert_eq!(scene.tree.children(&root), [a, x]);
    let fresh = scene.commit(later, 1);
    assert_eq!(scene.tree.chosen(), fresh, "and the branch goes on");
}

#[test]
fn half_is_not_enough_and_the_rule_of_weight_stands() {
    let mut scene = Scene::new();
    let root = scene.tree.tip().id();
    let a = scene.commit(root, 1);
    scene.say(0, a, &[]);
    scene.say(0, a, &[]);
    let x = scene.commit(root, 9);
    assert_eq!(scene.tree.chosen(), x, "two accounts of four, however often one says it");
    assert!(scene.say(3, a, &[]), "an anchor appears");
    assert_eq!(scene.tree.chosen(), a);
}

#[test]
fn who_had_seen_the_rival_does_not_count_against_it() {
    let mut scene = Scene::new();
    let root = scene.tree.tip().id();
    let (a, x) = (scene.commit(root, 1), scene.commit(root, 9));
    let y = scene.commit(root, 8);
    for who in [0, 2, 3] {
        scene.say(who, a, &[x]);
    }
    assert_eq!(scene.tree.chosen(), x);
    let last = scene.tree.children(&root);
    assert_eq!(last, [x, a, y], "against the third it counts");
}

#[test]
fn what_two_say_against_each_other_is_decided_by_weight() {
    let mut scene = Scene::new();
    let root = scene.tree.tip().id();
    let (a, x) = (scene.commit(root, 1), scene.commit(root, 9));
    // Those who say both lie: an honest one names what it has seen.
    for who in [0, 2] {
        scene.say(who, a, &[]);
        scene.say(who, x, &[]);
    }
    assert_eq!(scene.tree.chosen(), x);
}

#[test]
fn inv_6_rivals_made_by_the_dozen_do_not_drive_an_anchored_one_out() {
    let mut scene = Scene::new();
    let root = scene.tree.tip().id();
    let a = scene.commit(root, 1);
    scene.tree.settle_on_chosen();
    scene.say(0, a, &[]);
    scene.say(2, a, &[]);
    for weight in 0..20 {
        scene.commit(root, 5 + weight);
        assert_eq!(scene.tree.chosen(), a, "after {weight}");
    }
    assert!(scene.tree.children(&root).len() <= crate::epochs::MAX_RIVALS);
}

#[test]
fn words_of_strangers_and_about_what_is_not_here_count_for_nothing() {
    let mut scene = Scene::new();
    let root = scene.tree.tip().id();
    let (a, x) = (scene.commit(root, 1), scene.commit(root, 9));
    for n in 50..60 {
        let account = AccountId::from_bytes([n; 32]);
        scene.said.push(Said { account, commit: scene.name(a), rivals: vec![] });
        scene.said.push(Said { account: scene.accounts[0], commit: [n; 32], rivals: vec![] });
    }
    scene.say(0, a, &[]);
    assert_eq!(scene.tree.chosen(), x);
    assert_eq!(scene.tree.rivals_of_branch().len(), 0, "the tip is the root still");
    scene.tree.settle_on_chosen();
    assert_eq!(scene.tree.rivals_of_branch(), [scene.name(a)]);
}

#[test]
fn who_made_the_commit_is_stored_with_its_epoch() {
    let mut scene = Scene::new();
    let root = scene.tree.tip().id();
    let a = scene.commit(root, 1);
    for epoch in [root, a] {
        let node = scene.tree.get(&epoch).expect("in the tree");
        let again = Node::from_bytes(&node.to_bytes().expect("written")).expect("read");
        assert_eq!((again.id(), again.committer), (node.id(), node.committer));
    }
    assert!(scene.tree.get(&a).expect("in the tree").committer.is_some());
}
