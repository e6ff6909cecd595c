//! Leases, limits, and what a plain list would do.

use super::*;
use proptest::prelude::*;

const NOW: u64 = 1_800_000_000_000;

const HOME: Household = [1; 16];

fn record(fill: u8) -> Vec<u8> {
    vec![fill; RECORD_BYTES]
}

fn at(place: u8, slot: u8) -> (PlaceName, SlotName) {
    ([place; PLACE_BYTES], [slot; SLOT_BYTES])
}

fn seen(places: &Places, place: u8, now: u64) -> Vec<u8> {
    places.look(&[place; PLACE_BYTES], now).iter().map(|record| record[0]).collect()
}

#[test]
fn a_record_lies_there_until_its_lease_ends_or_it_is_taken_away() {
    let mut places = Places::new(10);
    places.put(at(1, 2), (record(20), HOME), 60, NOW).unwrap();
    places.put(at(1, 1), (record(10), HOME), 30, NOW).unwrap();
    assert_eq!(seen(&places, 1, NOW + 29_999), [10, 20]);
    assert_eq!(seen(&places, 1, NOW + 30_000), [20], "also before it is swept away");
    places.put(at(1, 2), (record(21), HOME), 60, NOW + 50_000).unwrap();
    assert_eq!(seen(&places, 1, NOW + 100_000), [21], "renewed and replaced");
    places.remove(at(1, 2));
    places.remove(at(1, 2));
    places.forget_ended(NOW + 100_000);
    assert!(places.is_empty() && places.places.is_empty());
}

#[test]
fn only_records_of_the_one_length_and_leases_of_at_most_half_a_day_are_taken() {
    let mut places = Places::new(10);
    assert_eq!(places.put(at(1, 1), (vec![0; RECORD_BYTES - 1], HOME), 60, NOW), Err(Refused::Length));
    assert_eq!(places.put(at(1, 1), (record(0), HOME), 0, NOW), Err(Refused::Lease));
    assert_eq!(places.put(at(1, 1), (record(0), HOME), TTL_SECONDS_MAX + 1, NOW), Err(Refused::Lease));
    assert!(places.is_empty());
}

#[test]
fn a_full_place_and_a_full_room_refuse_but_renew_and_have_room_again_when_leases_end() {
    let mut places = Places::new(RECORDS_MAX + 1);
    for slot in 0..RECORDS_MAX as u8 {
        places.put(at(1, slot), (record(slot), HOME), 60, NOW).unwrap();
    }
    assert_eq!(places.put(at(1, 200), (record(0), HOME), 60, NOW), Err(Refused::Full));
    places.put(at(2, 1), (record(0), HOME), 60, NOW).unwrap();
    assert_eq!(places.put(at(3, 1), (record(0), HOME), 60, NOW), Err(Refused::Full));
    places.put(at(1, 5), (record(99), HOME), 60, NOW).expect("renewing needs no room");
    places.put(at(3, 1), (record(0), HOME), 60, NOW + 60_000).expect("the others have ended");
    assert_eq!(places.len(), 1);
}

#[test]
fn what_has_lain_there_for_long_makes_room_and_what_was_renewed_does_not() {
    let secure = u64::from(SECURE_SECONDS) * 1_000;
    let mut places = Places::new(RECORDS_MAX + 1);
    for slot in 0..RECORDS_MAX as u8 {
        places.put(at(1, slot), (record(slot), HOME), TTL_SECONDS_MAX, NOW + u64::from(slot)).unwrap();
    }
    places.put(at(1, 0), (record(0), HOME), TTL_SECONDS_MAX, NOW + 100).unwrap();
    assert_eq!(places.put(at(1, 200), (record(200), HOME), 60, NOW + secure), Err(Refused::Full));
    places.put(at(1, 200), (record(200), HOME), 60, NOW + secure + 1).unwrap();
    let left = seen(&places, 1, NOW + secure + 1);
    assert!(left.len() == RECORDS_MAX && left.contains(&0) && !left.contains(&1), "{left:?}");
    places.put(at(2, 1), (record(1), HOME), 60, NOW + secure + 1).unwrap();
    assert_eq!(places.put(at(3, 1), (record(1), HOME), 60, NOW + secure + 1), Err(Refused::Full));
    places
        .put(at(3, 1), (record(1), HOME), 60, NOW + secure + 2)
        .expect("the second of the first place is old enough");
    assert!(!seen(&places, 1, NOW + secure + 2).contains(&2));
    assert_eq!(places.len(), RECORDS_MAX + 1);
}

