//! Paths that MLS never makes, made by a member: everybody refuses them, nobody stops.

use super::bend::{self, Bend, Commit, Insider, Node, bending};
use super::{SIGNED_CONTENT, nodes_due, nodes_signed, vector};
use crate::group::error::{GroupError, PeerFault};
use crate::group::{CommitPlan, GroupSession, KeyPackageSecret};
use crate::id::{DeviceId, GroupId};
use crate::identity::DeviceSecret;
use mls_rs::group::{ExportedTree, LeafIndex, Node as TreeNode};
use mls_rs::mls_rs_codec::MlsEncode as _;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

const GROUP: GroupId = GroupId([7; 32]);

/// Sessions of one epoch, in the order of the tree.
struct Group {
    rng: ChaCha20Rng,
    sessions: Vec<GroupSession>,
}

impl Group {
    /// `n` members; the tree is warm: each of them has committed once.
    fn warm(n: usize, seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let founder =
            GroupSession::create(GROUP, &DeviceSecret::generate(&mut rng), &mut rng).expect("founded");
        let packages: Vec<KeyPackageSecret> = (1..n)
            .map(|_| {
                KeyPackageSecret::generate(GROUP, &DeviceSecret::generate(&mut rng), &mut rng).expect("one")
            })
            .collect();
        let add = packages.iter().map(|package| package.key_package().to_vec()).collect();
        let made = founder.prepare(&CommitPlan { add, ..CommitPlan::default() }, &mut rng).expect("a commit");
        let welcome = made.welcome.expect("for the added");
        let join = |package| GroupSession::join(&welcome, package).expect("joins");
        let sessions = std::iter::once(made.next).chain(packages.iter().map(join)).collect();
        let mut group = Self { rng, sessions };
        for who in 0..n {
            group.commits(who, &CommitPlan::default());
        }
        group
    }

    /// A commit of `who` that all follow who stay.
    fn commits(&mut self, who: usize, plan: &CommitPlan) {
        let made = self.sessions[who].prepare(plan, &mut self.rng).expect("a commit");
        let follow = |(other, session): (usize, &GroupSession)| {
            if other == who {
                return Some(made.next.clone());
            }
            match session.apply(&made.commit) {
                Ok(applied) => Some(applied.next),
                Err(GroupError::Removed(_)) => None,
                Err(error) => panic!("{who} is honest: {error}"),
            }
        };
        self.sessions = self.sessions.iter().enumerate().filter_map(follow).collect();
    }

    fn device(&self, who: usize) -> DeviceId {
        self.sessions[who].device()
    }

    /// The bent commit of `who`, and what each of the others says of it.
    fn bent(&mut self, who: usize, plan: &CommitPlan, bend: Bend) -> Vec<Result<(), GroupError>> {
        let made = bending(bend, || self.sessions[who].prepare(plan, &mut self.rng)).expect("a commit");
        let others = self.sessions.iter().enumerate().filter(|(other, _)| *other != who);
        others.map(|(_, session)| session.apply(&made.commit).map(|_| ())).collect()
    }
}

/// Makes the leaf fit the nodes: what the others compute as its parent hash when these nodes are put into the tree.
fn fit(session: &GroupSession, commit: &mut Commit, insider: &Insider<'_>) {
    let index = session.index_of(&session.device()).expect("a member");
    let tree = session.tree();
    let before = tree.filtered_direct_path(LeafIndex::try_from(index).expect("a leaf")).expect("a path");
    // The hashes of the nodes above the leaf, from the root down, are the last that were made of three vectors with these keys.
    let path = commit.path.as_mut().expect("a path");
    let beside = insider.hashed.iter().filter_map(|hashed| {
        let mut rest = hashed.as_slice();
        let (key, _above, beside) = (vector(&mut rest)?, vector(&mut rest)?, vector(&mut rest)?);
        (rest.is_empty() && key.len() == 32 && beside.len() == 32).then(|| beside.to_vec())
    });
    let beside: Vec<_> = beside.collect();
    let mut hash = Vec::new();
    let levels = before.len();
    for (level, beside) in (0..levels).rev().zip(beside) {
        let key = match (path.nodes.get(level), before[level]) {
            (Some(node), _) => node.key.clone(),
            (None, Some(parent)) => parent.public_key.to_vec(),
            (None, None) => return,
        };
        let mut input = Vec::new();
        bend::put(&mut input, &key);
        bend::put(&mut input, &hash);
        bend::put(&mut input, &beside);
        hash = Sha256::digest(&input).to_vec();
    }
    path.parent_hash = hash;
    path.sign(insider, GROUP.as_bytes(), index);
}

