//! The clock never repeats, never follows a liar.

use super::*;

#[test]
fn stamps_grow_even_when_the_wall_clock_goes_back() {
    let mut clock = Clock::default();
    let mut last = clock.tick(1_000);
    for now in [1_000, 999, 5, 1_001, 0, 2_000] {
        let next = clock.tick(now);
        assert!(next > last);
        last = next;
    }
    assert_eq!(last.wall_ms, 2_000);
}

#[test]
fn a_stamp_within_a_minute_is_followed() {
    let mut clock = Clock::default();
    let heard = Hlc { wall_ms: 1_000 + MAX_AHEAD_MS, counter: 9 };
    clock.observe(heard, 1_000);
    assert!(clock.tick(1_000) > heard);
}

#[test]
fn a_stamp_from_the_far_future_moves_nobody() {
    let mut clock = Clock::default();
    clock.tick(1_000);
    clock.observe(Hlc { wall_ms: 1_001 + MAX_AHEAD_MS, counter: 0 }, 1_000);
    assert_eq!(clock.tick(1_000).wall_ms, 1_000);
    clock.observe(Hlc { wall_ms: u64::MAX, counter: u32::MAX }, 1_000);
    assert_eq!(clock.last().wall_ms, 1_000);
}

#[test]
fn a_spent_counter_borrows_a_millisecond() {
    let mut clock = Clock::starting_at(Hlc { wall_ms: 7, counter: u32::MAX });
    assert_eq!(clock.tick(7), Hlc { wall_ms: 8, counter: 0 });
}

#[test]
fn byte_order_is_stamp_order() {
    let stamps = [(0, 0), (0, 1), (1, 0), (255, 7), (256, 0), (u64::MAX, 1)];
    let stamps = stamps.map(|(wall_ms, counter)| Hlc { wall_ms, counter });
    for (a, b) in stamps.iter().zip(&stamps[1..]) {
        assert!(a.to_bytes() < b.to_bytes());
        assert_eq!(Hlc::from_bytes(a.to_bytes()), *a);
    }
}
