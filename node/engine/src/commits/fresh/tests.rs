//! Who asked for a fresh leaf, and until when.

use super::*;

const OLD: Option<[u8; 32]> = Some([1; 32]);
const NEW: Option<[u8; 32]> = Some([2; 32]);

fn device(number: u8) -> DeviceId {
    DeviceId::from_bytes([number; 32])
}

fn at(seconds: u64) -> Time {
    Time::from_millis(1_000 * seconds)
}

#[test]
fn who_asked_is_given_a_leaf_again_when_the_commit_that_gave_it_loses() {
    let mut fresh = Fresh::default();
    assert!(fresh.ask(device(1), vec![7], OLD, at(0)));
    assert_eq!(fresh.package_for(&device(1), OLD), Some(&vec![7]));
    fresh.given(&device(1), at(1));
    // Our commit holds: it has the new leaf, and later one of its own making.
    assert_eq!(fresh.package_for(&device(1), NEW), None);
    assert_eq!(fresh.package_for(&device(1), None), None);
    // A rival wins, in which it stands as before.
    assert_eq!(fresh.package_for(&device(1), OLD), Some(&vec![7]));
}

#[test]
fn a_newcomer_without_a_leaf_is_added_again_when_the_commit_that_added_it_loses() {
    let mut fresh = Fresh::default();
    assert!(fresh.ask(device(1), vec![7], None, at(0)));
    fresh.given(&device(1), at(1));
    assert_eq!(fresh.package_for(&device(1), NEW), None);
    assert_eq!(fresh.package_for(&device(1), None), Some(&vec![7]));
}

#[test]
fn before_it_is_given_one_its_leaf_does_not_matter() {
    let mut fresh = Fresh::default();
    assert!(fresh.ask(device(1), vec![7], OLD, at(0)));
    assert_eq!(fresh.package_for(&device(1), NEW), Some(&vec![7]));
    assert_eq!(fresh.package_for(&device(1), None), Some(&vec![7]));
    assert_eq!(fresh.package_for(&device(2), OLD), None);
}

#[test]
fn those_who_were_given_one_make_room_when_their_race_is_over() {
    let mut fresh = Fresh::default();
    for number in 0..MAX_JOINING {
        let number = u8::try_from(number).unwrap();
        assert!(fresh.ask(device(number), vec![number], OLD, at(0)));
    }
    assert!(!fresh.ask(device(255), vec![255], OLD, at(100)));
    assert!(fresh.ask(device(0), vec![9], OLD, at(100)), "its own place");
    fresh.given(&device(0), at(100));
    assert!(!fresh.ask(device(255), vec![255], OLD, at(109)));
    assert!(fresh.ask(device(255), vec![255], OLD, at(110)));
    assert_eq!(fresh.package_for(&device(0), OLD), None);
}
