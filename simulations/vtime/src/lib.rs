//! Virtual time and seeded chance of one thread: what the real libp2p and std reach instead of the machine's.
//!
//! A run owns one OS thread. [`arm`] gives that thread a clock, a table of timers, a queue of tasks that want to run and a
//! generator; from then on `Delay` and `Instant` of the patched crates read this clock, and every `getrandom` of the process
//! made on this thread (Noise keys, `rand`, the seeds of std's hash maps) comes from the generator. Reading the machine's clock
//! on an armed thread is counted: a run in which that happened is no simulation ([`real_clock_reads`]).

mod clock;
mod entropy;
mod real;
mod ready;

pub use clock::{Timer, advance, after, next_due, now_us, timers};
pub use entropy::draws;
pub use ready::{Part, Task, take_ready};
pub use real::{cpu_ns, real_clock_reads};

/// Polls whoever is ready and moves the clock to whatever is due next, until this virtual time, microseconds.
pub fn run_until(end_us: u64, mut poll: impl FnMut(u32)) {
    loop {
        while let Some(number) = take_ready() {
            poll(number);
        }
        match next_due().filter(|at| *at <= end_us) {
            Some(next) => advance(next.max(now_us())),
            None => return advance(end_us.max(now_us())),
        }
    }
}

/// Begins virtual time on this thread.
///
/// # Panics
/// If the thread is armed already: a run has a thread of its own.
pub fn arm(seed: u64, start_us: u64) {
    clock::begin(start_us);
    entropy::begin(seed);
    real::begin();
}

/// Ends virtual time on this thread; what is left of a run may be dropped before or after.
pub fn disarm() {
    real::end();
    entropy::end();
    clock::end();
    ready::end();
}
