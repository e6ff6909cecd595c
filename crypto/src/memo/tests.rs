//! What is remembered is what verified, and nothing else.

use super::{Asked, begin, end};
use crate::id::Signature;
use crate::identity::{DeviceSecret, Domain, verify};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

fn device(seed: u8) -> DeviceSecret {
    DeviceSecret::generate(&mut ChaCha20Rng::from_seed([seed; 32]))
}

#[test]
fn a_good_signature_is_computed_once_and_only_while_remembering() {
    let device = device(1);
    let signature = device.sign(Domain::LiveCell, b"here");
    let ask = || verify(&device.id(), Domain::LiveCell, b"here", &signature).expect("it is good");
    ask();
    begin();
    ask();
    ask();
    ask();
    assert_eq!(end(), Asked { known: 2, computed: 1 });
    ask();
    assert_eq!(end(), Asked::default(), "nothing is remembered any more");
    begin();
    ask();
    assert_eq!(end(), Asked { known: 0, computed: 1 }, "and what was is forgotten");
}

#[test]
fn whatever_differs_from_a_good_one_is_refused_each_time() {
    let (one, other) = (device(1), device(2));
    let good = one.sign(Domain::LiveCell, b"here");
    begin();
    verify(&one.id(), Domain::LiveCell, b"here", &good).expect("it is good");
    for byte in 0..good.0.len() {
        let mut forged = Signature(good.0);
        forged.0[byte] ^= 1;
        for _ in 0..2 {
            verify(&one.id(), Domain::LiveCell, b"here", &forged).expect_err("it is forged");
        }
    }
    for _ in 0..2 {
        verify(&other.id(), Domain::LiveCell, b"here", &good).expect_err("another signed it");
        verify(&one.id(), Domain::LiveCell, b"herd", &good).expect_err("it is under something else");
        verify(&one.id(), Domain::Certificate, b"here", &good).expect_err("it says something else");
    }
    assert_eq!(end(), Asked { known: 0, computed: 1 + 2 * 64 + 6 });
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the memory of a thread is tried from a second one")]
fn what_one_thread_remembers_no_other_knows() {
    let device = device(3);
    let signature = device.sign(Domain::Content, b"mine");
    let ask = move || verify(&device.id(), Domain::Content, b"mine", &signature).expect("it is good");
    begin();
    ask();
    let elsewhere = std::thread::spawn(move || {
        ask();
        begin();
        ask();
        end()
    });
    assert_eq!(elsewhere.join().expect("it ends"), Asked { known: 0, computed: 1 });
    assert_eq!(end(), Asked { known: 0, computed: 1 });
}
