//! What tokens are made of, and what is none.

use super::*;
use proptest::prelude::*;
use rand_core::SeedableRng as _;

fn drawn() -> (Secret<[u8; 32]>, Refresh) {
    let secret = Secret::new([1; 32]);
    let token = Refresh::draw(&secret, [2; 16], &mut ChaCha20Rng::from_seed([3; 32]));
    (secret, token)
}

#[test]
fn a_successor_follows_from_the_token_and_the_salt_and_from_nothing_less() {
    let (secret, token) = drawn();
    let next = token.successor(&secret, &[4; 32]);
    assert_eq!(next.to_text(), token.successor(&secret, &[4; 32]).to_text());
    assert_ne!(next.to_text(), token.successor(&secret, &[5; 32]).to_text());
    assert_ne!(next.to_text(), next.successor(&secret, &[4; 32]).to_text());
    assert_eq!((next.session(), next.is_ours(&secret)), ([2; 16], true));
    assert!(!next.is_ours(&Secret::new([9; 32])));
}

proptest! {
    #[test]
    fn no_bytes_but_what_was_given_are_ours(bytes in proptest::array::uniform32(any::<[u8; 2]>())) {
        let bytes = bytes.concat().try_into().unwrap();
        prop_assert!(!Refresh::of_bytes(bytes).is_ours(&drawn().0));
    }

    #[test]
    fn no_changed_token_is_ours(at in 0..BYTES, change in 1_u8..) {
        let (secret, token) = drawn();
        let mut bytes = *token.0.expose();
        bytes[at] ^= change;
        prop_assert!(!Refresh::of_bytes(bytes).is_ours(&secret));
    }
}
