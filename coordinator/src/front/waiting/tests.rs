//! Who gives way to whom, and that a plain list would do the same.

use super::*;
use futures::FutureExt as _;
use proptest::prelude::*;

fn at(household: u8, host: u8) -> IpAddr {
    [10, 0, household, host].into()
}

fn gone(place: &Place) -> bool {
    place.lost().now_or_never().is_some()
}

#[test]
fn the_oldest_of_the_largest_crowd_gives_way_and_a_household_of_one_does_not() {
    let waiting = Waiting::new(4, 3);
    let good = waiting.enter(at(9, 1)).expect("room");
    let crowd: Vec<Place> = (1..=3).map(|host| waiting.enter(at(1, host)).expect("room")).collect();
    assert!(waiting.enter(at(1, 4)).is_none(), "enough of that household wait");
    let late = waiting.enter(at(8, 1)).expect("somebody gives way");
    assert_eq!(crowd.iter().map(gone).collect::<Vec<_>>(), [true, false, false]);
    assert!(!gone(&good) && !gone(&late));
    drop(crowd);
    let room = waiting.room.lock().expect("sound");
    assert_eq!((room.all, room.households.len(), room.ranks.len()), (2, 2, 2));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn it_does_what_a_plain_list_would_do(steps in proptest::collection::vec((0..4_u8, 0..3_u8), 1..80)) {
        let waiting = Waiting::new(6, 4);
        // Who waits, oldest first: household and place.
        let mut list: Vec<(u8, Place)> = Vec::new();
        for (household, what) in steps {
            if what == 0 && !list.is_empty() {
                list.remove(usize::from(household) % list.len());
                continue;
            }
            let of = |list: &[(u8, Place)], one: u8| list.iter().filter(|(other, _)| *other == one).count();
            let entered = waiting.enter(at(household, 1));
            prop_assert_eq!(entered.is_none(), of(&list, household) >= 4);
            let Some(place) = entered else { continue };
            if list.len() == 6 {
                let most = list.iter().map(|(one, _)| of(&list, *one)).max().unwrap_or(0);
                let oldest = list.iter().position(|(one, _)| of(&list, *one) == most).expect("the list is full");
                let (_, lost) = list.remove(oldest);
                prop_assert!(gone(&lost));
            }
            prop_assert!(list.iter().all(|(_, place)| !gone(place)));
            list.push((household, place));
            prop_assert_eq!(waiting.room.lock().expect("sound").all, list.len());
        }
    }
}
