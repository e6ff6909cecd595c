//! The monotonic clock as a plain number, to compare with the stamps that processes of the laboratory write.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of `CLOCK_MONOTONIC`: one origin for all processes of the machine.
pub fn mono_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let of = |part: i64| u64::try_from(part).unwrap_or(0);
    of(now.tv_sec) * 1_000_000_000 + of(now.tv_nsec)
}
