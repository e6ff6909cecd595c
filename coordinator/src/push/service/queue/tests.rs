//! When what is sent, how often it is tried, and that nothing grows.

use super::*;
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

const RULES: Rules = Rules { quiet_ms: 10_000, per_day: 3, waiting: 4, known: 6 };

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::from_seed([1; 32])
}

fn sent(queue: &mut Queue<u8, char>, now_ms: u64) -> Option<(u8, char)> {
    queue.take(now_ms).map(|sending| (sending.key, sending.job))
}

#[test]
fn the_first_goes_at_once_and_what_comes_while_it_waits_goes_with_it() {
    let mut queue = Queue::new(RULES);
    assert_eq!(queue.poke(1, 'a', 5), Became::Queued);
    assert_eq!(queue.poke(1, 'b', 6), Became::Merged);
    assert_eq!(sent(&mut queue, 6), Some((1, 'b')), "with what was said last");
    assert_eq!(sent(&mut queue, 6), None);
}

#[test]
fn the_next_to_the_same_waits_until_the_last_was_long_enough_ago_and_others_do_not() {
    let mut queue = Queue::new(RULES);
    queue.poke(1, 'a', 0);
    sent(&mut queue, 0);
    assert_eq!(queue.poke(1, 'b', 1), Became::Queued);
    assert_eq!(queue.poke(1, 'c', 2), Became::Merged);
    queue.poke(2, 'd', 3);
    assert_eq!(sent(&mut queue, 9_999), Some((2, 'd')));
    assert_eq!((sent(&mut queue, 9_999), queue.next_ms()), (None, Some(10_000)));
    assert_eq!(sent(&mut queue, 10_000), Some((1, 'c')));
}

#[test]
fn a_day_has_so_many_and_the_next_day_as_many_again() {
    let mut queue = Queue::new(RULES);
    for turn in 0..3 {
        assert_eq!(queue.poke(1, 'a', turn * 20_000), Became::Queued);
        assert!(sent(&mut queue, turn * 20_000).is_some());
    }
    assert_eq!(queue.poke(1, 'a', DAY_MS - 1), Became::Over);
    assert_eq!(queue.poke(2, 'a', DAY_MS - 1), Became::Queued);
    assert_eq!(queue.poke(1, 'a', DAY_MS), Became::Queued);
}

#[test]
fn what_failed_is_tried_as_the_table_says_and_then_given_up() {
    let (mut queue, mut rng) = (Queue::new(RULES), rng());
    queue.poke(1, 'a', 0);
    let mut now = 0;
    for wait in WAITS_MS {
        let sending = queue.take(now).unwrap();
        assert_eq!(queue.again(sending, None, now, &mut rng), Became::Queued);
        let due = queue.next_ms().unwrap();
        assert!((now + wait / 2..=now + wait).contains(&due), "{wait}: {}", due - now);
        assert!(queue.take(due - 1).is_none());
        now = due;
    }
    let last = queue.take(now).unwrap();
    assert_eq!(queue.again(last, None, now, &mut rng), Became::GivenUp);
    assert_eq!((queue.waiting(), queue.next_ms()), (0, None));
    assert_eq!(queue.poke(1, 'b', now), Became::Queued, "six tries counted as one of the day");
}

#[test]
fn who_asks_for_a_wait_gets_it_also_from_who_pokes_meanwhile_but_not_for_ever() {
    let (mut queue, mut rng) = (Queue::new(RULES), rng());
    queue.poke(1, 'a', 0);
    let sending = queue.take(0).unwrap();
    queue.poke(1, 'b', 1);
    assert_eq!(queue.again(sending, Some(600_000), 5, &mut rng), Became::Merged);
    assert_eq!(queue.poke(1, 'c', 6), Became::Merged);
    assert_eq!((sent(&mut queue, 600_004), queue.next_ms()), (None, Some(600_005)));
    assert_eq!(sent(&mut queue, 600_005), Some((1, 'c')));
    queue.poke(2, 'a', 700_000);
    let sending = queue.take(700_000).unwrap();
    assert_eq!(queue.again(sending, Some(ASKED_WAIT_MAX_MS + 1), 700_000, &mut rng), Became::GivenUp);
}

