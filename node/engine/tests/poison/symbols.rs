//! Doubles of the C library's clocks and chance, before the real ones: on an armed thread each call is noted, everywhere it goes on.
//!
//! ```text
//!   std, getrandom, anything  --getrandom, clock_gettime, ..-->  the double here  --RTLD_NEXT-->  the C library
//!                                                                      |
//!                                                             armed? a note with a backtrace
//! ```
//!
//! A program's own symbols come before those of its libraries, for the linker and for `dlsym(RTLD_DEFAULT)` alike. The `syscall`
//! function is doubled too, since crates ask for chance by number. Out of reach are instructions (`rdrand`, `rdtsc`), the inside of
//! the C library, and assembly that traps into the kernel by itself: nothing below the engine does the first or the last, by its
//! dependency list.
#![allow(unsafe_code, reason = "doubles of C functions; one of the files that tidy lists")]

use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_char, c_int, c_long, c_uint, c_void};

thread_local! {
    static ARMED: Cell<bool> = const { Cell::new(false) };
    static CAUGHT: RefCell<Vec<Caught>> = const { RefCell::new(Vec::new()) };
}

/// One call on an armed thread.
#[derive(Debug)]
pub struct Caught {
    /// Which function.
    pub name: &'static str,
    /// Who called.
    pub by: Backtrace,
}

/// Runs `call` with the poison armed on this thread.
pub fn armed<T>(call: impl FnOnce() -> T) -> T {
    /// Disarms also when `call` panics, or the report of the panic would be caught.
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            ARMED.set(self.0);
        }
    }
    let _before = Before(ARMED.replace(true));
    call()
}

/// What was caught on this thread since the last look.
pub fn caught() -> Vec<Caught> {
    CAUGHT.take()
}

fn note(name: &'static str) {
    // A thread that ends has no flag any more and cannot be armed.
    let armed = ARMED.try_with(|armed| armed.replace(false)).unwrap_or(false);
    if armed {
        let by = Backtrace::force_capture();
        CAUGHT.with_borrow_mut(|caught| caught.push(Caught { name, by }));
        ARMED.set(true);
    }
}

unsafe extern "C" {
    fn dlsym(handle: *mut c_void, symbol: *const c_char) -> *mut c_void;
}

/// The next definition after this program's own.
const RTLD_NEXT: *mut c_void = -1_isize as *mut c_void;

/// The C library's function of this name; `F` must be its C type.
unsafe fn real<F: Copy>(name: &CStr) -> F {
    assert_eq!(size_of::<F>(), size_of::<*mut c_void>(), "F is a pointer to a function");
    // SAFETY: the name ends with a zero byte.
    let found = unsafe { dlsym(RTLD_NEXT, name.as_ptr()) };
    assert!(!found.is_null(), "the C library has {name:?}");
    // SAFETY: the caller names the type of this function; the sizes were compared.
    unsafe { std::mem::transmute_copy::<*mut c_void, F>(&found) }
}

// SAFETY of all that follow: each has the C library's name and type, hands its arguments on untouched, and returns what came back.

#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buffer: *mut c_void, length: usize, flags: c_uint) -> isize {
    note("getrandom");
    unsafe {
        real::<unsafe extern "C" fn(*mut c_void, usize, c_uint) -> isize>(c"getrandom")(buffer, length, flags)
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getentropy(buffer: *mut c_void, length: usize) -> c_int {
    note("getentropy");
    unsafe { real::<unsafe extern "C" fn(*mut c_void, usize) -> c_int>(c"getentropy")(buffer, length) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: c_int, time: *mut c_void) -> c_int {
    note("clock_gettime");
    unsafe { real::<unsafe extern "C" fn(c_int, *mut c_void) -> c_int>(c"clock_gettime")(clock, time) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn gettimeofday(time: *mut c_void, zone: *mut c_void) -> c_int {
    note("gettimeofday");
    unsafe { real::<unsafe extern "C" fn(*mut c_void, *mut c_void) -> c_int>(c"gettimeofday")(time, zone) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn time(time: *mut c_long) -> c_long {
    note("time");
    unsafe { real::<unsafe extern "C" fn(*mut c_long) -> c_long>(c"time")(time) }
}

#[cfg(target_arch = "x86_64")]
const BY_NUMBER: [(c_long, &str); 4] =
    [(318, "getrandom"), (228, "clock_gettime"), (96, "gettimeofday"), (201, "time")];
#[cfg(target_arch = "aarch64")]
const BY_NUMBER: [(c_long, &str); 3] = [(278, "getrandom"), (113, "clock_gettime"), (169, "gettimeofday")];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const BY_NUMBER: [(c_long, &str); 0] = [];

/// Variadic in C with at most six words after the number, which these calling conventions pass like named ones.
#[unsafe(no_mangle)]
unsafe extern "C" fn syscall(
    number: c_long,
    a: c_long,
    b: c_long,
    c: c_long,
    d: c_long,
    e: c_long,
    f: c_long,
) -> c_long {
    if let Some((_, name)) = BY_NUMBER.into_iter().find(|(known, _)| *known == number) {
        note(name);
    }
    unsafe { real::<unsafe extern "C" fn(c_long, ...) -> c_long>(c"syscall")(number, a, b, c, d, e, f) }
}

/// Asks for chance by number, as some crates do.
pub fn ask_by_number() -> c_long {
    let mut byte = 0_u8;
    let number = BY_NUMBER.first().map_or(0, |(number, _)| *number);
    // SAFETY: one byte is asked for and there is room for one.
    unsafe { syscall(number, (&raw mut byte) as c_long, 1, 0, 0, 0, 0) }
}
