//! The machine's clocks: on an armed thread a read of them is counted and answered with virtual time.
#![allow(unsafe_code)]

use std::cell::Cell;

thread_local! {
    static ARMED: Cell<bool> = const { Cell::new(false) };
    static READS: Cell<u64> = const { Cell::new(0) };
}

pub(crate) fn begin() {
    READS.set(0);
    ARMED.set(true);
}

pub(crate) fn end() {
    ARMED.set(false);
}

/// How often a clock of the machine was read on this thread since it was armed; 0 in a simulation.
pub fn real_clock_reads() -> u64 {
    READS.get()
}

/// CPU time of this thread so far, nanoseconds: what a run costs. The one clock of the machine that the simulator reads, for
/// figures about itself.
pub fn cpu_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a local of the right type.
    unsafe { libc::syscall(libc::SYS_clock_gettime, libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// Replaces the C library's function for the whole process; every clock of std ends here.
///
/// # Safety
/// As `clock_gettime(2)`: `time` points to a writable `timespec`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: libc::clockid_t, time: *mut libc::timespec) -> libc::c_int {
    if !ARMED.get() {
        // SAFETY: the caller's promise is passed on unchanged.
        return unsafe { libc::syscall(libc::SYS_clock_gettime, clock, time) as libc::c_int };
    }
    READS.set(READS.get() + 1);
    let now = crate::clock::now_us();
    if !time.is_null() {
        let (seconds, rest) = (now / 1_000_000, now % 1_000_000);
        // SAFETY: the caller promises a writable timespec, and it is not null.
        unsafe {
            (*time).tv_sec = i64::try_from(seconds).unwrap_or(i64::MAX);
            (*time).tv_nsec = i64::try_from(rest).unwrap_or(0) * 1_000;
        }
    }
    0
}
