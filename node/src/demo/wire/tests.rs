//! A canary in clear is found in every encoding it was given; random bytes hold none.

use super::*;
use rand_core::{Rng as _, SeedableRng as _};

fn canaries() -> Canaries {
    let mut canaries = Canaries::default();
    canaries.text("message", "meet at the bridge");
    canaries.coordinate("latitude", 46.123_456);
    canaries.bytes("sound", &[9, 1, 2, 3, 4, 5, 6, 7]);
    canaries
}

#[test]
fn what_lies_in_clear_is_found() {
    let canaries = canaries();
    let mut bytes = vec![0_u8; 100];
    bytes.extend(b"..meet at the bridge..");
    bytes.extend(46.123_456_f64.to_be_bytes());
    bytes.extend([9, 1, 2, 3, 4, 5, 6, 7]);
    let (count, names) = canaries.search(&bytes);
    assert_eq!(count, 3);
    assert_eq!(names.len(), 3);
    assert_eq!(occurrences(&bytes, b"bridge"), 1);
}

#[test]
fn random_bytes_hold_none() {
    let mut rng = rand_chacha::ChaCha20Rng::from_seed([5; 32]);
    let mut bytes = vec![0_u8; 1 << 20];
    rng.fill_bytes(&mut bytes);
    assert_eq!(canaries().search(&bytes).0, 0);
}

#[test]
fn dull_and_short_words_are_not_taken() {
    let mut canaries = Canaries::default();
    canaries.bytes("silence", &[0; 32]);
    canaries.bytes("short", b"ab");
    assert_eq!(canaries.len(), 0);
}
