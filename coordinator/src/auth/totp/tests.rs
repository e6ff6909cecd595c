//! The published vectors, and which codes are taken when.

use super::*;
use proptest::prelude::*;

#[test]
fn the_codes_of_rfc_6238_appendix_b_come_out() {
    // The table has eight digits; ours are the last six of them.
    for (seconds, code_of_eight) in [
        (59, "94287082"),
        (1_111_111_109, "07081804"),
        (1_111_111_111, "14050471"),
        (1_234_567_890, "89005924"),
        (2_000_000_000, "69279037"),
        (20_000_000_000, "65353130"),
    ] {
        assert_eq!(code(b"12345678901234567890", seconds / 30), code_of_eight[2..]);
    }
}

#[test]
fn the_base32_of_rfc_4648_comes_out() {
    for (plain, text) in [("", ""), ("f", "MY"), ("fo", "MZXQ"), ("foo", "MZXW6"), ("foobar", "MZXW6YTBOI")] {
        assert_eq!(base32(plain.as_bytes()), text);
    }
}

#[test]
fn a_code_is_good_a_step_around_its_own_and_once() {
    let (secret, now) = (b"12345678901234567890", 1_800_000_000_000);
    let step = now / STEP_MS;
    let text = code(secret, step);
    for at in [now - STEP_MS, now, now + STEP_MS] {
        assert_eq!(step_of(secret, &text, 0, at), Some(step));
    }
    assert!(is_code(&text) && !is_code(&text[1..]) && !is_code("12345x") && !is_code("1234567"));
    assert_eq!(step_of(secret, &text, 0, now + 2 * STEP_MS), None);
    assert_eq!(step_of(secret, &text, step, now), None, "used");
    assert_eq!(step_of(secret, &code(secret, step - 1), step, now), None, "older than one that was used");
}

proptest! {
    #[test]
    fn no_text_makes_the_check_fall_over(text in ".{0,40}", now in any::<u64>()) {
        if let Some(step) = step_of(b"12345678901234567890", &text, 0, now) {
            prop_assert!(is_code(&text));
            prop_assert_eq!(text, code(b"12345678901234567890", step));
        }
    }
}
