//! The waits: fast at first, bounded, spread.

use super::*;
use rand_core::SeedableRng as _;
use std::collections::BTreeSet;

#[test]
fn who_lost_a_coordinator_tries_for_fifteen_seconds_at_a_pace_that_brings_it_back_within_five() {
    let mut rng = ChaCha20Rng::from_seed([7; 32]);
    let mut backoff = Backoff::default();
    let waits: Vec<Duration> = (0..FAST_TRIES).map(|_| backoff.next(None, &mut rng)).collect();
    assert!(waits.iter().all(|wait| *wait <= FAST && *wait >= FAST / 2));
    assert!(waits.iter().collect::<BTreeSet<_>>().len() > 20, "not in step with others");
    assert!(waits.iter().sum::<Duration>() >= FAST / 2 * FAST_TRIES);
}

#[test]
fn later_tries_are_rare_but_never_rarer_than_a_minute_and_success_begins_anew() {
    let mut rng = ChaCha20Rng::from_seed([8; 32]);
    let mut backoff = Backoff::default();
    let waits: Vec<Duration> = (0..FAST_TRIES + STEADY_TRIES).map(|_| backoff.next(None, &mut rng)).collect();
    assert!(waits.iter().all(|wait| *wait <= STEADY), "within five seconds for ten minutes");
    assert!(waits.iter().sum::<Duration>() >= Duration::from_secs(300));
    let last = (0..10_000).map(|_| backoff.next(None, &mut rng)).last().unwrap();
    assert!(last >= SLOW / 2 && last <= SLOW);
    backoff.reset();
    assert!(backoff.next(None, &mut rng) <= FAST);
}

#[test]
fn what_a_coordinator_asks_for_is_waited_at_least() {
    let mut rng = ChaCha20Rng::from_seed([9; 32]);
    let asked = Duration::from_secs(4);
    assert_eq!(Backoff::default().next(Some(asked), &mut rng), asked);
    assert!(Backoff::default().next(Some(Duration::ZERO), &mut rng) >= FAST / 2);
}
