//! The process's `getrandom`, answered from the run's generator on an armed thread.
//!
//! The symbol is exported by the executables of the simulator (see `build.rs` there), so that crates which look it up at run time
//! find it as well as those which link it.
#![allow(unsafe_code)]

use std::cell::Cell;

thread_local! {
    /// State of the generator; `None` when the thread is not armed.
    static STATE: Cell<Option<u64>> = const { Cell::new(None) };
    static DRAWS: Cell<u64> = const { Cell::new(0) };
}

pub(crate) fn begin(seed: u64) {
    STATE.set(Some(seed));
    DRAWS.set(0);
}

pub(crate) fn end() {
    STATE.set(None);
}

/// How often chance was drawn from the system's door on this thread since it was armed.
pub fn draws() -> u64 {
    DRAWS.get()
}

/// SplitMix64 (Steele, Lea, Flood 2014): every seed gives a full period, which is all that a simulation needs.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Replaces the C library's function for the whole process.
///
/// # Safety
/// As `getrandom(2)`: `buffer` points to `length` writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrandom(
    buffer: *mut libc::c_void,
    length: libc::size_t,
    flags: libc::c_uint,
) -> libc::ssize_t {
    let Some(mut state) = STATE.get() else {
        // SAFETY: the caller's promise is passed on unchanged.
        return unsafe { libc::syscall(libc::SYS_getrandom, buffer, length, flags) as libc::ssize_t };
    };
    if length > 0 {
        // SAFETY: the caller promises `length` writable bytes at `buffer`, which is not null then.
        let bytes = unsafe { std::slice::from_raw_parts_mut(buffer.cast::<u8>(), length) };
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&next(&mut state).to_le_bytes()[..chunk.len()]);
        }
    }
    STATE.set(Some(state));
    DRAWS.set(DRAWS.get() + 1);
    length as libc::ssize_t
}