/// A bend of the nodes alone, with a leaf that fits them.
fn nodes(session: &GroupSession, change: impl Fn(&mut Vec<Node>) + 'static) -> Bend {
    let session = session.clone();
    Box::new(move |mut commit, insider| {
        change(&mut commit.path.as_mut().expect("a path").nodes);
        fit(&session, &mut commit, insider);
        commit.write()
    })
}

#[test]
fn the_insider_of_these_tests_makes_commits_that_verify() {
    let mut group = Group::warm(5, 1);
    let bend = nodes(&group.sessions[0], |_| {});
    let verdicts = group.bent(0, &CommitPlan::default(), bend);
    assert_eq!(verdicts, vec![Ok(()); 4], "as it was made");
}

/// Everybody refuses, and nobody says that it alone cannot read it.
fn all_refuse(verdicts: &[Result<(), GroupError>]) {
    for verdict in verdicts {
        assert!(matches!(verdict, Err(GroupError::Peer(PeerFault::Mls(_)))), "{verdict:?}");
    }
}

#[test]
fn a_path_with_too_few_nodes_is_refused_by_all() {
    for n in [2, 3, 5, 8] {
        let mut group = Group::warm(n, 2);
        for who in 0..n {
            for kept in 0..3 {
                let bend =
                    nodes(&group.sessions[who], move |nodes| nodes.truncate(kept.min(nodes.len() - 1)));
                all_refuse(&group.bent(who, &CommitPlan::default(), bend));
            }
        }
        group.commits(0, &CommitPlan::default());
    }
}

#[test]
fn a_path_with_too_many_nodes_or_none_is_refused_by_all() {
    let mut group = Group::warm(5, 3);
    for who in 0..5 {
        for more in [1, 2, 40, 900] {
            let bend = nodes(&group.sessions[who], move |nodes| {
                let last = nodes.last().expect("one").clone();
                nodes.extend(std::iter::repeat_n(last, more));
            });
            all_refuse(&group.bent(who, &CommitPlan::default(), bend));
        }
        let without: Bend = Box::new(|commit, _| Commit { path: None, ..commit }.write());
        all_refuse(&group.bent(who, &CommitPlan::default(), without));
    }
}

#[test]
fn no_change_of_the_nodes_stops_anybody() {
    type Change = fn(&mut Vec<Node>);
    let changes: [Change; 14] = [
        |nodes| nodes.reverse(),
        |nodes| nodes.rotate_left(1),
        |nodes| nodes[1] = nodes[0].clone(),
        |nodes| nodes.iter_mut().for_each(|node| node.sealed.clear()),
        |nodes| nodes[0].sealed.clear(),
        |nodes| nodes[0].sealed = nodes[1].sealed.clone(),
        |nodes| nodes.iter_mut().for_each(|node| node.sealed.extend(node.sealed.clone())),
        |nodes| nodes.iter_mut().for_each(|node| drop(node.sealed.pop())),
        |nodes| nodes.iter_mut().for_each(|node| node.key.clear()),
        |nodes| nodes.iter_mut().for_each(|node| node.key.push(1)),
        |nodes| nodes.iter_mut().for_each(|node| node.key = vec![0; 32]),
        |nodes| nodes.iter_mut().flat_map(|node| &mut node.sealed).for_each(|sealed| sealed.0.clear()),
        |nodes| nodes.iter_mut().flat_map(|node| &mut node.sealed).for_each(|sealed| sealed.0 = vec![0; 32]),
        |nodes| {
            nodes.iter_mut().flat_map(|node| &mut node.sealed).for_each(|sealed| sealed.1 = vec![9; 1000])
        },
    ];
    let mut group = Group::warm(6, 4);
    for (at, change) in changes.into_iter().enumerate() {
        for who in 0..6 {
            let bend = nodes(&group.sessions[who], change);
            for verdict in group.bent(who, &CommitPlan::default(), bend) {
                assert!(matches!(verdict, Err(GroupError::Peer(_))), "change {at} of {who}: {verdict:?}");
            }
        }
    }
    group.commits(0, &CommitPlan::default());
}

