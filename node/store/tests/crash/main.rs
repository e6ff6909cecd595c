//! The crash suite: whatever is acknowledged is there after a kill, a power cut, a full disk.
//!
//! Small in the gate, large when `HALLOO_PROVE` is set (`cargo xtask prove` sets it), where it prints the matrix that stands in
//! `docs/STORAGE.md`. The child is this very program, started again to run one test by name.
#![allow(clippy::unwrap_used, reason = "a failure here fails the test")]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it prints the crash matrix, and the child talks to its parent"
)]

mod child;
mod disk;
mod full;
mod kill;
mod power;
mod trace;
mod workload;

/// Sizes of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) kill_rounds: u32,
    pub(crate) commits: u64,
    pub(crate) states: u32,
}

pub(crate) fn proving() -> bool {
    std::env::var_os("HALLOO_PROVE").is_some()
}

pub(crate) fn size() -> Size {
    if proving() {
        Size { kill_rounds: 120, commits: 800, states: 100 }
    } else {
        Size { kill_rounds: 6, commits: 60, states: 10 }
    }
}
