//! Commits of insiders who do not follow the log, of the future, and of nobody.

use super::*;
use crate::rig::{Rig, identity};
use crate::wire::direct::{DirectFrame, EpochsFrame};
use crate::wire::parcel::Parcel;
use halloo_crypto::group::{CommitPlan, KeyPackageSecret};
use halloo_crypto::id::OpId;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(9)
}

/// A commit that member `who` makes behind its engine's back.
fn rogue(rig: &mut Rig, who: usize, plan: &CommitPlan) -> Vec<u8> {
    let session = rig.engine(who).state.epochs.tip().session.clone();
    session.prepare(plan, &mut rng()).expect("MLS takes it").commit
}

fn heads(rig: &mut Rig, who: usize) -> Vec<OpId> {
    rig.engine(who).state.heads()
}

fn hand(rig: &mut Rig, commit: Vec<u8>) {
    let from = rig.peer(1);
    let parcel = Parcel::new(ParcelKind::Commits, vec![commit]);
    rig.hand_direct(0, from, &DirectFrame::Parcel(parcel));
    rig.settle();
}

const BAD: &str = "commit that does not follow the log";

#[test]
fn an_insider_adds_nobody_whom_the_log_does_not_know() {
    let mut rig = Rig::group(3, 1);
    let epoch = rig.engine(0).status().epoch;
    let outsider = identity(&mut rng(), "Eve", 99);
    let group = rig.engine(0).group();
    let package = KeyPackageSecret::generate(group, &outsider.device, &mut rng()).expect("a package");
    let heads = heads(&mut rig, 1);
    let commit =
        rogue(&mut rig, 1, &CommitPlan { add: vec![package.key_package().to_vec()], remove: vec![], heads });
    hand(&mut rig, commit);
    assert_eq!((rig.dropped(0, BAD), rig.engine(0).status().epoch), (1, epoch));
}

#[test]
fn an_insider_removes_nobody_whom_the_log_keeps() {
    let mut rig = Rig::group(3, 2);
    let epoch = rig.engine(0).status().epoch;
    let victim = rig.members[2].identity.device.id();
    let heads = heads(&mut rig, 1);
    let commit = rogue(&mut rig, 1, &CommitPlan { add: vec![], remove: vec![victim], heads });
    hand(&mut rig, commit);
    assert_eq!((rig.dropped(0, BAD), rig.engine(0).status().epoch), (1, epoch));
}

#[test]
fn a_commit_that_puts_us_out_against_the_log_changes_nothing() {
    let mut rig = Rig::group(3, 3);
    let epoch = rig.engine(0).status().epoch;
    let ada = rig.members[0].identity.device.id();
    let heads = heads(&mut rig, 1);
    let commit = rogue(&mut rig, 1, &CommitPlan { add: vec![], remove: vec![ada], heads });
    hand(&mut rig, commit);
    let status = rig.engine(0).status();
    assert_eq!((status.epoch, status.member), (epoch, true));
}

#[test]
fn a_commit_that_names_older_heads_cannot_bring_back_a_removed_leaf() {
    let mut rig = Rig::group(3, 4);
    let old_heads = heads(&mut rig, 1);
    let old_session = rig.engine(1).state.epochs.tip().session.clone();
    let removed = rig.members[2].identity.account();
    rig.command(0, crate::input::Command::Remove(removed)).expect("removed");
    rig.pass(core::time::Duration::from_secs(5));
    let epoch = rig.engine(0).status().epoch;
    let plan = CommitPlan { add: vec![], remove: vec![], heads: old_heads };
    let commit = old_session.prepare(&plan, &mut rng()).expect("MLS takes it").commit;
    hand(&mut rig, commit);
    let status = rig.engine(0).status();
    assert_eq!((status.epoch, status.tainted), (epoch, false), "the branch with the removal is heavier");
}

#[test]
fn an_honest_update_is_followed_and_a_second_copy_costs_nothing() {
    let mut rig = Rig::group(2, 5);
    let before = rig.engine(0).status();
    let heads = heads(&mut rig, 1);
    let commit = rogue(&mut rig, 1, &CommitPlan { heads, ..CommitPlan::default() });
    hand(&mut rig, commit.clone());
    let after = rig.engine(0).status();
    assert_ne!(after.epoch, before.epoch);
    assert_eq!(after.branches, before.branches + 1);
    hand(&mut rig, commit);
    assert_eq!(rig.engine(0).status().branches, after.branches);
    assert_eq!(rig.dropped(0, BAD), 0);
}