#[test]
fn who_fills_the_room_makes_room_for_others_and_nobody_else_does() {
    let secure = u64::from(SECURE_SECONDS) * 1_000;
    let (flood, honest) = ([6; 16], [7; 16]);
    let mut places = Places::new(20);
    places.put(at(1, 1), (record(1), honest), TTL_SECONDS_MAX, NOW).unwrap();
    for slot in 0..19 {
        places.put(at(2, slot), (record(slot), flood), TTL_SECONDS_MAX, NOW + 1).unwrap();
    }
    for slot in 50..60 {
        places.put(at(3, slot), (record(slot), [slot; 16]), 60, NOW + secure + 1).unwrap();
    }
    assert_eq!(seen(&places, 1, NOW + secure + 1), [1], "older than all of the flood, and there");
    assert_eq!(seen(&places, 2, NOW + secure + 1).len(), 9);
    assert_eq!(places.crowds.iter().map(|(count, _)| count).sum::<usize>(), 20);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_room_does_what_a_plain_list_would_do(
        steps in proptest::collection::vec((0..4_u8, 0..6_u8, 0..4_u8, 1..1_200_u32), 1..60),
    ) {
        let mut places = Places::new(12);
        let secure = u64::from(SECURE_SECONDS) * 1_000;
        let mut list: Vec<(u8, u8, u8, u64)> = Vec::new();
        let mut ages: Vec<(u64, u8, u8)> = Vec::new();
        let mut now = NOW;
        for (number, (place, slot, what, seconds)) in steps.into_iter().enumerate() {
            list.retain(|(.., ends)| *ends > now);
            ages.retain(|(_, place, slot)| list.iter().any(|(p, s, ..)| (p, s) == (place, slot)));
            ages.sort_unstable();
            let fill = number as u8;
            match what {
                0 => {
                    places.remove(at(place, slot));
                    list.retain(|(p, s, ..)| (*p, *s) != (place, slot));
                }
                1 => now += u64::from(seconds) * 1_000,
                _ => {
                    let known = list.iter().any(|(p, s, ..)| (*p, *s) == (place, slot));
                    let taken = places.put(at(place, slot), (record(fill), HOME), seconds, now).is_ok();
                    let oldest = ages.first().copied().filter(|(put, ..)| put + secure <= now);
                    prop_assert_eq!(taken, known || list.len() < 12 || oldest.is_some());
                    if taken {
                        if !known && list.len() == 12 {
                            let (_, place, slot) = oldest.unwrap();
                            list.retain(|(p, s, ..)| (*p, *s) != (place, slot));
                        }
                        ages.retain(|(_, p, s)| (*p, *s) != (place, slot));
                        ages.push((now, place, slot));
                        list.retain(|(p, s, ..)| (*p, *s) != (place, slot));
                        list.push((place, slot, fill, now + u64::from(seconds) * 1_000));
                    }
                }
            }
            list.sort_by_key(|(place, slot, ..)| (*place, *slot));
            for place in 0..4 {
                let there = list.iter().filter(|(p, _, _, ends)| *p == place && *ends > now);
                let expected: Vec<u8> = there.map(|(_, _, fill, _)| *fill).collect();
                prop_assert_eq!(seen(&places, place, now), expected);
            }
        }
        places.forget_ended(u64::MAX);
        prop_assert!(places.is_empty() && places.places.is_empty());
    }
}
