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

/// The next task that wants to run.
pub fn take_ready() -> Option<u32> {
    READY.with_borrow_mut(VecDeque::pop_front)
}

pub(crate) fn end() {
    READY.with_borrow_mut(VecDeque::clear);
}
