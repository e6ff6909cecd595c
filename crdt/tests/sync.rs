//! Reconciliation: exactly the difference, in few bytes, and nothing that links two sessions.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]

mod group;

use std::collections::BTreeSet;

use group::{bent, noise, rng, shuffled};
use halloo_crdt::sync::{MAX_FRAME_BYTES, MAX_ROUNDS, Session, SyncError};
use halloo_crypto::id::MessageId;
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::Rng;

type Items = Vec<(u64, MessageId)>;

fn items(count: usize, rng: &mut ChaCha20Rng) -> Items {
    (0..count as u64)
        .map(|n| {
            let mut id = [0; 32];
            rng.fill_bytes(&mut id);
            (1_767_268_800_000 + n * 700 + u64::from(rng.next_u32() % 500), MessageId::from_bytes(id))
        })
        .collect()
}

struct Outcome {
    have: BTreeSet<MessageId>,
    need: BTreeSet<MessageId>,
    bytes: usize,
    rounds: u32,
}

/// Both sides to the end; `need` resolved by the other side, as when it is asked.
fn reconcile(a: &Items, b: &Items) -> Outcome {
    let key = [9; 32];
    let (mut left, mut frame) = Session::initiate(&key, a.iter().copied()).unwrap();
    let mut right = Session::respond(&key, b.iter().copied()).unwrap();
    let mut bytes = 0;
    loop {
        assert!(frame.len() <= MAX_FRAME_BYTES + 1, "{} bytes", frame.len());
        bytes += frame.len();
        let answer = right.handle(&frame).unwrap().reply.unwrap();
        bytes += answer.len();
        assert!(answer.len() <= MAX_FRAME_BYTES + 1, "{} bytes", answer.len());
        let step = left.handle(&answer).unwrap();
        match step.reply {
            Some(next) => frame = next,
            None => {
                assert!(step.done && left.is_done());
                break;
            }
        }
    }
    let need = left.need().map(|keyed| right.resolve(&keyed).expect("the other side knows what it named"));
    Outcome { have: left.have().collect(), need: need.collect(), bytes, rounds: left.rounds() }
}

fn only(a: &Items, b: &Items) -> BTreeSet<MessageId> {
    let b: BTreeSet<_> = b.iter().map(|(_, id)| *id).collect();
    a.iter().map(|(_, id)| *id).filter(|id| !b.contains(id)).collect()
}

#[test]
fn equal_peers_agree_in_less_than_500_bytes() {
    let all = items(11_000, &mut rng(1));
    let outcome = reconcile(&all, &shuffled(&all, 2));
    assert!(outcome.have.is_empty() && outcome.need.is_empty());
    assert!(outcome.bytes <= 500, "{} bytes", outcome.bytes);
}

/// As after a tunnel: one side missed the last hundred and wrote twenty of its own meanwhile.
#[test]
fn a_hundred_and_twenty_of_eleven_thousand_cost_less_than_10_kilobytes() {
    let all = items(11_000, &mut rng(3));
    let own: BTreeSet<usize> = (10_880..11_000).step_by(6).collect();
    let inside: Items =
        all.iter().enumerate().filter(|(n, _)| *n < 10_880 || own.contains(n)).map(|(_, i)| *i).collect();
    let outside: Items = all.iter().enumerate().filter(|(n, _)| !own.contains(n)).map(|(_, i)| *i).collect();
    let outcome = reconcile(&inside, &outside);
    assert_eq!((outcome.have.len(), outcome.need.len()), (20, 100));
    assert_eq!((outcome.have, outcome.need), (only(&inside, &outside), only(&outside, &inside)));
    assert!(outcome.bytes <= 10_000, "{} bytes", outcome.bytes);
}

/// The worst for ranges: twenty holes spread over all of history, besides the hundred at the end.
#[test]
fn holes_spread_over_all_of_history_cost_less_than_20_kilobytes() {
    let all = items(11_000, &mut rng(3));
    let behind: Items = all[..10_900].to_vec();
    let holes: BTreeSet<usize> = (0..20).map(|n| n * 541 + 7).collect();
    let ahead: Items = all.iter().enumerate().filter(|(n, _)| !holes.contains(n)).map(|(_, i)| *i).collect();
    let outcome = reconcile(&behind, &ahead);
    assert_eq!((outcome.have, outcome.need), (only(&behind, &ahead), only(&ahead, &behind)));
    assert!(outcome.bytes <= 20_000, "{} bytes", outcome.bytes);
}