#[test]
fn commits_of_the_future_wait_within_their_bound() {
    let mut rig = Rig::group(2, 6);
    let mut random = rng();
    let mut commit = vec![0; 200];
    for _ in 0..MAX_WAITING + 20 {
        random.fill_bytes(&mut commit);
        commit[0] = 1;
        hand(&mut rig, commit.clone());
    }
    assert_eq!(rig.engine(0).commits.waiting.len(), MAX_WAITING);
    rig.say(0, "unimpressed");
    assert_eq!(rig.texts(1), ["unimpressed"]);
}

#[test]
fn a_commit_with_heads_that_are_not_known_waits_for_them() {
    let mut rig = Rig::group(3, 7);
    rig.cut = true;
    let role = halloo_crdt::log::Role::Moderator;
    let account = rig.members[2].identity.account();
    rig.command(0, crate::input::Command::SetRole { account, role }).expect("appointed");
    let heads = heads(&mut rig, 0);
    let commit = rogue(&mut rig, 0, &CommitPlan { heads, ..CommitPlan::default() });
    let ops: Vec<Vec<u8>> = rig.engine(0).state.log.ops().into_iter().map(|op| op.to_bytes()).collect();
    let from = rig.peer(0);
    let epoch = rig.engine(1).status().epoch;
    rig.hand_direct(1, from, &DirectFrame::Parcel(Parcel::new(ParcelKind::Commits, vec![commit])));
    assert_eq!(rig.engine(1).commits.waiting.len(), 1);
    assert_eq!(rig.engine(1).status().epoch, epoch);
    rig.hand_direct(1, from, &DirectFrame::Parcel(Parcel::new(ParcelKind::Operations, ops)));
    assert!(rig.engine(1).commits.waiting.is_empty());
    assert_ne!(
        rig.engine(1).status().epoch,
        epoch,
        "INV-1: the same facts, the same epoch, whatever came first"
    );
}

#[test]
fn random_and_mutated_commits_change_nothing() {
    let mut rig = Rig::group(2, 8);
    let epoch = rig.engine(0).status().epoch;
    let heads = heads(&mut rig, 1);
    let valid = rogue(&mut rig, 1, &CommitPlan { heads, ..CommitPlan::default() });
    let mut random = rng();
    for round in 0..300_usize {
        let mut bytes = valid.clone();
        let at = random.next_u32() as usize % bytes.len();
        match round % 3 {
            0 => bytes[at] ^= 1 << (random.next_u32() % 8),
            1 => bytes.truncate(at),
            _ => random.fill_bytes(&mut bytes[9.min(at)..]),
        }
        hand(&mut rig, bytes);
    }
    assert_eq!(rig.engine(0).status().epoch, epoch);
    hand(&mut rig, valid);
    assert_ne!(rig.engine(0).status().epoch, epoch, "forgeries do not block the real one");
}

#[test]
fn nothing_to_do_is_no_commit_and_what_is_to_do_is_planned_whole() {
    let mut rig = Rig::group(3, 9);
    let engine = rig.engine(0);
    assert!(plan(&engine.commits, &engine.state).is_none());
    let device =
        engine.state.log.view().devices().keys().copied().find(|device| *device != engine.state.me());
    let device = device.expect("another member");
    let package = engine.state.log.view().device(&device).map(|entry| entry.grant.key_package.clone());
    let (leaf, now) = (leaf_of(&engine.state, &device), engine.state.now.mono);
    assert!(engine.commits.fresh.ask(device, package.expect("granted"), leaf, now));
    let plan = plan(&engine.commits, &engine.state).expect("a fresh leaf");
    assert_eq!((plan.remove, plan.add.len()), (vec![device], 1));
}

