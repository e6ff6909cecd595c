//! Late rivals of an insider, ground until they rank first, and what the words about epochs cost.

use super::*;
use crate::epochs::MAX_RIVALS;
use crate::input::{Command, Input, WakeReason};
use crate::lane::Lane;
use crate::rig::Rig;
use crate::wire::direct::DirectFrame;
use halloo_crypto::group::{CommitId, CommitPlan, GroupSession};
use halloo_crypto::id::EpochId;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// Somebody renews its leaf, and everybody follows; gives the epoch before as the insider, member 1, kept it.
fn renewed(rig: &mut Rig) -> GroupSession {
    let kept = GroupSession::clone(&rig.engine(1).state.epochs.tip().session);
    let engine = rig.engine(0);
    crate::commits::commit_now(&mut engine.commits, &mut engine.state, true);
    rig.hand(0, Input::Wake(WakeReason::Outside));
    rig.settle();
    kept
}

/// A sibling of the current epoch that ranks before it, found by trying.
fn ground(rig: &mut Rig, kept: &GroupSession, tries: u64) -> Vec<u8> {
    let heads = rig.engine(1).state.heads();
    let plan = CommitPlan { heads, ..CommitPlan::default() };
    let made =
        (0..tries).map(|seed| kept.prepare(&plan, &mut ChaCha20Rng::seed_from_u64(seed)).expect("made"));
    made.min_by_key(|made| made.next.commit_id()).expect("some").commit
}

/// As many siblings of the current epoch, the worst first: each takes the place of another one.
fn ever_better(rig: &mut Rig, kept: &GroupSession, tries: u64) -> Vec<Vec<u8>> {
    let heads = rig.engine(1).state.heads();
    let plan = CommitPlan { heads, ..CommitPlan::default() };
    let made =
        (0..tries).map(|seed| kept.prepare(&plan, &mut ChaCha20Rng::seed_from_u64(seed)).expect("made"));
    let mut made: Vec<_> = made.collect();
    made.sort_by_key(|made| core::cmp::Reverse(made.next.commit_id()));
    made.into_iter().map(|made| made.commit).collect()
}

/// Five minutes awake, the rest asleep, and awake again.
fn sleep(rig: &mut Rig, span: Duration) {
    rig.pass(300 * SECOND);
    rig.now = rig.now.after(span);
    rig.pass(60 * SECOND);
}

fn hand_all(rig: &mut Rig, commit: &[u8]) {
    let from = rig.peer(1);
    for who in (0..rig.members.len()).filter(|who| *who != 1) {
        let parcel = Parcel::new(ParcelKind::Commits, vec![commit.to_vec()]);
        rig.hand_direct(who, from, &DirectFrame::Parcel(parcel));
    }
    rig.settle();
}

fn tips(rig: &mut Rig) -> Vec<EpochId> {
    (0..rig.members.len())
        .filter(|who| *who != 1)
        .map(|who| rig.engine(who).state.epochs.tip().id())
        .collect()
}

fn rank(rig: &mut Rig) -> CommitId {
    rig.engine(0).state.epochs.tip().session.commit_id()
}

fn rows(rig: &mut Rig, who: usize) -> usize {
    let rows = rig.engine(who).state.log.board().rows();
    rows.filter(|row| matches!(row.fact(), Acknowledged::Commit(_))).count()
}

#[test]
fn a_late_sibling_of_a_parent_of_twenty_hours_moves_nobody_who_had_acknowledged() {
    let mut rig = Rig::group(5, 80);
    let kept = renewed(&mut rig);
    sleep(&mut rig, 20 * HOUR);
    let (before, old) = (tips(&mut rig), rank(&mut rig));
    let late = ground(&mut rig, &kept, 40);
    hand_all(&mut rig, &late);
    assert_eq!(tips(&mut rig), before);
    let tree = &rig.engine(0).state.epochs;
    let rivals = tree.children(&kept.epoch_id());
    assert_eq!(rivals.len(), 2, "it came and fits");
    let rival = tree.get(&rivals[1]).expect("the late one").session.commit_id();
    assert!(rival < old, "and without the words it would have won");
    // It is so after a restart.
    let origin = crate::start::Origin::Restore(rig.members[2].disk.clone());
    let identity = rig.members[2].identity.clone();
    let again = crate::Engine::new(crate::start::Config::default(), identity, origin, [99; 32], rig.now);
    let again = again.expect("a member starts");
    assert_eq!((again.state.epochs.tip().id(), again.state.epochs.chosen()), (before[0], before[0]));
    rig.say(0, "unmoved");
    assert_eq!(rig.texts(4), ["unmoved"]);
}

