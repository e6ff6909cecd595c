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
fn secrets_compare_by_value() {
    assert_eq!(Secret::new(vec![1_u8, 2]), Secret::from(vec![1, 2]));
    assert_ne!(Secret::new(vec![1_u8, 2]), Secret::new(vec![1, 3]));
    assert_ne!(Secret::new(vec![1_u8, 2]), Secret::new(vec![1]));
    assert_eq!(Secret::new([3_u8; 4]).clone().expose(), &[3; 4]);
}
