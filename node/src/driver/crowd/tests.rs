//! A call with too many devices keeps those that talk and names the rest.

use super::*;

fn devices(numbers: impl IntoIterator<Item = u8>) -> BTreeSet<DeviceId> {
    numbers.into_iter().map(|n| DeviceId::from_bytes([n; 32])).collect()
}

fn device(number: u8) -> DeviceId {
    DeviceId::from_bytes([number; 32])
}

#[test]
fn up_to_seven_others_are_all_connected_and_nobody_is_told_anything() {
    let mut crowd = Crowd::default();
    assert_eq!(crowd.want(devices(1..=7)), devices(1..=7));
    assert_eq!(crowd.unheard(), devices([]));
    assert_eq!(crowd.news(), devices([]));
}

#[test]
fn who_is_connected_stays_when_an_eighth_comes_and_the_eighth_is_named_once() {
    let mut crowd = Crowd::default();
    crowd.want(devices(11..=17));
    assert_eq!(crowd.want(devices((11..=17).chain([1]))), devices(11..=17), "not even for a lower id");
    assert_eq!(crowd.news(), devices([1]));
    assert_eq!(crowd.news(), devices([]));
    assert_eq!(crowd.unheard(), devices([1]));
    assert_eq!(crowd.want(devices((12..=17).chain([1]))), devices((12..=17).chain([1])), "somebody left");
    assert_eq!(crowd.unheard(), devices([]));
    assert_eq!(crowd.want(devices((11..=17).chain([1]))), devices((12..=17).chain([1])));
    assert_eq!(crowd.news(), devices([11]), "it lost its place and is named anew");
}

#[test]
fn who_has_no_place_for_us_is_asked_after_those_who_may_have_one() {
    let mut crowd = Crowd::default();
    crowd.want(devices(1..=9));
    assert_eq!(crowd.unheard(), devices([8, 9]));
    assert_eq!(crowd.refuse(device(3)), devices([1, 2, 4, 5, 6, 7, 8]));
    assert_eq!(crowd.news(), devices([3, 9]));
    assert_eq!(crowd.refuse(device(1)), devices([2, 4, 5, 6, 7, 8, 9]));
    for number in [2, 4, 5, 6, 7, 8, 9] {
        assert_eq!(crowd.refuse(device(number)).len(), MAX_PEERS, "it goes on asking");
    }
    assert_eq!(crowd.unheard(), devices(1..=9));
    crowd.up(&device(5));
    assert!(crowd.refuse(device(1)).contains(&device(5)), "who answered comes first");
}

#[test]
fn a_refusal_of_somebody_outside_the_call_is_nothing() {
    let mut crowd = Crowd::default();
    crowd.want(devices(1..=3));
    assert_eq!(crowd.refuse(device(9)), devices(1..=3));
    assert_eq!(crowd.unheard(), devices([]));
}
