//! A poisoned commit is followed by some and refused by others, who know whose it is.

use super::*;
use crate::group::error::{GroupError, PeerFault};
use crate::group::{CommitPlan, KeyPackageSecret};
use crate::id::GroupId;
use crate::identity::DeviceSecret;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

const GROUP: GroupId = GroupId([7; 32]);

/// `n` members who have all joined by one commit of the first, and their devices.
fn group(n: usize, rng: &mut ChaCha20Rng) -> (Vec<GroupSession>, Vec<DeviceId>) {
    let devices: Vec<DeviceSecret> = (0..n).map(|_| DeviceSecret::generate(rng)).collect();
    let founder = GroupSession::create(GROUP, &devices[0], rng).expect("founded");
    let packages: Vec<KeyPackageSecret> = devices[1..]
        .iter()
        .map(|device| KeyPackageSecret::generate(GROUP, device, rng).expect("a package"))
        .collect();
    let add = packages.iter().map(|package| package.key_package().to_vec()).collect();
    let made = founder.prepare(&CommitPlan { add, ..CommitPlan::default() }, rng).expect("a commit");
    let welcome = made.welcome.expect("for the added");
    let mut sessions = vec![made.next];
    for package in &packages {
        sessions.push(GroupSession::join(&welcome, package).expect("joins"));
    }
    (sessions, devices.iter().map(DeviceSecret::id).collect())
}

#[test]
fn a_poisoned_commit_is_followed_by_some_and_the_others_know_whose_it_is() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (sessions, devices) = group(5, &mut rng);
    arm([devices[2], devices[4]]);
    let made = sessions[0].prepare(&CommitPlan::default(), &mut rng).expect("a commit");
    arm([]);
    for (who, session) in sessions.iter().enumerate().skip(1) {
        let verdict = session.apply(&made.commit).map(|applied| applied.next.epoch_id());
        if [2, 4].contains(&who) {
            assert_eq!(verdict, Err(GroupError::Peer(PeerFault::Unreadable(devices[0]))), "{who}");
        } else {
            assert_eq!(verdict, Ok(made.next.epoch_id()), "{who}");
        }
    }
    let honest = sessions[0].prepare(&CommitPlan::default(), &mut rng).expect("a commit");
    assert!(sessions.iter().skip(1).all(|session| session.apply(&honest.commit).is_ok()), "disarmed");
}

#[test]
fn who_damages_a_commit_on_its_way_makes_nobody_its_author() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let (sessions, _) = group(3, &mut rng);
    let made = sessions[0].prepare(&CommitPlan::default(), &mut rng).expect("a commit");
    for at in 0..made.commit.len() {
        let mut commit = made.commit.clone();
        commit[at] ^= 1;
        let verdict = sessions[1].apply(&commit).map(|_| ());
        assert!(verdict.is_err(), "byte {at}");
        assert!(!matches!(verdict, Err(GroupError::Peer(PeerFault::Unreadable(_)))), "byte {at}");
    }
}

#[test]
fn who_cannot_follow_is_welcomed_back_by_whoever_can() {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let (sessions, devices) = group(4, &mut rng);
    arm([devices[3]]);
    let poisoned = sessions[0].prepare(&CommitPlan::default(), &mut rng).expect("a commit").commit;
    arm([]);
    let helper = sessions[1].apply(&poisoned).expect("not for it").next;
    let old = helper.roster()[&devices[3]].leaf_key;
    assert_eq!(old, sessions[3].roster()[&devices[3]].leaf_key, "the same leaf on both sides");
    let device = DeviceSecret::generate(&mut rng);
    let other = KeyPackageSecret::generate(GROUP, &device, &mut rng).expect("a package");
    assert!(sessions[3].apply(&poisoned).is_err());
    let plan = CommitPlan {
        remove: vec![devices[3]],
        add: vec![other.key_package().to_vec()],
        ..CommitPlan::default()
    };
    let again = helper.prepare(&plan, &mut rng).expect("a commit");
    let back = GroupSession::join(&again.welcome.expect("for the added"), &other).expect("joins");
    assert_eq!(back.epoch_id(), again.next.epoch_id());
    assert_eq!(back.member_count(), 4);
}