#[test]
fn even_a_heavier_one_that_names_what_was_signed_meanwhile_moves_nobody() {
    let mut rig = Rig::group(5, 81);
    let kept = renewed(&mut rig);
    sleep(&mut rig, 2 * HOUR);
    let account = rig.members[4].identity.account();
    let role = halloo_crdt::log::Role::Moderator;
    rig.command(0, Command::SetRole { account, role }).expect("appointed");
    rig.pass(10 * SECOND);
    let before = tips(&mut rig);
    let late = ground(&mut rig, &kept, 1);
    hand_all(&mut rig, &late);
    assert_eq!(tips(&mut rig), before);
    let tree = &rig.engine(0).state.epochs;
    let rivals = tree.children(&kept.epoch_id());
    let weight = |at: usize| tree.get(&rivals[at]).expect("a rival").weight;
    assert!(weight(1) > weight(0), "by weight alone it would have won");
}

#[test]
fn within_a_race_of_a_second_who_grinds_wins_and_all_end_on_one_epoch() {
    let mut rig = Rig::group(5, 82);
    let kept = renewed(&mut rig);
    let before = tips(&mut rig);
    let late = ground(&mut rig, &kept, 40);
    rig.pass(SECOND);
    hand_all(&mut rig, &late);
    let after = tips(&mut rig);
    assert!(
        after.iter().all(|tip| *tip == after[0] && *tip != before[0]),
        "nobody had acknowledged anything"
    );
    rig.pass(10 * SECOND);
    let later = tips(&mut rig);
    assert!(later.iter().all(|tip| *tip == later[0]));
}

#[test]
fn an_epoch_that_stays_costs_rows_of_little_more_than_half_and_none_when_it_is_settled() {
    let mut rig = Rig::group(8, 83);
    rig.pass(300 * SECOND);
    let kept = rows(&mut rig, 0);
    assert!((4..=8).contains(&kept), "{kept} rows of eight members");
    sleep(&mut rig, HOUR);
    assert_eq!(rows(&mut rig, 0), kept, "said once");
    let frames = rig.members[3].sent.len();
    rig.pass(2 * SECOND);
    assert!(rig.members[3].sent.len() < frames + 20);
    // A day later another epoch is current, and what was before it is settled.
    renewed(&mut rig);
    sleep(&mut rig, 25 * HOUR);
    let stored = rig.members[0].disk.table(Table::Acknowledgement).count();
    let left = rows(&mut rig, 0);
    assert_eq!(stored, left, "the store forgets with the memory");
    assert!(left <= 8, "only those of the epochs that are left: {left}");
}

#[test]
fn inv_6_rows_about_epochs_that_are_not_here_fill_no_board() {
    let mut rig = Rig::group(3, 84);
    let device = rig.members[1].identity.device.clone();
    let group = rig.engine(0).group();
    let before = rows(&mut rig, 0);
    for n in 0..100 {
        let row = Row::sign(group, Acknowledged::Commit([n; 32]), vec![], vec![], &device).to_bytes();
        let parcel = DirectFrame::Parcel(Parcel::new(ParcelKind::Acknowledgements, vec![row]));
        let bytes = parcel.to_bytes(rig.engine(0).route_tag());
        let from = rig.peer(1);
        rig.hand(0, Input::Frame { from, lane: Lane::Direct, bytes });
    }
    assert_eq!(rows(&mut rig, 0), before);
}

#[test]
fn inv_6_who_makes_commits_without_end_fills_no_tree_and_no_store() {
    let mut rig = Rig::group(5, 85);
    let kept = renewed(&mut rig);
    sleep(&mut rig, 20 * HOUR);
    let before = tips(&mut rig);
    let sizes = |rig: &Rig| {
        let disk = &rig.members[0].disk;
        (disk.table(Table::Epoch).count(), disk.table(Table::Trail).count())
    };
    let (epochs, traces) = sizes(&rig);
    for commit in ever_better(&mut rig, &kept, 60) {
        hand_all(&mut rig, &commit);
        let (epochs_now, traces_now) = sizes(&rig);
        assert!(epochs_now < epochs + MAX_RIVALS, "{epochs_now} epochs in the store, there were {epochs}");
        assert!(traces_now < traces + MAX_RIVALS, "{traces_now} commits in the store, there were {traces}");
    }
    let tree = &rig.engine(0).state.epochs;
    assert_eq!(tree.children(&kept.epoch_id()).len(), MAX_RIVALS, "all places are taken");
    assert_eq!(tips(&mut rig), before);
    let origin = crate::start::Origin::Restore(rig.members[0].disk.clone());
    let identity = rig.members[0].identity.clone();
    let again = crate::Engine::new(crate::start::Config::default(), identity, origin, [99; 32], rig.now);
    assert_eq!(again.expect("a member starts").state.epochs.tip().id(), before[0]);
}
