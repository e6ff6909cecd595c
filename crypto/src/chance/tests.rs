//! A generator that was made to forget gives nothing of before, however it is turned.

use super::*;

/// Everything that a generator of this seed gives in its first blocks.
fn given(seed: [u8; 32]) -> Vec<u8> {
    let mut all = vec![0; 64 * 1024];
    ChaCha20Rng::from_seed(seed).fill_bytes(&mut all);
    all
}

fn holds(all: &[u8], secret: &[u8]) -> bool {
    all.windows(secret.len()).any(|window| window == secret)
}

#[test]
fn what_was_drawn_before_is_not_to_be_had_again() {
    let mut rng = ChaCha20Rng::from_seed([3; 32]);
    let mut secret = [0; 32];
    rng.fill_bytes(&mut secret);
    assert!(holds(&given(rng.get_seed()), &secret), "its state tells all that it gave");
    let before = rng.get_seed();
    forget(&mut rng);
    assert_ne!(rng.get_seed(), before);
    assert!(!holds(&given(rng.get_seed()), &secret));
    assert!(!holds(&given(rng.get_seed()), &before));
}

#[test]
fn a_generator_that_is_moved_stays_where_it_is() {
    let mut rng = seeded(&[5; 32]);
    let place: *const ChaCha20Rng = &raw const *rng;
    assert_eq!(rng.next_u64(), ChaCha20Rng::from_seed([5; 32]).next_u64());
    let mut list = vec![Some(rng)];
    list.reserve(1_000);
    let rng = list.pop().flatten().expect("put in");
    assert_eq!(&raw const *rng, place);
}

#[test]
fn one_seed_still_gives_one_sequence() {
    let draw = || {
        let mut rng = ChaCha20Rng::from_seed([4; 32]);
        forget(&mut rng);
        rng.next_u64()
    };
    assert_eq!(draw(), draw());
}
