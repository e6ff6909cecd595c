//! What is found is enough, for that key and challenge alone.

use super::*;

#[test]
fn what_is_found_is_enough_and_only_for_its_key_and_challenge() {
    let (device, other) = (ClientId([1; 32]), ClientId([2; 32]));
    let challenges = [[3; CHALLENGE_BYTES], [4; CHALLENGE_BYTES]];
    let nonce = search(&device, &challenges[0], 12).expect("soon");
    assert!(is_enough(&device, &challenges[0], &nonce, 12));
    assert!(bits(&device, &challenges[0], &nonce) >= 12);
    assert!(
        !is_enough(&other, &challenges[0], &nonce, 12) && !is_enough(&device, &challenges[1], &nonce, 12)
    );
    assert!(is_enough(&other, &challenges[1], &[0; 8], 0), "nothing is wanted");
}

#[test]
fn nobody_searches_for_what_takes_too_long() {
    assert_eq!(search(&ClientId([1; 32]), &[3; CHALLENGE_BYTES], BITS_MAX + 1), None);
}
