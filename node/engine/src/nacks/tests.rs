//! What is kept of Nacks, when an own one is repeated, and for how long.

use super::*;
use crate::wire::nack::Nack;
use halloo_crypto::group::KeyPackageSecret;
use halloo_crypto::id::GroupId;
use halloo_crypto::identity::DeviceSecret;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

const GROUP: GroupId = GroupId([5; 32]);

fn nack(seed: u64) -> (VerifiedNack, [u8; 32]) {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let device = DeviceSecret::generate(&mut rng);
    let package = KeyPackageSecret::generate(GROUP, &device, &mut rng).expect("a package");
    let package = package.key_package().to_vec();
    let nack = Nack::sign(&GROUP, &device, vec![[1; 32]], vec![[2; 32]], package);
    (nack.clone().verify(&GROUP).expect("signed"), nack.id())
}

fn at(ms: u64) -> Time {
    Time::from_millis(ms)
}

/// All that the clock alone makes of it until `end`: when, and whether it is a copy.
fn plays(room: &mut Nacks, from: u64, end: u64) -> Vec<(u64, bool)> {
    let mut done = Vec::new();
    let mut now = from;
    while now <= end {
        match room.step(at(now)) {
            Step::Copy(_) => done.push((now, true)),
            Step::Sign => {
                room.signed(vec![1], at(now));
                done.push((now, false));
            }
            Step::Wait(until) => now = until.as_millis(),
            Step::Rest => break,
        }
    }
    done
}

#[test]
fn an_own_nack_is_said_three_times_and_renewed_ever_more_rarely_until_it_rests() {
    let mut room = Nacks::default();
    assert_eq!(room.step(at(5)), Step::Rest);
    room.note([7; 32], Some(DeviceId::from_bytes([1; 32])), at(10));
    let done = plays(&mut room, 10, 1_000_000);
    let signed: Vec<u64> = done.iter().filter(|(_, copy)| !copy).map(|(when, _)| *when).collect();
    assert_eq!(signed, [10, 3_010, 9_010, 21_010, 45_010, 93_010]);
    assert_eq!(done.iter().filter(|(_, copy)| *copy).count(), 2 * signed.len());
    room.press(at(100_000));
    assert_eq!(room.step(at(100_000)), Step::Rest, "not so soon");
    room.press(at(300_000));
    assert_eq!(room.step(at(300_000)), Step::Sign, "when a neighbour sends the commit again");
    room.healed();
    assert_eq!((room.step(at(900_000)), room.is_unreadable(&[7; 32])), (Step::Rest, false));
}

#[test]
fn what_puts_us_out_waits_for_a_welcome_that_may_be_on_its_way() {
    let mut room = Nacks::default();
    room.note([7; 32], None, at(10));
    assert_eq!(room.step(at(10)), Step::Wait(at(1_010)));
    room.healed();
    assert_eq!(room.step(at(1_010)), Step::Rest);
}

#[test]
fn inv_6_what_is_kept_of_others_is_bounded_and_the_oldest_makes_room() {
    let mut room = Nacks::default();
    let (first, id) = nack(0);
    let device = first.nack().device;
    assert!(room.hold(first.clone(), id, at(0)));
    assert!(!room.hold(first, id, at(1)), "this very one is here");
    for seed in 1..=MAX_NACKS as u64 {
        let (nack, id) = nack(seed);
        assert!(room.hold(nack, id, at(seed)));
        assert!(room.held.len() <= MAX_NACKS);
    }
    assert!(!room.knows(&device, &id), "the oldest made room");
    room.forget_old(at(700_000));
    assert!(room.held.is_empty());
    for commit in 0..100 {
        room.note([commit; 32], None, at(0));
    }
    assert_eq!(room.unreadable().count(), MAX_NACKED_COMMITS);
}

#[test]
fn an_account_has_its_share_and_gets_it_again_after_ten_minutes() {
    let mut room = Nacks::default();
    let account = AccountId::from_bytes([1; 32]);
    for n in 0..MAX_ANSWERS as u64 {
        assert!(room.may_be_answered(account, at(n)));
    }
    assert!(!room.may_be_answered(account, at(500_000)));
    assert!(room.may_be_answered(AccountId::from_bytes([2; 32]), at(500_000)), "others are not touched");
    room.forget_old(at(600_000));
    assert!(room.may_be_answered(account, at(600_000)));
    assert!(!room.may_be_answered(account, at(600_000)), "one came free");
}

#[test]
fn blame_is_told_from_the_second_commit_on_and_names_who_says_so() {
    let mut room = Nacks::default();
    let [whose, one, two] = [1, 2, 3].map(|n| AccountId::from_bytes([n; 32]));
    assert_eq!(room.blame(whose, [1; 32], one, at(1)), None);
    assert_eq!(room.blame(whose, [1; 32], two, at(2)), None, "the same commit");
    let told = room.blame(whose, [2; 32], two, at(3));
    assert_eq!(told, Some(Warning::UnreadableKeys { account: whose, commits: 2, by: vec![one, two] }));
    assert_eq!(room.blame(whose, [2; 32], one, at(4)), None, "told once for each commit");
    for commit in 0..100 {
        room.blame(whose, [commit; 32], one, at(5));
    }
    assert!(room.blamed[&whose].commits.len() <= MAX_NACKED_COMMITS);
}