#[test]
fn newcomers_that_wait_are_bounded_and_forgotten_with_their_connection() {
    let mut room = Commits::default();
    let mut random = rng();
    let mut rig = Rig::group(1, 9);
    let state = &rig.engine(0).state;
    for n in 0..MAX_JOINING + 5 {
        let newcomer = identity(&mut random, "N", 1);
        let took = expect(&mut room, state, PeerKey([n as u8; 32]), newcomer.certificate, None);
        assert_eq!(took, n < MAX_JOINING);
    }
    on_peer_down(&mut room, &PeerKey([3; 32]));
    assert_eq!(room.joining.len(), MAX_JOINING - 1);
}

#[test]
fn who_is_told_that_it_cannot_follow_asks_once_and_is_added_again() {
    let mut rig = Rig::group(2, 10);
    let from = rig.peer(0);
    let before = rig.engine(0).status().epoch;
    let sent = rig.members[1].sent.len();
    for _ in 0..3 {
        rig.hand_direct(1, from, &DirectFrame::Stranded);
    }
    let asked =
        rig.members[1].sent[sent..].iter().filter(|(to, bytes)| *to == Some(from) && bytes[9] == 46).count();
    assert_eq!(asked, 1);
    rig.settle();
    rig.pass(core::time::Duration::from_secs(10));
    let status = rig.engine(0).status();
    assert_ne!(status.epoch, before);
    assert_eq!((status.epoch, status.epoch_devices), (rig.engine(1).status().epoch, 2));
    rig.say(0, "with you again");
    assert_eq!(rig.texts(1), ["with you again"]);
}

#[test]
fn who_says_again_where_it_stands_is_handed_no_commit_twice_but_after_a_while() {
    let mut rig = Rig::group(3, 12);
    let from = rig.peer(1);
    let tags = rig.engine(0).state.epochs.tags(64);
    let oldest = *tags.last().expect("an epoch");
    let stands = DirectFrame::Epochs(EpochsFrame { weight: 0, commit: [0; 32], tags: vec![oldest] });
    let handed = |rig: &mut Rig| {
        let before = rig.members[0].sent.len();
        rig.hand_direct(0, from, &stands);
        rig.members[0].sent[before..].iter().filter(|(to, bytes)| *to == Some(from) && bytes[9] == 2).count()
    };
    assert_eq!([handed(&mut rig), handed(&mut rig)], [1, 0]);
    rig.pass(core::time::Duration::from_secs(9));
    assert_eq!(handed(&mut rig), 0, "a comparison lasts no longer");
    rig.pass(core::time::Duration::from_secs(2));
    assert_eq!(handed(&mut rig), 1, "it may have been dropped there");
}

#[test]
fn a_package_of_another_device_brings_nobody_in() {
    let mut rig = Rig::group(3, 11);
    let epoch = rig.engine(0).status().epoch;
    let cleo = rig.members[2].identity.device.clone();
    let group = rig.engine(0).group();
    let package =
        KeyPackageSecret::generate(group, &cleo, &mut rng()).expect("a package").key_package().to_vec();
    let from = rig.peer(1);
    rig.hand_direct(0, from, &DirectFrame::Rejoin(package));
    rig.hand_direct(0, from, &DirectFrame::Rejoin(vec![1; 200]));
    rig.settle();
    assert_eq!(rig.dropped(0, "key package of another device"), 2);
    assert_eq!(rig.engine(0).status().epoch, epoch);
}

/// Bytes in the middle of the fields of a package, as spec/group.md draws them.
const FIELDS: [usize; 18] = [1, 3, 5, 7, 20, 55, 88, 108, 125, 180, 207, 212, 217, 228, 240, 270, 302, 330];
/// All that is done to packages: each field, three lengths, and one is left as it was.
const PACKAGES: usize = FIELDS.len() + 4;

fn spoil(package: &mut Vec<u8>, how: usize) {
    match FIELDS.get(how) {
        Some(at) => package[*at] ^= 0x41,
        None if how == PACKAGES - 4 => package.truncate(package.len() - 1),
        None if how == PACKAGES - 3 => package.push(0),
        None if how == PACKAGES - 2 => package.clear(),
        None => {}
    }
}

