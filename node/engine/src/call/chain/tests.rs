//! Chains step by the minute, follow the fastest clock, and never go back.

use halloo_crypto::id::Incarnation;
use halloo_crypto::media::{Kid, MediaKey};
use halloo_crypto::secret::Secret;
use rand_core::SeedableRng;

use super::*;

fn ms(ms: u64) -> Time {
    Time::from_millis(1_000_000 + ms)
}

fn key(step: &CallStep) -> MediaKey {
    step.media_key(&Secret::new([1; 32]), &DeviceId([2; 32]), Incarnation([3; 16]), Kid(0x300))
}

fn pair() -> (Chain, Chain) {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let first = Chain::start(ms(0), &mut rng);
    let joiner = BoxSecret::generate(&mut rng);
    let aad = step_aad(&GroupId([1; 32]), &first.id, &DeviceId([2; 32]));
    let sealed = first.seal_to(&mut rng, &joiner.public(), &aad).expect("a fresh key");
    let place = first.place(ms(30_000));
    let second = Chain::open(ms(30_000), &mut Some(joiner), &aad, (place.chain, place.into_ms), &sealed)
        .expect("for this joiner");
    (first, second)
}

#[test]
fn a_joiner_is_in_the_same_step_at_the_same_place() {
    let (first, second) = pair();
    assert_eq!(first.place(ms(31_000)), second.place(ms(31_000)));
    assert_eq!(key(first.current()), key(second.current()));
}

#[test]
fn a_step_opens_only_for_its_joiner_group_and_chain() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let chain = Chain::start(ms(0), &mut rng);
    let aad = step_aad(&GroupId([1; 32]), &chain.id, &DeviceId([2; 32]));
    let others = [
        step_aad(&GroupId([9; 32]), &chain.id, &DeviceId([2; 32])),
        step_aad(&GroupId([1; 32]), &ChainId([9; 16]), &DeviceId([2; 32])),
        step_aad(&GroupId([1; 32]), &chain.id, &DeviceId([9; 32])),
    ];
    for other in others {
        let joiner = BoxSecret::generate(&mut rng);
        let sealed = chain.seal_to(&mut rng, &joiner.public(), &aad).expect("a fresh key");
        assert!(Chain::open(ms(0), &mut Some(joiner), &other, (chain.id, 0), &sealed).is_err());
    }
}

#[test]
fn each_minute_brings_a_step_and_the_next_is_at_hand_before() {
    let (mut chain, mut other) = pair();
    let mut seen = vec![key(chain.current())];
    for minute in 1..5_u64 {
        assert_eq!(chain.deadline(), ms(minute * 60_000 - 5_000));
        chain.advance(ms(minute * 60_000 - 5_000));
        assert_eq!(chain.steps().count(), 2);
        let next = chain.steps().last().map(key);
        assert_eq!(chain.deadline(), ms(minute * 60_000));
        chain.advance(ms(minute * 60_000));
        assert_eq!(chain.steps().count(), 1);
        assert_eq!(next, Some(key(chain.current())));
        assert!(!seen.contains(&key(chain.current())));
        seen.push(key(chain.current()));
    }
    other.advance(ms(4 * 60_000));
    assert_eq!(key(other.current()), key(chain.current()), "one wake is enough for several minutes");
}

#[test]
fn a_chain_follows_who_is_ahead_and_nobody_who_is_behind() {
    let (mut chain, _) = pair();
    let at = |index, into_ms| ChainPlace { chain: chain.id, index, into_ms };
    let (behind, same, ahead, far) = (at(0, 0), at(0, 10_200), at(3, 1_000), at(2_000, 0));
    assert!(!chain.follow(ms(10_000), &behind), "behind");
    assert!(!chain.follow(ms(10_000), &same), "the same but for the road");
    assert!(!chain.follow(ms(10_000), &far), "further than a day");
    assert!(chain.follow(ms(10_000), &ahead));
    assert_eq!(chain.place(ms(10_000)), ahead);
    assert!(!chain.follow(ms(10_000), &at_of(&chain, 2, 0)), "an erased step does not come back");
    let other = ChainPlace { chain: ChainId([0xff; 16]), ..ahead };
    assert!(!chain.follow(ms(10_000), &other), "another chain");
}

fn at_of(chain: &Chain, index: u32, into_ms: u32) -> ChainPlace {
    ChainPlace { chain: chain.id, index, into_ms }
}

#[test]
fn a_sleep_of_days_does_not_step_for_ever() {
    let (mut chain, _) = pair();
    chain.advance(ms(10 * 86_400_000));
    assert_eq!(chain.place(ms(10 * 86_400_000)).index, 0);
    assert!(chain.deadline() > ms(10 * 86_400_000));
}

#[test]
fn an_announcement_with_an_absurd_place_is_bounded() {
    let (mut chain, _) = pair();
    let place = ChainPlace { chain: chain.id, index: 1, into_ms: u32::MAX };
    assert!(chain.follow(ms(10_000), &place));
    assert_eq!(chain.place(ms(10_000)).index, 2, "one step over, at its end");
}
