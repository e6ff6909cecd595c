//! Repeated nonces are found; copies, hand-overs and fresh keys are none.

use super::*;
use crate::checks::tests::{at, texts};
use halloo_crypto::data::{DataKeys, DataSealer};
use halloo_crypto::id::{EpochId, Incarnation};
use halloo_crypto::secret::Secret;

fn keys(epoch: u8) -> DataKeys {
    DataKeys::new(Secret::new([epoch; 32]), EpochId::from_bytes([epoch; 32]))
}

fn seal(sealer: &mut DataSealer, epoch: u8, text: &[u8]) -> Vec<u8> {
    sealer.seal(&keys(epoch), b"", text).expect("short")
}

#[test]
fn a_sealer_of_one_life_repeats_nothing_and_a_copy_of_it_does() {
    let (mut nonces, mut findings) = (Nonces::default(), Findings::default());
    let mut sealer = DataSealer::new(Incarnation::from_bytes([7; 16]));
    let first = seal(&mut sealer, 1, b"one");
    nonces.outer(at(0, 1), &first, &mut findings);
    nonces.outer(at(0, 2), &first, &mut findings);
    nonces.outer(at(0, 3), &seal(&mut sealer, 2, b"two"), &mut findings);
    assert_eq!(findings.count, 0, "one seal may go to many, and counters run on over epochs");
    let mut copy = DataSealer::new(Incarnation::from_bytes([7; 16]));
    nonces.outer(at(0, 4), &seal(&mut copy, 1, b"another"), &mut findings);
    assert!(texts(&findings)[0].contains("two texts"), "{:?}", texts(&findings));
}

#[test]
fn an_incarnation_belongs_to_one_life() {
    let (mut nonces, mut findings) = (Nonces::default(), Findings::default());
    let mut sealer = DataSealer::new(Incarnation::from_bytes([7; 16]));
    nonces.outer(at(0, 1), &seal(&mut sealer, 1, b"one"), &mut findings);
    assert_eq!(findings.count, 0);
    let restored = At { us: 2, host: 0, life: 1 };
    nonces.outer(restored, &seal(&mut sealer, 1, b"two"), &mut findings);
    assert!(texts(&findings)[0].contains("seals again"), "{:?}", texts(&findings));
}

#[test]
fn one_device_commits_once_out_of_an_epoch_and_others_hand_its_commit_on() {
    let (mut nonces, mut findings) = (Nonces::default(), Findings::default());
    nonces.commit(at(0, 1), b"parent01 commit a", &mut findings);
    nonces.commit(at(1, 2), b"parent01 commit a", &mut findings);
    nonces.commit(at(1, 2), b"parent01 commit b", &mut findings);
    nonces.commit(at(0, 3), b"parent02 commit c", &mut findings);
    assert_eq!(findings.count, 0, "{:?}", texts(&findings));
    nonces.commit(at(0, 4), b"parent01 commit d", &mut findings);
    assert!(texts(&findings)[0].contains("two commits"), "{:?}", texts(&findings));
}

fn frame(counter: u8, text: &[u8]) -> Vec<u8> {
    [&[0x93, 0xab, 0xcd, 0xef, 0x01], [counter].as_slice(), text].concat()
}

#[test]
fn a_voice_counter_grows_until_a_fresh_key_is_planned() {
    let (mut nonces, mut findings) = (Nonces::default(), Findings::default());
    nonces.plan(0, [1; 8]);
    for counter in 0..3 {
        for _ in 0..2 {
            nonces.voice(at(0, 1), &wide(counter, b"sound"), &mut findings);
        }
    }
    nonces.plan(0, [2; 8]);
    nonces.voice(at(0, 2), &wide(3, b"under the old key still"), &mut findings);
    nonces.voice(at(0, 3), &wide(0, b"under the new one"), &mut findings);
    assert_eq!(findings.count, 0, "{:?}", texts(&findings));
    nonces.voice(at(0, 4), &wide(0, b"another"), &mut findings);
    assert!(texts(&findings)[0].contains("comes again"), "{:?}", texts(&findings));
    nonces.plan(0, [1; 8]);
    nonces.voice(at(0, 5), &wide(0, b"under a key that was left"), &mut findings);
    assert_eq!(findings.count, 2);
}

/// A frame with a long key id and a counter of one byte.
fn wide(counter: u8, text: &[u8]) -> Vec<u8> {
    [&[0xb8, 1, 2, 3, 4, counter], text].concat()
}

#[test]
fn headers_of_voice_are_read() {
    assert_eq!(header(&wide(9, b"x")), Some((0x0102_0304, 9)));
    assert_eq!(header(&frame(9, b"x")), Some((0xabcd, 3)));
    assert_eq!(header(&[0x25]), Some((2, 5)));
    assert_eq!(header(&[0xb8, 1, 2]), None);
    let (mut nonces, mut findings) = (Nonces::default(), Findings::default());
    nonces.voice(at(0, 1), &[], &mut findings);
    assert_eq!(findings.count, 1);
}