#[test]
fn inv_6_whoever_has_a_bad_package_stays_outside_alone_and_evictions_go_on() {
    let mut rig = Rig::group(4, 12);
    let group = rig.engine(0).group();
    for how in 0..PACKAGES {
        let newcomer = identity(&mut ChaCha20Rng::seed_from_u64(500 + how as u64), "X", 91);
        let package = KeyPackageSecret::generate(group, &newcomer.device, &mut rng()).expect("a package");
        let mut key_package = package.key_package().to_vec();
        spoil(&mut key_package, how);
        let grant = halloo_crdt::log::DeviceGrant { certificate: newcomer.certificate, key_package };
        let role = halloo_crdt::log::Role::Member;
        // Ada, behind her engine's back: it would not log such a package itself.
        let state = &mut rig.engine(0).state;
        crate::membership::author(state, |log, by| log.author_add(by, role, vec![grant], None))
            .expect("the log takes every package");
        rig.hand(0, crate::input::Input::Wake(crate::input::WakeReason::Outside));
        rig.settle();
    }
    rig.pass(core::time::Duration::from_secs(30));
    let evicted = rig.members[3].identity.account();
    rig.command(0, crate::input::Command::Remove(evicted)).expect("removed");
    rig.pass(core::time::Duration::from_secs(30));
    let epoch = rig.engine(0).status().epoch;
    for who in 0..3 {
        assert_eq!(rig.engine(who).members().len(), 3 + PACKAGES, "{who}: the log has them all");
        let status = rig.engine(who).status();
        assert_eq!((status.epoch, status.epoch_devices, status.tainted), (epoch, 4, false), "{who}");
    }
    rig.say(0, "without them");
    assert_eq!((rig.texts(1), rig.texts(2)), (vec!["without them".into()], vec!["without them".into()]));
    assert!(rig.texts(3).is_empty());
}

/// Ada (0) and Ben (1), both owners, remove each other. Cleo and Dan heard Ben first and acknowledge it, which is most of five. Ada
/// knew both removals and no acknowledgement when she committed without Ben: she is the senior.
struct Quarrel {
    operations: Vec<Vec<u8>>,
    acknowledgements: Vec<Vec<u8>>,
    commit: Vec<u8>,
}

fn quarrel(rig: &mut Rig) -> Quarrel {
    let (ada, ben) = (rig.members[0].identity.account(), rig.members[1].identity.account());
    let role = halloo_crdt::log::Role::Owner;
    rig.command(0, crate::input::Command::SetRole { account: ben, role }).expect("appointed");
    rig.pass(core::time::Duration::from_secs(30));
    rig.cut = true;
    let now_ms = rig.now.wall_ms;
    let start = rig.engine(4).state.log.clone();
    let device = |rig: &Rig, who: usize| rig.members[who].identity.device.clone();
    let signed = |rig: &Rig, who, account| {
        let device = device(rig, who);
        let mut log = start.clone();
        let author = halloo_crdt::log::Author { device: &device, now_ms };
        (log.author_remove(author, account).expect("an owner may"), log)
    };
    let ((by_ada, _), (by_ben, heard)) = (signed(rig, 0, ben), signed(rig, 1, ada));
    let fact = halloo_crdt::log::Fact::Remove(by_ben.id());
    let row = |who| {
        let row = heard.clone().author_acknowledge(&device(rig, who), fact, vec![]);
        row.expect("a member may").to_bytes()
    };
    let acknowledgements = vec![row(2), row(3)];
    let mut heads = vec![by_ada.id(), by_ben.id()];
    heads.sort_unstable();
    let remove = vec![rig.members[1].identity.device.id()];
    let commit = rogue(rig, 0, &CommitPlan { add: vec![], remove, heads });
    Quarrel { operations: vec![by_ada.to_bytes(), by_ben.to_bytes()], acknowledgements, commit }
}

fn tell(rig: &mut Rig, who: usize, kind: ParcelKind, items: Vec<Vec<u8>>) {
    let from = rig.peer(if who == 2 { 3 } else { 2 });
    rig.hand_direct(who, from, &DirectFrame::Parcel(Parcel::new(kind, items)));
    rig.settle();
}

