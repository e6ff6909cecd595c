//! Who cannot apply a commit, who says so without being so, and what either costs the others.

use core::time::Duration;

use super::*;
use crate::epochs::commit_name;
use crate::nacks::MAX_ANSWERS;
use crate::output::Warning;
use crate::rig::Rig;
use crate::wire::parcel::Parcel;
use halloo_crypto::group::{CommitPlan, Prepared, poison};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

const SECOND: Duration = Duration::from_secs(1);

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// A renewal that member `who` makes behind its engine's back, unreadable for `victims`.
fn poisoned(rig: &mut Rig, who: usize, victims: &[usize]) -> Prepared {
    let victims: Vec<_> = victims.iter().map(|victim| rig.members[*victim].identity.device.id()).collect();
    let session = rig.engine(who).state.epochs.tip().session.clone();
    let plan = CommitPlan { heads: rig.engine(who).state.heads(), ..CommitPlan::default() };
    poison::arm(victims);
    let made = session.prepare(&plan, &mut rng(4)).expect("MLS takes it");
    poison::arm([]);
    made
}

fn tell(rig: &mut Rig, to: usize, from: usize, kind: ParcelKind, item: Vec<u8>) {
    let from = rig.peer(from);
    rig.hand_direct(to, from, &DirectFrame::Parcel(Parcel::new(kind, vec![item])));
    rig.settle();
}

/// The Nacks that a member sent to somebody, each once.
fn nacks_of(rig: &Rig, who: usize) -> Vec<Vec<u8>> {
    let frames = rig.members[who].sent.iter().filter(|(to, _)| to.is_some());
    let parcels = frames.filter_map(|(_, bytes)| Parcel::parse(bytes.get(9..)?).ok());
    let mut nacks: Vec<Vec<u8>> =
        parcels.filter(|parcel| parcel.kind == ParcelKind::Nacks).flat_map(|parcel| parcel.items).collect();
    nacks.dedup();
    nacks
}

/// A Nack that `who` signs though nothing is wrong.
fn lie(rig: &mut Rig, who: usize, about: [u8; 32], seed: u64) -> Vec<u8> {
    let device = rig.members[who].identity.device.clone();
    let state = &rig.engine(who).state;
    let leaf = state.epochs.tip().session.roster()[&device.id()].leaf_key;
    let group = state.group;
    let secret = KeyPackageSecret::generate(group, &device, &mut rng(seed)).expect("a package");
    Nack::sign(&group, &device, vec![about], vec![leaf], secret.key_package().to_vec()).to_bytes()
}

/// The name of the commit that began the current epoch.
fn newest(rig: &mut Rig, who: usize) -> [u8; 32] {
    let epochs = &rig.engine(who).state.epochs;
    commit_name(epochs.commit_of(&epochs.tip().session.tag()).expect("a commit began it"))
}

fn together(rig: &mut Rig, who: &[usize]) {
    let epoch = rig.engine(who[0]).status().epoch;
    for member in who {
        let status = rig.engine(*member).status();
        assert_eq!((status.epoch, status.tainted), (epoch, false), "{member}");
    }
}

#[test]
fn a_renewal_that_one_cannot_apply_ends_with_all_on_one_epoch_that_follows_from_it() {
    let mut rig = Rig::group(5, 1);
    let commit = poisoned(&mut rig, 1, &[4]).commit;
    for who in [0, 2, 3, 4] {
        tell(&mut rig, who, 1, ParcelKind::Commits, commit.clone());
    }
    let after = rig.engine(0).state.epochs.tip().id();
    assert_eq!(rig.dropped(4, "commit that this device cannot apply"), 1);
    assert_eq!(
        rig.dropped(4, "commit that does not follow the log"),
        0,
        "whoever passes it on did nothing wrong"
    );
    rig.pass(2 * SECOND);
    let tip = rig.engine(0).state.epochs.tip().id();
    assert!(rig.engine(0).state.epochs.descends(&tip, &after), "nobody abandons what it could apply");
    together(&mut rig, &[0, 2, 3, 4]);
    assert_eq!(nacks_of(&rig, 4).len(), 1, "once is enough");
    rig.say(4, "back again");
    assert_eq!(rig.texts(0), ["back again"]);
}

