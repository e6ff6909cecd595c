//! The clock and the table of timers.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::task::Waker;
use std::time::Duration;

/// One clock a thread.
struct Clock {
    armed: bool,
    now_us: u64,
    /// Ties are broken by the order of setting.
    order: u64,
    timers: BTreeMap<(u64, u64), Waker>,
}

thread_local! {
    static CLOCK: RefCell<Clock> =
        const { RefCell::new(Clock { armed: false, now_us: 0, order: 0, timers: BTreeMap::new() }) };
}

pub(crate) fn begin(start_us: u64) {
    CLOCK.with_borrow_mut(|clock| {
        assert!(!clock.armed, "a run has a thread of its own");
        *clock = Clock { armed: true, now_us: start_us, order: 0, timers: BTreeMap::new() };
    });
}

pub(crate) fn end() {
    let timers = CLOCK.with_borrow_mut(|clock| {
        clock.armed = false;
        std::mem::take(&mut clock.timers)
    });
    drop(timers);
}

/// Virtual microseconds since the origin of the run.
pub fn now_us() -> u64 {
    CLOCK.with_borrow(|clock| clock.now_us)
}

/// The virtual time `span` from now; saturates.
pub fn after(span: Duration) -> u64 {
    now_us().saturating_add(u64::try_from(span.as_micros()).unwrap_or(u64::MAX))
}

/// When the earliest timer is due.
pub fn next_due() -> Option<u64> {
    CLOCK.with_borrow(|clock| clock.timers.keys().next().map(|(at, _)| *at))
}

/// How many timers are set: a bound to watch.
pub fn timers() -> usize {
    CLOCK.with_borrow(|clock| clock.timers.len())
}

/// Moves the clock to `to_us` and wakes everything that is due by then, in the order of times, then of setting.
///
/// # Panics
/// If time would go back.
pub fn advance(to_us: u64) {
    CLOCK.with_borrow_mut(|clock| {
        assert!(to_us >= clock.now_us, "time never goes back");
        clock.now_us = to_us;
    });
    while let Some(waker) = take_due(to_us) {
        waker.wake();
    }
}

fn take_due(until_us: u64) -> Option<Waker> {
    CLOCK.with_borrow_mut(|clock| {
        let entry = clock.timers.first_entry().filter(|entry| entry.key().0 <= until_us)?;
        Some(entry.remove())
    })
}

/// A timer that is set at most once at a time; dropping it clears it.
#[derive(Default, Debug)]
pub struct Timer {
    key: Option<(u64, u64)>,
    /// What it is set to wake; looked at only while it is set.
    waker: Option<Waker>,
}

impl Timer {
    /// Wakes `waker` when the clock reaches `at_us`, instead of what was set before.
    pub fn set(&mut self, at_us: u64, waker: &Waker) {
        // The usual case by far: the same deadline polled again by the same task. What lies ahead is still in the table.
        let ahead = self.key.is_some_and(|key| key.0 == at_us) && at_us > now_us();
        if ahead && self.waker.as_ref().is_some_and(|set| set.will_wake(waker)) {
            return;
        }
        let before = self.waker.replace(waker.clone());
        CLOCK.with_borrow_mut(|clock| {
            if let Some(key) = self.key
                && key.0 == at_us
                && let Some(set) = clock.timers.get_mut(&key)
            {
                set.clone_from(waker);
                return;
            }
            if let Some(key) = self.key.take() {
                clock.timers.remove(&key);
            }
            let key = (at_us, clock.order);
            clock.order += 1;
            clock.timers.insert(key, waker.clone());
            self.key = Some(key);
        });
        drop(before);
    }

    /// When it wakes, if it is set and has not woken.
    pub fn at_us(&self) -> Option<u64> {
        let key = self.key?;
        CLOCK.with_borrow(|clock| clock.timers.contains_key(&key).then_some(key.0))
    }

    /// Forgets what was set.
    pub fn clear(&mut self) {
        if let Some(key) = self.key.take() {
            // A waker dropped inside the borrow could drop a timer of its own.
            let gone = CLOCK.with_borrow_mut(|clock| clock.timers.remove(&key));
            drop(gone);
        }
        self.waker = None;
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests;
