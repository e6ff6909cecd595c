//! The room of the meeting places: where, at the group's coordinator, members find each other's addresses today.
//!
//! A place is made of a beacon, so who knows it is who may know the beacon: members, and nobody who was removed before it was made. It is
//! another one each day. Clocks differ: around midnight the place of the other day is looked at too.

use core::time::Duration;

use halloo_crypto::mailbox::Day;

use crate::beacons::MAX_BEACONS;
use crate::output::{MeetingPlace, Output};
use crate::state::State;
use crate::timers::Timer;

/// So long before and after midnight the place of the other day is looked at: more than the clocks of phones differ.
const SKEW: Duration = Duration::from_secs(600);

/// The room's own memory: the places that the driver was told last, and whether each is published at.
#[derive(Default)]
pub(crate) struct Meeting {
    told: Vec<([u8; 32], bool)>,
}

/// The beacons, the document or the day changed: tells the driver where to meet, if that is not what it was told last.
pub(crate) fn refresh(room: &mut Meeting, state: &mut State) {
    let via = state.document.via().filter(|_| state.is_member());
    if via.is_none() && room.told.is_empty() {
        return;
    }
    let now_ms = state.now.wall_ms;
    let places: Vec<MeetingPlace> = via.iter().flat_map(|via| places(state, via, now_ms)).collect();
    let names: Vec<([u8; 32], bool)> = places.iter().map(|place| (place.id, place.publish)).collect();
    assert!(names.len() <= 2 * MAX_BEACONS, "two days of each beacon at most");
    if names != room.told {
        room.told = names;
        state.out.durable(Output::Meet(places));
    }
    if via.is_some() {
        let wait = next_change(now_ms);
        state.timers.set(Timer::Meet, state.now.mono.after(wait));
    } else {
        state.timers.stop(Timer::Meet);
    }
}

fn places(state: &State, via: &str, now_ms: u64) -> Vec<MeetingPlace> {
    let skew = u64::try_from(SKEW.as_millis()).unwrap_or(u64::MAX);
    let today = Day::of_ms(now_ms);
    let days = Day::of_ms(now_ms.saturating_sub(skew)).0..=Day::of_ms(now_ms.saturating_add(skew)).0;
    let of = |day: Day| {
        state.beacons.sound().map(move |beacon| {
            let (id, key) = beacon.meeting(via, day);
            MeetingPlace { via: via.to_owned(), id, key, publish: day == today }
        })
    };
    days.map(Day).flat_map(of).collect()
}

/// How long until another day begins, or is looked at, or is looked at no more.
fn next_change(now_ms: u64) -> Duration {
    let skew = u64::try_from(SKEW.as_millis()).unwrap_or(u64::MAX);
    let today = Day::of_ms(now_ms);
    let (this, next) = (today.begins_ms(), today.after(1).begins_ms());
    let changes = [this + skew, next.saturating_sub(skew), next];
    debug_assert!(changes.is_sorted(), "the middle of a day is far from both midnights");
    let first = changes.into_iter().find(|at| *at > now_ms).unwrap_or(next);
    Duration::from_millis(first.saturating_sub(now_ms) + 1)
}

#[cfg(test)]
mod tests;