#[test]
fn a_commit_that_nobody_can_apply_makes_nobody_commit() {
    let mut rig = Rig::group(4, 2);
    let before = rig.engine(0).status().epoch;
    let commit = poisoned(&mut rig, 1, &[0, 2, 3]).commit;
    for who in [0, 2, 3] {
        tell(&mut rig, who, 1, ParcelKind::Commits, commit.clone());
    }
    rig.pass(60 * SECOND);
    together(&mut rig, &[0, 2, 3]);
    assert_eq!(rig.engine(0).status().epoch, before);
    let sent = nacks_of(&rig, 0).len();
    assert!((1..=6).contains(&sent), "they say so a few times and then are silent: {sent}");
}

#[test]
fn a_nack_that_was_answered_is_answered_no_more_whoever_sends_it_again() {
    let mut rig = Rig::group(4, 3);
    let commit = poisoned(&mut rig, 1, &[3]).commit;
    for who in [0, 2, 3] {
        tell(&mut rig, who, 1, ParcelKind::Commits, commit.clone());
    }
    rig.pass(30 * SECOND);
    together(&mut rig, &[0, 2, 3]);
    let (epoch, nack) = (rig.engine(0).status().epoch, nacks_of(&rig, 3).remove(0));
    // Whoever has forgotten it, or never saw it.
    for who in [0, 2] {
        rig.engine(who).commits.nacks = nacks::Nacks::default();
    }
    for _ in 0..3 {
        tell(&mut rig, 0, 1, ParcelKind::Nacks, nack.clone());
        tell(&mut rig, 2, 1, ParcelKind::Nacks, nack.clone());
        rig.pass(10 * SECOND);
    }
    together(&mut rig, &[0, 2, 3]);
    assert_eq!(rig.engine(0).status().epoch, epoch, "its leaf is another one by now");
}

#[test]
fn inv_6_who_lies_without_end_costs_eight_commits_in_ten_minutes_and_moves_nobody() {
    let mut rig = Rig::group(3, 4);
    rig.pass(60 * SECOND);
    let first = rig.engine(0).state.epochs.tip().session.depth();
    let start = rig.engine(0).state.epochs.tip().id();
    let mut lies = 0;
    for round in 0..60 {
        let about = newest(&mut rig, 2);
        let nack = lie(&mut rig, 2, about, 1_000 + round);
        for who in [0, 1] {
            tell(&mut rig, who, 2, ParcelKind::Nacks, nack.clone());
        }
        lies += 1;
        rig.pass(5 * SECOND);
    }
    let epochs = &rig.engine(0).state.epochs;
    let (depth, tip) = (epochs.tip().session.depth(), epochs.tip().id());
    assert!(epochs.descends(&tip, &start), "and nobody left a branch");
    let made = depth - first;
    assert!(made >= 1, "the first are believed, for nobody can know better");
    assert!(made <= MAX_ANSWERS as u64 + 1, "{lies} lies made {made} commits");
    assert!(rig.dropped(0, "nack beyond the share of its account") > 0);
}

#[test]
fn a_nack_about_what_did_not_lead_here_or_of_nobody_changes_nothing() {
    let mut rig = Rig::group(3, 5);
    let epoch = rig.engine(0).status().epoch;
    let unknown = lie(&mut rig, 2, [9; 32], 1);
    tell(&mut rig, 0, 2, ParcelKind::Nacks, unknown);
    let about = newest(&mut rig, 2);
    let mut broken = lie(&mut rig, 2, about, 2);
    let at = broken.len() - 1;
    broken[at] ^= 1;
    tell(&mut rig, 0, 2, ParcelKind::Nacks, broken);
    tell(&mut rig, 0, 2, ParcelKind::Nacks, vec![1; 100]);
    let stranger = crate::rig::identity(&mut rng(8), "Eve", 99).device;
    let group = rig.engine(0).group();
    let package = KeyPackageSecret::generate(group, &stranger, &mut rng(9)).expect("a package");
    let nack = Nack::sign(&group, &stranger, vec![about], vec![[1; 32]], package.key_package().to_vec());
    tell(&mut rig, 0, 2, ParcelKind::Nacks, nack.to_bytes());
    rig.pass(10 * SECOND);
    assert_eq!(rig.engine(0).status().epoch, epoch);
    assert_eq!(rig.dropped(0, "malformed nack") + rig.dropped(0, "nack that does not verify"), 2);
}

