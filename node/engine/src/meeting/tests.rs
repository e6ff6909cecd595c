//! Meeting places: by day and by beacon, the same for all members, none without a coordinator.

use super::*;
use crate::input::Command;
use crate::rig::Rig;

const DAY_MS: u64 = 86_400_000;
const VIA: &str = "https://halloo.example";

fn place_ids(rig: &mut Rig, who: usize, now_ms: u64) -> Vec<([u8; 32], bool)> {
    let state = &rig.engine(who).state;
    places(state, VIA, now_ms).into_iter().map(|place| (place.id, place.publish)).collect()
}

#[test]
fn members_meet_at_one_place_a_day_and_at_another_the_next() {
    let mut rig = Rig::group(2, 170);
    let noon = 20_000 * DAY_MS + DAY_MS / 2;
    let today = place_ids(&mut rig, 0, noon);
    assert_eq!(today.len(), 1);
    assert_eq!(place_ids(&mut rig, 1, noon), today);
    let tomorrow = place_ids(&mut rig, 1, noon + DAY_MS);
    assert!(tomorrow != today && tomorrow.len() == 1);
    let state = &rig.engine(0).state;
    let elsewhere = places(state, "https://other.example", noon);
    assert_ne!(elsewhere[0].id, today[0].0, "two coordinators cannot tell that it is one group");
}

#[test]
fn around_midnight_the_other_day_is_looked_at_and_only_the_own_published() {
    let mut rig = Rig::group(1, 171);
    let midnight = 20_000 * DAY_MS;
    let before = place_ids(&mut rig, 0, midnight - 1_000);
    let after = place_ids(&mut rig, 0, midnight + 1_000);
    assert_eq!(before.len(), 2);
    let ids = |places: &[([u8; 32], bool)]| places.iter().map(|(id, _)| *id).collect::<Vec<_>>();
    assert_eq!(ids(&before), ids(&after), "two whose clocks differ look at the same places");
    assert_eq!(before.iter().map(|(_, publish)| *publish).collect::<Vec<_>>(), [true, false]);
    assert_eq!(after.iter().map(|(_, publish)| *publish).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn the_clock_wakes_the_room_when_a_place_changes_and_not_before() {
    let midnight = 20_000 * DAY_MS;
    let skew = 600_000;
    for (now, next) in [
        (midnight, midnight + skew),
        (midnight + skew, midnight + DAY_MS - skew),
        (midnight + DAY_MS - skew, midnight + DAY_MS),
        (midnight + DAY_MS - 1, midnight + DAY_MS),
    ] {
        assert_eq!(next_change(now), Duration::from_millis(next - now + 1), "{}", now - midnight);
    }
}

#[test]
fn after_a_removal_the_place_is_one_that_the_removed_does_not_know() {
    let mut rig = Rig::group(3, 172);
    let noon = 20_000 * DAY_MS + DAY_MS / 2;
    let known = place_ids(&mut rig, 2, noon);
    let cleo = rig.members[2].identity.account();
    rig.command(0, Command::Remove(cleo)).expect("removed");
    rig.pass(Duration::from_secs(10));
    let now = place_ids(&mut rig, 0, noon);
    assert!(now.iter().all(|place| !known.contains(place)) && now.len() == 1);
    assert_eq!(place_ids(&mut rig, 1, noon), now);
}
