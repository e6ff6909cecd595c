//! Stands in for `futures-timer` in the simulator: the same `Delay`, in the virtual time of the thread.

use halloo_vtime::Timer;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// A future that is ready when virtual time has advanced by a span.
pub struct Delay {
    due_us: u64,
    timer: Timer,
}

impl Delay {
    /// Ready `span` from now.
    pub fn new(span: Duration) -> Delay {
        Delay { due_us: halloo_vtime::after(span), timer: Timer::default() }
    }

    /// Ready `span` from now instead.
    pub fn reset(&mut self, span: Duration) {
        self.due_us = halloo_vtime::after(span);
        self.timer.clear();
    }
}

impl Future for Delay {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if halloo_vtime::now_us() >= self.due_us {
            self.timer.clear();
            return Poll::Ready(());
        }
        let due = self.due_us;
        self.timer.set(due, cx.waker());
        Poll::Pending
    }
}

impl fmt::Debug for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delay").field("due_us", &self.due_us).finish()
    }
}
