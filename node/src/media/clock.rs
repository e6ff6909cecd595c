//! The monotonic clock of the machine, as a plain number that several processes can compare.

/// Nanoseconds in a millisecond.
pub const NS_PER_MS: u64 = 1_000_000;

/// Nanoseconds in a second.
pub const NS_PER_S: u64 = 1_000_000_000;

/// Nanoseconds of `CLOCK_MONOTONIC`: never goes back, unknown origin, one origin for all processes of a machine.
///
/// Stamps from two processes on one machine may be subtracted (mouth-to-ear of the demo); stamps from two machines
/// may not.
#[cfg(unix)]
pub fn mono_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    // Both fields of a monotonic reading are non-negative by POSIX; a broken kernel yields zero, not a panic.
    u64::try_from(now.tv_sec).unwrap_or(0) * NS_PER_S + u64::try_from(now.tv_nsec).unwrap_or(0)
}

/// Nanoseconds since the first call in this process: the fallback where no clock is shared between processes.
#[cfg(not(unix))]
pub fn mono_ns() -> u64 {
    use std::sync::OnceLock;
    use std::time::Instant;
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    u64::try_from(ORIGIN.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
