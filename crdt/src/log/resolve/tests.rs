//! Who wins in small graphs of quarrels.

use super::sources;

#[test]
fn nobody_endangered_all_win() {
    assert_eq!(sources(&[0, 0, 0]), vec![0, 1, 2]);
    assert_eq!(sources(&[]), Vec::<usize>::new());
}

#[test]
fn the_endangered_wait() {
    // 2 makes 1 fall, 1 makes 0 fall
    assert_eq!(sources(&[0b000, 0b001, 0b010]), vec![2]);
}

#[test]
fn in_a_ring_the_senior_wins() {
    assert_eq!(sources(&[0b10, 0b01]), vec![0]);
    // 0 -> 1 -> 2 -> 0
    assert_eq!(sources(&[0b010, 0b100, 0b001]), vec![0]);
}

#[test]
fn a_ring_endangered_from_outside_waits() {
    // 2 makes 0 fall, 0 and 1 are a ring
    assert_eq!(sources(&[0b010, 0b001, 0b001]), vec![2]);
}

#[test]
fn what_a_ring_endangers_waits_however_senior() {
    // 1 and 2 are a ring, 2 makes 0 fall
    assert_eq!(sources(&[0b000, 0b100, 0b011]), vec![1]);
}

#[test]
fn two_rings_each_have_a_senior() {
    assert_eq!(sources(&[0b0100, 0b1000, 0b0001, 0b0010]), vec![0, 1]);
}

#[test]
fn a_strike_that_makes_itself_fall_is_a_ring_of_one() {
    assert_eq!(sources(&[0b01, 0b00]), vec![0, 1]);
}