#[test]
fn inv_1_a_commit_is_judged_by_all_acknowledgements_whichever_came_first() {
    for commit_first in [false, true] {
        let mut rig = Rig::group(5, 30);
        let quarrel = quarrel(&mut rig);
        let before = Some(rig.engine(4).state.epochs.tip().id());
        tell(&mut rig, 4, ParcelKind::Operations, quarrel.operations.clone());
        if commit_first {
            tell(&mut rig, 4, ParcelKind::Commits, vec![quarrel.commit.clone()]);
            assert_ne!(
                Some(rig.engine(4).state.epochs.tip().id()),
                before,
                "by what it knows the commit follows the log"
            );
            tell(&mut rig, 4, ParcelKind::Acknowledgements, quarrel.acknowledgements.clone());
        } else {
            tell(&mut rig, 4, ParcelKind::Acknowledgements, quarrel.acknowledgements.clone());
            tell(&mut rig, 4, ParcelKind::Commits, vec![quarrel.commit.clone()]);
        }
        assert_eq!(rig.dropped(4, BAD), 0, "whoever brings it did nothing wrong");
        rig.pass(core::time::Duration::from_secs(5));
        let (ada, ben) = (rig.members[0].identity.device.id(), rig.members[1].identity.device.id());
        let tip = rig.engine(4).state.epochs.tip().clone();
        assert_eq!(tip.parent, before, "{commit_first}: INV-1: the same facts, the same branch");
        assert!(
            tip.session.contains(&ben) && !tip.session.contains(&ada),
            "{commit_first}: most removed Ada"
        );
    }
}

#[test]
fn who_committed_what_is_not_fit_any_more_commits_again_and_all_come_together() {
    let mut rig = Rig::group(5, 31);
    let quarrel = quarrel(&mut rig);
    let before = rig.engine(4).state.epochs.tip().id();
    // Eve commits by what she knows: without Ben.
    tell(&mut rig, 4, ParcelKind::Operations, quarrel.operations.clone());
    rig.pass(core::time::Duration::from_secs(5));
    let ben = rig.members[1].identity.device.id();
    assert!(!rig.engine(4).state.epochs.tip().session.contains(&ben));
    tell(&mut rig, 4, ParcelKind::Acknowledgements, quarrel.acknowledgements.clone());
    rig.pass(core::time::Duration::from_secs(5));
    assert!(!rig.engine(4).status().tainted, "INV-2: a taint is ended alone");
    let tip = rig.engine(4).state.epochs.tip().clone();
    assert!(
        tip.own && tip.parent == Some(before) && tip.session.contains(&ben),
        "a second commit from there"
    );
    // It is so after a restart, too.
    let disk = rig.members[4].disk.clone();
    let identity = rig.members[4].identity.clone();
    let origin = crate::start::Origin::Restore(disk);
    let again = crate::Engine::new(crate::start::Config::default(), identity, origin, [99; 32], rig.now);
    let again = again.expect("a member starts");
    assert_eq!(again.status().epoch, rig.engine(4).status().epoch);
    assert_eq!(again.state.epochs.chosen(), again.state.epochs.tip().id());
    for who in 1..4 {
        tell(&mut rig, who, ParcelKind::Operations, quarrel.operations.clone());
        tell(&mut rig, who, ParcelKind::Acknowledgements, quarrel.acknowledgements.clone());
    }
    rig.cut = false;
    rig.pass(core::time::Duration::from_secs(120));
    let epoch = rig.engine(1).status().epoch;
    for who in 1..5 {
        let status = rig.engine(who).status();
        assert_eq!((status.epoch, status.tainted, status.epoch_devices), (epoch, false, 4), "{who}");
    }
}

#[test]
fn inv_6_epochs_made_one_after_another_stay_within_their_limit_and_the_disk_too() {
    let mut rig = Rig::group(2, 31);
    for _ in 0..MAX_NODES + 10 {
        let engine = rig.engine(0);
        commit_now(&mut engine.commits, &mut engine.state, true);
        rig.hand(0, crate::input::Input::Wake(crate::input::WakeReason::Outside));
        rig.settle();
        for who in 0..2 {
            let kept = rig.engine(who).state.epochs.len();
            assert!(kept <= MAX_NODES, "{who} keeps {kept}");
            assert_eq!(rig.members[who].disk.table(Table::Epoch).count(), kept);
        }
    }
    assert_eq!(rig.engine(0).state.epochs.tip().id(), rig.engine(1).state.epochs.tip().id());
    assert_eq!(rig.engine(0).state.epochs.len(), MAX_NODES);
}
