//! Tests: the sealed line: order, direction, limits.

use super::*;
use proptest::prelude::*;

fn lines() -> (Line, Line) {
    let session = || Secret::new([9; 32]);
    let (a, b) = ([1; 32], [2; 32]);
    (Line::new(&a, &b, session(), [0, 1, 2, 3]), Line::new(&b, &a, session(), [0, 1, 2, 3]))
}

#[test]
fn messages_open_in_order_only() {
    let (mut here, mut there) = lines();
    let first = here.seal(b"a", b"one").expect("seals");
    let second = here.seal(b"a", b"two").expect("seals");
    assert_eq!(there.open(b"a", &first).expect("opens").expose(), b"one");
    assert_eq!(there.open(b"a", &first), Err(PakeError::BrokenLine), "replayed");
    let (_, mut late) = lines();
    assert_eq!(late.open(b"a", &second), Err(PakeError::BrokenLine), "out of order");
}

#[test]
fn a_message_sent_back_does_not_open() {
    let (mut here, _) = lines();
    let sealed = here.seal(b"a", b"text").expect("seals");
    assert_eq!(here.open(b"a", &sealed), Err(PakeError::BrokenLine));
}

#[test]
fn purpose_and_length_are_checked() {
    let (mut here, mut there) = lines();
    let sealed = here.seal(b"grant", b"text").expect("seals");
    assert_eq!(sealed.len(), 4 + LINE_OVERHEAD_BYTES);
    assert_eq!(there.open(b"other", &sealed), Err(PakeError::BrokenLine));
    let long = vec![0; LINE_PLAINTEXT_MAX_BYTES + 1];
    assert_eq!(here.seal(b"", &long), Err(PakeError::TooLong));
    let long = vec![0; LINE_PLAINTEXT_MAX_BYTES + LINE_OVERHEAD_BYTES + 1];
    assert_eq!(there.open(b"", &long), Err(PakeError::BrokenLine));
    assert_eq!(there.open(b"", b"short"), Err(PakeError::BrokenLine));
}

#[test]
fn a_message_that_was_swallowed_ends_the_line() {
    let (mut here, mut there) = lines();
    let _swallowed = here.seal(b"a", b"one").expect("seals");
    for text in ["two", "three", "four"] {
        let sealed = here.seal(b"a", text.as_bytes()).expect("seals");
        assert_eq!(
            there.open(b"a", &sealed),
            Err(PakeError::BrokenLine),
            "{text} cannot pass for what came before"
        );
    }
}

#[test]
fn the_two_ways_count_for_themselves_and_never_share_a_nonce_and_key() {
    let (mut here, mut there) = lines();
    for round in 0..20_u8 {
        let (out, back) =
            (here.seal(b"a", &[round; 9]).expect("seals"), there.seal(b"a", &[round; 9]).expect("seals"));
        assert_ne!(out, back, "one counter, two keys");
        assert_eq!(there.open(b"a", &out).expect("opens").expose(), &[round; 9]);
        assert_eq!(here.open(b"a", &back).expect("opens").expose(), &[round; 9]);
    }
    // One side may say more than the other.
    for round in 0..20_u8 {
        let out = here.seal(b"a", &[round]).expect("seals");
        assert_eq!(there.open(b"a", &out).expect("opens").expose(), &[round]);
    }
    let back = there.seal(b"a", b"still here").expect("seals");
    assert_eq!(here.open(b"a", &back).expect("opens").expose(), b"still here");
}

#[test]
fn the_longest_message_passes_whole() {
    let (mut here, mut there) = lines();
    let longest: Vec<u8> = (0..LINE_PLAINTEXT_MAX_BYTES).map(|at| (at % 251) as u8).collect();
    let sealed = here.seal(b"bundle", &longest).expect("seals");
    assert_eq!(sealed.len(), longest.len() + LINE_OVERHEAD_BYTES);
    assert_eq!(there.open(b"bundle", &sealed).expect("opens").expose(), &longest);
}

#[test]
fn one_text_sealed_twice_looks_different_each_time() {
    let (mut here, _) = lines();
    let seals: Vec<Vec<u8>> = (0..50).map(|_| here.seal(b"a", b"yes").expect("seals")).collect();
    let different: std::collections::BTreeSet<&Vec<u8>> = seals.iter().collect();
    assert_eq!(different.len(), seals.len());
}

#[test]
fn a_line_prints_nothing_of_itself() {
    let (line, _) = lines();
    assert_eq!(format!("{line:?}"), "Line(..)");
    assert_eq!(line.session_key().expose(), &[9; 32]);
    assert_eq!(line.emoji().len(), line.emoji_names().len());
}

proptest! {
    #[test]
    fn no_changed_bit_opens(text in prop::collection::vec(any::<u8>(), 0..200), bit: prop::sample::Index) {
        let (mut here, mut there) = lines();
        let mut sealed = here.seal(b"a", &text).expect("seals");
        let bit = bit.index(sealed.len() * 8);
        sealed[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(there.open(b"a", &sealed), Err(PakeError::BrokenLine));
    }

    #[test]
    fn no_bytes_of_a_stranger_open(sealed in prop::collection::vec(any::<u8>(), 0..300), aad in prop::collection::vec(any::<u8>(), 0..20)) {
        let (_, mut there) = lines();
        prop_assert_eq!(there.open(&aad, &sealed), Err(PakeError::BrokenLine));
    }

    #[test]
    fn what_goes_in_comes_out_in_order(texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 1..20)) {
        let (mut here, mut there) = lines();
        for text in &texts {
            let sealed = here.seal(b"a", text).expect("seals");
            let opened = there.open(b"a", &sealed).expect("opens");
            prop_assert_eq!(opened.expose(), text);
        }
    }
}