#[test]
fn what_does_not_fit_is_dropped_and_there_is_room_again_when_something_was_sent() {
    let mut queue = Queue::new(RULES);
    for key in 0..4 {
        assert_eq!(queue.poke(key, 'a', 0), Became::Queued);
    }
    assert_eq!(queue.poke(4, 'a', 0), Became::Full);
    assert_eq!(queue.poke(0, 'b', 0), Became::Merged, "who waits already needs no room");
    sent(&mut queue, 0);
    assert_eq!(queue.poke(4, 'a', 0), Became::Queued);
}

#[test]
fn a_crowd_of_strangers_keeps_nobody_out_and_who_was_left_alone_for_longest_is_forgotten_first() {
    let mut queue = Queue::new(RULES);
    for key in 0..9 {
        assert_eq!(queue.poke(key, 'a', u64::from(key)), Became::Queued);
        sent(&mut queue, u64::from(key));
    }
    assert_eq!(queue.beats.keys().copied().collect::<Vec<_>>(), [3, 4, 5, 6, 7, 8]);
    queue.poke(0, 'a', 10);
    assert_eq!(sent(&mut queue, 10), Some((0, 'a')), "it was forgotten that it is to be left alone");
    queue.round(DAY_MS + 2);
    assert_eq!(queue.beats.len(), 6, "their day has not ended");
    queue.round(DAY_MS + 10);
    assert_eq!((queue.beats.len(), queue.quiet.len()), (0, 0));
}

#[derive(Clone, Debug)]
enum Step {
    Poke(u8),
    Send(Option<u64>),
    Done,
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let asked = proptest::option::of(0..3 * ASKED_WAIT_MAX_MS / 2);
    let one = prop_oneof![
        // No more than are known, so that all are held to their limits.
        (0..6_u8).prop_map(Step::Poke),
        asked.prop_map(Step::Send),
        Just(Step::Done),
        (0..DAY_MS).prop_map(Step::Pass),
        (0..20_000_u64).prop_map(Step::Pass),
    ];
    proptest::collection::vec(one, 1..200)
}

proptest! {
    /// No key is sent to more often than its day has, retries aside; nothing is larger than its limit; what waits is found.
    #[test]
    fn whatever_comes_no_limit_is_passed(steps in steps()) {
        let (mut queue, mut rng, mut now) = (Queue::new(RULES), rng(), 0);
        let mut first_tries: BTreeMap<u8, Vec<u64>> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Poke(key) => _ = queue.poke(key, 'x', now),
                Step::Pass(by) => now += by,
                Step::Send(_) | Step::Done => if let Some(sending) = queue.take(now) {
                    if sending.tries == 0 {
                        first_tries.entry(sending.key).or_default().push(now);
                    }
                    if let Step::Send(asked) = step {
                        queue.again(sending, asked, now, &mut rng);
                    }
                },
            }
            prop_assert!(queue.waiting.len() <= RULES.waiting);
            prop_assert!(queue.beats.len() <= RULES.known);
            prop_assert_eq!(queue.quiet.len(), queue.beats.len());
            prop_assert_eq!(queue.due.len(), queue.waiting.len());
            for (key, wait) in &queue.waiting {
                prop_assert!(queue.due.contains(&(wait.due_ms, *key)));
            }
        }
        for times in first_tries.values() {
            for pair in times.windows(2) {
                prop_assert!(pair[1] >= pair[0] + RULES.quiet_ms);
            }
            // A day begins with its first, so a window of a day may touch two.
            for many in times.windows(2 * RULES.per_day as usize + 1) {
                prop_assert!(many[many.len() - 1] >= many[0] + DAY_MS);
            }
        }
    }
}
