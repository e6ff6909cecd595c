//! Tests: secrets and private values stay out of logs.

use super::*;

#[test]
fn secrets_and_private_values_never_print() {
    let secret = Secret::new([0x5a_u8; 32]);
    assert_eq!(format!("{secret:?}"), "Secret(..)");
    assert_eq!(format!("{:?} {}", Redacted("Ada"), Redacted(48.2)), "[redacted] [redacted]");
    assert_eq!(format!("{:?}", Some(Secret::new(vec![1_u8]))), "Some(Secret(..))");
}

#[test]
fn a_secret_that_is_moved_leaves_nothing_behind() {
    let secret = Secret::filled(|bytes: &mut [u8; 32]| bytes.fill(7));
    let place = secret.expose().as_ptr();
    let mut list = vec![Some(secret)];
    list.reserve(1_000);
    let moved = list.pop().flatten().expect("put in");
    assert_eq!((moved.expose().as_ptr(), *moved.expose()), (place, [7; 32]), "only the pointer moved");
    assert_ne!(moved.clone().expose().as_ptr(), place);
}

#[test]
fn secrets_compare_by_value() {
    assert_eq!(Secret::new(vec![1_u8, 2]), Secret::from(vec![1, 2]));
    assert_ne!(Secret::new(vec![1_u8, 2]), Secret::new(vec![1, 3]));
    assert_ne!(Secret::new(vec![1_u8, 2]), Secret::new(vec![1]));
    assert_eq!(Secret::new([3_u8; 4]).clone().expose(), &[3; 4]);
}