#[test]
fn who_answers_and_keeps_the_welcome_to_itself_only_delays() {
    let mut rig = Rig::group(5, 6);
    let made = poisoned(&mut rig, 1, &[4]);
    rig.cut = true;
    for who in [0, 2, 3, 4] {
        tell(&mut rig, who, 1, ParcelKind::Commits, made.commit.clone());
    }
    // The insider is the first to answer, and hands nobody the welcome.
    let nack = Nack::parse(&nacks_of(&rig, 4)[0]).expect("a nack");
    let plan = CommitPlan {
        add: vec![nack.key_package.clone()],
        remove: vec![nack.device],
        heads: rig.engine(0).state.heads(),
    };
    let answer = made.next.prepare(&plan, &mut rng(5)).expect("MLS takes it").commit;
    for who in [0, 2, 3, 4] {
        tell(&mut rig, who, 1, ParcelKind::Commits, answer.clone());
    }
    let taken = rig.engine(2).state.epochs.tip().session.roster()[&nack.device].leaf_key;
    assert!(!nack.leaves.contains(&taken), "by the key package of the Nack");
    rig.cut = false;
    rig.pass(10 * SECOND);
    together(&mut rig, &[0, 2, 3, 4]);
    assert!(nacks_of(&rig, 4).len() >= 2);
    rig.say(4, "at last");
    assert_eq!(rig.texts(2), ["at last"]);
}

#[test]
fn one_commit_that_some_cannot_apply_is_no_reason_to_warn_and_two_are() {
    let mut rig = Rig::group(4, 7);
    let warned = |rig: &Rig| {
        let is = |event: &&Event| matches!(event, Event::Warning(Warning::UnreadableKeys { .. }));
        rig.members[0].events.iter().filter(is).count()
    };
    for round in 0..2 {
        assert_eq!(warned(&rig), 0, "after {round}");
        let commit = poisoned(&mut rig, 1, &[3]).commit;
        for who in [0, 2, 3] {
            tell(&mut rig, who, 1, ParcelKind::Commits, commit.clone());
        }
        rig.pass(20 * SECOND);
        // The insider goes on from where the others are.
        let state = rig.engine(0).state.epochs.tip().session.tag();
        assert_eq!(rig.engine(1).state.epochs.tip().session.tag(), state, "honest in everything else");
    }
    assert_eq!(warned(&rig), 1, "the owner is told");
}

#[test]
fn who_asks_for_a_leaf_gets_it_though_the_commit_that_gave_it_loses_a_race() {
    let mut rig = Rig::group(4, 11);
    rig.pass(60 * SECOND);
    let before = rig.engine(1).state.epochs.tip().session.clone();
    let plan = CommitPlan { heads: rig.engine(1).state.heads(), ..CommitPlan::default() };
    let neighbour = rig.peer(0);
    rig.hand_direct(3, neighbour, &DirectFrame::Stranded);
    let asked = rig.engine(3).commits.welcomes.asked_leaves(&before.group());
    let device = rig.members[3].identity.device.id();
    rig.pass(2 * SECOND);
    let given = rig.engine(0).state.epochs.tip().id();
    assert_eq!(commits::leaf_of(&rig.engine(0).state, &device), Some(asked[0]));
    // A rival of the commit that gave it wins.
    for seed in 0.. {
        let rival = before.prepare(&plan, &mut rng(seed)).expect("MLS takes it").commit;
        tell(&mut rig, 0, 1, ParcelKind::Commits, rival);
        let epochs = &rig.engine(0).state.epochs;
        if !epochs.descends(&epochs.tip().id(), &given) {
            break;
        }
    }
    assert_ne!(commits::leaf_of(&rig.engine(0).state, &device), Some(asked[0]));
    rig.pass(2 * SECOND);
    assert_eq!(commits::leaf_of(&rig.engine(0).state, &device), Some(asked[0]));
    together(&mut rig, &[0, 1, 2, 3]);
}