#[test]
fn an_empty_side_learns_everything_in_bounded_frames_and_rounds() {
    let all = items(12_000, &mut rng(4));
    let outcome = reconcile(&Vec::new(), &all);
    assert_eq!(outcome.need.len(), 12_000);
    assert!(outcome.rounds <= MAX_ROUNDS, "{} rounds", outcome.rounds);
    let outcome = reconcile(&all, &Vec::new());
    assert_eq!(outcome.have.len(), 12_000);
    assert_eq!(reconcile(&Vec::new(), &Vec::new()).bytes, 12);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn exactly_the_difference_is_found_whatever_each_side_has(
        common in 0..400_usize, left in 0..90_usize, right in 0..90_usize, seed in any::<u64>()
    ) {
        let all = shuffled(&items(common + left + right, &mut rng(seed)), seed);
        let a: Items = all[..common + left].to_vec();
        let b: Items = [&all[..common], &all[common + left..]].concat();
        let outcome = reconcile(&a, &b);
        prop_assert_eq!(outcome.have, only(&a, &b));
        prop_assert_eq!(outcome.need, only(&b, &a));
    }
}

#[test]
fn two_sessions_do_not_show_that_they_are_about_the_same_messages() {
    let few = items(20, &mut rng(5));
    let (_, first) = Session::initiate(&[1; 32], few.iter().copied()).unwrap();
    let (_, second) = Session::initiate(&[2; 32], few.iter().copied()).unwrap();
    let windows = |bytes: &[u8]| bytes.windows(8).map(<[u8]>::to_vec).collect::<BTreeSet<_>>();
    assert!(windows(&first).is_disjoint(&windows(&second)));
    for (_, id) in &few {
        assert!(!first.windows(8).any(|w| id.as_bytes().windows(8).any(|i| i == w)), "an id in clear");
    }
}

#[test]
fn times_beyond_every_calendar_reconcile_like_others() {
    let mut a = items(50, &mut rng(6));
    a[3].0 = u64::MAX;
    a[4].0 = 0;
    let b = a[..30].to_vec();
    assert_eq!(reconcile(&a, &b).have, only(&a, &b));
}

#[test]
fn a_peer_that_never_ends_is_cut_off() {
    let all = items(2_000, &mut rng(7));
    let mut right = Session::respond(&[9; 32], all.iter().copied()).unwrap();
    let (_, frame) = Session::initiate(&[9; 32], items(2_000, &mut rng(8))).unwrap();
    for _ in 0..MAX_ROUNDS {
        right.handle(&frame).unwrap();
    }
    assert_eq!(right.handle(&frame), Err(SyncError::TooManyRounds));
}

#[test]
fn foreign_frames_are_refused_by_name() {
    let mut session = Session::respond(&[9; 32], []).unwrap();
    assert_eq!(session.handle(&[]), Err(SyncError::Malformed));
    assert_eq!(session.handle(&[2, 0x61]), Err(SyncError::Version(2)));
    assert_eq!(session.handle(&[0, 0x61]), Err(SyncError::Malformed));
    assert_eq!(session.handle(&vec![1; 40_000]), Err(SyncError::Malformed));
}

#[test]
fn fuzzed_frames_never_panic_on_either_side() {
    let mut rng = rng(9);
    let (a, b) = (items(300, &mut rng), items(300, &mut rng));
    let (_, opening) = Session::initiate(&[9; 32], a.iter().copied()).unwrap();
    let mut right = Session::respond(&[9; 32], b.iter().copied()).unwrap();
    let answer = right.handle(&opening).unwrap().reply.unwrap();
    for round in 0..1_500 {
        let mut left = Session::initiate(&[9; 32], a.iter().copied()).unwrap().0;
        let mut right = Session::respond(&[9; 32], b.iter().copied()).unwrap();
        for _ in 0..8 {
            let len = rng.next_u32() as usize % 600;
            let frame = if round % 5 == 0 { noise(len, &mut rng) } else { bent(&answer, &mut rng) };
            let _ = left.handle(&frame);
            let frame = if round % 5 == 0 { noise(len, &mut rng) } else { bent(&opening, &mut rng) };
            if let Ok(step) = right.handle(&frame) {
                assert!(step.reply.unwrap().len() <= MAX_FRAME_BYTES + 1);
            }
        }
    }
}

#[test]
fn a_session_knows_which_messages_it_began_with() {
    let all = items(1_000, &mut rng(9));
    let session = Session::respond(&[9; 32], all[..500].iter().copied()).unwrap();
    assert!(all[..500].iter().all(|(_, id)| session.names(id)));
    assert!(!all[500..].iter().any(|(_, id)| session.names(id)));
}
