//! Tests: the sealed line: order, direction, limits.

use super::*;

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
