//! Tests of what a group context may hold.

use super::*;

fn op(byte: u8) -> OpId {
    OpId([byte; 32])
}

fn raw(data: Vec<u8>) -> ExtensionList {
    vec![Extension::new(HEADS, data)].into()
}

#[test]
fn heads_are_read_back_sorted_and_once() {
    for heads in [vec![], vec![op(1)], vec![op(9), op(2), op(9), op(4)]] {
        let mut sorted = heads.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(heads_of(&heads_extension(&heads)), Ok(sorted));
    }
}

#[test]
fn another_context_than_heads_is_refused() {
    assert!(heads_of(&ExtensionList::new()).is_err());
    assert!(heads_of(&raw(vec![])).is_err());
    assert!(heads_of(&raw(vec![2])).is_err());
    assert!(heads_of(&raw(vec![1; 32])).is_err());
    let other = vec![Extension::new(ExtensionType::new(0xF4A3), vec![1])];
    assert!(heads_of(&other.into()).is_err());
    let mut two = heads_extension(&[]);
    two.set(Extension::new(ExtensionType::new(0xF4A3), vec![]));
    assert!(heads_of(&two).is_err());
}

#[test]
fn heads_out_of_order_repeated_or_too_many_are_refused() {
    let encode = |heads: &[OpId]| {
        let mut data = vec![1];
        data.extend(heads.iter().flat_map(|head| head.as_bytes()));
        raw(data)
    };
    assert!(heads_of(&encode(&[op(1), op(2)])).is_ok());
    assert!(heads_of(&encode(&[op(2), op(1)])).is_err());
    assert!(heads_of(&encode(&[op(1), op(1)])).is_err());
    let many = |count: usize| -> Vec<_> { (0..count as u8).map(op).collect() };
    assert!(heads_of(&encode(&many(MAX_HEADS))).is_ok());
    assert!(heads_of(&encode(&many(MAX_HEADS + 1))).is_err());
}
