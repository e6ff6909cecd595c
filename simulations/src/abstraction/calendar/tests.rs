//! The calendar gives what was put into it in order of time, whatever the distances.

use super::*;
use crate::chance::{between, generator};

/// The next event up to this time.
fn pop(calendar: &mut Calendar, until: u64) -> Option<Event> {
    if calendar.turn(until) { calendar.pop(until) } else { None }
}

fn event(at: u64, node: u32) -> Event {
    Event { at, kind: Kind::Copy, node, edge: 0, message: 0 }
}

#[test]
fn events_come_in_order_while_others_are_put_down() {
    let mut rng = generator(5, "calendar");
    let mut calendar = Calendar::new(1_000);
    let mut model = BinaryHeap::new();
    let mut now = 1_000;
    for round in 0..60_000_u32 {
        // Now, in this bucket, in the wheel, beyond it, far beyond it.
        let span = [0, 90, 40_000, 60_000_000, 4_000_000_000][round as usize % 5];
        let at = now + between(&mut rng, 0, span);
        calendar.push(event(at, round));
        model.push(Reverse(event(at, round)));
        if round % 3 > 0 {
            let popped = pop(&mut calendar, u64::MAX).expect("something is there");
            assert_eq!(Some(Reverse(popped)), model.pop());
            assert!(popped.at >= now, "time never goes back");
            now = popped.at;
        }
    }
    while let Some(Reverse(expected)) = model.pop() {
        assert_eq!(pop(&mut calendar, u64::MAX), Some(expected));
    }
    assert_eq!(pop(&mut calendar, u64::MAX), None);
}

#[test]
fn nothing_comes_before_its_time() {
    let mut calendar = Calendar::new(0);
    calendar.push(event(500, 1));
    calendar.push(event(9_000_000, 2));
    assert_eq!(pop(&mut calendar, 499), None);
    assert_eq!(pop(&mut calendar, 500), Some(event(500, 1)));
    assert_eq!(pop(&mut calendar, 8_999_999), None);
    calendar.push(event(600, 3));
    assert_eq!(pop(&mut calendar, 9_000_000), Some(event(600, 3)));
    assert_eq!(pop(&mut calendar, 9_000_000), Some(event(9_000_000, 2)));
}

#[test]
fn chunks_are_used_again() {
    let mut calendar = Calendar::new(0);
    for turn in 0..50_u64 {
        for n in 0..1_000 {
            calendar.push(event(turn * 1_000_000 + 1_000 + u64::from(n), n));
        }
        while pop(&mut calendar, turn * 1_000_000 + 999_999).is_some() {}
    }
    assert!(calendar.chunks.len() < 200, "{} chunks for 1,000 events at a time", calendar.chunks.len());
}

#[test]
fn an_event_is_small() {
    assert_eq!(size_of::<Event>(), 24);
}
