//! Tests: a voucher is what was signed and nothing else.

use rand_core::SeedableRng as _;

use super::*;

fn secret(seed: u8) -> VoucherSecret {
    VoucherSecret::from_seed(&Secret::new([seed; 32]))
}

fn voucher() -> Voucher {
    Voucher::draw(plan_tag("ride"), 30, Day(21_000), &mut ChaCha20Rng::from_seed([1; 32]))
}

#[test]
fn what_was_signed_comes_back_and_another_key_reads_nothing() {
    let bytes = secret(1).sign(&voucher());
    assert_eq!(Voucher::check(&bytes, &secret(1).public()), Ok(voucher()));
    assert_eq!(Voucher::check(&bytes, &secret(2).public()), Err(VoucherError::BadSignature));
}

#[test]
fn every_changed_bit_is_refused() {
    let bytes = secret(1).sign(&voucher());
    for bit in 0..8 * bytes.len() {
        let mut changed = bytes;
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(Voucher::check(&changed, &secret(1).public()).is_err(), "bit {bit}");
    }
}

#[test]
fn two_vouchers_have_two_names_and_one_has_one() {
    let mut rng = ChaCha20Rng::from_seed([1; 32]);
    let mut draw = || Voucher::draw(plan_tag("ride"), 30, Day(21_000), &mut rng);
    let (first, second) = (draw(), draw());
    assert_ne!(first.name(), second.name());
    assert_eq!(first.name(), voucher().name());
    assert_ne!(plan_tag("ride"), plan_tag("rides"));
}

#[test]
fn what_signs_nothing_is_no_key() {
    let mut neutral = [0; 32];
    neutral[0] = 1;
    assert_eq!(VoucherKey::from_bytes(neutral), None);
    // No point of the curve has this y.
    assert_eq!(VoucherKey::from_bytes([2; 32]), None);
    let key = secret(1).public();
    assert_eq!(VoucherKey::from_bytes(*key.as_bytes()), Some(key));
}