/// How many commits are tried: few in the gate, many when it is to be proven.
fn tries() -> u64 {
    if std::env::var_os("HALLOO_PROVE").is_some() { 6_000 } else { 300 }
}

fn mutate(bytes: &mut Vec<u8>, rng: &mut ChaCha20Rng) {
    for _ in 0..=rng.next_u32() % 3 {
        let at = rng.next_u32() as usize % bytes.len();
        let other = rng.next_u32() as usize % bytes.len();
        match rng.next_u32() % 6 {
            0 => bytes[at] ^= 1 << (rng.next_u32() % 8),
            1 => bytes[at] = rng.next_u32() as u8,
            2 => bytes.insert(at, rng.next_u32() as u8),
            3 => drop(bytes.remove(at)),
            4 => drop(bytes.drain(at.min(other)..at.max(other).min(at.min(other) + 40))),
            _ => {
                let piece = bytes[at.min(other)..at.max(other)].to_vec();
                bytes.splice(at..at, piece);
            }
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
}

#[test]
fn whatever_a_member_signs_as_a_commit_stops_nobody() {
    let mut group = Group::warm(5, 5);
    let coming = KeyPackageSecret::generate(GROUP, &DeviceSecret::generate(&mut group.rng), &mut group.rng);
    let plans = [
        CommitPlan::default(),
        CommitPlan { remove: vec![group.device(3)], ..CommitPlan::default() },
        CommitPlan { add: vec![coming.expect("one").key_package().to_vec()], ..CommitPlan::default() },
    ];
    let mut refused = 0;
    for seed in 0..tries() {
        let plan = &plans[seed as usize % plans.len()];
        let bend: Bend = Box::new(move |commit, _| {
            let mut bytes = commit.write();
            mutate(&mut bytes, &mut ChaCha20Rng::seed_from_u64(seed));
            bytes
        });
        refused += group.bent(0, plan, bend).iter().filter(|verdict| verdict.is_err()).count();
    }
    assert!(refused as u64 > tries() * 3, "mutations that change nothing prove nothing: {refused}");
    group.commits(0, &CommitPlan::default());
}

#[test]
fn no_number_or_length_of_nodes_stops_anybody_whose_leaf_fits_them() {
    let mut group = Group::warm(7, 6);
    for seed in 0..tries() {
        let who = seed as usize % 7;
        let bend = nodes(&group.sessions[who], move |nodes| {
            let mut rng = ChaCha20Rng::seed_from_u64(seed);
            for _ in 0..=rng.next_u32() % 3 {
                let (at, other) = (rng.next_u32() as usize, rng.next_u32() as usize);
                let Some(len) = std::num::NonZeroUsize::new(nodes.len()) else { return };
                let (at, other) = (at % len, other % len);
                match rng.next_u32() % 5 {
                    0 => nodes.swap(at, other),
                    1 => nodes.insert(at, nodes[other].clone()),
                    2 => drop(nodes.remove(at)),
                    3 => nodes[at].sealed = nodes[other].sealed.clone(),
                    _ => mutate(&mut nodes[at].key, &mut rng),
                }
            }
        });
        group.bent(who, &CommitPlan::default(), bend);
    }
    group.commits(0, &CommitPlan::default());
}

/// Numbers of two and four bytes are written over more often than chance would: trees are made of places and lengths.
fn mutate_numbers(bytes: &mut [u8], rng: &mut ChaCha20Rng) {
    let at = rng.next_u32() as usize % (bytes.len() - 4);
    let number = [0, 1, 2, 0xff, 0x7fff_ffff, 0x8000_0000, u32::MAX][rng.next_u32() as usize % 7];
    bytes[at..at + 4].copy_from_slice(&u32::to_be_bytes(number));
}

#[test]
fn whatever_a_member_signs_as_a_welcome_stops_nobody_who_joins() {
    let mut group = Group::warm(5, 8);
    let device = DeviceSecret::generate(&mut group.rng);
    let coming = KeyPackageSecret::generate(GROUP, &device, &mut group.rng).expect("a package");
    let add = vec![coming.key_package().to_vec()];
    let plan = CommitPlan { add, ..CommitPlan::default() };
    let mut refused = 0;
    for seed in 0..2 * tries() {
        let change = move |bytes: &mut Vec<u8>| {
            let mut rng = ChaCha20Rng::seed_from_u64(seed);
            if seed % 2 == 0 { mutate(bytes, &mut rng) } else { mutate_numbers(bytes, &mut rng) }
        };
        let made = bend::welcoming(change, || group.sessions[0].prepare(&plan, &mut group.rng));
        let welcome = made.expect("a commit").welcome.expect("for the added");
        refused += u64::from(GroupSession::join(&welcome, &coming).is_err());
    }
    assert!(refused > tries() * 19 / 10, "mutations that change nothing prove nothing: {refused}");
}

/// The hash of a tree (RFC 9420, section 7.8), if it is read at all.
fn tree_hash(bytes: &[u8]) -> Option<Vec<u8>> {
    fn of(tree: &ExportedTree<'_>, node: usize, level: u32) -> Vec<u8> {
        let optional = |node: Option<Vec<u8>>| node.map_or(vec![0], |node| [vec![1], node].concat());
        let written = tree.nodes().get(node).and_then(Option::as_ref).map(|node| match node {
            TreeNode::Leaf(leaf) => leaf.mls_encode_to_vec().expect("it was read"),
            TreeNode::Parent(parent) => parent.mls_encode_to_vec().expect("it was read"),
        });
        let mut input = Vec::new();
        if level == 0 {
            input.push(1);
            input.extend((node as u32 / 2).to_be_bytes());
            input.extend(optional(written));
        } else {
            input.push(2);
            input.extend(optional(written));
            bend::put(&mut input, &of(tree, node - (1 << (level - 1)), level - 1));
            bend::put(&mut input, &of(tree, node + (1 << (level - 1)), level - 1));
        }
        Sha256::digest(&input).to_vec()
    }
    let tree = ExportedTree::from_bytes(bytes).ok()?;
    let leaves = tree.total_leaf_count();
    Some(of(&tree, leaves as usize - 1, leaves.trailing_zeros()))
}

/// A tree of a welcome: everything that is read of it before its hash is compared, and what only a tree that fits reaches.
#[test]
fn no_tree_whose_hash_fits_stops_anybody_who_joins() {
    let mut group = Group::warm(6, 9);
    let coming = KeyPackageSecret::generate(GROUP, &DeviceSecret::generate(&mut group.rng), &mut group.rng);
    let coming = coming.expect("a package");
    let plan = CommitPlan { add: vec![coming.key_package().to_vec()], ..CommitPlan::default() };
    // One generator for all, so that all make the same tree.
    let honest = group.sessions[0].prepare(&plan, &mut group.rng.clone()).expect("a commit");
    assert!(GroupSession::join(&honest.welcome.expect("for the added"), &coming).is_ok());
    let tree = honest.next.tree().to_bytes().expect("a tree");
    assert_eq!(tree_hash(&tree), Some(honest.next.mls.context().tree_hash.clone()));
    let mut unread = 0;
    for seed in 0..tries() {
        let (tree, hash) = (tree.clone(), honest.next.mls.context().tree_hash.clone());
        let change = move |bytes: &mut Vec<u8>| {
            let mut rng = ChaCha20Rng::seed_from_u64(seed);
            let at = bytes.windows(tree.len()).position(|window| window == tree).expect("the tree is inside");
            let mut other = tree.clone();
            for _ in 0..=rng.next_u32() % 2 {
                mutate_numbers(&mut other, &mut rng);
            }
            // Trees that are read at all are given the hash that they have.
            let fitting = tree_hash(&other);
            bytes.splice(at..at + tree.len(), other);
            let place =
                bytes.windows(hash.len()).position(|window| window == hash).expect("the hash is inside");
            if let Some(fitting) = fitting {
                bytes[place..place + hash.len()].copy_from_slice(&fitting);
            }
        };
        let made = bend::welcoming(change, || group.sessions[0].prepare(&plan, &mut group.rng.clone()));
        let welcome = made.expect("a commit").welcome.expect("for the added");
        let joined = GroupSession::join(&welcome, &coming).map(|_| ());
        unread += u64::from(joined.is_err_and(|error| format!("{error}").contains("TreeHashMismatch")));
    }
    assert_eq!(unread, 0, "every tree was looked at beyond its hash");
}

#[test]
fn no_sender_that_a_message_names_stops_anybody() {
    let mut group = Group::warm(5, 7);
    let numbers = [0, 1, 4, 5, 7, 8, 100, 1 << 30, (1 << 31) - 1, 1 << 31, u32::MAX - 1, u32::MAX];
    for leaf in numbers {
        for generation in numbers {
            let sender = [leaf, generation, 0].map(u32::to_be_bytes).concat();
            let made =
                bend::sent_by(sender, || group.sessions[2].prepare(&CommitPlan::default(), &mut group.rng));
            let commit = made.expect("a commit").commit;
            for (other, session) in group.sessions.iter().enumerate().filter(|(other, _)| *other != 2) {
                let verdict = session.apply(&commit).map(|_| ());
                assert!(
                    matches!(verdict, Err(GroupError::Peer(_))),
                    "{leaf} {generation} {other}: {verdict:?}"
                );
            }
        }
    }
    for len in 0..40 {
        let made =
            bend::sent_by(vec![1; len], || group.sessions[2].prepare(&CommitPlan::default(), &mut group.rng));
        assert!(group.sessions[0].apply(&made.expect("a commit").commit).is_err(), "{len} bytes");
    }
}

#[test]
fn honest_paths_have_the_nodes_that_are_due_in_trees_of_any_shape() {
    for seed in 0..tries() / 30 {
        let mut group = Group::warm(2 + seed as usize % 11, seed);
        for _ in 0..12 {
            let n = group.sessions.len();
            let who = group.rng.next_u32() as usize % n;
            let remove = (0..n).filter(|other| *other != who && group.rng.next_u32().is_multiple_of(4));
            let remove: Vec<DeviceId> = remove.map(|other| group.sessions[other].device()).collect();
            let how_many = group.rng.next_u32() % 4;
            let coming: Vec<KeyPackageSecret> = (0..how_many)
                .map(|_| {
                    let device = DeviceSecret::generate(&mut group.rng);
                    KeyPackageSecret::generate(GROUP, &device, &mut group.rng).expect("one")
                })
                .collect();
            let add = coming.iter().map(|package| package.key_package().to_vec()).collect();
            group.commits(who, &CommitPlan { add, remove, heads: Vec::new() });
            let tree = group.sessions[0].tree();
            let leaves: Vec<bool> = tree.nodes().iter().step_by(2).map(Option::is_some).collect();
            for session in &group.sessions {
                let index = session.index_of(&session.device()).expect("a member");
                let path =
                    tree.filtered_direct_path(LeafIndex::try_from(index).expect("a leaf")).expect("a path");
                assert_eq!(nodes_due(&leaves, &[], 0, index), path.len());
            }
        }
    }
}

#[test]
fn what_is_no_commit_has_no_nodes() {
    assert_eq!(nodes_signed(b""), None);
    let mut signed = Vec::new();
    bend::put(&mut signed, b"MLS 1.0 LeafNodeTBS");
    bend::put(&mut signed, &[0; 200]);
    assert_eq!(nodes_signed(&signed), None);
    for len in 0..300 {
        let mut signed = Vec::new();
        bend::put(&mut signed, SIGNED_CONTENT);
        bend::put(&mut signed, &vec![3; len]);
        assert_eq!(nodes_signed(&signed), None, "{len}");
    }
}
