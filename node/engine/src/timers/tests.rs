//! The table of deadlines.

use super::*;

#[test]
fn the_table_is_in_the_order_of_the_enum() {
    for (index, timer) in Timer::ALL.iter().enumerate() {
        assert_eq!(*timer as usize, index);
    }
}

#[test]
fn names_are_unique() {
    let mut names: Vec<_> = Timer::ALL.iter().map(|t| t.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Timer::ALL.len());
}

#[test]
fn due_timers_come_out_in_order_of_time_and_once() {
    let mut timers = Timers::default();
    timers.set(Timer::Settle, Time::from_millis(5));
    timers.set(Timer::LiveFlush, Time::from_millis(9));
    timers.set(Timer::Reconcile, Time::from_millis(7));
    assert_eq!(timers.next(), Some((Time::from_millis(5), Timer::Settle)));
    assert_eq!(timers.take_due(Time::from_millis(4)), None);
    assert_eq!(timers.take_due(Time::from_millis(8)), Some(Timer::Settle));
    assert_eq!(timers.take_due(Time::from_millis(8)), Some(Timer::Reconcile));
    assert_eq!(timers.take_due(Time::from_millis(8)), None);
    assert_eq!(timers.next(), Some((Time::from_millis(9), Timer::LiveFlush)));
    assert_eq!(timers.fired().iter().map(|(_, n)| n).sum::<u64>(), 2);
}

#[test]
fn a_later_wish_does_not_postpone() {
    let mut timers = Timers::default();
    timers.within(Timer::LiveFlush, Time::ZERO, Duration::from_secs(1));
    timers.within(Timer::LiveFlush, Time::ZERO, Duration::from_secs(2));
    assert_eq!(timers.due(Timer::LiveFlush), Some(Time::from_millis(1_000)));
    timers.stop(Timer::LiveFlush);
    assert_eq!(timers.next(), None);
}
