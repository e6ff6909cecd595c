//! The queue of tasks that were woken: first woken, first run.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

thread_local! {
    static READY: RefCell<VecDeque<u32>> = const { RefCell::new(VecDeque::new()) };
}

/// A task of this thread, known by its number.
#[derive(Debug)]
pub struct Task {
    number: u32,
    queued: AtomicBool,
}

impl Task {
    /// A task and the waker that queues it. A task is queued at most once.
    #[must_use]
    pub fn new(number: u32) -> (Arc<Task>, Waker) {
        let task = Arc::new(Task { number, queued: AtomicBool::new(false) });
        let waker = Waker::from(Arc::clone(&task));
        (task, waker)
    }

    /// To be called right before the task runs: what wakes it from now on queues it again.
    pub fn begin(&self) {
        self.queued.store(false, Ordering::Relaxed);
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            READY.with_borrow_mut(|ready| ready.push_back(self.number));
        }
    }
}

/// A part of a task that need not be polled unless it was woken itself: what wakes it wakes the task too.
#[derive(Debug)]
pub struct Part {
    task: Arc<Task>,
    woken: AtomicBool,
}

impl Part {
    /// A part of this task, which begins as woken, and the waker that it is polled with.
    #[must_use]
    pub fn of(task: &Arc<Task>) -> (Arc<Part>, Waker) {
        let part = Arc::new(Part { task: Arc::clone(task), woken: AtomicBool::new(true) });
        let waker = Waker::from(Arc::clone(&part));
        (part, waker)
    }

    /// Something was done to it from outside that shows only when it is polled next.
    pub fn touch(&self) {
        self.woken.store(true, Ordering::Relaxed);
    }

    /// Whether it was woken or touched since the last call: to be called right before it is polled.
    #[must_use]
    pub fn begin(&self) -> bool {
        self.woken.swap(false, Ordering::Relaxed)
    }
}

impl Wake for Part {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.touch();
        self.task.wake_by_ref();
    }
}

/// The next task that wants to run.
pub fn take_ready() -> Option<u32> {
    READY.with_borrow_mut(VecDeque::pop_front)
}

pub(crate) fn end() {
    READY.with_borrow_mut(VecDeque::clear);
}

#[cfg(test)]
mod tests;
