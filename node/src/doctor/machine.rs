//! Clock, timer and open files: what every program needs of the machine.

use super::{Check, bad, good};
use crate::media::clock::{NS_PER_MS, mono_ns};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// No clock that is right stands before this: 2026-01-01, in Unix seconds.
pub(super) const EARLIEST: u64 = 1_767_225_600;

/// Nor after this: 2100-01-01.
pub(super) const LATEST: u64 = 4_102_444_800;

/// Least length of a millisecond's sleep that a voice thread can live with, in milliseconds.
const LONGEST_NAP_MS: u64 = 10;

/// Open files that a call of eight needs: eight sockets each, the store, the connections of a large group.
const FILES_MIN: u64 = 256;

pub(super) fn wall_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

pub(super) fn check_clock(wall_s: u64) -> Check {
    let days = wall_s / 86_400;
    let found = format!("{days} days since 1970");
    if (EARLIEST..LATEST).contains(&wall_s) {
        good("clock", found)
    } else {
        bad("clock", found, "set the date of this machine; invites and leases depend on it")
    }
}

pub(super) fn check_timer() -> Check {
    let before = mono_ns();
    std::thread::sleep(Duration::from_millis(1));
    let slept_ms = mono_ns().saturating_sub(before) / NS_PER_MS;
    let found = format!("a sleep of 1 ms took {slept_ms} ms");
    if slept_ms <= LONGEST_NAP_MS {
        good("timer", found)
    } else {
        bad("timer", found, "the machine is overloaded; voice will stutter until other work ends")
    }
}

pub(super) fn check_files() -> Check {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    match limit {
        Some(most) if most < FILES_MIN => bad(
            "open files",
            format!("at most {most}"),
            format!("allow at least {FILES_MIN}: `ulimit -n 4096` before starting halloo"),
        ),
        Some(most) => good("open files", format!("at most {most}")),
        None => good("open files", "without limit"),
    }
}
