//! A timer that is set again and again wakes whoever set it last, once, at its last deadline.

use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Wake;

#[derive(Default)]
struct Count(AtomicU32);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Count {
    fn woken(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

#[test]
fn a_deadline_that_is_polled_again_wakes_its_last_task_once() {
    begin(0);
    let (first, second) = (Arc::new(Count::default()), Arc::new(Count::default()));
    let (one, other) = (Waker::from(first.clone()), Waker::from(second.clone()));
    let mut timer = Timer::default();
    timer.set(10, &one);
    timer.set(10, &one);
    assert_eq!((timers(), timer.at_us()), (1, Some(10)));
    timer.set(10, &other);
    timer.set(20, &other);
    assert_eq!((timers(), next_due()), (1, Some(20)));
    advance(20);
    assert_eq!((first.woken(), second.woken(), timers()), (0, 1, 0));
    // What has woken is set anew, even by the same task and for the same time.
    timer.set(20, &other);
    assert_eq!(timer.at_us(), Some(20));
    advance(20);
    timer.set(30, &other);
    timer.clear();
    timer.set(30, &other);
    assert_eq!(timer.at_us(), Some(30), "cleared and set again");
    advance(30);
    assert_eq!((first.woken(), second.woken(), timers()), (0, 3, 0));
    end();
}
