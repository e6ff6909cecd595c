//! Which challenges are taken back.

use super::*;
use proptest::prelude::*;
use rand_core::SeedableRng as _;

const NOW: u64 = 1_800_000_000_000;

fn given() -> (Challenges, ClientId, [u8; CHALLENGE_BYTES]) {
    let mut rng = ChaCha20Rng::from_seed([1; 32]);
    let challenges = Challenges::new(&mut rng);
    let challenge = challenges.give(&ClientId([2; 32]), &mut rng, NOW).0;
    (challenges, ClientId([2; 32]), challenge)
}

#[test]
fn a_challenge_is_good_once_for_its_key_until_it_ends() {
    let (mut challenges, device, challenge) = given();
    let other = challenges.take(&ClientId([3; 32]), &challenge, NOW);
    assert_eq!(other, Err(ChallengeError::Unknown));
    assert_eq!(challenges.take(&device, &challenge, NOW + LIFE_MS), Err(ChallengeError::Unknown));
    assert_eq!(challenges.take(&device, &challenge, NOW + LIFE_MS - 1), Ok(()));
    assert_eq!(challenges.take(&device, &challenge, NOW), Err(ChallengeError::Replayed));
}

#[test]
fn a_process_that_starts_again_takes_none_that_was_given_before() {
    let (_, device, challenge) = given();
    let mut again = Challenges::new(&mut ChaCha20Rng::from_seed([9; 32]));
    assert_eq!(again.take(&device, &challenge, NOW), Err(ChallengeError::Unknown));
}

proptest! {
    #[test]
    fn no_changed_challenge_is_taken(at in 0..CHALLENGE_BYTES, change in 1_u8..) {
        let (mut challenges, device, mut challenge) = given();
        challenge[at] ^= change;
        prop_assert_eq!(challenges.take(&device, &challenge, NOW), Err(ChallengeError::Unknown));
    }
}
