//! Beacons: records, standing, topics and bounds.

use super::*;
use proptest::prelude::*;

fn beacon(seed: u8) -> Beacon {
    Beacon::new(Secret::new([seed; 32]), vec![OpId::from_bytes([seed; 32])])
}

fn at(millis: u64) -> Time {
    Time::from_millis(millis)
}

#[test]
fn a_record_round_trips_and_has_one_spelling() {
    let heads = vec![OpId::from_bytes([2; 32]), OpId::from_bytes([1; 32]), OpId::from_bytes([2; 32])];
    let beacon = Beacon::new(Secret::new([7; 32]), heads);
    let bytes = beacon.to_bytes();
    let read = Beacon::parse(&bytes).unwrap();
    assert_eq!((read.id(), read.heads()), (beacon.id(), beacon.heads()));
    assert_eq!(read.to_bytes(), bytes);
    for cut in 0..bytes.len() {
        assert!(Beacon::parse(&bytes[..cut]).is_err());
    }
    let mut swapped = bytes.clone();
    swapped[35..67].copy_from_slice(&bytes[67..99]);
    swapped[67..99].copy_from_slice(&bytes[35..67]);
    assert!(matches!(Beacon::parse(&swapped), Err(WireError::NotCanonical)));
    let mut none = bytes[..35].to_vec();
    none[33..35].copy_from_slice(&[0, 0]);
    assert!(matches!(Beacon::parse(&none), Err(WireError::TooLong)));
}

#[test]
fn topics_change_by_week_and_tell_nothing_of_each_other() {
    let beacon = beacon(1);
    assert_ne!(beacon.topic(5), beacon.topic(6));
    assert_ne!(beacon.topic(5), super::tests::beacon(2).topic(5));
    assert_eq!(week_of(WEEK_MS - 1) + 1, week_of(WEEK_MS));
}

#[test]
fn the_newest_sound_beacon_is_published_under_whatever_the_order() {
    let standing = |beacon: &Beacon| Standing::Sound(u64::from(beacon.heads()[0].as_bytes()[0]));
    let mut forward = Beacons::default();
    let mut backward = Beacons::default();
    for seed in 1..=5 {
        forward.insert(beacon(seed));
        backward.insert(beacon(6 - seed));
    }
    forward.judge(at(0), standing);
    backward.judge(at(0), standing);
    assert_eq!(forward.best().unwrap().id(), beacon(5).id());
    assert_eq!(backward.best().unwrap().id(), beacon(5).id());
}

#[test]
fn a_tainted_beacon_is_heard_for_its_grace_and_published_under_never() {
    let mut beacons = Beacons::default();
    beacons.insert(beacon(1));
    beacons.judge(at(0), |_| Standing::Sound(1));
    let change = beacons.follow(at(0), 10 * WEEK_MS);
    assert_eq!((change.added.len(), change.dropped.len()), (3, 0));
    beacons.judge(at(1_000), |_| Standing::Tainted);
    assert!(beacons.best().is_none());
    assert_eq!(beacons.last_tainted().unwrap().id(), beacon(1).id());
    assert_eq!(beacons.follow(at(1_000), 10 * WEEK_MS), TopicChange::default());
    let end = beacons.next_change(at(1_000)).unwrap();
    assert_eq!(end, at(1_000).after(TAINTED_GRACE));
    assert_eq!(beacons.follow(end, 10 * WEEK_MS).dropped.len(), 3);
    assert!(beacons.topics().next().is_none());
    assert!(beacons.next_change(end).is_none());
}

#[test]
fn a_new_week_moves_the_window_by_one() {
    let mut beacons = Beacons::default();
    beacons.insert(beacon(1));
    beacons.judge(at(0), |_| Standing::Sound(1));
    beacons.follow(at(0), 10 * WEEK_MS);
    let change = beacons.follow(at(1), 11 * WEEK_MS);
    assert_eq!(change.added, [beacon(1).topic(12)]);
    assert_eq!(change.dropped, [beacon(1).topic(9)]);
    assert_eq!(beacons.of_topic(&beacon(1).topic(10)).unwrap().id(), beacon(1).id());
}

proptest! {
    #[test]
    fn a_member_that_makes_many_beacons_fills_its_bound(seeds in prop::collection::vec(any::<u8>(), 0..60)) {
        let mut beacons = Beacons::default();
        beacons.insert(beacon(0));
        beacons.judge(at(0), |_| Standing::Sound(9));
        for seed in seeds {
            beacons.insert(beacon(seed));
            prop_assert!(beacons.all().count() <= MAX_BEACONS);
        }
        prop_assert_eq!(beacons.best().unwrap().id(), beacon(0).id(), "unplaced ones push out no sound one");
    }
}
